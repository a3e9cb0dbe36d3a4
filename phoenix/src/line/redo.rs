//! Doing a job again: its results are forgotten, and on request those of everything that was made from them.

use std::collections::BTreeSet;

use phoenix_core::id::JobId;
use phoenix_core::plan::Plan;
use phoenix_core::traits::{JobRecord, JobStore};

use super::{Line, LineError};

impl Line {
    /// Forgets the results of jobs, so that the next `run` makes them anew; what was delivered stays in the archive.
    ///
    /// With `downstream`, everything that was made from these results is forgotten too. Without it, jobs below are
    /// done again only if the new products differ from the old ones.
    ///
    /// Returns the jobs that will be done again, in plan order.
    ///
    /// # Errors
    /// `UnknownJob` if the plan lacks one; otherwise if files cannot be removed or the state not be kept.
    pub fn redo(&self, jobs: &[JobId], downstream: bool) -> Result<Vec<JobId>, LineError> {
        let plan = self.plan()?;
        for job in jobs {
            if plan.job(job).is_none() {
                return Err(LineError::UnknownJob { job: job.to_string() });
            }
        }
        let mut chosen: BTreeSet<JobId> = jobs.iter().cloned().collect();
        if downstream {
            chosen = descendants(&plan, chosen);
        }
        let ordered: Vec<JobId> = (plan.jobs.iter())
            .map(|job| job.id.clone())
            .filter(|job| chosen.contains(job))
            .collect();
        // Consumers first: a killed `redo` never leaves a product whose input is already forgotten.
        for job in ordered.iter().rev() {
            self.forget(job)?;
        }
        Ok(ordered)
    }

    fn forget(&self, job: &JobId) -> Result<(), LineError> {
        let earlier = self.state.get(job)?;
        self.state.put(&JobRecord::planned(job.clone()))?;
        let outputs = earlier.map(|record| record.outputs).unwrap_or_default();
        for output in outputs {
            remove(output.location.as_ref())?;
        }
        for folder in [
            self.folder.work().join(phoenix_io::job_folder(job)),
            self.folder.job_report(job),
        ] {
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LineError::folder(folder, "removed")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn remove(path: &std::path::Path) -> Result<(), LineError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LineError::folder(path, "removed")(error)),
        _ => Ok(()),
    }
}

/// Returns the jobs and everything below them; in a plan producers stand before consumers.
fn descendants(plan: &Plan, mut chosen: BTreeSet<JobId>) -> BTreeSet<JobId> {
    for job in &plan.jobs {
        if job.producers().any(|producer| chosen.contains(producer)) {
            chosen.insert(job.id.clone());
        }
    }
    chosen
}
