//! Reading and listing.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart};
use phoenix_core::id::Digest;

use super::error::sort;
use super::{StoreError, StoreLayout};

/// What a store knows about an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The key, relative to the store.
    pub key: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The store's own tag of this content, where it has one.
    pub e_tag: Option<String>,
}

/// A place with objects under keys: a folder, a bucket, memory.
///
/// # Contract
/// * Nothing in this crate replaces an object that is there: every write of a product is create-only.
/// * Cloning is cheap; a clone is the same store.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) inner: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    url: String,
    local_root: Option<PathBuf>,
    layout: StoreLayout,
    pub(super) copy_limit_bytes: u64,
}

/// The largest object that S3 copies as one part (Amazon S3 User Guide, "Copying objects": 5 GiB).
const COPY_LIMIT_BYTES: u64 = 5 << 30;

impl Store {
    pub(super) fn assemble(
        inner: Arc<dyn ObjectStore>,
        prefix: ObjectPath,
        url: &str,
        local_root: Option<PathBuf>,
    ) -> Self {
        Self {
            inner,
            prefix,
            url: url.trim_end_matches('/').to_owned(),
            local_root,
            layout: StoreLayout::default(),
            copy_limit_bytes: COPY_LIMIT_BYTES,
        }
    }

    /// Replaces the layout.
    #[must_use]
    pub fn with_layout(mut self, layout: StoreLayout) -> Self {
        self.layout = layout;
        self
    }

    /// Sets the size from which on a remote object is not copied inside the store but sent to its final key.
    #[must_use]
    pub fn with_copy_limit(mut self, copy_limit_bytes: u64) -> Self {
        self.copy_limit_bytes = copy_limit_bytes;
        self
    }

    /// Returns the address of the store.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the layout.
    pub fn layout(&self) -> &StoreLayout {
        &self.layout
    }

    /// Returns the address of an object.
    pub fn address(&self, key: &str) -> String {
        format!("{}/{key}", self.url)
    }

    /// Returns the path of an object in a local folder; `None` for other stores.
    pub fn local_path(&self, key: &str) -> Option<PathBuf> {
        self.local_root.as_ref().map(|root| root.join(key))
    }

    /// Returns the key of an address of this store or of a path inside its folder; a key comes back as it is.
    pub fn key_of(&self, location: &str) -> Option<String> {
        if let Some(key) = location.strip_prefix(&self.url) {
            return key.strip_prefix('/').map(str::to_owned);
        }
        if location.contains("://") {
            return None;
        }
        let path = std::path::Path::new(location);
        if path.is_absolute() {
            let below = path.strip_prefix(self.local_root.as_ref()?).ok()?;
            return Some(below.to_str()?.to_owned());
        }
        Some(location.to_owned())
    }

    pub(super) fn path(&self, key: &str) -> Result<ObjectPath, StoreError> {
        let below = ObjectPath::parse(key).map_err(|error| StoreError::Invalid {
            location: self.address(key),
            reason: error.to_string(),
        })?;
        Ok(self.prefix.parts().chain(below.parts()).collect())
    }

    fn key(&self, path: &ObjectPath) -> String {
        let n_prefix = self.prefix.parts().count();
        path.parts()
            .skip(n_prefix)
            .map(|part| part.as_ref().to_owned())
            .collect::<Vec<_>>()
            .join("/")
    }

    fn info(&self, meta: &ObjectMeta) -> ObjectInfo {
        ObjectInfo {
            key: self.key(&meta.location),
            size_bytes: meta.size,
            e_tag: meta.e_tag.clone(),
        }
    }

    /// Tells what the store knows of an object; `None` if it is not there.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        match self.inner.head(&self.path(key)?).await {
            Ok(meta) => Ok(Some(self.info(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(sort(&self.address(key), error)),
        }
    }

    /// Lists every object below a folder, in key order; a folder that is not there is empty.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub async fn list(&self, folder: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let path = self.path(folder)?;
        let found: Vec<ObjectMeta> = self
            .inner
            .list(Some(&path))
            .try_collect()
            .await
            .map_err(|error| sort(&self.address(folder), error))?;
        Ok(self.sorted(&found))
    }

    /// Lists the objects that lie in a folder itself, in key order, and the names of its sub-folders.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub async fn list_folder(&self, folder: &str) -> Result<(Vec<ObjectInfo>, Vec<String>), StoreError> {
        let path = self.path(folder)?;
        let found = self
            .inner
            .list_with_delimiter(Some(&path))
            .await
            .map_err(|error| sort(&self.address(folder), error))?;
        let mut folders: Vec<String> = found
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename().map(str::to_owned))
            .collect();
        folders.sort();
        Ok((self.sorted(&found.objects), folders))
    }

    fn sorted(&self, found: &[ObjectMeta]) -> Vec<ObjectInfo> {
        let mut objects: Vec<ObjectInfo> = found.iter().map(|meta| self.info(meta)).collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        objects
    }

    /// Reads a whole object; for small ones.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    pub async fn read(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let failed = |error| sort(&self.address(key), error);
        let found = self.inner.get(&self.path(key)?).await.map_err(failed)?;
        Ok(found.bytes().await.map_err(failed)?.into())
    }

    /// Reads part of an object; what lies beyond its end is left out.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    pub async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.inner
            .get_range(&self.path(key)?, range)
            .await
            .map_err(|error| sort(&self.address(key), error))
    }

    /// Streams an object from `offset` on. With a tag, the store is asked to refuse if the content has changed.
    pub(crate) async fn stream(
        &self,
        key: &str,
        offset: u64,
        e_tag: Option<&str>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let address = self.address(key);
        let mut options = GetOptions::default();
        if offset > 0 {
            options.range = Some(object_store::GetRange::Offset(offset));
        }
        options.if_match = e_tag.map(str::to_owned);
        let found = self
            .inner
            .get_opts(&self.path(key)?, options)
            .await
            .map_err(|error| sort(&address, error))?;
        Ok(found
            .into_stream()
            .map(move |chunk| chunk.map_err(|error| sort(&address, error)))
            .boxed())
    }

    /// Reads an object through and returns its digest and size, in bounded memory.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    pub async fn digest(&self, key: &str) -> Result<(Digest, u64), StoreError> {
        let mut chunks = self.stream(key, 0, None).await?;
        let mut hasher = Hasher::default();
        while let Some(chunk) = chunks.next().await {
            hasher.update(&chunk?);
        }
        Ok(hasher.finish())
    }

    /// Removes an object; one that is not there is no error.
    pub(crate) async fn remove(&self, key: &str) -> Result<(), StoreError> {
        match self.inner.delete(&self.path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(sort(&self.address(key), error)),
        }
    }

    pub(super) async fn multipart(&self, key: &str, part_bytes: usize) -> Result<WriteMultipart, StoreError> {
        let upload = self
            .inner
            .put_multipart(&self.path(key)?)
            .await
            .map_err(|error| sort(&self.address(key), error))?;
        Ok(WriteMultipart::new_with_chunk_size(upload, part_bytes))
    }
}

/// A digest that grows with the stream.
#[derive(Default)]
pub(crate) struct Hasher {
    content: blake3::Hasher,
    size_bytes: u64,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.content.update(bytes);
        self.size_bytes += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> (Digest, u64) {
        let text = format!("blake3:{}", self.content.finalize().to_hex());
        (text.into(), self.size_bytes)
    }
}
