//! Which calibrations a dataset gets.

use std::fmt;

use crate::association::{Association, CalibPool};
use crate::dataset::Dataset;
use crate::error::Status;
use crate::header::Key;
use crate::id::{DatasetId, FrameId, TaskId};

/// A dataset cannot be associated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssociateError {
    /// The instrument declares no such task: mend the configuration.
    #[error("dataset {dataset}: task {task} is not known")]
    UnknownTask {
        /// The dataset.
        dataset: DatasetId,
        /// The task.
        task: TaskId,
    },
    /// A matching key is absent: mend the header by an overlay.
    #[error("dataset {dataset}: key {key} of frame {frame} is missing, it is needed to match calibrations")]
    MissingKeyword {
        /// The dataset.
        dataset: DatasetId,
        /// The frame.
        frame: FrameId,
        /// The key.
        key: Key,
    },
}

impl AssociateError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        Status::Permanent
    }
}

/// Finds calibrations for one dataset. Pure.
///
/// # Contract
/// * Every declared slot appears in the result: filled, pending (a planned product) or missing.
/// * Better level wins; ties by |dt|, then by `FrameId`. `level` and `dt_days` are always reported.
/// * Adding a worse candidate never changes the choice (monotone).
pub trait Associator: fmt::Debug + Send + Sync {
    /// Fills the slots of the dataset's task.
    ///
    /// # Errors
    /// `UnknownTask`, or `MissingKeyword` if a main frame lacks a matching key.
    fn associate(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Result<Association, AssociateError>;
}
