//! What a run ends with.

use serde::{Deserialize, Serialize};

use super::{Expectation, Forecast};
use crate::caveat::Caveat;
use crate::error::Status;
use crate::id::{JobId, Tag, TaskId};
use crate::plan::Usage;
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
    /// Processor time and peak memory, where they could be measured.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
    /// How often it was tried in this run.
    #[serde(default, skip_serializing_if = "is_once")]
    pub tries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_once(tries: &u32) -> bool {
    *tries <= 1
}

impl JobReport {
    /// Returns the report of a job that did not run.
    pub(super) fn without_run(job: &JobId, task: &TaskId, end: JobOutcome) -> Self {
        Self {
            job: job.clone(),
            task: task.clone(),
            end,
            products: Vec::new(),
            caveats: Vec::new(),
            figures: Vec::new(),
            wall_s: 0.0,
            usage: Usage::default(),
            tries: 0,
        }
    }
}

/// What one job took, beside what was expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobCost {
    /// The job.
    pub job: JobId,
    /// The kind of work.
    pub task: TaskId,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Processor time and peak memory.
    pub usage: Usage,
    /// What was expected, if a forecast was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expectation>,
}

/// What a run took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CostReport {
    /// The jobs that ran, in plan order.
    pub jobs: Vec<JobCost>,
    /// The sum of their wall times in seconds.
    pub job_wall_s: f64,
    /// The sum of their processor times in seconds, as far as known.
    pub cpu_s: f64,
    /// The highest peak of one job in bytes, as far as known.
    pub peak_bytes: u64,
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

    /// Returns what the jobs that ran took, beside what a forecast expected.
    pub fn costs(&self, forecast: Option<&Forecast>) -> CostReport {
        let ran = |report: &&JobReport| matches!(report.end, JobOutcome::Done | JobOutcome::Failed { .. });
        let expected = |job: &JobId| {
            let jobs = forecast.map_or(&[] as &[_], |forecast| &forecast.jobs);
            jobs.iter().find(|known| known.job == *job).map(|known| known.expected)
        };
        let jobs: Vec<JobCost> = (self.jobs.iter().filter(ran))
            .map(|report| JobCost {
                job: report.job.clone(),
                task: report.task.clone(),
                wall_s: report.wall_s,
                usage: report.usage,
                expected: expected(&report.job),
            })
            .collect();
        CostReport {
            job_wall_s: jobs.iter().map(|job| job.wall_s).sum(),
            cpu_s: jobs.iter().filter_map(|job| job.usage.cpu_s).sum(),
            peak_bytes: jobs
                .iter()
                .filter_map(|job| job.usage.peak_bytes)
                .max()
                .unwrap_or_default(),
            jobs,
        }
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
