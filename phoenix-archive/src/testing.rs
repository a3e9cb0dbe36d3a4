//! A store that fails on purpose, for this crate's tests.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// What happens to one operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    Pass,
    /// It is refused before it does anything.
    Refuse(std::io::ErrorKind),
    /// It is done and the answer is lost.
    LoseAnswer,
    /// A read ends after this share of its bytes.
    Cut(f64),
}

/// Decides the fault of the n-th operation.
#[derive(Debug)]
enum Script {
    List(Vec<Fault>),
    Random { state: u64, per_mille: u64 },
    Always(std::io::ErrorKind),
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    bytes_read: AtomicU64,
    faults: AtomicU64,
}

impl Shared {
    fn next(&self) -> Fault {
        let fault = self.draw();
        if fault != Fault::Pass {
            self.faults.fetch_add(1, Ordering::SeqCst);
        }
        fault
    }

    fn draw(&self) -> Fault {
        match &mut *self.script.lock().expect("no panic holds it") {
            Script::List(faults) => {
                if faults.is_empty() {
                    Fault::Pass
                } else {
                    faults.remove(0)
                }
            }
            Script::Always(kind) => Fault::Refuse(*kind),
            Script::Random { state, per_mille } => {
                // Marsaglia's xorshift64: seeded, so that a failing run can be repeated.
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                if *state % 1000 >= *per_mille {
                    Fault::Pass
                } else {
                    match (*state >> 20) % 3 {
                        0 => Fault::Refuse(std::io::ErrorKind::ConnectionReset),
                        1 => Fault::LoseAnswer,
                        _ => Fault::Cut(((*state >> 30) % 1000) as f64 / 1000.0),
                    }
                }
            }
        }
    }
}

/// An object store in front of another one that fails as told.
#[derive(Debug, Clone)]
pub(crate) struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    shared: Arc<Shared>,
}

fn broken(kind: std::io::ErrorKind) -> Error {
    Error::Generic {
        store: "fault",
        source: Box::new(std::io::Error::from(kind)),
    }
}

const RESET: std::io::ErrorKind = std::io::ErrorKind::ConnectionReset;

impl FaultStore {
    fn with(inner: Arc<dyn ObjectStore>, script: Script) -> Self {
        Self {
            inner,
            shared: Arc::new(Shared {
                script: Mutex::new(script),
                bytes_read: AtomicU64::new(0),
                faults: AtomicU64::new(0),
            }),
        }
    }

    /// Takes the faults in order, then none.
    pub(crate) fn scripted(inner: Arc<dyn ObjectStore>, faults: Vec<Fault>) -> Self {
        Self::with(inner, Script::List(faults))
    }

    /// Fails `per_mille` of the operations.
    pub(crate) fn random(inner: Arc<dyn ObjectStore>, seed: u64, per_mille: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self::with(inner, Script::Random { state, per_mille })
    }

    /// Fails every operation in the same way.
    pub(crate) fn always(inner: Arc<dyn ObjectStore>, kind: std::io::ErrorKind) -> Self {
        Self::with(inner, Script::Always(kind))
    }

    /// Tells how many bytes were read through it.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.shared.bytes_read.load(Ordering::SeqCst)
    }

    /// Tells how many faults it has thrown.
    pub(crate) fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::SeqCst)
    }

    /// Does an operation as the next fault says.
    async fn act<T>(&self, operation: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match self.shared.next() {
            Fault::Refuse(kind) => Err(broken(kind)),
            Fault::LoseAnswer => {
                operation.await?;
                Err(broken(RESET))
            }
            Fault::Pass | Fault::Cut(_) => operation.await,
        }
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultStore({})", self.inner)
    }
}

#[derive(Debug)]
struct FaultUpload {
    inner: Box<dyn MultipartUpload>,
    shared: Arc<Shared>,
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.shared.next() {
            Fault::Refuse(kind) => Box::pin(futures::future::ready(Err(broken(kind)))),
            _ => self.inner.put_part(data),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        match self.shared.next() {
            Fault::Refuse(kind) => Err(broken(kind)),
            Fault::LoseAnswer => {
                self.inner.complete().await?;
                Err(broken(RESET))
            }
            _ => self.inner.complete().await,
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.act(self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.act(self.inner.put_multipart_opts(location, opts)).await?;
        Ok(Box::new(FaultUpload {
            inner,
            shared: self.shared.clone(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        let fault = self.shared.next();
        if let Fault::Refuse(kind) = fault {
            return Err(broken(kind));
        }
        let mut result = self.inner.get_opts(location, options).await?;
        if is_head {
            return Ok(result);
        }
        let length = result.range.end - result.range.start;
        let keep = match fault {
            Fault::Cut(share) => Some((length as f64 * share) as u64),
            Fault::LoseAnswer => Some(0),
            _ => None,
        };
        let chunks = std::mem::replace(
            &mut result.payload,
            GetResultPayload::Stream(futures::stream::empty().boxed()),
        );
        let (meta, range, attributes) = (result.meta.clone(), result.range.clone(), result.attributes.clone());
        let whole = GetResult {
            payload: chunks,
            meta,
            range,
            attributes,
            extensions: object_store::Extensions::default(),
        };
        let bytes = whole.bytes().await?;
        let shared = self.shared.clone();
        let mut pieces: Vec<Result<Bytes>> = Vec::new();
        let taken = bytes.slice(..keep.map_or(bytes.len(), |keep| keep as usize));
        shared.bytes_read.fetch_add(taken.len() as u64, Ordering::SeqCst);
        pieces.push(Ok(taken));
        if keep.is_some() {
            pieces.push(Err(broken(RESET)));
        }
        result.payload = GetResultPayload::Stream(futures::stream::iter(pieces).boxed());
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.act(self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        locations
            .and_then(move |location| {
                let this = this.clone();
                async move {
                    let one = futures::stream::once(futures::future::ready(Ok(location.clone()))).boxed();
                    this.act(async { this.inner.delete_stream(one).try_collect::<Vec<_>>().await })
                        .await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.shared.next() {
            Fault::Pass => self.inner.list(prefix),
            _ => futures::stream::iter([Err(broken(RESET))]).boxed(),
        }
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.act(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.act(self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.act(self.inner.rename_opts(from, to, options)).await
    }
}
