//! Transfers against a store that cuts them.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;

use super::{FetchError, FetchOptions, FetchOrigin, FetchRequest, fetch, fetch_all};
use crate::store::{Store, StoreOptions};
use crate::testing::{Fault, FaultStore};

fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 % 251) as u8).collect()
}

fn quick() -> FetchOptions {
    FetchOptions::new().with_attempts(3, Duration::from_millis(1))
}

#[tokio::test]
async fn a_cut_transfer_is_resumed_and_the_content_is_right() {
    let memory = Arc::new(InMemory::new());
    let content = bytes(300_000);
    memory
        .put(&ObjectPath::from("raw/a.fits"), content.clone().into())
        .await
        .expect("put");
    let faults = Arc::new(FaultStore::scripted(memory, vec![Fault::Pass, Fault::Cut(0.5)]));
    let store = Store::over(faults.clone(), "memory://");
    let cache = tempfile::tempdir().expect("folder");
    let fetched = fetch(&store, "raw/a.fits", None, cache.path(), &quick())
        .await
        .expect("fetched");
    assert_eq!(fetched.origin, FetchOrigin::Transferred);
    assert_eq!(std::fs::read(&fetched.path).expect("read"), content);
    assert!(
        faults.bytes_read() < 2 * content.len() as u64,
        "the first half was not asked for again"
    );
    assert!(!cache.path().join("raw/a.fits.part").exists());
    let again = fetch(&store, "raw/a.fits", fetched.digest.as_ref(), cache.path(), &quick())
        .await
        .expect("cached");
    assert_eq!(again.origin, FetchOrigin::Cache);
}

#[tokio::test]
async fn a_cached_file_that_was_cut_short_is_fetched_again() {
    let store = Store::in_memory();
    store.put_new("a.fits", bytes(5000)).await.expect("put");
    let cache = tempfile::tempdir().expect("folder");
    let first = fetch(&store, "a.fits", None, cache.path(), &quick())
        .await
        .expect("fetched");
    std::fs::write(&first.path, &bytes(5000)[..100]).expect("cut");
    let second = fetch(&store, "a.fits", None, cache.path(), &quick())
        .await
        .expect("fetched");
    assert_eq!(second.origin, FetchOrigin::Transferred);
    assert_eq!(std::fs::read(&second.path).expect("read"), bytes(5000));
}

#[tokio::test]
async fn a_content_with_another_digest_is_damaged_and_leaves_nothing() {
    let store = Store::in_memory();
    store.put_new("a.fits", bytes(5000)).await.expect("put");
    let cache = tempfile::tempdir().expect("folder");
    let wrong = "sha256:00".into();
    let error = fetch(&store, "a.fits", Some(&wrong), cache.path(), &quick())
        .await
        .expect_err("damaged");
    assert!(matches!(error, FetchError::Damaged { .. }), "{error}");
    assert!(!cache.path().join("a.fits").exists() && !cache.path().join("a.fits.part").exists());
}

#[tokio::test]
async fn a_file_of_a_local_store_is_used_where_it_lies() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("a.fits"), bytes(10)).expect("written");
    let store = Store::open(&folder.path().display().to_string(), &StoreOptions::new()).expect("store");
    let cache = folder.path().join("cache");
    let path = folder.path().canonicalize().expect("path").join("a.fits");
    let location = path.display().to_string();
    let fetched = fetch(&store, &location, None, &cache, &quick())
        .await
        .expect("in place");
    assert_eq!((fetched.origin, &fetched.path), (FetchOrigin::InPlace, &path));
    let copied = fetch(&store, &location, None, &cache, &quick().with_copy())
        .await
        .expect("copied");
    assert_eq!(copied.path, cache.join("a.fits"));
}

#[tokio::test]
async fn one_missing_file_does_not_stop_the_others_and_order_is_kept() {
    let store = Store::in_memory();
    store.put_new("b.fits", bytes(10)).await.expect("put");
    let cache = tempfile::tempdir().expect("folder");
    let requests: Vec<FetchRequest> = ["b.fits", "a.fits", "b.fits"]
        .map(|location| FetchRequest {
            location: location.into(),
            digest: None,
        })
        .into();
    let answers = fetch_all(&store, &requests, cache.path(), &quick()).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(answers[1], Err(FetchError::NotFound { .. })));
}
