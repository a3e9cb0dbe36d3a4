//! What a run has come to, job by job: the document behind `status`, `run --json` and the night's index page.

use std::collections::BTreeMap;

use phoenix_core::caveat::Caveat;
use phoenix_core::dataset::{LeftOut, Severity};
use phoenix_core::id::{DatasetId, InstrumentId, JobId, RecipeId, TaskId};
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness};
use phoenix_core::product::StoredProduct;
use phoenix_core::traits::{Grade, Halt, IngestReceipt, JobRecord, LedgerEntry, QcReport, Stage};
use serde::Serialize;

use super::{RecipeCost, Settings};

/// The grades of one product in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreSummary {
    /// The product.
    pub product: String,
    /// Parameters out of limits.
    pub red: usize,
    /// Parameters within limits.
    pub green: usize,
    /// Parameters that could not be graded, with the reason.
    pub grey: BTreeMap<String, String>,
    /// The quality flag string.
    pub flags: String,
}

impl ScoreSummary {
    /// Shortens a report.
    pub fn of(report: &QcReport) -> Self {
        let count = |grade| report.scores.iter().filter(|score| score.grade == grade).count();
        let is_grey = |score: &&phoenix_core::traits::Score| score.grade == Grade::NotScored;
        Self {
            product: report.product.clone(),
            red: count(Grade::Fail),
            green: count(Grade::Pass),
            grey: (report.scores.iter().filter(is_grey))
                .map(|score| (score.parameter.name.clone(), score.reason.clone()))
                .collect(),
            flags: report.flag_string(),
        }
    }
}

/// How one job stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobSummary {
    /// The job.
    pub job: JobId,
    /// The dataset.
    pub dataset: DatasetId,
    /// The task.
    pub task: TaskId,
    /// The recipe.
    pub recipe: RecipeId,
    /// Number of input frames.
    pub n_inputs: usize,
    /// Whether the plan could make it ready.
    pub readiness: Readiness,
    /// The last stage that is complete.
    pub stage: Stage,
    /// Why it goes no further, if so.
    pub halt: Option<Halt>,
    /// How often processing was started.
    pub attempts: u32,
    /// Wall time of processing in seconds.
    pub wall_s: f64,
    /// The least memory with which it can be begun, as the plan tells it; 0 if none is known.
    pub floor_bytes: u64,
    /// What the recipe made.
    pub products: Vec<StoredProduct>,
    /// What was made for the archive and for people.
    pub outputs: Vec<StoredProduct>,
    /// Reservations.
    pub caveats: Vec<Caveat>,
    /// The grades.
    pub scores: Vec<ScoreSummary>,
    /// Proofs of delivery.
    pub delivered: Vec<IngestReceipt>,
}

impl JobSummary {
    /// Tells whether the job has come to its end without a failure.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Ingested && self.halt.is_none()
    }

    /// Tells why the job goes no further, if it does not.
    pub fn because(&self) -> Option<String> {
        match (&self.readiness, &self.halt) {
            (Readiness::Unsupported { reason }, _) => Some(format!("Unsupported: {reason}")),
            (Readiness::Incomplete { reasons }, _) => Some(format!("Incomplete: {}", reasons.join("; "))),
            (Readiness::Ready, Some(Halt::Failed { error, .. })) => Some(format!("failed: {error}")),
            (Readiness::Ready, Some(Halt::Blocked { because })) => Some(format!("blocked: {because}")),
            (Readiness::Ready, Some(Halt::Rejected { because })) => Some(format!("rejected: {because}")),
            (Readiness::Ready, Some(Halt::AwaitsReview)) => Some("waits for a review".to_owned()),
            (Readiness::Ready, None) => None,
        }
    }

    /// Tells whether something failed, or can never be done as planned.
    pub fn is_faulty(&self) -> bool {
        self.readiness != Readiness::Ready || matches!(self.halt, Some(Halt::Failed { .. } | Halt::Blocked { .. }))
    }
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineReport {
    /// The instrument.
    pub instrument: InstrumentId,
    /// What was asked for.
    pub label: String,
    /// Where the run is.
    pub folder: String,
    /// The page that a person opens first, once it is written.
    pub page: Option<String>,
    /// The jobs, producers first.
    pub jobs: Vec<JobSummary>,
    /// Frames that were seen and not used.
    pub left_out: Vec<LeftOut>,
    /// What the recipes took beside what was expected.
    pub costs: Vec<RecipeCost>,
}

impl LineReport {
    /// Puts the state of a run together.
    pub(super) fn new(
        settings: &Settings,
        plan: &Plan,
        records: Vec<JobRecord>,
        reports: &BTreeMap<String, QcReport>,
        ledger: &[LedgerEntry],
    ) -> Self {
        let mut records: BTreeMap<JobId, JobRecord> =
            records.into_iter().map(|record| (record.job.clone(), record)).collect();
        let jobs = plan.jobs.iter().map(|job| {
            let record = records
                .remove(&job.id)
                .unwrap_or_else(|| JobRecord::planned(job.id.clone()));
            job_summary(job, record, reports, ledger)
        });
        Self {
            instrument: settings.instrument.clone(),
            label: plan.label.clone(),
            folder: String::new(),
            page: None,
            jobs: jobs.collect(),
            left_out: plan.left_out.clone(),
            costs: Vec::new(),
        }
    }

    /// Tells whether every job has come to its end, nothing failed, and no frame was lost.
    pub fn is_clean(&self) -> bool {
        self.jobs.iter().all(JobSummary::is_done) && self.lost().next().is_none()
    }

    /// Tells whether a job failed, is blocked, or could never be done as planned, or a frame was lost.
    pub fn is_faulty(&self) -> bool {
        self.jobs.iter().any(JobSummary::is_faulty) || self.lost().next().is_some()
    }

    /// Returns the frames that should have been used and could not be.
    pub fn lost(&self) -> impl Iterator<Item = &LeftOut> {
        self.left_out.iter().filter(|left| left.severity == Severity::Error)
    }

    /// Returns the job of that name.
    pub fn job(&self, id: &str) -> Option<&JobSummary> {
        self.jobs.iter().find(|job| job.job.as_str() == id)
    }
}

fn job_summary(
    job: &PlannedJob,
    record: JobRecord,
    reports: &BTreeMap<String, QcReport>,
    ledger: &[LedgerEntry],
) -> JobSummary {
    let is_frame = |input: &&InputSource| matches!(input, InputSource::Frame { .. });
    let scores = (record.products.iter())
        .filter_map(|product| reports.get(&super::quality::product_key(&record.job, &product.name)))
        .map(ScoreSummary::of)
        .collect();
    JobSummary {
        dataset: job.dataset.clone(),
        task: job.task.clone(),
        recipe: job.recipe.clone(),
        n_inputs: job.inputs.iter().filter(is_frame).count(),
        readiness: job.readiness.clone(),
        stage: record.stage,
        halt: record.halt,
        attempts: record.attempts,
        wall_s: record.wall_s,
        floor_bytes: job.resources.floor_bytes,
        products: record.products,
        outputs: record.outputs,
        caveats: record.caveats,
        scores,
        delivered: (ledger.iter())
            .filter(|entry| entry.job == job.id)
            .map(|entry| entry.receipt.clone())
            .collect(),
        job: record.job,
    }
}
