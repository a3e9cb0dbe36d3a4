//! The contract of execution.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use phoenix_core::cancel::CancelToken;
use phoenix_core::caveat::Caveat;
use phoenix_core::engine::{Budget, EngineError, Executor, JobOutcome, MemoryJobs, RunIo, RunReport};
use phoenix_core::error::Status;
use phoenix_core::id::JobId;
use phoenix_core::observe::{Event, Observer};
use phoenix_core::plan::Plan;
use phoenix_core::traits::{Halt, JobRecord, JobStore, Outcome, RecipeError, Stage, StateError};
use support::ports::{FakeReader, FakeSinks};
use support::{Bench, Fake, frame, night, plan};

const SCIENCE: &str = "SCIENCE.100:fake_science";

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

fn ends(report: &RunReport) -> BTreeMap<String, String> {
    let name = |end: &JobOutcome| match end {
        JobOutcome::Done => "done".to_owned(),
        JobOutcome::Skipped { .. } => "skipped".to_owned(),
        JobOutcome::Failed { error, .. } => format!("failed: {error}"),
        JobOutcome::Blocked { because } => format!("blocked: {because}"),
        _ => "stopped".to_owned(),
    };
    report
        .jobs
        .iter()
        .map(|job| (job.job.to_string(), name(&job.end)))
        .collect()
}

fn no_result() -> Result<Outcome, RecipeError> {
    Err(RecipeError::NoResult {
        reason: "every pixel is saturated".into(),
    })
}

#[test]
fn a_run_ends_with_a_report_of_every_job() {
    let engine = Fake::new()
        .doing("fake_combine", |_| no_result())
        .doing("fake_science", |_| {
            Ok(Outcome {
                caveats: vec![Caveat::Partial {
                    reason: "one quadrant".into(),
                }],
                figures: vec![("rejected_pixels".into(), 7.0)],
            })
        })
        .engine();
    let mut frames = night();
    frames.retain(|frame| frame.id.as_str() != "s3");
    frames.push(frame("r1", "RAW", "FAST", "7"));
    let report = Bench::default().run(&engine, &plan(&engine, frames));
    insta::assert_yaml_snapshot!("a_run_ends_with_a_report_of_every_job", report, {
        ".jobs[].wall_s" => "[time]",
        ".jobs[].products[].digest" => "[digest]",
        ".jobs[].products[].size_bytes" => "[size]",
    });
}

#[test]
fn a_panic_fails_its_job_alone_and_blocks_what_is_below() {
    let engine = Fake::new()
        .doing("fake_science", |ctx| {
            assert!(ctx.job.as_str() != SCIENCE, "index out of range");
            Ok(Outcome::default())
        })
        .engine();
    let bench = Bench::default();
    let ends = ends(&bench.run_on(&engine, &plan(&engine, night()), &Threads(2)));
    assert_eq!(ends[SCIENCE], "failed: recipe panicked: index out of range");
    assert_eq!(ends["SCIENCE.200:fake_science"], "done");
    assert_eq!(
        ends["PAIR.100,200:fake_combine"],
        format!("blocked: job {SCIENCE} failed: recipe panicked: index out of range")
    );
    assert!(bench.sinks.visible().keys().all(|location| !location.contains(SCIENCE)));
}

#[test]
fn a_failure_is_recorded_with_what_the_caller_can_do() {
    let engine = Fake::new().doing("fake_dark", |_| no_result()).engine();
    let bench = Bench::default();
    bench.run(&engine, &plan(&engine, night()));
    let halt = |job: &str| bench.jobs.get(&job.into()).unwrap().unwrap().halt.unwrap();
    assert_eq!(
        halt("DARK.900:fake_dark"),
        Halt::Failed {
            error: "no result: every pixel is saturated".into(),
            status: Status::Permanent
        }
    );
    assert_eq!(
        halt("PAIR.100,200:fake_combine"),
        Halt::Blocked {
            because: "job DARK.900:fake_dark failed: no result: every pixel is saturated".into()
        }
    );
}

#[test]
fn products_are_the_same_on_one_worker_and_on_four() {
    let products = |executor: &dyn Executor| {
        let engine = Fake::new().engine();
        let bench = Bench::default();
        assert!(bench.run_on(&engine, &plan(&engine, night()), executor).is_success());
        bench.sinks.visible()
    };
    let one = products(&Threads(1));
    assert_eq!(one.len(), 4);
    for _ in 0..8 {
        assert_eq!(products(&Threads(4)), one);
    }
}

