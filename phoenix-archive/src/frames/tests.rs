//! Listings of stores with a toy decoder: one `KEY=VALUE` a line, `END` at the end.

use phoenix_core::header::Header;

use super::{FrameQuery, HeaderState, Listing, Span, frame_id, list_frames};
use crate::store::{Store, StoreOptions};

fn decode(_name: &str, bytes: &[u8], _is_whole: bool) -> HeaderState {
    let text = String::from_utf8_lossy(bytes);
    if !text.starts_with("SIMPLE") {
        return HeaderState::Damaged {
            reason: "no SIMPLE card at byte 0".into(),
        };
    }
    let mut header = Header::new();
    for line in text.lines() {
        if line == "END" {
            return HeaderState::Read(header);
        }
        match line.split_once('=') {
            Some((key, value)) if value.starts_with(|c: char| c.is_ascii_digit()) && key == "MJD-OBS" => {
                header.set(key, value.parse::<f64>().expect("a number"), "");
            }
            Some((key, value)) => header.set(key, value, ""),
            None => {}
        }
    }
    HeaderState::NeedsMore
}

fn file(instrument: &str, time: &str, padding: usize) -> String {
    let filler = "COMMENT\n".repeat(padding);
    format!("SIMPLE=T\nINSTRUME={instrument}\nDATE-OBS={time}\n{filler}END\n")
}

async fn listing(store: &Store) -> Listing {
    let night = "2016-05-01".parse().expect("a night");
    let query = FrameQuery::new(Span::night(night)).with_instrument("MUSE".into());
    list_frames(store, &decode, &query).await.expect("listed")
}

fn ids(listing: &Listing) -> Vec<&str> {
    listing.frames.iter().map(|frame| frame.id.as_str()).collect()
}

#[tokio::test]
async fn a_night_runs_from_noon_to_noon_by_the_time_in_the_header() {
    let store = Store::in_memory();
    let folder = "raw/MUSE/2016-05-01";
    for (name, text) in [
        ("late.fits", file("MUSE", "2016-05-02T11:59:59.9", 0)),
        ("early.fits.Z", file("MUSE", "2016-05-01T12:00:00", 0)),
        ("next.fits", file("MUSE", "2016-05-02T12:00:00", 0)),
        ("other.fits", file("UVES", "2016-05-02T01:00:00", 0)),
        ("timeless.fits", file("MUSE", "01/01/00", 0)),
        ("notes.txt", "no frame".to_owned()),
    ] {
        store.put_new(&format!("{folder}/{name}"), text).await.expect("put");
    }
    let found = listing(&store).await;
    assert_eq!(ids(&found), ["early", "late"]);
    let left_out: Vec<&str> = found.left_out.iter().map(|left| left.frame.as_str()).collect();
    assert_eq!(left_out, ["next", "timeless"]);
    assert!(
        found.left_out[0].reason.contains("2016-05-02T12:00:00.000"),
        "{:?}",
        found.left_out
    );
}

#[tokio::test]
async fn an_empty_night_tells_where_was_looked_and_which_nights_there_are() {
    let store = Store::in_memory();
    let put = async |name: &str, text: String| store.put_new(name, text).await.expect("put");
    put("raw/MUSE/2016-04-30/a.fits", file("MUSE", "2016-05-01T00:00:00", 0)).await;
    put("calib/MUSE/b.fits", file("MUSE", "2014-01-01T00:00:00", 0)).await;
    let found = listing(&store).await;
    assert!(found.is_empty_night());
    let looked: Vec<(&str, usize)> = (found.looked.iter())
        .map(|looked| (looked.folder.as_str(), looked.n_files))
        .collect();
    assert_eq!(looked, [("raw/MUSE/2016-05-01", 0), ("calib/MUSE", 1)]);
    assert_eq!(
        super::nights(&store, &"MUSE".into()).await.expect("listed"),
        ["2016-04-30"]
    );
}

