//! Which frames form one unit of work.

use std::fmt;

use crate::dataset::Selected;
use crate::deep::DeepRequest;
use crate::error::Status;
use crate::frame::{Category, ClassifiedFrame, Frame};
use crate::header::Key;
use crate::id::{FrameId, Tag};
use crate::unit::Night;

/// A frame cannot be named or grouped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// An exclusive rule book gives two kinds: mend the rules.
    #[error("frame {frame} is both {first} and {second}")]
    Ambiguous {
        /// The frame.
        frame: FrameId,
        /// One kind.
        first: Tag,
        /// Another kind.
        second: Tag,
    },
    /// A grouping key is absent: mend the header by an overlay.
    #[error("frame {frame}: key {key} is missing, it is needed to group {tag}")]
    MissingKeyword {
        /// The frame.
        frame: FrameId,
        /// The key.
        key: Key,
        /// The frame's kind.
        tag: Tag,
    },
    /// A rule leaves the frame out, as it is meant to: nothing to mend.
    #[error("{reason}")]
    Rejected {
        /// The frame.
        frame: FrameId,
        /// The rule's reason.
        reason: String,
    },
}

impl SelectError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        Status::Permanent
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Selection {
    /// Keep only datasets that begin in this night.
    pub night: Option<Night>,
    /// Most exposures that one dataset may combine; the instrument's own default if absent.
    pub max_combine: Option<usize>,
    /// Put exposures together across blocks, nights and runs; an instrument without a `DeepSelector` ignores it.
    pub deep: Option<DeepRequest>,
}

impl Selection {
    /// Returns a selection of everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps only datasets that begin in this night.
    #[must_use]
    pub fn with_night(mut self, night: Night) -> Self {
        self.night = Some(night);
        self
    }

    /// Limits how many exposures one dataset may combine.
    #[must_use]
    pub fn with_max_combine(mut self, max_combine: usize) -> Self {
        self.max_combine = Some(max_combine);
        self
    }

    /// Puts exposures together across blocks, nights and runs.
    #[must_use]
    pub fn with_deep(mut self, deep: DeepRequest) -> Self {
        self.deep = Some(deep);
        self
    }
}

/// Decides which frames form one unit of work. Pure: headers in, datasets out.
///
/// # Contract
/// * Total and deterministic: a frame gets exactly one tag or `None`.
/// * Order-free: permuting `frames` changes nothing in the result (canonical order by key, then `FrameId`).
/// * Local: the result for a group does not depend on frames outside it.
/// * Complete: every frame is in a dataset or is left out with a reason.
pub trait DatasetSelector: fmt::Debug + Send + Sync {
    /// Names the kind of `frame`; `None` if this instrument does not know it.
    ///
    /// # Errors
    /// `Ambiguous` if an exclusive book assigns two values.
    fn classify(&self, frame: &Frame) -> Result<Option<(Tag, Category)>, SelectError>;

    /// Groups classified frames into datasets, including incomplete ones with the reason.
    ///
    /// # Errors
    /// `MissingKeyword` if a grouping key is absent from a main frame.
    fn select(&self, frames: &[ClassifiedFrame], request: &Selection) -> Result<Selected, SelectError>;
}
