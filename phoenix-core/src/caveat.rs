//! Caveats: why a finished product is less than perfect. "Done" has shades, "missing" is not "good".

use serde::{Deserialize, Serialize};

use crate::id::{FrameId, Tag};

/// A reservation about a product that was made.
///
/// Caveats travel into the product header, the QC report and the ingestion check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Caveat {
    /// An expected output was not made.
    OutputMissing {
        /// The output.
        tag: Tag,
        /// Why.
        reason: String,
    },
    /// The product covers less than was asked for.
    Partial {
        /// What is missing and why.
        reason: String,
    },
    /// An input was left out while the recipe ran.
    InputLeftOut {
        /// The frame.
        frame: FrameId,
        /// Why.
        reason: String,
    },
    /// A calibration outside its calibration-plan window was used.
    WeakCalibration {
        /// The slot.
        slot: Tag,
        /// The match level (0 is best).
        level: u8,
    },
    /// A master that is not certified was used.
    VirtualInput {
        /// The slot.
        slot: Tag,
    },
    /// A parameter lies outside the range that was validated.
    ParameterOutsideRange {
        /// The parameter.
        name: String,
        /// The value used.
        value: String,
    },
    /// An input's stored checksum does not match its content.
    StaleChecksum {
        /// The frame.
        frame: FrameId,
        /// The HDU and the kind of sum.
        place: String,
    },
}

impl Caveat {
    /// Returns the two-letter code that stands in headers and reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutputMissing { .. } => "OM",
            Self::Partial { .. } => "PA",
            Self::InputLeftOut { .. } => "IL",
            Self::WeakCalibration { .. } => "WC",
            Self::VirtualInput { .. } => "VI",
            Self::ParameterOutsideRange { .. } => "PR",
            Self::StaleChecksum { .. } => "SC",
        }
    }

    /// Tells whether the archive standard forbids a product with this caveat.
    pub fn forbids_delivery(&self) -> bool {
        matches!(self, Self::OutputMissing { .. })
    }
}

impl std::fmt::Display for Caveat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OutputMissing { tag, reason } => write!(f, "output {tag} is missing: {reason}"),
            Self::Partial { reason } => write!(f, "partial: {reason}"),
            Self::InputLeftOut { frame, reason } => write!(f, "input {frame} was left out: {reason}"),
            Self::WeakCalibration { slot, level } => write!(f, "calibration {slot} matches at level {level} only"),
            Self::VirtualInput { slot } => write!(f, "calibration {slot} is not certified"),
            Self::ParameterOutsideRange { name, value } => {
                write!(f, "parameter {name} = {value} is outside the validated range")
            }
            Self::StaleChecksum { frame, place } => write!(f, "input {frame} has a stale checksum in {place}"),
        }
    }
}
