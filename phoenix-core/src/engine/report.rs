//! What a run ends with.

use serde::{Deserialize, Serialize};

use crate::caveat::Caveat;
use crate::error::Status;
use crate::id::{JobId, Tag, TaskId};
use crate::product::StoredProduct;

/// How one job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum JobOutcome {
    /// Products were made.
    Done,
    /// The result was there already.
    Skipped {
        /// Which stage it had reached.
        because: String,
    },
    /// An error ended it.
    Failed {
        /// The error with its sources.
        error: String,
        /// Whether trying again can help.
        status: Status,
    },
    /// A job above it failed or cannot run, or its own inputs are missing.
    Blocked {
        /// Which and why.
        because: String,
    },
    /// The run was stopped before or while it ran; nothing of it is stored.
    Stopped,
}

impl JobOutcome {
    /// Tells whether the products are there.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Skipped { .. })
    }
}

/// One job of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobReport {
    /// The job.
    pub job: JobId,
    /// The kind of work.
    pub task: TaskId,
    /// How it ended.
    #[serde(flatten)]
    pub end: JobOutcome,
    /// The products.
    pub products: Vec<StoredProduct>,
    /// Reservations about them.
    pub caveats: Vec<Caveat>,
    /// Figures of the recipe, by name; empty if it did not run now.
    pub figures: Vec<(String, f64)>,
    /// Wall time of processing in seconds.
    pub wall_s: f64,
}

/// All jobs of a run, in plan order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The jobs.
    pub jobs: Vec<JobReport>,
}

impl RunReport {
    /// Returns the report of a job.
    pub fn job(&self, id: &JobId) -> Option<&JobReport> {
        self.jobs.iter().find(|report| report.job == *id)
    }

    /// Returns how many jobs ended in a way that `is` accepts.
    pub fn count(&self, is: impl Fn(&JobOutcome) -> bool) -> usize {
        self.jobs.iter().filter(|report| is(&report.end)).count()
    }

    /// Tells whether the products of every job are there.
    pub fn is_success(&self) -> bool {
        self.jobs.iter().all(|report| report.end.is_success())
    }

    /// Returns the products of one kind, in plan order.
    pub fn products(&self, tag: &str) -> impl Iterator<Item = &StoredProduct> {
        self.jobs
            .iter()
            .flat_map(|report| &report.products)
            .filter(move |product| product.tag == Tag::from(tag))
    }
}
