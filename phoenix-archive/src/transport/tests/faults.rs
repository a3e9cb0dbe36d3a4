//! Deliveries through stores that fail.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use object_store::memory::InMemory;
use phoenix_core::error::Status;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestError, IngestOptions, IngestStatus, Ingestor};

use super::sealed::{assert_complete, assert_whole, product};
use crate::deliver::{DeliverOptions, deliver, deliver_blocking};
use crate::store::{Store, StoreOptions};
use crate::testing::FaultStore;
use crate::transport::ObjectTransport;

/// How many runs; together they meet more than a thousand faults.
const RUNS: u64 = 100;
const FAULTS: u64 = 1000;
const FAULTS_PER_MILLE: u64 = 120;

fn quick() -> DeliverOptions {
    DeliverOptions::new().with_backoff(Duration::from_micros(10))
}

#[tokio::test]
async fn through_random_faults_everything_arrives_exactly_once_and_nothing_shows_half() {
    let folder = tempfile::tempdir().expect("folder");
    let products: Vec<SealedProduct> = (1..=3).map(|number| product(folder.path(), number, 20_000)).collect();
    let mut n_faults = 0;
    for seed in 0..RUNS {
        let memory = Arc::new(InMemory::new());
        let calm = Store::over(memory.clone(), "memory://calm");
        let storm = FaultStore::random(memory, seed, FAULTS_PER_MILLE);
        let stormy = Store::over(Arc::new(storm.clone()), "memory://stormy");
        let transport = ObjectTransport::new(Arc::new(stormy));
        let mut waiting = products.clone();
        let mut n_rounds = 0;
        while !waiting.is_empty() {
            let options = quick();
            let deliveries: Vec<_> = deliver(futures::stream::iter(waiting.clone()), &transport, &options)
                .collect()
                .await;
            assert_whole(&calm, &products).await;
            for delivery in deliveries {
                match delivery.outcome {
                    Ok(_) => waiting.retain(|product| product.name != delivery.name),
                    Err(error) => assert_eq!(error.status(), Status::Temporary, "seed {seed}: {error:?}"),
                }
            }
            n_rounds += 1;
            assert!(n_rounds < 100, "seed {seed}: it never ends");
        }
        assert_complete(&calm, &products).await;
        n_faults += storm.faults();
    }
    assert!(n_faults >= FAULTS, "{n_faults} faults only");
}

#[tokio::test]
async fn a_full_disk_and_missing_rights_are_not_tried_again() {
    let folder = tempfile::tempdir().expect("folder");
    for kind in [
        ErrorKind::StorageFull,
        ErrorKind::PermissionDenied,
        ErrorKind::ReadOnlyFilesystem,
    ] {
        let store = Store::over(
            Arc::new(FaultStore::always(Arc::new(InMemory::new()), kind)),
            "memory://full",
        );
        let transport = ObjectTransport::new(Arc::new(store));
        let products = futures::stream::iter([product(folder.path(), 1, 100)]);
        let options = quick();
        let mut deliveries: Vec<_> = deliver(products, &transport, &options).collect().await;
        let delivery = deliveries.pop().expect("one");
        assert_eq!(delivery.attempts, 1);
        let error = delivery.outcome.expect_err("not writable");
        assert!(matches!(error, IngestError::NotWritable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_error_that_stays_through_all_tries_needs_a_person() {
    let folder = tempfile::tempdir().expect("folder");
    let store = FaultStore::always(Arc::new(InMemory::new()), ErrorKind::TimedOut);
    let transport = ObjectTransport::new(Arc::new(Store::over(Arc::new(store), "memory://slow")));
    let products = futures::stream::iter([product(folder.path(), 1, 100)]);
    let options = quick();
    let deliveries: Vec<_> = deliver(products, &transport, &options).collect().await;
    assert_eq!(deliveries[0].attempts, 3);
    assert_eq!(deliveries[0].status(), Some(Status::Persistent));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let archive = folder.path().join("archive");
    std::fs::create_dir(&archive).expect("folder");
    // A file where the folder should be cannot be written into, not even by the administrator who runs this test.
    std::fs::write(archive.join("ledger"), "in the way").expect("written");
    let store = Store::open(&archive.display().to_string(), &StoreOptions::new()).expect("store");
    let transport = ObjectTransport::new(Arc::new(store));
    let error = transport
        .ingest(&product(folder.path(), 1, 100), IngestOptions::new())
        .await
        .expect_err("not writable");
    assert!(matches!(error, IngestError::NotWritable { .. }), "{error:?}");
    assert!(!archive.join("products").exists());
}

#[test]
fn a_synchronous_caller_hears_of_each_delivery() {
    let folder = tempfile::tempdir().expect("folder");
    let products: Vec<SealedProduct> = (1..=3).map(|number| product(folder.path(), number, 100)).collect();
    let transport = ObjectTransport::new(Arc::new(Store::in_memory()));
    let mut heard = 0;
    let deliveries = deliver_blocking(products, &transport, &quick(), &mut |delivery| {
        assert!(matches!(&delivery.outcome, Ok(receipt) if receipt.status == IngestStatus::Stored));
        heard += 1;
    });
    assert_eq!((deliveries.map(|list| list.len()).ok(), heard), (Some(3), 3));
}