#[test]
fn running_jobs_never_exceed_threads_and_memory_together() {
    #[derive(Default)]
    struct Load {
        now: [usize; 3],
        most: [usize; 3],
    }
    for (budget, width, at_once) in [
        ((8, 10_000), 4, 4),
        ((8, 2_500), 4, 2),
        ((3, 10_000), 4, 3),
        ((8, 500), 4, 1),
    ] {
        let load = Arc::new(Mutex::new(Load::default()));
        let watched = load.clone();
        let engine = Fake::new()
            .with_resources(1000, 4)
            .doing("fake_science", move |ctx| {
                let taken = [1, ctx.threads, usize::try_from(ctx.memory_bytes).unwrap()];
                {
                    let mut load = watched.lock().unwrap();
                    for (n, taken) in taken.iter().enumerate() {
                        load.now[n] += taken;
                        load.most[n] = load.most[n].max(load.now[n]);
                    }
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
                let mut load = watched.lock().unwrap();
                for (n, taken) in taken.iter().enumerate() {
                    load.now[n] -= taken;
                }
                Ok(Outcome::default())
            })
            .engine()
            .with_budget(Budget {
                threads: budget.0,
                memory_bytes: budget.1,
            });
        let mut frames = vec![frame("d1", "DARK", "FAST", "900"), frame("d2", "DARK", "FAST", "900")];
        frames.extend((0..8).map(|n| frame(&format!("s{n}"), "SCIENCE", "FAST", &n.to_string())));
        let report = Bench::default().run_on(&engine, &plan(&engine, frames), &Threads(width));
        assert!(report.is_success());
        let load = load.lock().unwrap();
        assert_eq!(load.most[0], at_once, "jobs at once within {budget:?}");
        assert!(load.most[1] <= budget.0, "{} threads of {}", load.most[1], budget.0);
        assert!(
            load.most[2] as u64 <= budget.1,
            "{} bytes of {}",
            load.most[2],
            budget.1
        );
    }
}

#[test]
fn after_cancellation_nothing_is_stored_and_nothing_starts() {
    let cancel = CancelToken::new();
    let stop = cancel.clone();
    let engine = Fake::new()
        .doing("fake_dark", move |_| {
            stop.cancel();
            Ok(Outcome::default())
        })
        .engine()
        .with_cancel(cancel);
    let bench = Bench::default();
    let plan = plan(&engine, night());
    let report = bench.run(&engine, &plan);
    assert_eq!(report.count(|end| *end == JobOutcome::Stopped), plan.jobs.len());
    assert!(bench.sinks.visible().is_empty());
    assert!(bench.jobs.all().unwrap().iter().all(|record| record.halt.is_none()));

    let ends = ends(&bench.run(&Fake::new().engine(), &plan));
    assert!(ends.values().all(|end| end == "done"), "{ends:?}");
}

/// Runs the night with a count of how often each job's recipe ran.
fn counted(bench: &Bench, fake: Fake) -> BTreeMap<String, usize> {
    let counts: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let mut fake = fake;
    for task in ["fake_dark", "fake_science", "fake_combine"] {
        let counts = counts.clone();
        fake = fake.doing(task, move |ctx| {
            *counts.lock().unwrap().entry(ctx.job.to_string()).or_default() += 1;
            Ok(Outcome::default())
        });
    }
    let engine = fake.engine();
    assert!(bench.run(&engine, &plan(&engine, night())).is_success());
    let counts = counts.lock().unwrap();
    counts.clone()
}

#[test]
fn resuming_does_exactly_the_interrupted_job_and_what_is_below() {
    let bench = Bench::default();
    assert_eq!(counted(&bench, Fake::new()).len(), 4);
    let undisturbed = bench.sinks.visible();
    assert!(counted(&bench, Fake::new()).is_empty(), "nothing is done twice");

    // As a process leaves it that was killed while the job ran: inputs at hand, no product.
    let interrupted: JobId = SCIENCE.into();
    let mut record = bench.jobs.get(&interrupted).unwrap().unwrap();
    record.stage = Stage::Fetched;
    record.products.clear();
    bench.jobs.put(&record).unwrap();
    let below: JobId = "PAIR.100,200:fake_combine".into();
    let mut record = bench.jobs.get(&below).unwrap().unwrap();
    record.stage = Stage::Planned;
    bench.jobs.put(&record).unwrap();

    let again = counted(&bench, Fake::new());
    assert_eq!(again.keys().collect::<Vec<_>>(), [below.as_str(), SCIENCE]);
    assert_eq!(bench.sinks.visible(), undisturbed);
    assert_eq!(bench.jobs.get(&interrupted).unwrap().unwrap().attempts, 2);
}

#[test]
fn a_lost_or_changed_product_is_made_again_with_everything_made_from_it() {
    let bench = Bench::default();
    counted(&bench, Fake::new());
    let undisturbed = bench.sinks.visible();
    let location = format!("out/{SCIENCE}/OBJECT.fits");
    for change in [None, Some("damaged")] {
        {
            let store = bench.sinks.store();
            let mut store = store.lock().unwrap();
            store.remove(&location);
            if let Some(content) = change {
                store.insert(location.clone(), content.into());
            }
        }
        let again = counted(&bench, Fake::new());
        assert_eq!(again.keys().collect::<Vec<_>>(), ["PAIR.100,200:fake_combine", SCIENCE]);
        assert_eq!(bench.sinks.visible(), undisturbed);
    }
}

#[test]
fn a_changed_parameter_makes_the_job_and_everything_below_anew() {
    let bench = Bench::default();
    counted(&bench, Fake::new());
    let engine = Fake::new()
        .engine()
        .with_params("fake_dark".into(), serde_json::json!({"sigma": 4.0}));
    let ends = ends(&bench.run(&engine, &plan(&engine, night())));
    assert!(ends.values().all(|end| end == "done"), "{ends:?}");
}

#[test]
fn a_failed_job_is_tried_again_and_unblocks_what_is_below() {
    let bench = Bench::default();
    let broken = Fake::new().doing("fake_dark", |_| no_result()).engine();
    bench.run(&broken, &plan(&broken, night()));
    assert_eq!(counted(&bench, Fake::new()).len(), 4);
    assert!(bench.jobs.all().unwrap().iter().all(|record| record.halt.is_none()));
}

#[test]
fn an_input_that_is_not_what_was_planned_fails_its_job() {
    let engine = Fake::new().engine();
    let mut plan = plan(&engine, night());
    for job in &mut plan.jobs {
        for input in &mut job.inputs {
            if let phoenix_core::plan::InputSource::Frame { frame } = input
                && frame.id.as_str() == "s3"
            {
                frame.digest = Some("sha256:other".into());
            }
        }
    }
    let ends = ends(&Bench::default().run(&engine, &plan));
    assert_eq!(
        ends["SCIENCE.200:fake_science"],
        "failed: frame s3: its content has digest sha256:s3, planned was sha256:other"
    );
    assert_eq!(ends[SCIENCE], "done");
}

#[test]
fn provenance_names_every_input_with_its_digest_and_what_the_association_implies() {
    let engine = Fake::new().engine();
    let bench = Bench::default();
    bench.run(&engine, &plan(&engine, night()));
    let visible = bench.sinks.visible();
    let dark = &visible["out/DARK.900:fake_dark/MASTER_DARK.fits"];
    let object = &visible[&format!("out/{SCIENCE}/OBJECT.fits")];
    assert!(dark.contains(r#""digest":"sha256:d1""#), "{dark}");
    assert!(
        object.contains(r#""location":"out/DARK.900:fake_dark/MASTER_DARK.fits""#),
        "{object}"
    );
    assert!(object.contains(r#""kind":"virtual-input""#), "{object}");
}

#[test]
fn an_observer_that_panics_does_not_stop_the_run() {
    #[derive(Debug, Default)]
    struct Clumsy(AtomicUsize);
    impl Observer for Clumsy {
        fn on(&self, event: &Event<'_>) {
            if let Event::JobFinished { .. } = event {
                self.0.fetch_add(1, Ordering::Relaxed);
                panic!("the terminal is gone");
            }
        }
    }
    let clumsy = Arc::new(Clumsy::default());
    let engine = Fake::new().engine().with_observer(clumsy.clone());
    let report = Bench::default().run_on(&engine, &plan(&engine, night()), &Threads(2));
    assert!(report.is_success());
    assert_eq!(clumsy.0.load(Ordering::Relaxed), 4);
}

/// A store whose disk is full after some records.
#[derive(Debug)]
struct FullStore {
    inner: MemoryJobs,
    room: AtomicUsize,
}

impl JobStore for FullStore {
    fn save_plan(&self, plan: &Plan) -> Result<(), StateError> {
        self.inner.save_plan(plan)
    }

    fn plan(&self) -> Result<Option<Plan>, StateError> {
        self.inner.plan()
    }

    fn get(&self, job: &JobId) -> Result<Option<JobRecord>, StateError> {
        self.inner.get(job)
    }

    fn put(&self, record: &JobRecord) -> Result<(), StateError> {
        let took = |room: usize| room.checked_sub(1);
        match self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, took) {
            Ok(_) => self.inner.put(record),
            Err(_) => Err(StateError::System {
                location: "state.db".into(),
                source: "no space left on device".into(),
            }),
        }
    }

    fn all(&self) -> Result<Vec<JobRecord>, StateError> {
        self.inner.all()
    }
}

#[test]
fn a_state_that_cannot_be_kept_ends_the_run_and_what_was_recorded_is_safe() {
    let engine = Fake::new().engine();
    let plan = plan(&engine, night());
    for room in 0..8 {
        let jobs = FullStore {
            inner: MemoryJobs::new(),
            room: AtomicUsize::new(room),
        };
        let sinks = FakeSinks::default();
        let reader = FakeReader(sinks.store());
        let io = RunIo {
            reader: &reader,
            sinks: &sinks,
            jobs: &jobs,
        };
        let ended = engine.execute(&plan, &io, &Threads(2));
        assert!(matches!(ended, Err(EngineError::State(_))), "{room}: {ended:?}");
        for record in jobs.all().unwrap() {
            assert!(
                record
                    .products
                    .iter()
                    .all(|product| sinks.visible().contains_key(&product.location))
            );
        }
        jobs.room.store(100, Ordering::Relaxed);
        assert!(engine.execute(&plan, &io, &Threads(2)).unwrap().is_success());
    }
}
