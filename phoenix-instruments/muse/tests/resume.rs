//! A stack that was stopped in the middle goes on there, and its products are the same bits as if it never was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phoenix_core::cancel::CancelToken;
use phoenix_core::frame::FrameRef;
use phoenix_core::observe::{Event, Observer};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{InputSet, Instrument, RecipeError, RunContext, SinkFactory};
use phoenix_io::{DirSinks, KeepEvery};
use phoenix_testkit::fake::FakeReader;
use serde_json::json;
use support::params;

const TASK: &str = "muse_exp_combine";
/// A budget that cuts the cube into several windows.
const SMALL_BYTES: u64 = 2 << 20;

fn frames(reader: &mut FakeReader) -> Vec<FrameRef> {
    support::small::tables(60, 2)
        .into_iter()
        .map(|table| reader.add(table))
        .collect()
}

/// Stops the run after some windows, and notes how far each stage came.
#[derive(Debug, Default)]
struct Stopper {
    after: AtomicU64,
    cancel: CancelToken,
    stages: Mutex<BTreeMap<String, [u64; 2]>>,
}

impl Observer for Stopper {
    fn on(&self, event: &Event<'_>) {
        let Event::Progress { stage, done, total, .. } = event else {
            return;
        };
        self.stages.lock().unwrap().insert((*stage).to_owned(), [*done, *total]);
        if *stage == "resample" && *done == self.after.load(Ordering::Relaxed) {
            self.cancel.cancel();
        }
    }
}

/// Runs the stack into a folder, stopping after `after` windows; returns how far each stage came.
fn attempt(
    folder: &Path,
    frames: &[FrameRef],
    reader: &FakeReader,
    numerics: &str,
    after: Option<u64>,
    memory_bytes: u64,
) -> (Result<(), RecipeError>, BTreeMap<String, [u64; 2]>) {
    let instrument = phoenix_muse::instrument().unwrap();
    let recipe = instrument.recipe(&TASK.into()).unwrap();
    let params = params(recipe, &json!({"numerics": numerics, "dlambda": 0.4}));
    let record = Record {
        job: "stack".into(),
        recipe: TASK.into(),
        pipeline: "phoenix/test".into(),
        raw: frames.to_vec(),
        calib: Vec::new(),
        params: params.clone(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let stopper = Arc::new(Stopper {
        after: after.unwrap_or(u64::MAX).into(),
        ..Stopper::default()
    });
    let ctx = RunContext::new(&record.job, &record)
        .with_budget(1, memory_bytes)
        .with_cancel(stopper.cancel.clone())
        .with_observer(Arc::clone(&stopper) as Arc<dyn Observer>);
    let sinks = DirSinks::new(folder).with_keeping(KeepEvery {
        bytes: 0,
        time: Duration::ZERO,
    });
    let mut sink = sinks.open(&record.job).unwrap();
    let end = recipe.execute_dyn(&InputSet::new(frames), &params, reader, sink.as_product_sink(), &ctx);
    let end = end.map(|_| sink.commit(&record).map(|_| ()).unwrap());
    let stages = stopper.stages.lock().unwrap().clone();
    (end, stages)
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .map(|file| {
            (
                file.file_name().into_string().unwrap(),
                std::fs::read(file.path()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_stack_that_was_stopped_goes_on_behind_its_last_window_with_the_same_bits() {
    let mut reader = FakeReader::new();
    let frames = frames(&mut reader);
    for numerics in ["phoenix", "eso"] {
        let quiet = tempfile::tempdir().unwrap();
        attempt(quiet.path(), &frames, &reader, numerics, None, 1 << 30)
            .0
            .unwrap();
        let expected = contents(&quiet.path().join("work/stack"));
        assert!(expected.len() >= 6, "{:?}", expected.keys());

        let folder = tempfile::tempdir().unwrap();
        let (end, stages) = attempt(folder.path(), &frames, &reader, numerics, Some(2), SMALL_BYTES);
        assert!(matches!(end, Err(RecipeError::Stopped)));
        let [done, windows] = stages["resample"];
        assert!(done == 2 && windows > 4, "{stages:?}");
        assert!(!stages.contains_key("read finished planes"));
        assert!(!folder.path().join("work/stack").exists());
        // Another budget has other windows; what is finished serves it as well.
        let (end, stages) = attempt(
            folder.path(),
            &frames,
            &reader,
            numerics,
            Some(1),
            SMALL_BYTES + (1 << 20),
        );
        assert!(matches!(end, Err(RecipeError::Stopped)));
        let first = stages["read finished planes"];
        assert!(first[0] > 0 && first[0] < first[1], "{stages:?}");
        let (end, stages) = attempt(folder.path(), &frames, &reader, numerics, None, SMALL_BYTES);
        end.unwrap();
        assert!(stages["read finished planes"][0] > first[0], "{stages:?}");
        assert!(stages["resample"][1] < windows);
        let found = contents(&folder.path().join("work/stack"));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, bytes) in &expected {
            assert!(found[name] == *bytes, "{numerics}: {name} differs");
        }
        assert_eq!(std::fs::read_dir(folder.path().join("work")).unwrap().count(), 1);
    }
}
