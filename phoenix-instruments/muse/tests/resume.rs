//! A stack or a combination that was stopped in the middle goes on there, and its products are the same bits as if it
//! never was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

#[path = "cubes/files.rs"]
mod files;
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
use phoenix_core::traits::{FrameReader, InputSet, Instrument, RecipeError, RunContext, SinkFactory};
use phoenix_io::{DirSinks, FitsReader, KeepEvery};
use phoenix_testkit::fake::FakeReader;
use serde_json::{Value, json};
use support::params;

/// A budget that cuts the cube of the stack into several windows.
const SMALL_BYTES: u64 = 2 << 20;

/// What is done again and again.
struct Job<'a> {
    task: &'a str,
    frames: &'a [FrameRef],
    reader: &'a dyn FrameReader,
    changes: Value,
    /// The stage in which the cube is written.
    stage: &'static str,
}

/// Stops the run when its stage has come as far as `after`, and notes how far each stage came.
#[derive(Debug, Default)]
struct Stopper {
    stage: &'static str,
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
        if *stage == self.stage && *done >= self.after.load(Ordering::Relaxed) {
            self.cancel.cancel();
        }
    }
}

/// Runs a job into a folder, stopping at `after`; returns how far each stage came.
fn attempt(
    folder: &Path,
    job: &Job<'_>,
    after: Option<u64>,
    memory_bytes: u64,
) -> (Result<(), RecipeError>, BTreeMap<String, [u64; 2]>) {
    let instrument = phoenix_muse::instrument().unwrap();
    let recipe = instrument.recipe(&job.task.into()).unwrap();
    let params = params(recipe, &job.changes);
    let record = Record {
        job: "stack".into(),
        recipe: job.task.into(),
        pipeline: "phoenix/test".into(),
        raw: job.frames.to_vec(),
        calib: Vec::new(),
        params: params.clone(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let stopper = Arc::new(Stopper {
        stage: job.stage,
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
    let inputs = InputSet::new(job.frames);
    let end = recipe.execute_dyn(&inputs, &params, job.reader, sink.as_product_sink(), &ctx);
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

/// Runs a job undisturbed, then stops it at two places with windows of different sizes; all must end in the same bits.
fn assert_it_goes_on(job: &Job<'_>, stops: [u64; 2], budgets: [u64; 2], context: &str) {
    let quiet = tempfile::tempdir().unwrap();
    attempt(quiet.path(), job, None, 1 << 30).0.unwrap();
    let expected = contents(&quiet.path().join("work/stack"));

    let folder = tempfile::tempdir().unwrap();
    let (end, stages) = attempt(folder.path(), job, Some(stops[0]), budgets[0]);
    assert!(matches!(end, Err(RecipeError::Stopped)), "{context}: {end:?}");
    let [done, windows] = stages[job.stage];
    assert!(done >= stops[0] && windows > 2 * done, "{context}: {stages:?}");
    assert!(!stages.contains_key("read finished planes"));
    assert!(!folder.path().join("work/stack").exists());
    // Another budget has other windows; what is finished serves it as well.
    let (end, stages) = attempt(folder.path(), job, Some(stops[1]), budgets[1]);
    assert!(matches!(end, Err(RecipeError::Stopped)), "{context}: {end:?}");
    let first = stages["read finished planes"];
    assert!(first[0] > 0 && first[0] < first[1], "{context}: {stages:?}");
    let (end, stages) = attempt(folder.path(), job, None, budgets[0]);
    end.unwrap();
    assert!(stages["read finished planes"][0] > first[0], "{context}: {stages:?}");
    let found = contents(&folder.path().join("work/stack"));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{context}: {name} differs");
    }
    assert_eq!(std::fs::read_dir(folder.path().join("work")).unwrap().count(), 1);
}

#[test]
fn a_stack_that_was_stopped_goes_on_behind_its_last_window_with_the_same_bits() {
    let mut reader = FakeReader::new();
    let tables = support::small::tables(60, 2).into_iter();
    let frames: Vec<FrameRef> = tables.map(|table| reader.add(table)).collect();
    for numerics in ["phoenix", "eso"] {
        let job = Job {
            task: "muse_exp_combine",
            frames: &frames,
            reader: &reader,
            changes: json!({"numerics": numerics, "dlambda": 0.4}),
            stage: "resample",
        };
        assert_it_goes_on(&job, [2, 1], [SMALL_BYTES, SMALL_BYTES + (1 << 20)], numerics);
        let with_table = Job {
            changes: json!({"numerics": numerics, "dlambda": 0.4, "save": "cube,combined"}),
            ..job
        };
        assert_it_goes_on(&with_table, [2, 1], [SMALL_BYTES, SMALL_BYTES + (1 << 20)], numerics);
    }
}

#[test]
fn a_combined_table_that_was_stopped_leaves_nothing_and_is_made_anew_with_the_same_bits() {
    let mut reader = FakeReader::new();
    let tables = support::small::tables(60, 2).into_iter();
    let frames: Vec<FrameRef> = tables.map(|table| reader.add(table)).collect();
    let job = Job {
        task: "muse_exp_combine",
        frames: &frames,
        reader: &reader,
        changes: json!({"save": "cube,combined"}),
        stage: "write pixel table",
    };
    let [quiet, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    attempt(quiet.path(), &job, None, 1 << 30).0.unwrap();
    let (end, stages) = attempt(folder.path(), &job, Some(5), SMALL_BYTES);
    assert!(matches!(end, Err(RecipeError::Stopped)), "{end:?}");
    assert!(stages[job.stage][0] < stages[job.stage][1]);
    assert!(!folder.path().join("work/stack").exists());
    let (end, stages) = attempt(folder.path(), &job, None, SMALL_BYTES);
    end.unwrap();
    // The cube was whole: its rows are tested again, and no voxel is made again.
    let tested = stages["test finished planes"];
    assert!(tested[0] == tested[1] && !stages.contains_key("resample"), "{stages:?}");
    let [found, expected] = [&folder, &quiet].map(|it| contents(&it.path().join("work/stack")));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(found.contains_key("PIXTABLE_COMBINED.fits") && found == expected);
    assert_eq!(std::fs::read_dir(folder.path().join("work")).unwrap().count(), 1);
}

#[test]
fn a_combination_of_cubes_that_was_stopped_goes_on_behind_its_last_window_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let frames = files::written(folder.path(), 9, [40, 20, 30], files::noisy);
    for (changes, context) in [
        (json!({"nclip": 3}), "mean"),
        (json!({"method": "median", "var": "stat_mean"}), "median"),
    ] {
        let job = Job {
            task: phoenix_muse::cubes::CUBE_COMBINE,
            frames: &frames,
            reader: &FitsReader::new(),
            changes,
            stage: "combine",
        };
        assert_it_goes_on(&job, [6, 14], [150_000, 300_000], context);
    }
}
