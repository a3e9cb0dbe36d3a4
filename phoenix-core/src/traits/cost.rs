//! The port for what jobs took from the machine, kept between runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::StateError;
use crate::id::{JobId, RecipeId};
use crate::plan::Usage;

/// What kind of job it was, as far as that decides what it takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CostKind {
    /// The recipe.
    pub recipe: RecipeId,
    /// The software without its version, e.g. `muse` or `phoenix`: two backends differ.
    pub software: String,
    /// The setup: instrument keys of the dataset, e.g. `DET.WIN1.BINX=1 INS.MODE=WFM-NOAO-N`.
    pub setup: String,
}

/// What one job took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// The job.
    pub job: JobId,
    /// What kind of job it was.
    pub kind: CostKind,
    /// Bytes of the inputs that the plan named; 0 if none had a size.
    pub input_bytes: u64,
    /// Threads that it had.
    pub threads: usize,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Processor time and peak memory, where they could be measured.
    pub usage: Usage,
    /// Whether it made its products; what failed teaches about memory alone.
    pub is_success: bool,
}

/// Measures what this process takes.
///
/// Recipes that run inside the process share its account, so a job is charged only if it ran alone.
pub trait Meter: fmt::Debug + Send + Sync {
    /// Returns the processor time of all threads so far, in seconds.
    fn cpu_s(&self) -> Option<f64>;

    /// Returns the peak resident memory in bytes since `restart_peak`.
    fn peak_bytes(&self) -> Option<u64>;

    /// Forgets the peak so far; where the system does not allow that, `peak_bytes` must be `None` from then on.
    fn restart_peak(&self);
}

/// Keeps what jobs took, so that the next run knows what to expect.
pub trait CostStore: fmt::Debug + Send + Sync {
    /// Records what a job took.
    ///
    /// # Errors
    /// If the state cannot be written.
    fn record_cost(&self, row: &CostRow) -> Result<(), StateError>;

    /// Returns what jobs of a recipe and software took, in any setup, the latest first, at most `limit` of each setup.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn costs(&self, recipe: &RecipeId, software: &str, limit: usize) -> Result<Vec<CostRow>, StateError>;
}
