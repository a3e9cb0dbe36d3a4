//! Ports for state that outlives the process: jobs, quality values, deliveries.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{IngestReceipt, QcReport, TrendPoint};
use crate::caveat::Caveat;
use crate::error::Status;
use crate::id::JobId;
use crate::plan::{Plan, Usage};
use crate::product::StoredProduct;
use crate::unit::Mjd;

/// State cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process holds it: wait or stop that one.
    #[error("state {location} is held by another process")]
    Held {
        /// The state.
        location: String,
    },
    /// The state is of another layout or damaged: a person must look.
    #[error("state {location}: {reason}")]
    Damaged {
        /// The state.
        location: String,
        /// What is wrong.
        reason: String,
    },
    /// The system refuses: mend rights or space.
    #[error("state {location} cannot be used")]
    System {
        /// The state.
        location: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StateError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Held { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}

/// How far a job has come; each stage is entered once, when its results are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// In the plan.
    Planned,
    /// Inputs are at hand.
    Fetched,
    /// Products are made.
    Processed,
    /// Products are measured and graded.
    Scored,
    /// Products are accepted for delivery.
    Reviewed,
    /// Products are in the archive's standard.
    Converted,
    /// Products are in the archive.
    Ingested,
}

/// Why a job goes no further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "halt", rename_all = "kebab-case")]
pub enum Halt {
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
    /// A person or a policy refused the product.
    Rejected {
        /// Who and why.
        because: String,
    },
    /// A review is needed.
    AwaitsReview,
}

/// The state of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job.
    pub job: JobId,
    /// The last stage that is complete.
    pub stage: Stage,
    /// Why it goes no further, if so.
    pub halt: Option<Halt>,
    /// How often processing was started.
    pub attempts: u32,
    /// The products, once processed.
    pub products: Vec<StoredProduct>,
    /// Reservations about them.
    pub caveats: Vec<Caveat>,
    /// Files of later stages (reports, previews, converted products).
    pub outputs: Vec<StoredProduct>,
    /// Wall time of processing in seconds.
    pub wall_s: f64,
    /// What processing took from the machine.
    #[serde(default, skip_serializing_if = "Usage::is_unknown")]
    pub usage: Usage,
    /// The software that made the products, e.g. `muse/2.8.7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
}

impl JobRecord {
    /// Returns the record of a job that was only planned.
    pub fn planned(job: JobId) -> Self {
        Self {
            job,
            stage: Stage::Planned,
            halt: None,
            attempts: 0,
            products: Vec::new(),
            caveats: Vec::new(),
            outputs: Vec::new(),
            wall_s: 0.0,
            usage: Usage::default(),
            pipeline: None,
        }
    }
}

/// Keeps the plan and the state of its jobs through `kill -9`.
///
/// # Contract
/// * `put` is durable when it returns: a reader after a crash sees it whole or the record before it.
pub trait JobStore: fmt::Debug + Send + Sync {
    /// Saves the plan; records of jobs that are not in it are dropped.
    ///
    /// # Errors
    /// If the state cannot be written.
    fn save_plan(&self, plan: &Plan) -> Result<(), StateError>;

    /// Returns the saved plan.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn plan(&self) -> Result<Option<Plan>, StateError>;

    /// Returns the record of a job.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn get(&self, job: &JobId) -> Result<Option<JobRecord>, StateError>;

    /// Saves the record of a job.
    ///
    /// # Errors
    /// If the state cannot be written.
    fn put(&self, record: &JobRecord) -> Result<(), StateError>;

    /// Returns all records in job order.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn all(&self) -> Result<Vec<JobRecord>, StateError>;
}

/// One quality value of one product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QcRow {
    /// The product.
    pub product: String,
    /// The instrument.
    pub instrument: String,
    /// The setup.
    pub setup: String,
    /// When the data were taken.
    pub mjd: Mjd,
    /// The parameter.
    pub parameter: String,
    /// The value; absent if it could not be formed.
    pub value: Option<f64>,
    /// The unit.
    pub unit: String,
    /// The grade (`pass`, `fail`, `not-scored`).
    pub grade: super::Grade,
    /// Why this grade.
    pub reason: String,
    /// The numerics that made the product (`eso`, `phoenix`).
    pub numerics: String,
}

/// Keeps quality values and reports.
pub trait QcStore: fmt::Debug + Send + Sync {
    /// Saves a report and its rows; rows of the same product are replaced.
    ///
    /// # Errors
    /// If the state cannot be written.
    fn save(&self, report: &QcReport, rows: &[QcRow]) -> Result<(), StateError>;

    /// Returns the report of a product.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn report(&self, product: &str) -> Result<Option<QcReport>, StateError>;

    /// Returns all rows, ordered by time, product, parameter.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn rows(&self) -> Result<Vec<QcRow>, StateError>;

    /// Returns values of the past, oldest first.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn trend(&self, parameter: &str, setup: &str, from: Mjd, to: Mjd) -> Result<Vec<TrendPoint>, StateError>;
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The job.
    pub job: JobId,
    /// The proof.
    pub receipt: IngestReceipt,
}

/// Keeps the deliveries.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Records a delivery; the same delivery twice is one entry.
    ///
    /// # Errors
    /// If the state cannot be written.
    fn record(&self, entry: &LedgerEntry) -> Result<(), StateError>;

    /// Returns all deliveries in product order.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn entries(&self) -> Result<Vec<LedgerEntry>, StateError>;
}
