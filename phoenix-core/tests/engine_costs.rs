//! What is learned from earlier runs, what is told before a run, and what is tried again.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a test that cannot go on fails; sums here are exact"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use phoenix_core::engine::{
    Basis, Budget, Executor, Expectation, JobOutcome, MemoryCosts, Retry, above, below, forecast,
};
use phoenix_core::error::Status;
use phoenix_core::frame::FrameRef;
use phoenix_core::id::JobId;
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness, Resources, Usage};
use phoenix_core::traits::{CostKind, CostRow, CostStore, JobStore, Meter, Outcome, RecipeError, SinkError};
use proptest::prelude::*;
use support::{Bench, Fake, frame, night, plan};

/// As many threads as asked for.
#[derive(Debug)]
struct Threads(usize);

impl Executor for Threads {
    fn width(&self) -> usize {
        self.0
    }

    fn run(&self, workers: usize, body: &(dyn Fn() + Sync)) {
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(body);
            }
        });
    }
}

fn job(name: &str, producers: &[&str], input_bytes: u64) -> PlannedJob {
    let frame = FrameRef {
        id: name.into(),
        tag: "RAW".into(),
        location: String::new(),
        size_bytes: Some(input_bytes),
        digest: None,
    };
    let above = producers.iter().map(|producer| InputSource::Job {
        job: (*producer).into(),
        tag: "X".into(),
    });
    PlannedJob {
        id: name.into(),
        dataset: "d".into(),
        task: "t".into(),
        recipe: "t".into(),
        key: BTreeMap::new(),
        inputs: std::iter::once(InputSource::Frame { frame }).chain(above).collect(),
        slots: Vec::new(),
        params: serde_json::json!({}),
        readiness: Readiness::Ready,
        resources: Resources {
            memory_bytes: 1000,
            threads: 1,
            floor_bytes: 0,
        },
    }
}

fn plan_of(jobs: Vec<PlannedJob>) -> Plan {
    Plan {
        version: Plan::VERSION,
        instrument: "FAKE".into(),
        label: String::new(),
        jobs,
        left_out: Vec::new(),
        overlays: Vec::new(),
    }
}

fn row(setup: &str, input_bytes: u64, wall_s: f64, peak_bytes: u64) -> CostRow {
    CostRow {
        job: "old".into(),
        kind: CostKind {
            recipe: "t".into(),
            software: "fake".into(),
            setup: setup.into(),
        },
        input_bytes,
        threads: 1,
        wall_s,
        usage: Usage {
            cpu_s: Some(2.0 * wall_s),
            peak_bytes: Some(peak_bytes),
        },
        is_success: true,
    }
}

#[test]
fn jobs_of_the_same_setup_teach_and_others_only_where_there_are_none() {
    let job = job("j", &[], 200);
    let history = [
        row("A", 100, 10.0, 500),
        row("B", 100, 99.0, 9000),
        row("A", 100, 30.0, 700),
    ];
    let expected = Expectation::learned(&job, "A", &history);
    assert_eq!(expected.basis, Basis::Setup);
    // Twice the input: the lower median of 10 s and 30 s, and the higher peak, doubled, with a tenth to spare.
    assert_eq!((expected.wall_s, expected.cpu_s), (Some(20.0), Some(40.0)));
    assert_eq!(expected.resources.memory_bytes, 1540);
    assert_eq!(Expectation::learned(&job, "C", &history).basis, Basis::Recipe);
    assert_eq!(Expectation::learned(&job, "C", &[]), Expectation::declared(&job));
}

#[test]
fn a_job_that_was_ended_for_want_of_memory_teaches_about_memory_alone() {
    let mut failed = row("A", 200, 1.0, 600);
    failed.is_success = false;
    let expected = Expectation::learned(&job("j", &[], 200), "A", &[failed]);
    assert_eq!((expected.resources.memory_bytes, expected.wall_s), (1200, None));
    let mut early = row("A", 200, 1.0, 6);
    early.is_success = false;
    let expected = Expectation::learned(&job("j", &[], 200), "A", &[early]);
    assert_eq!(expected.resources.memory_bytes, 1000);
}

