//! What a run will take, before it is begun: the schedule played through with expected times; pure.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use serde::{Deserialize, Serialize};

use super::cost::median;
use super::{Budget, EngineError, Expectation, Schedule};
use crate::id::{JobId, TaskId};
use crate::plan::{Plan, Readiness};

/// What one job is expected to take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobForecast {
    /// The job.
    pub job: JobId,
    /// The kind of work.
    pub task: TaskId,
    /// What it is expected to take.
    #[serde(flatten)]
    pub expected: Expectation,
}

/// What a run is expected to take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The jobs that will run, in plan order.
    pub jobs: Vec<JobForecast>,
    /// Wall time of the whole run in seconds, with what can run side by side; absent if nothing is known.
    pub wall_s: Option<f64>,
    /// Processor time in seconds of the jobs for which it is known.
    pub cpu_s: f64,
    /// The most memory that jobs take at one moment, in bytes.
    pub peak_bytes: u64,
    /// The most memory without which a job cannot be begun, in bytes; 0 where none is known.
    #[serde(default)]
    pub floor_bytes: u64,
    /// Jobs that cannot be begun within the budget.
    #[serde(default)]
    pub n_refused: usize,
    /// Jobs whose time is guessed from the median of the others.
    pub n_guessed: usize,
    /// Jobs that cannot run.
    pub n_blocked: usize,
}

/// Plays a plan through; `expected` is in plan order, jobs in `done` take nothing.
///
/// # Errors
/// If the plan is inconsistent.
pub fn forecast(
    plan: &Plan,
    expected: &[Expectation],
    done: &BTreeSet<JobId>,
    budget: Budget,
    width: usize,
) -> Result<Forecast, EngineError> {
    let mut schedule = Schedule::expecting(plan, expected, budget, width)?;
    let n_blocked = schedule.block_unready(plan).len();
    let typical_s = median(expected.iter().filter_map(|expected| expected.wall_s).collect());
    let mut found = Forecast {
        n_blocked,
        ..Forecast::default()
    };
    // End times as whole microseconds, so that equal ends are equal on every machine.
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut now_us = 0_u64;
    loop {
        while let Some(admitted) = schedule.admit() {
            let (Some(job), Some(expected)) = (plan.jobs.get(admitted.index), expected.get(admitted.index)) else {
                continue;
            };
            let mut wall_s = 0.0;
            if !done.contains(&job.id) {
                wall_s = expected.wall_s.or(typical_s).unwrap_or_default();
                found.n_guessed += usize::from(expected.wall_s.is_none());
                found.cpu_s += expected.cpu_s.unwrap_or_default();
            }
            running.push(Reverse((now_us + (wall_s * 1e6) as u64, admitted.index)));
        }
        let bytes = running.iter().filter_map(|Reverse((_, index))| {
            let job = plan.jobs.get(*index).filter(|job| !done.contains(&job.id))?;
            debug_assert_eq!(job.readiness, Readiness::Ready);
            expected.get(*index).map(|expected| expected.resources.memory_bytes)
        });
        found.peak_bytes = found.peak_bytes.max(bytes.fold(0, u64::saturating_add));
        let Some(Reverse((end_us, index))) = running.pop() else {
            break;
        };
        now_us = end_us;
        schedule.end(index, None);
    }
    found.wall_s = typical_s.map(|_| now_us as f64 / 1e6);
    found.jobs = (plan.jobs.iter().zip(expected))
        .filter(|(job, _)| job.readiness == Readiness::Ready && !done.contains(&job.id))
        .map(|(job, expected)| JobForecast {
            job: job.id.clone(),
            task: job.task.clone(),
            expected: *expected,
        })
        .collect();
    let floors = || found.jobs.iter().map(|job| job.expected.resources.floor_bytes);
    let n_refused = floors().filter(|floor| *floor > budget.memory_bytes).count();
    found.floor_bytes = floors().max().unwrap_or(0);
    found.n_refused = n_refused;
    Ok(found)
}
