//! What a run took beside what its plan was expected to take, by recipe; and what earlier runs teach about it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use phoenix_core::engine::{Forecast, JobForecast};
use phoenix_core::id::{JobId, RecipeId};
use phoenix_core::plan::Plan;
use phoenix_core::traits::{CostRow, CostStore, JobRecord, StateError};
use phoenix_io::SqliteState;
use serde::Serialize;

use super::{LineError, RunFolder, Settings};

/// Time and memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Taken {
    /// Sum of wall times in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
    /// Sum of processor times in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// The highest peak of one job in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Taken {
    fn add(&mut self, wall_s: Option<f64>, cpu_s: Option<f64>, peak_bytes: Option<u64>) {
        let sum = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.wall_s = sum(self.wall_s, wall_s);
        self.cpu_s = sum(self.cpu_s, cpu_s);
        self.peak_bytes = self.peak_bytes.max(peak_bytes);
    }
}

/// What the jobs of one recipe took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecipeCost {
    /// The recipe.
    pub recipe: RecipeId,
    /// How many of its jobs were processed.
    pub n_jobs: usize,
    /// How many of these had a time to expect; the others ran for the first time.
    pub n_expected: usize,
    /// What these jobs were expected to take when the run was planned.
    pub expected: Taken,
    /// What they took.
    pub used: Taken,
    /// The least memory with which each of them can be begun, as the plan tells it; 0 if none is known.
    pub floor_bytes: u64,
}

/// Puts the costs of the jobs that were processed together, in order of recipe.
pub(super) fn by_recipe(plan: &Plan, records: &[JobRecord], forecast: Option<&Forecast>) -> Vec<RecipeCost> {
    let jobs = forecast.map_or(&[] as &[JobForecast], |forecast| &forecast.jobs);
    let expected: BTreeMap<&JobId, &JobForecast> = jobs.iter().map(|job| (&job.job, job)).collect();
    let mut costs: BTreeMap<RecipeId, RecipeCost> = BTreeMap::new();
    for record in records.iter().filter(|record| !record.products.is_empty()) {
        let Some(job) = plan.job(&record.job) else { continue };
        let cost = costs.entry(job.recipe.clone()).or_insert_with(|| RecipeCost {
            recipe: job.recipe.clone(),
            n_jobs: 0,
            n_expected: 0,
            expected: Taken::default(),
            used: Taken::default(),
            floor_bytes: 0,
        });
        cost.n_jobs += 1;
        cost.floor_bytes = cost.floor_bytes.max(job.resources.floor_bytes);
        let usage = record.usage;
        cost.used.add(Some(record.wall_s), usage.cpu_s, usage.peak_bytes);
        if let Some(job) = expected.get(&record.job) {
            let taken = job.expected;
            cost.n_expected += usize::from(taken.wall_s.is_some());
            let memory = taken.resources.memory_bytes;
            cost.expected
                .add(taken.wall_s, taken.cpu_s, (memory > 0).then_some(memory));
        }
    }
    costs.into_values().collect()
}

/// Returns the forecast that a run was begun with; a run of an earlier version has none.
pub(super) fn forecast_of(folder: &RunFolder) -> Result<Option<Forecast>, LineError> {
    let path = folder.forecast();
    if path.is_file() {
        super::folder::read_json(&path).map(Some)
    } else {
        Ok(None)
    }
}

/// Opens the state of earlier runs, where the settings name one.
pub(super) fn history(settings: &Settings) -> Result<Option<SqliteState>, LineError> {
    let open = |path: &Path| SqliteState::open_existing(path);
    Ok(settings.judgement.history.as_deref().map(open).transpose()?)
}

/// Costs of this run and of earlier ones; new ones are kept with this run.
#[derive(Debug)]
pub(super) struct Costs {
    pub(super) own: Arc<SqliteState>,
    pub(super) history: Option<Arc<SqliteState>>,
}

impl CostStore for Costs {
    fn record_cost(&self, row: &CostRow) -> Result<(), StateError> {
        self.own.record_cost(row)
    }

    fn costs(&self, recipe: &RecipeId, software: &str, limit: usize) -> Result<Vec<CostRow>, StateError> {
        let mut rows = self.own.costs(recipe, software, limit)?;
        if let Some(history) = &self.history {
            rows.extend(history.costs(recipe, software, limit)?);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::Taken;

    #[test]
    fn sums_hold_what_is_known_and_peaks_do_not_add_up() {
        let mut taken = Taken::default();
        taken.add(Some(1.0), None, Some(5));
        taken.add(Some(2.0), Some(1.5), Some(3));
        assert_eq!(
            (taken.wall_s, taken.cpu_s, taken.peak_bytes),
            (Some(3.0), Some(1.5), Some(5))
        );
    }
}