proptest! {
    #[test]
    fn more_history_never_lowers_memory_below_a_peak_that_was_seen(
        rows in proptest::collection::vec((1_u64..1000, 0.0_f64..100.0, 1_u64..1_000_000), 1..30),
        input_bytes in 1_u64..1000,
    ) {
        let history: Vec<CostRow> = rows.iter().map(|(bytes, wall_s, peak)| row("A", *bytes, *wall_s, *peak)).collect();
        let expected = Expectation::learned(&job("j", &[], input_bytes), "A", &history);
        for row in &history {
            if row.input_bytes <= input_bytes {
                prop_assert!(expected.resources.memory_bytes >= row.usage.peak_bytes.unwrap());
            }
        }
        prop_assert!(expected.wall_s.unwrap() >= 0.0);
    }

    #[test]
    fn a_forecast_lies_between_the_longest_chain_and_one_job_after_another(
        walls in proptest::collection::vec(0_u32..100, 1..20),
        width in 1_usize..5,
    ) {
        let names: Vec<String> = (0..walls.len()).map(|n| format!("j{n:02}")).collect();
        let jobs: Vec<PlannedJob> = names.iter().enumerate().map(|(n, name)| {
            let producers: Vec<&str> = if n % 3 == 2 { vec![names[n - 1].as_str()] } else { Vec::new() };
            job(name, &producers, 1)
        }).collect();
        let plan = plan_of(jobs);
        let expected: Vec<Expectation> = plan.jobs.iter().zip(&walls).map(|(job, wall)| Expectation {
            wall_s: Some(f64::from(*wall)),
            ..Expectation::declared(job)
        }).collect();
        let budget = Budget { threads: width, memory_bytes: u64::MAX };
        let found = forecast(&plan, &expected, &BTreeSet::new(), budget, width).unwrap();
        let sum: u32 = walls.iter().sum();
        let longest = (0..walls.len()).map(|n| if n % 3 == 2 { walls[n] + walls[n - 1] } else { walls[n] }).max().unwrap();
        let wall_s = found.wall_s.unwrap();
        prop_assert!(wall_s >= f64::from(longest) && wall_s <= f64::from(sum), "{wall_s}");
        prop_assert!(wall_s * width as f64 >= f64::from(sum));
        prop_assert!(found.peak_bytes <= 1000 * width as u64);
    }
}

#[test]
fn a_forecast_counts_what_is_done_guessed_and_blocked() {
    let mut jobs = vec![
        job("a", &[], 1),
        job("b", &["a"], 1),
        job("c", &[], 1),
        job("d", &[], 1),
    ];
    jobs[3].readiness = Readiness::Unsupported { reason: "no".into() };
    let plan = plan_of(jobs);
    let mut expected: Vec<Expectation> = plan.jobs.iter().map(Expectation::declared).collect();
    expected[0].wall_s = Some(100.0);
    expected[1].wall_s = Some(10.0);
    let budget = Budget {
        threads: 1,
        memory_bytes: 5000,
    };
    let done = BTreeSet::from([JobId::from("a")]);
    let found = forecast(&plan, &expected, &done, budget, 1).unwrap();
    assert_eq!((found.jobs.len(), found.n_guessed, found.n_blocked), (2, 1, 1));
    assert_eq!(found.wall_s, Some(20.0));
    assert_eq!(found.peak_bytes, 1000);
}

#[test]
fn what_is_above_and_below_a_job_is_its_sub_cascade() {
    let plan = plan_of(vec![
        job("a", &[], 1),
        job("b", &["a"], 1),
        job("c", &["b"], 1),
        job("d", &["a"], 1),
    ]);
    let names = |jobs: BTreeSet<JobId>| jobs.iter().map(JobId::as_str).collect::<String>();
    let b = BTreeSet::from([JobId::from("b")]);
    assert_eq!(names(below(&plan, &b)), "bc");
    assert_eq!(names(above(&plan, &b)), "ab");
}

