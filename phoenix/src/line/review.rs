//! Step 8: accept or refuse, by the scores or by a person.

use phoenix_core::id::JobId;
use phoenix_core::observe::Event;
use phoenix_core::traits::{Halt, JobRecord, JobStore, QcStore, Stage};

use super::config::Step;
use super::quality::product_key;
use super::{Line, LineError};
use crate::choice::ReviewPolicy;

impl Line {
    /// Sends on what the policy accepts; the rest waits for a person.
    ///
    /// # Errors
    /// `Stopped`, or if the state of the jobs cannot be kept.
    pub fn review(&self) -> Result<(), LineError> {
        let plan = self.plan()?;
        let waiting = self.jobs_at(&plan, Stage::Scored)?;
        self.for_each(Step::Review, waiting, |record| {
            let accepts = match self.settings.review {
                ReviewPolicy::None => true,
                ReviewPolicy::Manual => false,
                ReviewPolicy::Auto => self.is_green(record)?,
            };
            if accepts {
                record.stage = Stage::Reviewed;
            } else {
                record.halt = Some(Halt::AwaitsReview);
                self.controls.observer.on(&Event::Warning {
                    message: &format!("{} waits for a review", record.job),
                });
            }
            Ok(())
        })
    }

    /// Tells whether every graded product of a job is green throughout.
    fn is_green(&self, record: &JobRecord) -> Result<bool, LineError> {
        for product in &record.products {
            let report = self.state.report(&product_key(&record.job, &product.name))?;
            if report.is_some_and(|report| !report.is_all_green()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Accepts the products of a job that waits for a decision, or was rejected before.
    ///
    /// # Errors
    /// `UnknownJob`, `NotWaiting`, or if the state cannot be kept.
    pub fn accept(&self, job: &JobId) -> Result<(), LineError> {
        let mut record = self.undecided(job)?;
        record.stage = Stage::Reviewed;
        record.halt = None;
        Ok(self.state.put(&record)?)
    }

    /// Rejects the products of a job that waits for a decision; they are not delivered.
    ///
    /// # Errors
    /// `UnknownJob`, `NotWaiting`, or if the state cannot be kept.
    pub fn reject(&self, job: &JobId, because: &str) -> Result<(), LineError> {
        let mut record = self.undecided(job)?;
        record.halt = Some(Halt::Rejected {
            because: because.to_owned(),
        });
        Ok(self.state.put(&record)?)
    }

    fn undecided(&self, job: &JobId) -> Result<JobRecord, LineError> {
        let record = self
            .state
            .get(job)?
            .ok_or_else(|| LineError::UnknownJob { job: job.to_string() })?;
        let not_waiting = |because: &str| LineError::NotWaiting {
            job: job.to_string(),
            because: because.to_owned(),
        };
        match (&record.halt, record.stage) {
            (Some(Halt::AwaitsReview | Halt::Rejected { .. }) | None, Stage::Scored) => Ok(record),
            (Some(Halt::Failed { .. } | Halt::Blocked { .. }), _) => Err(not_waiting("it failed or is blocked")),
            (_, stage) if stage < Stage::Scored => Err(not_waiting("it is not scored yet")),
            _ => Err(not_waiting("it was accepted before")),
        }
    }
}
