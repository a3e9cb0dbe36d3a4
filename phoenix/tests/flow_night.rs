//! A whole night from a simulated archive to ingested products, by the library alone.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use phoenix::controls::Controls;
use phoenix::core::cancel::CancelToken;
use phoenix::core::engine::Budget;
use phoenix::core::observe::{Event, Observer};
use phoenix::core::traits::{IngestStatus, Stage};
use phoenix::line::{Line, LineError, LineReport, Nights, ReviewPolicy, Settings, Step};
use phoenix::sim::night::{NIGHT, demo};

fn settings(store: &Path, delivery: &Path) -> Settings {
    let nights = Nights::one(NIGHT.parse().expect("a night"));
    Settings::new("MUSE", nights, store.display().to_string())
        .with_delivery(delivery.display().to_string())
        .with_review(ReviewPolicy::None)
}

fn run(store: &Path, folder: &Path, delivery: &Path, threads: usize, memory_bytes: u64) -> LineReport {
    let registry = phoenix::default_registry().expect("a registry");
    let controls = Controls::new().with_budget(Budget { threads, memory_bytes });
    let line = Line::begin(&registry, settings(store, delivery), folder, controls).expect("a line");
    line.run().expect("a report")
}

fn is_fits(name: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "fits")
}

fn digests(report: &LineReport) -> BTreeMap<String, String> {
    let all = (report.jobs.iter()).flat_map(|job| {
        job.products
            .iter()
            .chain(&job.outputs)
            .map(move |product| (job, product))
    });
    all.filter(|(_, product)| is_fits(&product.name) || product.tag.as_str().starts_with("ANCILLARY"))
        .map(|(job, product)| (format!("{}/{}", job.job, product.name), product.digest.to_string()))
        .collect()
}

#[test]
fn a_night_is_ingested_and_neither_threads_nor_memory_change_a_bit() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    phoenix::demo::lay_down(&demo(1), &store).expect("laid down");
    let one = run(
        &store,
        &dir.path().join("one"),
        &dir.path().join("delivery-one"),
        1,
        300 << 20,
    );
    let many = run(
        &store,
        &dir.path().join("many"),
        &dir.path().join("delivery-many"),
        4,
        4 << 30,
    );
    assert!(one.is_clean() && many.is_clean(), "{one:#?}");
    assert_eq!(digests(&one), digests(&many));
    assert_eq!(one.jobs.len(), 2);
    for job in &one.jobs {
        assert_eq!(job.stage, Stage::Ingested);
        assert_eq!(job.delivered.len(), 1);
        assert_eq!(job.scores.len(), 1, "{job:#?}");
        let kinds: Vec<&str> = job.outputs.iter().map(|output| output.tag.as_str()).collect();
        for kind in [
            "SCIENCE.CUBE.IFS",
            "ANCILLARY.IMAGE.WHITELIGHT",
            "ANCILLARY.EXPMAP",
            "ANCILLARY.PREVIEW",
            "SCORE",
            "PREVIEW",
        ] {
            assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
        }
    }
    assert!(one.left_out.len() >= 4, "{:?}", one.left_out);
    // The same products once more into the same store: they are there already.
    let again = run(
        &store,
        &dir.path().join("again"),
        &dir.path().join("delivery-one"),
        2,
        4 << 30,
    );
    let statuses = again
        .jobs
        .iter()
        .flat_map(|job| &job.delivered)
        .map(|receipt| receipt.status);
    assert!(
        statuses
            .into_iter()
            .all(|status| status == IngestStatus::AlreadyPresent)
    );
}

/// Stops the run at the n-th event.
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

#[test]
fn a_run_stopped_at_any_event_goes_on_to_the_same_products() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    phoenix::demo::lay_down(&demo(1), &store).expect("laid down");
    let quiet = run(
        &store,
        &dir.path().join("quiet"),
        &dir.path().join("delivery"),
        2,
        4 << 30,
    );
    let registry = phoenix::default_registry().expect("a registry");
    for stop_at in [2, 4, 9, 14, 17, 20, 23] {
        let folder = dir.path().join(format!("run-{stop_at}"));
        let delivery = dir.path().join(format!("delivery-{stop_at}"));
        let cancel = CancelToken::new();
        let observer = StopAt {
            left: Mutex::new(stop_at),
            cancel: cancel.clone(),
        };
        let controls = Controls::new().with_cancel(cancel).with_observer(Arc::new(observer));
        let stopped =
            Line::begin(&registry, settings(&store, &delivery), &folder, controls).and_then(|line| line.run());
        if let Err(error) = &stopped {
            assert!(matches!(error, LineError::Stopped), "{error:?}");
        }
        let resumed = run(&store, &folder, &delivery, 2, 4 << 30);
        let strip = |report: &LineReport| digests(report).into_values().collect::<Vec<_>>();
        assert_eq!(strip(&resumed), strip(&quiet), "stopped at event {stop_at}");
    }
}

#[test]
fn a_step_is_repeatable_and_a_job_can_be_chosen() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    phoenix::demo::lay_down(&demo(1), &store).expect("laid down");
    let registry = phoenix::default_registry().expect("a registry");
    let folder = dir.path().join("run");
    let settings = settings(&store, &dir.path().join("delivery"));
    let line = Line::begin(&registry, settings, &folder, Controls::new()).expect("a line");
    let plan = line.plan().expect("a plan");
    let single = plan
        .jobs
        .iter()
        .find(|job| job.id.as_str().contains("_pst:"))
        .expect("the single exposure")
        .id
        .clone();
    let line = line.with_jobs([single.clone()]).expect("the job is known");
    for _ in 0..2 {
        let report = line.step(Step::Process).expect("a report");
        let stages: BTreeMap<_, _> = report
            .jobs
            .iter()
            .map(|job| (job.job.clone(), (job.stage, job.attempts)))
            .collect();
        assert_eq!(stages[&single], (Stage::Processed, 1));
        assert!(
            stages
                .iter()
                .all(|(job, (stage, _))| *job == single || *stage == Stage::Planned)
        );
    }
    drop(line);
    let report = Line::reopen(&registry, &folder, Controls::new())
        .and_then(|line| line.run())
        .expect("a report");
    assert!(report.is_clean());
    assert_eq!(report.jobs.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1, 1]);
}