fn disk_full() -> RecipeError {
    RecipeError::Sink(SinkError::System {
        name: "p".into(),
        location: "/".into(),
        source: std::io::ErrorKind::StorageFull.into(),
    })
}

/// A retry without a pause worth waiting for.
const QUICK: Retry = Retry {
    attempts: 3,
    pause: Duration::from_millis(1),
};

#[test]
fn a_job_that_fails_for_a_passing_reason_is_tried_again_within_the_run() {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let engine = Fake::new()
        .doing("fake_dark", move |_| {
            if counted.fetch_add(1, Ordering::Relaxed) < 2 {
                Err(disk_full())
            } else {
                Ok(Outcome::default())
            }
        })
        .engine()
        .with_retry(QUICK);
    let report = Bench::default().run(&engine, &plan(&engine, night()));
    assert!(report.is_success());
    assert_eq!(report.job(&"DARK.900:fake_dark".into()).unwrap().tries, 3);
}

#[test]
fn a_passing_reason_that_stays_is_persistent_and_blocks_what_is_below() {
    let engine = Fake::new()
        .doing("fake_dark", |_| Err(disk_full()))
        .engine()
        .with_retry(QUICK);
    let report = Bench::default().run(&engine, &plan(&engine, night()));
    let dark = report.job(&"DARK.900:fake_dark".into()).unwrap();
    assert!(matches!(
        dark.end,
        JobOutcome::Failed {
            status: Status::Persistent,
            ..
        }
    ));
    assert_eq!(dark.tries, 3);
    assert!(report.count(|end| matches!(end, JobOutcome::Blocked { .. })) > 0);
}

#[test]
fn a_job_that_needs_more_memory_than_declared_gets_it_and_the_next_run_knows() {
    let costs = Arc::new(MemoryCosts::new());
    let needed = 60_000;
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let engine = Fake::new()
        .doing("fake_dark", move |ctx| {
            counted.fetch_add(1, Ordering::Relaxed);
            let peak_bytes = Some(needed.min(ctx.memory_bytes + 1));
            ctx.note_usage(Usage {
                cpu_s: Some(0.5),
                peak_bytes,
            });
            if ctx.memory_bytes < needed {
                return Err(RecipeError::Memory {
                    budget_bytes: ctx.memory_bytes,
                    floor_bytes: ctx.memory_bytes + 1,
                });
            }
            Ok(Outcome::default())
        })
        .with_resources(100, 1)
        .engine()
        .with_costs(costs.clone())
        .with_budget(Budget {
            threads: 2,
            memory_bytes: 100_000,
        });
    // Two candidates side by side, so that a share is less than the budget.
    let mut frames = night();
    frames.extend(["d3", "d4"].map(|name| frame(name, "DARK", "SLOW", "901")));
    let plan = plan(&engine, frames);
    let declared = engine.expectations(&plan);
    assert!(declared.iter().all(|expected| expected.basis == Basis::Declared));
    let report = Bench::default().run_on(&engine, &plan, &Threads(2));
    assert!(report.is_success(), "{report:?}");
    assert!(tries.load(Ordering::Relaxed) > 2, "no share was too small");
    assert_eq!(report.costs(None).cpu_s, 1.0);
    let learned = engine.expectations(&plan);
    let dark = plan
        .jobs
        .iter()
        .position(|job| job.task.as_str() == "fake_dark")
        .unwrap();
    assert!(learned[dark].resources.memory_bytes >= needed, "{:?}", learned[dark]);
    let recorded = costs.costs(&"fake_dark".into(), "fake", 20).unwrap();
    assert_eq!(recorded.len() as u32, tries.load(Ordering::Relaxed));
    assert!(recorded[0].is_success && recorded[0].wall_s >= 0.0);
}

