//! Step 6: run the recipes through the engine.

use phoenix_core::engine::{JobOutcome, RunIo};
use phoenix_core::id::JobId;
use phoenix_core::observe::Event;
use phoenix_core::plan::Plan;
use phoenix_core::traits::{DeepSelector, JobRecord, JobStore, StateError};
use phoenix_io::{DirSinks, FitsReader, SqliteState, ThreadExecutor};

use super::{Line, LineError};

impl Line {
    /// Runs every recipe whose products are not there yet.
    ///
    /// # Errors
    /// `Stopped`, or if the state of the jobs cannot be kept.
    pub fn process(&self) -> Result<(), LineError> {
        let mut plan = self.localised_plan()?;
        plan.jobs.retain(|job| self.is_chosen(&job.id));
        self.controls.observer.on(&Event::StepStarted {
            step: "process",
            items: plan.jobs.len(),
        });
        let jobs = ChosenJobs {
            state: &self.state,
            is_partial: !self.chosen_all(),
        };
        let mut sinks = DirSinks::new(self.folder.root());
        if let Some(lender) = super::deep::lender(&self.settings) {
            let recipes = self.instrument.deep().map(DeepSelector::lent);
            sinks = sinks.with_earlier(lender, recipes.unwrap_or_default());
        }
        let io = RunIo {
            reader: &FitsReader::new(),
            sinks: &sinks,
            jobs: &jobs,
        };
        let report = self
            .engine()
            .execute(&plan, &io, &ThreadExecutor::new(self.controls.budget.threads))?;
        if self.controls.cancel.is_cancelled() || report.count(|end| *end == JobOutcome::Stopped) > 0 {
            return Err(LineError::Stopped);
        }
        Ok(())
    }
}

/// The job store as the engine sees it when only some jobs are chosen: the records of the others stay.
#[derive(Debug)]
struct ChosenJobs<'a> {
    state: &'a SqliteState,
    is_partial: bool,
}

impl JobStore for ChosenJobs<'_> {
    fn save_plan(&self, plan: &Plan) -> Result<(), StateError> {
        let kept = if self.is_partial { self.state.plan()? } else { None };
        let Some(mut merged) = kept else {
            return self.state.save_plan(plan);
        };
        for job in &plan.jobs {
            match merged.jobs.iter_mut().find(|known| known.id == job.id) {
                Some(known) => known.clone_from(job),
                None => merged.jobs.push(job.clone()),
            }
        }
        self.state.save_plan(&merged)
    }

    fn plan(&self) -> Result<Option<Plan>, StateError> {
        self.state.plan()
    }

    fn get(&self, job: &JobId) -> Result<Option<JobRecord>, StateError> {
        self.state.get(job)
    }

    fn put(&self, record: &JobRecord) -> Result<(), StateError> {
        self.state.put(record)
    }

    fn all(&self) -> Result<Vec<JobRecord>, StateError> {
        self.state.all()
    }
}
