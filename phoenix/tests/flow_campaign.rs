//! Many nights by the library alone, stopped and gone on with.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use phoenix::choice::ReviewPolicy;
use phoenix::controls::Controls;
use phoenix::core::cancel::CancelToken;
use phoenix::core::observe::{Event, Observer};
use phoenix::core::unit::Mjd;
use phoenix::line::{Campaign, CampaignKind, LineError, Nights, Settings};
use phoenix::sim::night::{NIGHT, demo};

/// Stops the campaign at the n-th event.
#[derive(Debug)]
struct StopAt {
    left: Mutex<u32>,
    cancel: CancelToken,
}

impl Observer for StopAt {
    fn on(&self, _event: &Event<'_>) {
        let mut left = self.left.lock().expect("not poisoned");
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.cancel.cancel();
        }
    }
}

fn settings(store: &Path, delivery: &Path) -> Settings {
    let first = "2016-04-30".parse().expect("a night");
    let nights = Nights::between(first, NIGHT.parse().expect("a night")).expect("a span");
    Settings::new("MUSE", nights, store.display().to_string())
        .with_delivery(delivery.display().to_string())
        .with_review(ReviewPolicy::None)
}

/// The delivered files by name.
fn delivered(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.join("products")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

#[test]
fn a_campaign_stopped_in_any_night_goes_on_to_the_same_products() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    phoenix::demo::lay_down(&demo(1), &store).expect("laid down");
    let registry = phoenix::default_registry().expect("a registry");
    let now = Mjd(57_520.0);
    let run = |name: &str, controls: Controls| {
        let delivery = dir.path().join(format!("delivery-{name}"));
        let folder = dir.path().join(name);
        Campaign::begin(settings(&store, &delivery), CampaignKind::Batch, folder, controls)
            .and_then(|campaign| campaign.run(&registry, now))
    };
    let quiet = run("quiet", Controls::new()).expect("a report");
    assert!(quiet.is_done() && !quiet.is_faulty(), "{quiet:#?}");
    let expected = delivered(&dir.path().join("delivery-quiet"));
    assert!(!expected.is_empty());
    for stop_at in [1, 3, 9, 16] {
        let name = format!("run-{stop_at}");
        let cancel = CancelToken::new();
        let observer = StopAt {
            left: Mutex::new(stop_at),
            cancel: cancel.clone(),
        };
        let stopped = run(
            &name,
            Controls::new().with_cancel(cancel).with_observer(Arc::new(observer)),
        );
        assert!(matches!(stopped, Err(LineError::Stopped)), "{stopped:?}");
        let report = run(&name, Controls::new()).expect("a report");
        assert!(report.is_done(), "{report:#?}");
        assert!(
            delivered(&dir.path().join(format!("delivery-{name}"))) == expected,
            "stopped at event {stop_at}"
        );
    }
}
