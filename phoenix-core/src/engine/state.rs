//! The transitions of a job record; pure. A stage is entered once, when its results are safe.

use crate::caveat::Caveat;
use crate::error::Status;
use crate::plan::PlannedJob;
use crate::product::StoredProduct;
use crate::traits::{Halt, JobRecord, Stage};

/// Tells whether two plans ask for the same work: the same inputs, recipe and parameters.
///
/// What is only *about* the work (reasons, expected resources) may differ.
pub fn same_work(one: &PlannedJob, other: &PlannedJob) -> bool {
    one.task == other.task && one.recipe == other.recipe && one.inputs == other.inputs && one.params == other.params
}

/// Tells whether products were made by this software, whatever its version: a product of ESO's pipeline does not stand
/// for one of PHOENIX, nor the other way round.
///
/// A record that does not say who made its products is taken at its word.
pub fn same_software(record: &JobRecord, pipeline: &str) -> bool {
    let family = |pipeline: &str| pipeline.split('/').next().unwrap_or_default().to_owned();
    (record.pipeline.as_deref()).is_none_or(|made_by| family(made_by) == family(pipeline))
}

/// Tells whether products were made and recorded.
pub fn is_processed(record: &JobRecord) -> bool {
    record.stage >= Stage::Processed
}

/// Tells whether processing began and nobody knows how it ended: the process died.
pub fn is_interrupted(record: &JobRecord) -> bool {
    record.stage == Stage::Fetched && record.halt.is_none()
}

/// Returns the record of a job that must be done again from the start; only the count of attempts is kept.
#[must_use]
pub fn restarted(record: &JobRecord) -> JobRecord {
    JobRecord {
        attempts: record.attempts,
        ..JobRecord::planned(record.job.clone())
    }
}

/// Returns the record of a job whose inputs are at hand and whose processing begins.
#[must_use]
pub fn fetched(record: &JobRecord) -> JobRecord {
    JobRecord {
        stage: Stage::Fetched,
        attempts: record.attempts.saturating_add(1),
        ..JobRecord::planned(record.job.clone())
    }
}

/// Returns the record of a job whose products are in their place.
///
/// What it took from the machine and who ran it stand in the record that began it.
#[must_use]
pub fn processed(record: &JobRecord, products: Vec<StoredProduct>, caveats: Vec<Caveat>, wall_s: f64) -> JobRecord {
    JobRecord {
        job: record.job.clone(),
        stage: Stage::Processed,
        halt: None,
        attempts: record.attempts,
        products,
        caveats,
        outputs: Vec::new(),
        wall_s,
        usage: record.usage,
        pipeline: record.pipeline.clone(),
    }
}

/// Returns the record of a job that an error ended.
#[must_use]
pub fn failed(record: &JobRecord, error: String, status: Status) -> JobRecord {
    JobRecord {
        halt: Some(Halt::Failed { error, status }),
        ..record.clone()
    }
}

/// Returns the record of a job that cannot run; a stage it has reached stays.
#[must_use]
pub fn blocked(record: &JobRecord, because: String) -> JobRecord {
    JobRecord {
        halt: Some(Halt::Blocked { because }),
        ..record.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{blocked, failed, fetched, is_processed, processed, restarted};
    use crate::error::Status;
    use crate::traits::{Halt, JobRecord, Stage};

    #[test]
    fn each_start_of_processing_counts_as_an_attempt() {
        let record = JobRecord::planned("j".into());
        let again = fetched(&restarted(&failed(&fetched(&record), "no".into(), Status::Permanent)));
        assert_eq!((again.attempts, again.stage, again.halt), (2, Stage::Fetched, None));
    }

    #[test]
    fn a_processed_job_has_no_halt_and_stays_processed_when_it_is_blocked_later() {
        let record = processed(&fetched(&JobRecord::planned("j".into())), Vec::new(), Vec::new(), 1.0);
        assert!(is_processed(&record) && record.halt.is_none());
        let later = blocked(&record, "x failed".into());
        assert!(is_processed(&later));
        assert_eq!(
            later.halt,
            Some(Halt::Blocked {
                because: "x failed".into()
            })
        );
    }
}
