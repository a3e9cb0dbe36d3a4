//! Masters on their way to the calibrations of a store.

use std::path::Path;
use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::product::{Companion, SealedProduct};
use phoenix_core::traits::{IngestError, IngestOptions, IngestStatus, Ingestor, MASTER_CATEGORY};

use super::sealed::{content, keys, write};
use crate::sdp::names::master_name;
use crate::store::Store;
use crate::transport::{ObjectTransport, PROVENANCE_CATEGORY};
use crate::{FrameQuery, Span, list_frames};

fn header(made: &str) -> Header {
    let mut header = Header::new();
    header.set("INSTRUME", "UVES", "");
    header.set("DATE", made, "");
    header.set("DATE-OBS", "2016-05-01T21:04:12.345", "");
    header.set("MJD-OBS", 57509.877, "");
    header.set("DATAMD5", "0123456789abcdef0123456789abcdef", "");
    header.set("PRO.CATG", "MASTER_BIAS_BLUE", "");
    header
}

/// A master made at some time, of data that are always the same, with the record of what it was made of.
fn master(folder: &Path, made: &str) -> SealedProduct {
    let header = header(made);
    let (location, digest, size_bytes) = write(folder, "masterbias_blue.fits", &content(made.len() as u64, 3000));
    let record = format!("{{\"recipe\":\"uves_cal_mbias\",\"made\":\"{made}\"}}");
    let (beside, record_digest, record_size) = write(folder, "masterbias_blue.provenance.json", record.as_bytes());
    SealedProduct {
        name: master_name(&header, &digest).expect("named"),
        category: MASTER_CATEGORY.into(),
        location,
        digest,
        size_bytes,
        header,
        companions: vec![Companion {
            name: "masterbias_blue.provenance.json".into(),
            location: beside,
            category: PROVENANCE_CATEGORY.into(),
            digest: record_digest,
            size_bytes: record_size,
        }],
        caveats: Vec::new(),
    }
}

fn transport() -> ObjectTransport {
    ObjectTransport::new(Arc::new(Store::in_memory()))
}

#[tokio::test]
async fn a_master_goes_to_the_calibrations_with_its_provenance_in_the_proof() {
    let folder = tempfile::tempdir().expect("folder");
    let (transport, sealed) = (transport(), master(folder.path(), "2016-05-02"));
    for status in [IngestStatus::Stored, IngestStatus::AlreadyPresent] {
        let receipt = transport
            .ingest(&sealed, IngestOptions::new())
            .await
            .expect("delivered");
        assert_eq!(receipt.status, status);
    }
    let (key, proof) = (
        format!("calib/UVES/{}", sealed.name),
        format!("ledger/UVES/calib/{}.json", sealed.name),
    );
    assert_eq!(keys(transport.store()).await, [key.clone(), proof.clone()]);
    let (digest, _) = transport.store().digest(&key).await.expect("read");
    assert_eq!(digest, sealed.digest, "byte for byte");
    let proof = transport.store().read(&proof).await.expect("read");
    let proof: serde_json::Value = serde_json::from_slice(&proof).expect("json");
    assert_eq!(proof["provenance"]["recipe"], "uves_cal_mbias");
}

#[tokio::test]
async fn the_next_night_finds_a_delivered_master_among_its_frames() {
    let folder = tempfile::tempdir().expect("folder");
    let (transport, sealed) = (transport(), master(folder.path(), "2016-05-02"));
    transport
        .ingest(&sealed, IngestOptions::new())
        .await
        .expect("delivered");
    let raw = "raw/UVES/2016-05-05/UVES.2016-05-05T23:00:00.000.fits";
    transport.store().put_new(raw, vec![1]).await.expect("written");
    let header = sealed.header.clone();
    let decoder = move |_: &str, bytes: &[u8], _: bool| match bytes.len() {
        1 => crate::frames::HeaderState::Damaged {
            reason: "no header".into(),
        },
        _ => crate::frames::HeaderState::Read(header.clone()),
    };
    let query = FrameQuery::new(Span::night("2016-05-05".parse().expect("a night"))).with_instrument("UVES".into());
    let listing = list_frames(transport.store(), &decoder, &query).await.expect("listed");
    let found: Vec<&str> = listing.frames.iter().map(|frame| frame.id.as_str()).collect();
    assert_eq!(found, [sealed.name.trim_end_matches(".fits")]);
    assert_eq!(listing.frames[0].header.str("PRO.CATG"), Ok("MASTER_BIAS_BLUE"));
}

#[tokio::test]
async fn the_same_data_made_again_are_already_there() {
    let folder = tempfile::tempdir().expect("folder");
    let (transport, first) = (transport(), master(folder.path(), "2016-05-02"));
    transport.ingest(&first, IngestOptions::new()).await.expect("delivered");
    let before = keys(transport.store()).await;
    let again = master(folder.path(), "2026-11-23T12:00:00");
    assert_eq!((again.name == first.name, again.digest == first.digest), (true, false));
    let receipt = transport.ingest(&again, IngestOptions::new()).await.expect("known");
    assert_eq!(
        (receipt.status, receipt.digest),
        (IngestStatus::AlreadyPresent, first.digest)
    );
    assert_eq!(keys(transport.store()).await, before);
}

#[tokio::test]
async fn other_data_under_the_name_of_a_master_are_a_conflict() {
    let folder = tempfile::tempdir().expect("folder");
    let (transport, sealed) = (transport(), master(folder.path(), "2016-05-02"));
    let key = format!("calib/UVES/{}", sealed.name);
    transport
        .store()
        .put_new(&key, content(9, 3000))
        .await
        .expect("written");
    let error = transport
        .ingest(&sealed, IngestOptions::new())
        .await
        .expect_err("taken");
    assert!(matches!(error, IngestError::Conflict { .. }), "{error}");
}

#[tokio::test]
async fn a_master_that_later_nights_could_not_find_is_refused_with_every_reason() {
    let folder = tempfile::tempdir().expect("folder");
    let mut sealed = master(folder.path(), "2016-05-02");
    sealed.name = "masterbias_blue.fits".into();
    sealed.header.remove("MJD-OBS");
    sealed.companions[0].category = "ANCILLARY.PREVIEW".into();
    match transport().check(&sealed).await {
        Err(IngestError::Refused { faults, .. }) => assert_eq!(faults.len(), 3, "{faults:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_record_that_changed_after_the_seal_stops_the_delivery() {
    let folder = tempfile::tempdir().expect("folder");
    let (transport, sealed) = (transport(), master(folder.path(), "2016-05-02"));
    std::fs::write(&sealed.companions[0].location, b"{}").expect("written");
    let error = transport
        .ingest(&sealed, IngestOptions::new())
        .await
        .expect_err("changed");
    assert!(matches!(error, IngestError::Damaged { .. }), "{error}");
    assert!(keys(transport.store()).await.is_empty());
}
