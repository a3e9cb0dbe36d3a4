//! What keeps the failure of one job from the others.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use phoenix_core::error::Status;
use phoenix_core::traits::{IngestError, QcError, ReadError, StateError};

use super::LineError;

/// Why one job's step did not end well.
#[derive(Debug)]
pub(super) enum Fault {
    /// The job alone is ill.
    Job {
        /// The error with its causes.
        error: String,
        /// Whether trying again can help.
        status: Status,
    },
    /// The run as a whole cannot go on.
    Run(LineError),
}

impl Fault {
    /// Wraps an error that concerns one job.
    pub(super) fn job(error: &(dyn Error + 'static), status: Status) -> Self {
        Self::Job {
            error: with_causes(error),
            status,
        }
    }

    /// Returns a permanent failure in one sentence.
    pub(super) fn sentence(error: impl Into<String>) -> Self {
        Self::Job {
            error: error.into(),
            status: Status::Permanent,
        }
    }
}

impl From<StateError> for Fault {
    fn from(error: StateError) -> Self {
        Self::Run(error.into())
    }
}

impl From<LineError> for Fault {
    /// A file that cannot be written concerns the job that wanted it; the others may fit on the disk.
    fn from(error: LineError) -> Self {
        match error {
            LineError::Folder { .. } | LineError::Document { .. } => Self::job(&error, Status::Temporary),
            error => Self::Run(error),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::job(&error, error.status())
    }
}

impl From<QcError> for Fault {
    fn from(error: QcError) -> Self {
        Self::job(&error, error.status())
    }
}

impl From<IngestError> for Fault {
    fn from(error: IngestError) -> Self {
        Self::job(&error, error.status())
    }
}

/// Joins an error and its causes with colons, each cause once.
pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Runs one job's step; a panic in it fails that job alone.
pub(super) fn guarded<T>(step: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        Err(Fault::sentence(format!(
            "the step panicked: {}",
            panic_message(&*panic)
        )))
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::{Fault, guarded};

    #[test]
    fn a_panic_in_one_job_is_that_job_s_failure() {
        let end = guarded::<()>(|| panic!("index out of range"));
        let Err(Fault::Job { error, .. }) = end else {
            panic!("it did not fail");
        };
        assert_eq!(error, "the step panicked: index out of range");
    }
}
