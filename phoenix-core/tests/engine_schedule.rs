//! The contract of the schedule, over random plans.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::engine::{Basis, Budget, EngineError, Expectation, PATIENCE, Schedule, cascades};
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness, Resources};
use proptest::prelude::*;

fn job(n: usize, producers: &[usize], memory_bytes: u64, threads: usize) -> PlannedJob {
    PlannedJob {
        id: format!("j{n:02}").into(),
        dataset: "d".into(),
        task: "t".into(),
        recipe: "t".into(),
        key: BTreeMap::new(),
        inputs: producers
            .iter()
            .map(|producer| InputSource::Job {
                job: format!("j{producer:02}").into(),
                tag: "X".into(),
            })
            .collect(),
        slots: Vec::new(),
        params: serde_json::json!({}),
        readiness: Readiness::Ready,
        resources: Resources {
            memory_bytes,
            threads,
            floor_bytes: 0,
        },
    }
}

fn plan(jobs: Vec<PlannedJob>) -> Plan {
    Plan {
        version: Plan::VERSION,
        instrument: "FAKE".into(),
        label: String::new(),
        jobs,
        left_out: Vec::new(),
        overlays: Vec::new(),
    }
}

/// Jobs with random needs and producers before them.
fn any_plan() -> impl Strategy<Value = Plan> {
    let job_needs = (0_u64..150, 0_usize..6, proptest::collection::vec(0_usize..100, 0..3));
    proptest::collection::vec(job_needs, 1..20).prop_map(|needs| {
        let jobs = needs.into_iter().enumerate().map(|(n, (memory, threads, above))| {
            let producers: Vec<usize> = above
                .into_iter()
                .filter(|_| n > 0)
                .map(|above| above % n.max(1))
                .collect();
            job(n, &producers, memory, threads)
        });
        plan(jobs.collect())
    })
}

proptest! {
    #[test]
    fn every_job_starts_once_after_its_producers_and_within_the_budget(
        plan in any_plan(),
        threads in 1_usize..8,
        width in 1_usize..6,
        choices in proptest::collection::vec((0_usize..100, any::<bool>()), 64),
    ) {
        let budget = Budget { threads, memory_bytes: 100 };
        let mut schedule = Schedule::new(&plan, budget, width).unwrap();
        let mut choices = choices.into_iter();
        let (mut running, mut ended, mut lost) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        while !schedule.is_done() {
            while let Some(admitted) = schedule.admit() {
                let job = &plan.jobs[admitted.index];
                prop_assert!(job.producers().all(|id| ended.contains(id.as_str())));
                prop_assert!(admitted.share.threads >= 1);
                prop_assert!(admitted.share.memory_bytes >= job.resources.memory_bytes.min(100));
                running.push(admitted);
            }
            prop_assert!(!running.is_empty(), "a schedule that is not done has something running");
            prop_assert!(running.len() <= width);
            let sum = |take: fn(&Resources) -> u64| running.iter().map(|admitted| take(&admitted.share)).sum::<u64>();
            prop_assert!(sum(|share| share.memory_bytes) <= 100);
            prop_assert!(sum(|share| share.threads as u64) <= threads as u64);
            let (choice, fails) = choices.next().unwrap_or((1, false));
            let done = running.swap_remove(choice % running.len());
            if choice % 7 == 0 {
                // It failed for a passing reason.
                schedule.again(done.index, 0);
                schedule.wake(done.index);
                continue;
            }
            let id = plan.jobs[done.index].id.to_string();
            if fails {
                for (index, _) in schedule.end(done.index, Some("no")) {
                    prop_assert!(lost.insert(plan.jobs[index].id.to_string()), "a job is blocked once");
                }
                lost.insert(id);
            } else {
                prop_assert!(schedule.end(done.index, None).is_empty());
                ended.insert(id);
            }
        }
        prop_assert!(running.is_empty());
        prop_assert_eq!(ended.len() + lost.len(), plan.jobs.len());
        // Below a job that was lost, everything is lost; nothing else is, but for the failures themselves.
        for job in &plan.jobs {
            if job.producers().any(|id| lost.contains(id.as_str())) {
                prop_assert!(lost.contains(job.id.as_str()));
            }
        }
    }
}

/// Returns the order in which the jobs of a plan start one after another.
fn order(plan: &Plan, expected: &[Expectation]) -> Vec<usize> {
    let budget = Budget {
        threads: 1,
        memory_bytes: 1000,
    };
    let mut schedule = Schedule::expecting(plan, expected, budget, 4).unwrap();
    let mut order = Vec::new();
    while let Some(admitted) = schedule.admit() {
        order.push(admitted.index);
        schedule.end(admitted.index, None);
    }
    order
}

fn taking(plan: &Plan, wall_s: &[Option<f64>]) -> Vec<Expectation> {
    let expected = plan.jobs.iter().zip(wall_s).map(|(job, wall_s)| Expectation {
        wall_s: *wall_s,
        basis: Basis::Setup,
        ..Expectation::declared(job)
    });
    expected.collect()
}

