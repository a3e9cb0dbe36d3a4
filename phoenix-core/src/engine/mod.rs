//! The engine: decides what to do (`plan`, pure) and does it (`execute`, through ports).
//!
//! `plan` turns frames into a canonical plan with the help of `inputs` and `graph`; `schedule` decides what may run
//! next within a `budget`, in the order of `cost`; `forecast` plays it through, `learn` knows what earlier runs took;
//! `execute` drives an `executor` and keeps the job store true; `job` does one job, `bind` its inputs; `retry` judges
//! failures, `cascade` finds what hangs together; `state` holds the transitions of a job record; `report` is what a run
//! ends with; `memory` is a job store without a disk.

mod bind;
mod budget;
mod cascade;
mod cost;
mod error;
mod execute;
mod executor;
mod forecast;
mod graph;
mod inputs;
mod job;
mod learn;
mod memory;
mod overlaid;
mod plan;
mod report;
mod retry;
mod schedule;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use budget::Budget;
pub use cascade::{above, below, cascades};
pub use cost::{Basis, Expectation, LOOK_BACK, kind_of, planned_bytes};
pub use error::EngineError;
pub use execute::RunIo;
pub use executor::{Executor, Inline};
pub use forecast::{Forecast, JobForecast, forecast};
pub use graph::producers_first;
pub use inputs::ANY_TAG;
pub use memory::{MemoryCosts, MemoryJobs};
pub use report::{CostReport, JobCost, JobOutcome, JobReport, RunReport};
pub use retry::{Retry, Verdict};
pub use schedule::{Admitted, PATIENCE, Schedule};
pub use state::{
    blocked, failed, fetched, is_interrupted, is_processed, processed, restarted, same_software, same_work,
};

use crate::cancel::CancelToken;
use crate::header::OverlayBook;
use crate::id::{Digest, TaskId};
use crate::observe::Observer;
use crate::traits::{CostStore, Instrument, Meter};

/// Plans and executes the work of one instrument.
///
/// # Contract
/// * `plan` opens no file and reads no pixel; the same frames in any order give the same plan, byte for byte.
/// * `execute` never returns early because one job failed; jobs below a failure become `Blocked` with the reason.
/// * A panic in a recipe fails that job alone.
/// * A job whose record says that it was processed, whose work is unchanged and whose products are intact is not done
///   again.
#[derive(Debug, Clone)]
pub struct Engine {
    instrument: Arc<dyn Instrument>,
    observer: Arc<dyn Observer>,
    cancel: CancelToken,
    budget: Budget,
    params: BTreeMap<TaskId, serde_json::Value>,
    overlays: OverlayBook,
    rules: Option<Digest>,
    costs: Option<Arc<dyn CostStore>>,
    meter: Option<Arc<dyn Meter>>,
    retry: Retry,
}

impl Engine {
    /// Returns an engine with a silent observer, all cores and no memory limit.
    pub fn new(instrument: Arc<dyn Instrument>) -> Self {
        Self {
            instrument,
            observer: Arc::new(()),
            cancel: CancelToken::new(),
            budget: Budget::default(),
            params: BTreeMap::new(),
            overlays: OverlayBook::default(),
            rules: None,
            costs: None,
            meter: None,
            retry: Retry::default(),
        }
    }

    /// Sets where events go.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Sets the token that stops a run.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets what all jobs together may use.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Overrides parameters of a task: an object whose values replace the recipe's defaults.
    #[must_use]
    pub fn with_params(mut self, task: TaskId, overrides: serde_json::Value) -> Self {
        self.params.insert(task, overrides);
        self
    }

    /// Sets where what jobs take is kept and looked up.
    #[must_use]
    pub fn with_costs(mut self, costs: Arc<dyn CostStore>) -> Self {
        self.costs = Some(costs);
        self
    }

    /// Sets what measures the jobs that run inside this process; only one that runs alone can be measured.
    #[must_use]
    pub fn with_meter(mut self, meter: Arc<dyn Meter>) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Sets how often a job that failed for a passing reason is tried again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets the header edits that are made before frames are named; the plan lists those that were made.
    #[must_use]
    pub fn with_overlays(mut self, overlays: OverlayBook) -> Self {
        self.overlays = overlays;
        self
    }

    /// Sets the digest that every product's provenance carries: of the rules, or of the project that they belong to.
    #[must_use]
    pub fn with_rules(mut self, rules: Digest) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Returns the instrument.
    pub fn instrument(&self) -> &Arc<dyn Instrument> {
        &self.instrument
    }

    /// Returns the token that stops a run.
    pub fn cancel(&self) -> &CancelToken {
        &self.cancel
    }
}
