//! Delivery into memory: for programs that embed the line, and for tests.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestCapability, IngestError, IngestOptions, IngestReceipt, Ingestor};

use super::ObjectTransport;
use crate::store::Store;

/// Keeps the delivered files in memory and remembers every receipt.
#[derive(Debug, Clone)]
pub struct MemoryTransport {
    inner: ObjectTransport,
    receipts: Arc<Mutex<Vec<IngestReceipt>>>,
}

impl Default for MemoryTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryTransport {
    /// Begins with nothing delivered.
    pub fn new() -> Self {
        Self {
            inner: ObjectTransport::new(Arc::new(Store::in_memory())),
            receipts: Arc::default(),
        }
    }

    /// Returns the store that holds the files.
    pub fn store(&self) -> &Store {
        self.inner.store()
    }

    /// Returns the receipts in the order of delivery.
    pub fn delivered(&self) -> Vec<IngestReceipt> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Ingestor for MemoryTransport {
    fn capability(&self) -> IngestCapability {
        self.inner.capability()
    }

    async fn check(&self, product: &SealedProduct) -> Result<(), IngestError> {
        self.inner.check(product).await
    }

    async fn ingest(&self, product: &SealedProduct, options: IngestOptions) -> Result<IngestReceipt, IngestError> {
        let receipt = self.inner.ingest(product, options).await?;
        self.receipts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(receipt.clone());
        Ok(receipt)
    }
}
