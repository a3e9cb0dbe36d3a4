//! Datasets: the frames that form one unit of work, with the reasons for what is missing or left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::frame::ClassifiedFrame;
use crate::id::{DatasetId, FrameId, TaskId};

/// Whether a dataset can be worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Completeness {
    /// Everything the task needs of the dataset itself is there.
    Complete,
    /// Something is missing; each reason names it.
    Incomplete {
        /// One sentence each.
        reasons: Vec<String>,
    },
}

/// How much it matters that a frame was not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// As expected: the frame is of no use here.
    #[default]
    Info,
    /// Odd, but nothing is lost.
    Warning,
    /// Something is lost: a frame that should have been used cannot be.
    Error,
}

impl Severity {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_info(&self) -> bool {
        *self == Self::Info
    }
}

/// A frame that was seen and not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// The frame.
    pub frame: FrameId,
    /// Why.
    pub reason: String,
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Severity::is_info")]
    pub severity: Severity,
}

impl LeftOut {
    /// Notes a frame that is of no use here, as expected.
    pub fn info(frame: FrameId, reason: impl Into<String>) -> Self {
        Self::new(frame, reason, Severity::Info)
    }

    /// Notes a frame whose absence is odd, though nothing is lost.
    pub fn warning(frame: FrameId, reason: impl Into<String>) -> Self {
        Self::new(frame, reason, Severity::Warning)
    }

    /// Notes a frame that should have been used and cannot be: a finding.
    pub fn error(frame: FrameId, reason: impl Into<String>) -> Self {
        Self::new(frame, reason, Severity::Error)
    }

    /// Notes a frame with its reason and how much it matters.
    pub fn new(frame: FrameId, reason: impl Into<String>, severity: Severity) -> Self {
        Self {
            frame,
            reason: reason.into(),
            severity,
        }
    }
}

/// One unit of work: an observing block, a template, a single file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// The association-block name.
    pub id: DatasetId,
    /// The task that the dataset asks for.
    pub task: TaskId,
    /// The grouping keys and their values, e.g. `OBS.ID`, `TPL.START`.
    pub key: BTreeMap<String, String>,
    /// The main frames in canonical order.
    pub frames: Vec<ClassifiedFrame>,
    /// Datasets whose products this one needs (a cascade inside one observing block).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<DatasetId>,
    /// Whether it can be worked.
    pub completeness: Completeness,
}

/// The datasets of a selection and everything that was not taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    /// The datasets in canonical order.
    pub datasets: Vec<Dataset>,
    /// Every frame that is in no dataset, with the reason.
    pub left_out: Vec<LeftOut>,
}
