//! Associations: the calibrations of one dataset, real or still to be made.

use serde::{Deserialize, Serialize};

use crate::frame::{ClassifiedFrame, FrameRef};
use crate::id::{DatasetId, Tag};

/// How well a calibration matches: 0 is inside the calibration plan, higher is weaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MatchLevel(pub u8);

/// What stands in one calibration slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fill", rename_all = "lowercase")]
pub enum Fill {
    /// Frames that exist.
    Filled {
        /// The frames.
        frames: Vec<FrameRef>,
        /// How well they match.
        level: MatchLevel,
        /// Time from the dataset to the calibration in days, signed.
        dt_days: f64,
        /// Why these.
        reason: String,
    },
    /// A product that another dataset of the plan will make.
    Pending {
        /// The dataset that makes it.
        producer: DatasetId,
    },
    /// Nothing fits.
    Missing {
        /// Why.
        reason: String,
    },
}

/// One declared slot and its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// The kind of calibration.
    pub tag: Tag,
    /// Whether the task cannot run without it.
    pub required: bool,
    /// What was found.
    #[serde(flatten)]
    pub fill: Fill,
}

/// The calibrations of one dataset; every declared slot appears.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// The slots in declared order.
    pub slots: Vec<Slot>,
}

/// A master that does not exist yet but that a planned dataset will make.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualMaster {
    /// What it will be.
    pub tag: Tag,
    /// The dataset that makes it.
    pub producer: DatasetId,
    /// The header keys it will inherit, for matching.
    pub header: crate::header::Header,
}

/// The candidates for calibration slots.
#[derive(Debug, Clone, Copy, Default)]
pub struct CalibPool<'a> {
    /// Masters, statics and raw calibrations that exist.
    pub real: &'a [ClassifiedFrame],
    /// Products that the plan will make.
    pub planned: &'a [VirtualMaster],
}
