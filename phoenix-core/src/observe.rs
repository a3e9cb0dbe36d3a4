//! Progress: one trait, one method, one growing enum. Log, progress bar and run report are observers.

use crate::caveat::Caveat;
use crate::id::JobId;
use crate::product::StoredProduct;

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEnd<'a> {
    /// Products were made.
    Done,
    /// An error ended it.
    Failed(&'a str),
    /// A job above it failed or cannot run.
    Blocked(&'a str),
    /// The result was there already.
    Skipped(&'a str),
    /// The run was stopped; nothing of the job is stored.
    Stopped,
}

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// What is being done.
    Info,
    /// Odd, and the work goes on.
    Warning,
    /// Why the work cannot go on.
    Error,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A plan is complete.
    PlanReady {
        /// Number of jobs.
        jobs: usize,
        /// Number of jobs that cannot be executed.
        not_ready: usize,
    },
    /// A step of the line begins.
    StepStarted {
        /// The step's name.
        step: &'a str,
        /// How many items it has.
        items: usize,
    },
    /// A job begins.
    JobStarted {
        /// The job.
        job: &'a JobId,
    },
    /// A job moves on.
    Progress {
        /// The job.
        job: &'a JobId,
        /// What it is doing.
        stage: &'a str,
        /// How much is done.
        done: u64,
        /// Of how much.
        total: u64,
    },
    /// A job has a reservation about its product.
    Caveat {
        /// The job.
        job: &'a JobId,
        /// The reservation.
        caveat: &'a Caveat,
    },
    /// A product is in its place.
    Stored {
        /// The job.
        job: &'a JobId,
        /// The product.
        product: &'a StoredProduct,
    },
    /// A job has ended.
    JobFinished {
        /// The job.
        job: &'a JobId,
        /// How.
        end: JobEnd<'a>,
        /// Wall time in seconds.
        wall_s: f64,
    },
    /// A product was scored.
    Scored {
        /// The job.
        job: &'a JobId,
        /// Parameters out of limits.
        red: usize,
        /// Parameters in all.
        of: usize,
    },
    /// A product was delivered to the archive.
    Delivered {
        /// The product's archive name.
        name: &'a str,
        /// Whether it was there already.
        already_present: bool,
    },
    /// An outside program said something.
    Log {
        /// The job.
        job: &'a JobId,
        /// How much it matters.
        level: LogLevel,
        /// What it said, without time and level.
        line: &'a str,
    },
    /// A job failed in a way that may pass, and will be tried again.
    Retry {
        /// The job.
        job: &'a JobId,
        /// Which attempt of this run failed, from 1.
        attempt: u32,
        /// Why.
        because: &'a str,
    },
    /// Something a person should know and that stops nothing.
    Warning {
        /// The message.
        message: &'a str,
    },
}

/// Takes events; must not block for long. Called from worker threads.
pub trait Observer: std::fmt::Debug + Send + Sync {
    /// Takes one event.
    fn on(&self, event: &Event<'_>);
}

/// Silence.
impl Observer for () {
    fn on(&self, _event: &Event<'_>) {}
}
