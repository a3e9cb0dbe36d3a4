//! What a job is expected to take: as declared, or as learned from jobs of its kind; pure.

use serde::{Deserialize, Serialize};

use crate::plan::{InputSource, PlannedJob, Resources};
use crate::traits::{CostKind, CostRow};

/// How many jobs of one setup are looked back at: enough for a median, few enough to follow a change of software.
pub const LOOK_BACK: usize = 20;
/// Room above the highest peak that was seen.
const MARGIN: f64 = 1.1;
/// Room above what a job had taken when it was ended for want of memory.
const MARGIN_OF_FAILURE: f64 = 2.0;

/// Where an expectation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Jobs of the same recipe and setup.
    Setup,
    /// Jobs of the same recipe in other setups.
    Recipe,
    /// The recipe's own declaration.
    Declared,
}

/// What a job is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Peak memory in bytes and useful threads.
    pub resources: Resources,
    /// Wall time in seconds; absent if no job of its kind ran before.
    pub wall_s: Option<f64>,
    /// Processor time in seconds, if known.
    pub cpu_s: Option<f64>,
    /// Where it comes from.
    pub basis: Basis,
}

impl Expectation {
    /// Returns what the plan declares.
    pub fn declared(job: &PlannedJob) -> Self {
        Self {
            resources: job.resources,
            wall_s: None,
            cpu_s: None,
            basis: Basis::Declared,
        }
    }

    /// Returns what jobs of the kind teach about this one; what they do not teach is as declared.
    ///
    /// # Contract
    /// * Jobs of the same setup count; those of other setups only if there are none.
    /// * Time grows in proportion to the input, and its median counts. Memory grows at most in proportion to the
    ///   input, and its maximum counts, with a tenth to spare.
    /// * More history never lowers the memory below a peak that was seen with no more input.
    pub fn learned(job: &PlannedJob, setup: &str, history: &[CostRow]) -> Self {
        let of_setup: Vec<&CostRow> = history.iter().filter(|row| row.kind.setup == setup).collect();
        let (rows, basis) = if of_setup.is_empty() {
            (history.iter().collect(), Basis::Recipe)
        } else {
            (of_setup, Basis::Setup)
        };
        let mut expected = Self::declared(job);
        if rows.is_empty() {
            return expected;
        }
        let input_bytes = planned_bytes(job);
        let growth = |row: &CostRow| match (input_bytes, row.input_bytes) {
            (0, _) | (_, 0) => 1.0,
            (now, then) => now as f64 / then as f64,
        };
        let peaks = rows.iter().filter_map(|row| {
            let margin = if row.is_success { MARGIN } else { MARGIN_OF_FAILURE };
            Some(row.usage.peak_bytes? as f64 * growth(row).max(1.0) * margin)
        });
        if let Some(peak) = peaks.reduce(f64::max) {
            // Failures alone show that the declaration was too low, never that it was too high.
            let is_known = rows.iter().any(|row| row.is_success && row.usage.peak_bytes.is_some());
            let least = if is_known {
                job.resources.floor_bytes
            } else {
                job.resources.memory_bytes
            };
            expected.resources.memory_bytes = least.max(peak as u64);
        }
        let succeeded = || rows.iter().filter(|row| row.is_success);
        expected.wall_s = median(succeeded().map(|row| row.wall_s * growth(row)).collect());
        expected.cpu_s = median(
            succeeded()
                .filter_map(|row| Some(row.usage.cpu_s? * growth(row)))
                .collect(),
        );
        expected.basis = basis;
        expected
    }
}

/// Returns what kind of job it is for a software such as `muse/2.8.7`.
pub fn kind_of(job: &PlannedJob, pipeline: &str) -> CostKind {
    CostKind {
        recipe: job.recipe.clone(),
        software: pipeline.split('/').next().unwrap_or_default().to_owned(),
        setup: setup_of(job),
    }
}

/// Returns the setup of a job: the grouping keys of instrument and detector; those that only name a block, a template
/// or a moment say nothing about what a job takes.
fn setup_of(job: &PlannedJob) -> String {
    let is_setup = |key: &str| {
        let key = key.strip_prefix("ESO.").unwrap_or(key);
        key.starts_with("INS.") || key.starts_with("DET.")
    };
    let parts: Vec<String> = (job.key.iter())
        .filter(|(key, _)| is_setup(key))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    parts.join(" ")
}

/// Returns the bytes of the inputs that the plan names, as far as their size is known.
pub fn planned_bytes(job: &PlannedJob) -> u64 {
    let size = |input: &InputSource| match input {
        InputSource::Frame { frame } => frame.size_bytes.unwrap_or_default(),
        InputSource::Job { .. } => 0,
    };
    job.inputs.iter().map(size).sum()
}

/// Returns the median; of an even number of values the lower one.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}