#[test]
fn expected_time_decides_and_unknown_time_follows_from_memory_at_the_known_rate() {
    let plan = plan(vec![job(0, &[], 10, 1), job(1, &[], 20, 1), job(2, &[], 15, 1)]);
    // The lower median rate is 1 s for 10 bytes: job 2 is guessed at 1.5 s.
    assert_eq!(order(&plan, &taking(&plan, &[Some(9.0), Some(2.0), None])), [2, 1, 0]);
    assert_eq!(order(&plan, &taking(&plan, &[Some(1.0), Some(2.0), None])), [0, 2, 1]);
}

#[test]
fn jobs_that_hang_together_are_one_cascade() {
    let plan = plan(vec![
        job(0, &[], 1, 1),
        job(1, &[], 1, 1),
        job(2, &[0], 1, 1),
        job(3, &[1], 1, 1),
        job(4, &[2, 3], 1, 1),
        job(5, &[], 1, 1),
    ]);
    assert_eq!(cascades(&plan), [0, 0, 0, 0, 0, 5]);
}

#[test]
fn a_large_job_is_passed_over_a_few_times_and_then_room_is_kept_for_it() {
    let mut jobs = vec![job(0, &[], 60, 1), job(1, &[], 90, 1)];
    jobs.extend((2..40).map(|n| job(n, &[], 30, 1)));
    let plan = plan(jobs);
    // The large job is the cheapest but for the one that runs, so it stands at the head of the queue.
    let wall_s: Vec<Option<f64>> = (0..40).map(|n| Some(f64::from(n) + 1.0)).collect();
    let budget = Budget {
        threads: 8,
        memory_bytes: 100,
    };
    let mut schedule = Schedule::expecting(&plan, &taking(&plan, &wall_s), budget, 8).unwrap();
    let first = schedule.admit().unwrap();
    assert_eq!((first.index, schedule.used().memory_bytes >= 60), (0, true));
    let mut n_passed = 0;
    while let Some(small) = schedule.admit() {
        assert_ne!(small.index, 1);
        n_passed += 1;
        schedule.end(small.index, None);
    }
    assert_eq!(n_passed, PATIENCE);
    schedule.end(0, None);
    assert_eq!(schedule.admit().map(|admitted| admitted.index), Some(1));
}

#[test]
fn a_job_that_is_tried_again_waits_until_it_is_woken_and_keeps_its_place() {
    let plan = plan(vec![job(0, &[], 10, 1), job(1, &[0], 10, 1)]);
    let mut schedule = Schedule::new(&plan, Budget::default(), 2).unwrap();
    assert_eq!(schedule.admit().map(|admitted| admitted.index), Some(0));
    schedule.again(0, 50);
    assert!(schedule.admit().is_none() && schedule.n_running() == 0 && !schedule.is_done());
    schedule.wake(0);
    let again = schedule.admit().unwrap();
    assert!(again.index == 0 && again.share.memory_bytes >= 50);
    schedule.end(0, None);
    assert_eq!(schedule.admit().map(|admitted| admitted.index), Some(1));
}

#[test]
fn short_cascades_start_before_long_ones_and_ties_go_by_place() {
    let plan = plan(vec![
        job(0, &[], 70, 1),
        job(1, &[], 20, 1),
        job(2, &[], 20, 1),
        job(3, &[1], 10, 1),
    ]);
    let budget = Budget {
        threads: 1,
        memory_bytes: 100,
    };
    let mut schedule = Schedule::new(&plan, budget, 4).unwrap();
    let mut order = Vec::new();
    while let Some(admitted) = schedule.admit() {
        order.push(admitted.index);
        schedule.end(admitted.index, None);
    }
    assert_eq!(order, [2, 1, 3, 0]);
}

#[test]
fn a_job_that_cannot_run_blocks_what_is_below_with_its_reason() {
    let mut jobs = vec![job(0, &[], 1, 1), job(1, &[0], 1, 1), job(2, &[], 1, 1)];
    jobs[0].readiness = Readiness::Unsupported {
        reason: "needs the esorex backend".into(),
    };
    let plan = plan(jobs);
    let mut schedule = Schedule::new(&plan, Budget::default(), 1).unwrap();
    assert_eq!(
        schedule.block_unready(&plan),
        [
            (0, "needs the esorex backend".to_owned()),
            (1, "job j00 cannot run: needs the esorex backend".to_owned())
        ]
    );
    assert_eq!(schedule.admit().map(|admitted| admitted.index), Some(2));
}

#[test]
fn an_inconsistent_plan_is_refused() {
    let new = |jobs: Vec<PlannedJob>| Schedule::new(&plan(jobs), Budget::default(), 1).map(|_| ());
    assert!(matches!(
        new(vec![job(0, &[7], 1, 1)]),
        Err(EngineError::UnknownProducer { .. })
    ));
    assert!(matches!(
        new(vec![job(0, &[], 1, 1), job(0, &[], 1, 1)]),
        Err(EngineError::DuplicateJob { .. })
    ));
    let behind = vec![job(0, &[1], 1, 1), job(1, &[], 1, 1)];
    assert!(matches!(new(behind), Err(EngineError::Cycle { .. })));
}