#[tokio::test]
async fn a_frame_whose_two_clocks_disagree_is_told_and_not_used() {
    let store = Store::in_memory();
    let skewed = |mjd: f64| file("MUSE", &format!("2016-05-02T00:00:00\nMJD-OBS={mjd}"), 0);
    for (name, mjd) in [("early", 56_510.0), ("good", 57_510.0), ("late", 57_510.001)] {
        let path = format!("raw/MUSE/2016-05-01/{name}.fits");
        store.put_new(&path, skewed(mjd)).await.expect("put");
    }
    let found = listing(&store).await;
    assert_eq!(ids(&found), ["good"]);
    let left: Vec<&str> = found.left_out.iter().map(|left| left.frame.as_str()).collect();
    assert_eq!(left, ["early", "late"]);
    for left in &found.left_out {
        assert_eq!(left.severity, phoenix_core::dataset::Severity::Error);
        assert!(
            left.reason.contains("MJD-OBS") && left.reason.contains("DATE-OBS 2016-05-02"),
            "{}",
            left.reason
        );
    }
}

#[tokio::test]
async fn masters_are_listed_whatever_their_time() {
    let store = Store::in_memory();
    let old = file("MUSE", "2014-01-01T00:00:00", 0);
    store
        .put_new("raw/MUSE/2016-05-01/a.fits", file("MUSE", "2016-05-02T00:00:00", 0))
        .await
        .expect("put");
    store
        .put_new("calib/MUSE/static/FILTER_LIST.fits", old)
        .await
        .expect("put");
    assert_eq!(ids(&listing(&store).await), ["FILTER_LIST", "a"]);
}

#[tokio::test]
async fn a_damaged_file_is_left_out_with_its_reason_and_the_night_goes_on() {
    let store = Store::in_memory();
    let put = async |name: &str, text: String| store.put_new(name, text).await.expect("put");
    put("raw/MUSE/2016-05-01/a.fits", file("MUSE", "2016-05-02T00:00:00", 0)).await;
    put("raw/MUSE/2016-05-01/b.fits", "<html>login</html>".into()).await;
    put("raw/MUSE/2016-05-01/c.fits", "SIMPLE=T\n".into()).await;
    put("raw/MUSE/2016-05-01/d.fits", String::new()).await;
    let found = listing(&store).await;
    assert_eq!(ids(&found), ["a"]);
    let reasons: Vec<&str> = found.left_out.iter().map(|left| left.reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["no SIMPLE card at byte 0", "its header has no end", "it is empty"]
    );
}

#[tokio::test]
async fn a_long_header_is_read_in_growing_pieces() {
    let store = Store::in_memory();
    let text = file("MUSE", "2016-05-02T00:00:00", 200_000);
    store.put_new("raw/MUSE/2016-05-01/a.fits", text).await.expect("put");
    assert_eq!(ids(&listing(&store).await), ["a"]);
}

#[tokio::test]
async fn a_flat_local_folder_is_a_store() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("MUSE.2016-05-02T01:02:03.456.fits");
    std::fs::write(&path, file("MUSE", "2016-05-02T01:02:03.456", 0)).expect("written");
    let store = Store::open(&folder.path().display().to_string(), &StoreOptions::new()).expect("store");
    let found = listing(&store).await;
    assert_eq!(ids(&found), ["MUSE.2016-05-02T01:02:03.456"]);
    let real = path.canonicalize().expect("path");
    assert_eq!(found.frames[0].location, real.display().to_string());
}

#[test]
fn a_frame_is_named_without_its_suffix() {
    let id = |name: &str| frame_id(name).map(|id| id.to_string());
    assert_eq!(
        id("MUSE.2016-05-01T00:00:00.fits.fz").as_deref(),
        Some("MUSE.2016-05-01T00:00:00")
    );
    assert_eq!(id("a.fits.Z").as_deref(), Some("a"));
    assert_eq!(id("a.txt"), None);
    assert_eq!(id(".fits"), None);
}

#[test]
fn a_span_includes_both_of_its_nights() {
    let night = |text: &str| text.parse().expect("a night");
    let span = Span::nights(night("2016-05-03"), night("2016-05-01"));
    let names: Vec<String> = span.iter().map(|night| night.to_string()).collect();
    assert_eq!(names, ["2016-05-01", "2016-05-02", "2016-05-03"]);
}
