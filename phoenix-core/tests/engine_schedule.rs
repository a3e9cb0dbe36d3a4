//! The contract of the schedule, over random plans.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::engine::{Budget, EngineError, Schedule};
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
        resources: Resources { memory_bytes, threads },
    }
}

fn plan(jobs: Vec<PlannedJob>) -> Plan {
    Plan {
        version: Plan::VERSION,
        instrument: "FAKE".into(),
        label: String::new(),
        jobs,
        left_out: Vec::new(),
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
            let (choice, fails) = choices.next().unwrap_or((0, false));
            let done = running.swap_remove(choice % running.len());
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

#[test]
fn short_jobs_start_before_long_ones_and_ties_go_by_place() {
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
    assert_eq!(order, [1, 3, 2, 0]);
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
