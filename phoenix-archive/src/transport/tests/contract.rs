//! The contract of `Ingestor`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use phoenix_core::caveat::Caveat;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestError, IngestOptions, IngestStatus, Ingestor};
use phoenix_testkit::conformance;

use super::sealed::{assert_complete, assert_whole, content, keys, lonely, product, write};
use crate::store::{Store, StoreOptions};
use crate::transport::{MemoryTransport, ObjectTransport};

fn local(folder: &std::path::Path) -> Store {
    Store::open(&folder.display().to_string(), &StoreOptions::new().with_create(true)).expect("store")
}

#[tokio::test]
async fn a_folder_and_memory_keep_the_contract() {
    let folder = tempfile::tempdir().expect("folder");
    let (good, other) = (lonely(folder.path(), 1), lonely(folder.path(), 2));
    let mut bad = lonely(folder.path(), 3);
    bad.name = "a b.fits".into();
    bad.category = "SCIENCE.MOSSPECTRA".into();
    let store = local(&folder.path().join("archive"));
    let transport = ObjectTransport::new(Arc::new(store));
    conformance::ingestor(&transport, &good, &other, Some(&bad))
        .await
        .assert_clean();
    assert_complete(transport.store(), std::slice::from_ref(&good)).await;
    let memory = MemoryTransport::new();
    conformance::ingestor(&memory, &good, &other, Some(&bad))
        .await
        .assert_clean();
    assert_eq!(memory.delivered().len(), 4, "dry run, first, second and third");
}

#[tokio::test]
async fn a_product_goes_with_its_companions_and_leaves_a_proof() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = product(folder.path(), 1, 3000);
    let archive = folder.path().join("archive");
    let transport = ObjectTransport::new(Arc::new(local(&archive)));
    let receipt = transport.ingest(&sealed, IngestOptions::new()).await.expect("stored");
    assert_eq!(receipt.status, IngestStatus::Stored);
    assert!(receipt.address.starts_with("file://") && receipt.address.ends_with(&sealed.name));
    assert_complete(transport.store(), &[sealed]).await;
    assert!(!archive.join("ledger/incoming").exists());
}

#[tokio::test]
async fn a_delivery_that_lost_a_companion_is_completed_by_the_next() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = product(folder.path(), 1, 3000);
    let transport = MemoryTransport::new();
    transport.ingest(&sealed, IngestOptions::new()).await.expect("stored");
    let lost = format!("products/MUSE/1000/{}", sealed.companions[1].name);
    transport.store().remove(&lost).await.expect("removed");
    let reworded = SealedProduct {
        caveats: vec![Caveat::Partial {
            reason: "a reservation in other words".into(),
        }],
        ..sealed.clone()
    };
    let again = transport.ingest(&reworded, IngestOptions::new()).await.expect("healed");
    assert_eq!(again.status, IngestStatus::AlreadyPresent);
    assert_complete(transport.store(), &[sealed]).await;
}

#[tokio::test]
async fn leavings_of_a_killed_delivery_are_cleared_by_the_next() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = product(folder.path(), 1, 3000);
    let archive = folder.path().join("archive");
    let transport = ObjectTransport::new(Arc::new(local(&archive)));
    // A process that dies leaves the temporary file of the object store, a staged file, or a companion without product.
    let store = transport.store();
    let path = std::path::Path::new(&sealed.location);
    drop(
        store
            .stage(path, &sealed.digest, sealed.size_bytes)
            .await
            .expect("staged"),
    );
    let incoming = archive.join("ledger/incoming");
    for entry in std::fs::read_dir(&incoming).expect("folder") {
        let name = entry.expect("entry").file_name().into_string().expect("a name");
        std::fs::write(incoming.join(format!("{name}#1")), "cut").expect("written");
        std::fs::write(incoming.join(format!("{name}#2")), "").expect("written");
    }
    let companion = &sealed.companions[0];
    let key = format!("products/MUSE/1000/{}", companion.name);
    let content = std::fs::read(&companion.location).expect("read");
    store.put_new(&key, content).await.expect("put");
    // Or the temporary file of the proof, whose own name is there or not.
    let proof = archive.join(format!("ledger/MUSE/1000/{}.json#1", sealed.name));
    std::fs::create_dir_all(proof.parent().expect("a folder")).expect("made");
    std::fs::write(&proof, "cut").expect("written");
    for _ in 0..2 {
        transport.ingest(&sealed, IngestOptions::new()).await.expect("stored");
        assert!(!proof.exists(), "a part of a proof is left");
        std::fs::write(&proof, "cut").expect("written");
    }
    transport.ingest(&sealed, IngestOptions::new()).await.expect("stored");
    assert_complete(transport.store(), &[sealed]).await;
    assert!(!incoming.exists(), "a stray file is left");
}

#[tokio::test]
async fn a_conflict_in_a_companion_writes_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = product(folder.path(), 1, 3000);
    let transport = MemoryTransport::new();
    let taken = format!("products/MUSE/1000/{}", sealed.companions[0].name);
    transport.store().put_new(&taken, "something else").await.expect("put");
    let error = transport
        .ingest(&sealed, IngestOptions::new())
        .await
        .expect_err("conflict");
    assert!(
        matches!(&error, IngestError::Conflict { name, .. } if *name == sealed.companions[0].name),
        "{error}"
    );
    assert_eq!(keys(transport.store()).await, [taken]);
}

#[tokio::test]
async fn a_file_that_changed_after_it_was_sealed_is_never_seen() {
    let folder = tempfile::tempdir().expect("folder");
    for (change, reason) in [
        (content(9, 3000), "digest"),
        (content(10, 10), "10 bytes instead of 3000"),
    ] {
        let sealed = product(folder.path(), 1, 3000);
        write(folder.path(), &sealed.name, &change);
        let transport = MemoryTransport::new();
        let error = transport
            .ingest(&sealed, IngestOptions::new())
            .await
            .expect_err("damaged");
        assert!(matches!(error, IngestError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(keys(transport.store()).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_fault_of_a_seal_is_told_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let mut sealed = product(folder.path(), 1, 3000);
    sealed.header.remove("INSTRUME");
    sealed.header.set("ORIGFILE", "other.fits", "");
    sealed.companions.pop();
    sealed.caveats.push(Caveat::OutputMissing {
        tag: "IMAGE_FOV".into(),
        reason: "no filter covers the data".into(),
    });
    match MemoryTransport::new().check(&sealed).await {
        Err(IngestError::Refused { faults, .. }) => insta::assert_snapshot!(faults.join("\n")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn dropping_a_delivery_at_any_point_leaves_the_whole_product_or_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = product(folder.path(), 1, 50_000);
    let mut n_dropped = 0;
    for n_polls in 1..200 {
        let transport = ObjectTransport::new(Arc::new(Store::in_memory()));
        let mut future: Pin<Box<dyn Future<Output = _> + Send>> = transport.ingest(&sealed, IngestOptions::new());
        let mut context = Context::from_waker(Waker::noop());
        let mut is_done = false;
        for _ in 0..n_polls {
            if future.as_mut().poll(&mut context).is_ready() {
                is_done = true;
                break;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        drop(future);
        if is_done {
            break;
        }
        n_dropped += 1;
        // What was landing when the future was dropped ends by itself.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let seen: Vec<String> = keys(transport.store()).await;
        let visible = seen.iter().filter(|key| key.starts_with("products/")).count();
        assert!(visible == 0 || visible == 3, "after {n_polls} polls: {seen:?}");
        assert_whole(transport.store(), std::slice::from_ref(&sealed)).await;
    }
    assert!(n_dropped > 1, "the delivery ended before it could be dropped");
}
