//! Reader and sinks in memory; a digest is the content itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use phoenix_core::frame::FrameRef;
use phoenix_core::id::{Digest, JobId};
use phoenix_core::product::{PlaneSource, Product, StoredProduct, Table};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{
    ColumnSource, Committed, CubeLayout, FrameReader, HduInfo, JobSink, ProductSink, ReadError, SinkError, SinkFactory,
    SlabWriter,
};

/// Contents by location.
pub type Store = Arc<Mutex<BTreeMap<String, String>>>;

#[derive(Debug)]
pub struct FakeReader(pub Store);

impl FrameReader for FakeReader {
    fn hdus(&self, frame: &FrameRef) -> Result<Vec<HduInfo>, ReadError> {
        Err(lacks(frame))
    }

    fn column(&self, frame: &FrameRef, _: usize, _: Option<&str>) -> Result<Arc<dyn ColumnSource>, ReadError> {
        Err(lacks(frame))
    }

    fn planes(&self, frame: &FrameRef, _: usize) -> Result<Arc<dyn PlaneSource>, ReadError> {
        Err(lacks(frame))
    }

    fn table(&self, frame: &FrameRef, _: usize) -> Result<Table, ReadError> {
        Err(lacks(frame))
    }

    fn digest(&self, frame: &FrameRef) -> Result<Digest, ReadError> {
        if frame.location.starts_with("mem/") {
            return Ok(Digest::from(format!("sha256:{}", frame.id)));
        }
        self.0
            .lock()
            .expect("no panic while it is held")
            .get(&frame.location)
            .map(|content| digest(content))
            .ok_or_else(|| ReadError::NotFound {
                location: frame.location.clone(),
            })
    }
}

fn lacks(frame: &FrameRef) -> ReadError {
    ReadError::Lacks {
        location: frame.location.clone(),
        what: "content".into(),
    }
}

/// A digest short enough for a header and different for different contents (FNV-1a).
fn digest(content: &str) -> Digest {
    let hash = content.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Digest::from(format!("sha256:{hash:016x}"))
}

#[derive(Debug, Default)]
pub struct FakeSinks(Store);

impl FakeSinks {
    pub fn store(&self) -> Store {
        self.0.clone()
    }

    /// Returns what is visible.
    pub fn visible(&self) -> BTreeMap<String, String> {
        self.0.lock().expect("no panic while it is held").clone()
    }
}

impl SinkFactory for FakeSinks {
    fn open(&self, job: &JobId) -> Result<Box<dyn JobSink>, SinkError> {
        let prefix = format!("out/{job}/");
        self.0
            .lock()
            .expect("no panic while it is held")
            .retain(|location, _| !location.starts_with(&prefix));
        Ok(Box::new(FakeSink {
            prefix,
            products: Vec::new(),
            store: self.0.clone(),
        }))
    }

    fn committed(&self, _record: &Record) -> Result<Option<Committed>, SinkError> {
        Ok(None)
    }
}

struct FakeSink {
    prefix: String,
    products: Vec<Product>,
    store: Store,
}

impl ProductSink for FakeSink {
    fn put(&mut self, product: Product) -> Result<(), SinkError> {
        self.products.push(product);
        Ok(())
    }

    fn begin(&mut self, layout: CubeLayout) -> Result<Box<dyn SlabWriter>, SinkError> {
        Err(SinkError::Invalid {
            name: layout.name,
            reason: "no cube is written here".into(),
        })
    }
}

impl JobSink for FakeSink {
    fn as_product_sink(&mut self) -> &mut dyn ProductSink {
        self
    }

    fn commit(self: Box<Self>, record: &Record) -> Result<Vec<StoredProduct>, SinkError> {
        let mut store = self.store.lock().expect("no panic while it is held");
        let stored = self.products.iter().map(|product| {
            let content = format!(
                "{}\n{}",
                serde_json::to_string(&product.header).expect("a header can be written"),
                serde_json::to_string(record).expect("a record can be written")
            );
            let location = format!("{}{}", self.prefix, product.name);
            let stored = StoredProduct {
                tag: product.tag.clone(),
                name: product.name.clone(),
                location: location.clone(),
                digest: digest(&content),
                size_bytes: content.len() as u64,
            };
            store.insert(location, content);
            stored
        });
        Ok(stored.collect())
    }
}
