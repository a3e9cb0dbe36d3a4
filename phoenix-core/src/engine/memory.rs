//! Stores without a disk, for programs that embed the engine and for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::id::{JobId, RecipeId};
use crate::plan::Plan;
use crate::traits::{CostRow, CostStore, JobRecord, JobStore, StateError};

#[derive(Debug, Default)]
struct Content {
    plan: Option<Plan>,
    records: BTreeMap<JobId, JobRecord>,
}

/// Keeps plan and job records as long as the value lives.
#[derive(Debug, Default)]
pub struct MemoryJobs(Mutex<Content>);

impl MemoryJobs {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobStore for MemoryJobs {
    fn save_plan(&self, plan: &Plan) -> Result<(), StateError> {
        let mut content = self.content();
        content.records.retain(|job, _| plan.job(job).is_some());
        content.plan = Some(plan.clone());
        Ok(())
    }

    fn plan(&self) -> Result<Option<Plan>, StateError> {
        Ok(self.content().plan.clone())
    }

    fn get(&self, job: &JobId) -> Result<Option<JobRecord>, StateError> {
        Ok(self.content().records.get(job).cloned())
    }

    fn put(&self, record: &JobRecord) -> Result<(), StateError> {
        self.content().records.insert(record.job.clone(), record.clone());
        Ok(())
    }

    fn all(&self) -> Result<Vec<JobRecord>, StateError> {
        Ok(self.content().records.values().cloned().collect())
    }
}

/// Keeps what jobs took as long as the value lives.
#[derive(Debug, Default)]
pub struct MemoryCosts(Mutex<Vec<CostRow>>);

impl MemoryCosts {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl CostStore for MemoryCosts {
    fn record_cost(&self, row: &CostRow) -> Result<(), StateError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(row.clone());
        Ok(())
    }

    fn costs(&self, recipe: &RecipeId, software: &str, limit: usize) -> Result<Vec<CostRow>, StateError> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let latest = rows.iter().rev().filter(|row| {
            if row.kind.recipe != *recipe || row.kind.software != software {
                return false;
            }
            let count = counts.entry(&row.kind.setup).or_default();
            *count += 1;
            *count <= limit
        });
        Ok(latest.cloned().collect())
    }
}