#[test]
fn products_of_another_software_do_not_stand_for_ours() {
    let engine = Fake::new().engine();
    let bench = Bench::default();
    let plan = plan(&engine, night());
    bench.run(&engine, &plan);
    let dark = JobId::from("DARK.900:fake_dark");
    let mut record = bench.jobs.get(&dark).unwrap().unwrap();
    assert_eq!(record.pipeline.as_deref(), Some("fake/1"));
    record.pipeline = Some("fake/0.9".into());
    bench.jobs.put(&record).unwrap();
    let again = bench.run(&engine, &plan);
    assert!(matches!(again.job(&dark).unwrap().end, JobOutcome::Skipped { .. }));
    record.pipeline = Some("muse/2.8.7".into());
    bench.jobs.put(&record).unwrap();
    let again = bench.run(&engine, &plan);
    assert_eq!(again.job(&dark).unwrap().end, JobOutcome::Done);
}

/// A process that takes a second of processor time between two looks.
#[derive(Debug, Default)]
struct Clockwork(AtomicU32);

impl Meter for Clockwork {
    fn cpu_s(&self) -> Option<f64> {
        Some(f64::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }

    fn peak_bytes(&self) -> Option<u64> {
        Some(77)
    }

    fn restart_peak(&self) {}
}

#[test]
fn a_job_inside_the_process_is_measured_if_it_ran_alone() {
    let costs = Arc::new(MemoryCosts::new());
    let engine = Fake::new()
        .engine()
        .with_costs(costs.clone())
        .with_meter(Arc::new(Clockwork::default()));
    let bench = Bench::default();
    let report = bench.run(&engine, &plan(&engine, night()));
    let taken = Usage {
        cpu_s: Some(1.0),
        peak_bytes: Some(77),
    };
    assert!(report.jobs.iter().all(|job| job.usage == taken), "{report:?}");
    let record = bench.jobs.get(&"DARK.900:fake_dark".into()).unwrap().unwrap();
    assert_eq!(record.usage, taken);
    // Its peak is what it was given; only its time teaches.
    let learned = costs.costs(&"fake_dark".into(), "fake", 1).unwrap();
    assert_eq!((learned[0].usage.cpu_s, learned[0].usage.peak_bytes), (Some(1.0), None));
}

#[test]
fn a_budget_below_the_floor_is_told_beforehand_and_refused_before_anything_is_read() {
    let mut jobs = vec![job("a", &[], 10), job("b", &[], 10)];
    jobs[1].resources.floor_bytes = 700;
    let with = |memory_bytes| {
        let plan = plan_of(jobs.clone());
        let expected: Vec<Expectation> = plan.jobs.iter().map(Expectation::declared).collect();
        let budget = Budget {
            threads: 1,
            memory_bytes,
        };
        let found = forecast(&plan, &expected, &BTreeSet::new(), budget, 1).unwrap();
        (found.floor_bytes, found.n_refused)
    };
    assert_eq!((with(700), with(699)), ((700, 0), (700, 1)));
    // What was learned never promises less than the floor.
    let learned = Expectation::learned(&jobs[1], "A", &[row("A", 10, 1.0, 5)]);
    assert_eq!(learned.resources.memory_bytes, 700);

    let engine = Fake::new().engine().with_budget(Budget {
        threads: 1,
        memory_bytes: 50_000,
    });
    let (mut plan, bench) = (plan(&engine, night()), Bench::default());
    for job in &mut plan.jobs {
        job.resources.floor_bytes = if job.task.as_str() == "fake_dark" { 50_001 } else { 0 };
    }
    let report = bench.run(&engine, &plan);
    let dark = report.jobs.iter().find(|job| job.task.as_str() == "fake_dark").unwrap();
    let JobOutcome::Failed { error, status } = &dark.end else {
        panic!("{dark:?}")
    };
    assert_eq!((dark.tries, *status), (1, Status::Permanent));
    assert_eq!(
        error,
        "memory budget of 50000 bytes is below the floor of 50001 bytes (1 MiB)"
    );
}
