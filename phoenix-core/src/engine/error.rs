//! Why a plan cannot be made or a run cannot go on.

use crate::error::Status;
use crate::id::{InstrumentId, JobId, TaskId};
use crate::traits::{AssociateError, SelectError, StateError};

/// Planning or execution as a whole is not possible; a failed job is no such error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Frames cannot be grouped: mend rules or headers.
    #[error("frames cannot be grouped")]
    Select(#[from] SelectError),
    /// Calibrations cannot be matched: mend the configuration.
    #[error("calibrations cannot be matched")]
    Associate(#[from] AssociateError),
    /// A parameter override is not usable: mend the configuration.
    #[error("task {task}: parameter {name}: {reason}")]
    Parameter {
        /// The task.
        task: TaskId,
        /// The parameter.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The backend has no such task: choose another.
    #[error("task {task} is not known; known are: {}", known.join(", "))]
    UnknownTask {
        /// The task.
        task: TaskId,
        /// The tasks that exist.
        known: Vec<String>,
    },
    /// Jobs need each other's products: mend the rules.
    #[error("jobs need each other's products: {}", jobs.join(", "))]
    Cycle {
        /// The jobs.
        jobs: Vec<String>,
    },
    /// Two jobs have one name: mend the selector.
    #[error("two jobs have the name {job}")]
    DuplicateJob {
        /// The name.
        job: JobId,
    },
    /// The plan names a producer that is not in it: plan again.
    #[error("job {job} needs products of job {producer}, which is not in the plan")]
    UnknownProducer {
        /// The consumer.
        job: JobId,
        /// The producer.
        producer: JobId,
    },
    /// The plan is for another instrument: choose the engine that made it.
    #[error("plan is for instrument {plan}, the engine is for {engine}")]
    OtherInstrument {
        /// The plan's instrument.
        plan: InstrumentId,
        /// The engine's instrument.
        engine: InstrumentId,
    },
    /// The state of the jobs cannot be kept, so the run ended where it was safe.
    #[error("state of the run cannot be kept")]
    State(#[from] StateError),
}

impl EngineError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::State(source) => source.status(),
            _ => Status::Permanent,
        }
    }
}
