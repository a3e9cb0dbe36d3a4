//! Learning from earlier runs what jobs take, and telling before a run what it will take.

use std::collections::{BTreeMap, BTreeSet};

use super::cost::{LOOK_BACK, kind_of, planned_bytes};
use super::{Engine, EngineError, Expectation, Forecast, forecast};
use crate::id::JobId;
use crate::observe::Event;
use crate::plan::{Plan, PlannedJob, Resources, Usage};
use crate::traits::{CostKind, CostRow, RecipeDyn};

impl Engine {
    /// Returns what each job of a plan is expected to take, in plan order: learned where a cost store is set and knows
    /// jobs of its kind, else as declared.
    ///
    /// A store that cannot be read is a warning: a run does not depend on it.
    pub fn expectations(&self, plan: &Plan) -> Vec<Expectation> {
        let Some(store) = &self.costs else {
            return plan.jobs.iter().map(Expectation::declared).collect();
        };
        let mut known: BTreeMap<(String, String), Vec<CostRow>> = BTreeMap::new();
        let expected = plan.jobs.iter().map(|job| {
            let Some(kind) = self.cost_kind(job) else {
                return Expectation::declared(job);
            };
            let rows = known
                .entry((kind.recipe.to_string(), kind.software.clone()))
                .or_insert_with(|| {
                    store
                        .costs(&kind.recipe, &kind.software, LOOK_BACK)
                        .unwrap_or_else(|error| {
                            self.warn(&format!(
                                "what earlier jobs of {} took is not known: {error}",
                                kind.recipe
                            ));
                            Vec::new()
                        })
                });
            Expectation::learned(job, &kind.setup, rows)
        });
        expected.collect()
    }

    /// Tells what a run of a plan will take on an executor of a given width; jobs in `done` take nothing.
    ///
    /// # Errors
    /// If the plan is inconsistent.
    pub fn forecast(&self, plan: &Plan, done: &BTreeSet<JobId>, width: usize) -> Result<Forecast, EngineError> {
        forecast(plan, &self.expectations(plan), done, self.budget, width)
    }

    /// Remembers what a job took.
    pub(super) fn learn(&self, job: &PlannedJob, share: Resources, wall_s: f64, usage: Usage, is_success: bool) {
        let (Some(store), Some(kind)) = (&self.costs, self.cost_kind(job)) else {
            return;
        };
        let row = CostRow {
            job: job.id.clone(),
            kind,
            input_bytes: planned_bytes(job),
            threads: share.threads,
            wall_s,
            usage,
            is_success,
        };
        if let Err(error) = store.record_cost(&row) {
            self.warn(&format!("what job {} took cannot be kept: {error}", job.id));
        }
    }

    fn cost_kind(&self, job: &PlannedJob) -> Option<CostKind> {
        let recipe = self.instrument.recipe(&job.task).map(RecipeDyn::spec_dyn)?;
        Some(kind_of(job, &recipe.pipeline))
    }

    fn warn(&self, message: &str) {
        self.observer.on(&Event::Warning { message });
    }
}
