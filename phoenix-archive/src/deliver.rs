//! Many products into an archive: some at once, each tried again while that can help.

use std::time::Duration;

use futures::{Stream, StreamExt};
use phoenix_core::error::Status;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestError, IngestOptions, IngestReceipt, Ingestor};

use crate::wait::{RuntimeError, wait};

/// How to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliverOptions {
    /// How many products are on their way at once.
    pub parallel: usize,
    /// How often a product is tried.
    pub attempts: u32,
    /// The wait before the second try; it doubles with each.
    pub backoff: Duration,
    /// What each delivery is told.
    pub ingest: IngestOptions,
}

impl Default for DeliverOptions {
    fn default() -> Self {
        Self {
            parallel: 2,
            attempts: 3,
            backoff: Duration::from_secs(1),
            ingest: IngestOptions::new(),
        }
    }
}

impl DeliverOptions {
    /// Returns the defaults: two at once, three tries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many products are on their way at once.
    #[must_use]
    pub fn with_parallel(mut self, parallel: usize) -> Self {
        self.parallel = parallel;
        self
    }

    /// Sets how often a product is tried.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the wait before the second try.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets what each delivery is told.
    #[must_use]
    pub fn with_ingest(mut self, ingest: IngestOptions) -> Self {
        self.ingest = ingest;
        self
    }
}

/// What became of one product.
#[derive(Debug)]
pub struct Delivery {
    /// The product.
    pub name: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The proof, or why there is none.
    pub outcome: Result<IngestReceipt, IngestError>,
}

impl Delivery {
    /// Tells whether trying again can help: an error that stayed through all tries needs a person.
    pub fn status(&self) -> Option<Status> {
        match self.outcome.as_ref().err()?.status() {
            Status::Temporary if self.attempts > 1 => Some(Status::Persistent),
            status => Some(status),
        }
    }
}

/// Delivers one product, trying again while the error is temporary.
pub async fn deliver_one(product: &SealedProduct, ingestor: &dyn Ingestor, options: &DeliverOptions) -> Delivery {
    let mut wait = options.backoff;
    let mut attempts = 1;
    loop {
        let outcome = ingestor.ingest(product, options.ingest).await;
        let is_temporary = matches!(&outcome, Err(error) if error.status() == Status::Temporary);
        if !is_temporary || attempts >= options.attempts {
            return Delivery {
                name: product.name.clone(),
                attempts,
                outcome,
            };
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
        attempts += 1;
    }
}

/// Delivers products as they come; the answers are in the order of their completion.
///
/// # Contract
/// * One product that fails never stops the others.
/// * At most `parallel` products are on their way; the stream is not asked for more before one has ended.
pub fn deliver<'a>(
    products: impl Stream<Item = SealedProduct> + Send + 'a,
    ingestor: &'a dyn Ingestor,
    options: &'a DeliverOptions,
) -> impl Stream<Item = Delivery> + 'a {
    products
        .map(move |product| async move { deliver_one(&product, ingestor, options).await })
        .buffer_unordered(options.parallel.max(1))
}

/// Delivers products for a synchronous caller and tells of each as it ends.
///
/// # Errors
/// If no runtime can be built; what becomes of a product is in its `Delivery`.
pub fn deliver_blocking(
    products: Vec<SealedProduct>,
    ingestor: &dyn Ingestor,
    options: &DeliverOptions,
    on_delivery: &mut dyn FnMut(&Delivery),
) -> Result<Vec<Delivery>, RuntimeError> {
    wait(async {
        let mut deliveries = Vec::new();
        let mut stream = Box::pin(deliver(futures::stream::iter(products), ingestor, options));
        while let Some(delivery) = stream.next().await {
            on_delivery(&delivery);
            deliveries.push(delivery);
        }
        deliveries
    })
}
