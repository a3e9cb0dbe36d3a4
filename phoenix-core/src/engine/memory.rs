//! A job store without a disk, for programs that embed the engine and for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::id::JobId;
use crate::plan::Plan;
use crate::traits::{JobRecord, JobStore, StateError};

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
