//! Searching an archive, whatever it is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::frames::{FrameQuery, HeaderDecoder, Listing, list_frames};
use crate::store::{Store, StoreError};

/// An archive that can be searched for frames.
///
/// # Contract
/// * The same archive gives the same listing, in the same order.
/// * What cannot be used is in `left_out`, never silently missing.
#[async_trait]
pub trait ArchiveQuery: fmt::Debug + Send + Sync {
    /// Returns the frames that a query asks for.
    ///
    /// # Errors
    /// If the archive cannot be searched.
    async fn frames(&self, query: &FrameQuery) -> Result<Listing, StoreError>;
}

/// A store as a searchable archive: listed, headers read by range request.
pub struct StoreQuery {
    store: Store,
    decoder: Arc<dyn HeaderDecoder>,
}

impl StoreQuery {
    /// Searches a store with a header decoder.
    pub fn new(store: Store, decoder: Arc<dyn HeaderDecoder>) -> Self {
        Self { store, decoder }
    }
}

impl fmt::Debug for StoreQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreQuery")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ArchiveQuery for StoreQuery {
    async fn frames(&self, query: &FrameQuery) -> Result<Listing, StoreError> {
        list_frames(&self.store, &*self.decoder, query).await
    }
}
