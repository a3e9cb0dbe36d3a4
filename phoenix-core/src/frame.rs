//! Frames: a file known by its header, before and after classification.

use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::id::{Digest, FrameId, Tag};

/// A file known by its primary header; its pixels stay where they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The archive name.
    pub id: FrameId,
    /// Where the file is: a path or URL that a `FrameReader` understands.
    pub location: String,
    /// The primary header, after overlays.
    pub header: Header,
    /// The size in bytes, where known; it feeds memory estimates.
    pub size_bytes: Option<u64>,
}

/// What a frame is to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Category {
    /// A science exposure, raw or partly reduced.
    Science,
    /// A raw calibration.
    RawCalib,
    /// A master or static calibration.
    Master,
    /// A finished product.
    Product,
    /// Anything else the instrument knows (acquisition images, tests).
    Other,
}

/// A frame with the name of its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassifiedFrame {
    /// The frame.
    pub frame: Frame,
    /// Its kind.
    pub tag: Tag,
    /// What it is to the line.
    pub category: Category,
}

/// A frame as plans, set-of-frames files and provenance refer to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FrameRef {
    /// The archive name.
    pub id: FrameId,
    /// The kind that counts for the recipe (the tag of the set of frames, not `PRO.CATG`).
    pub tag: Tag,
    /// Where the file is.
    pub location: String,
    /// The size in bytes, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The content digest, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl ClassifiedFrame {
    /// Returns the reference that plans carry.
    pub fn to_ref(&self) -> FrameRef {
        FrameRef {
            id: self.frame.id.clone(),
            tag: self.tag.clone(),
            location: self.frame.location.clone(),
            size_bytes: self.frame.size_bytes,
            digest: None,
        }
    }
}
