//! The standard as data: a new version is a new table.
//!
//! Sources are tagged as everywhere in this module: S8 is the document (ESO-044286 version 8, 2022-03-15), CHK is the
//! list of checks that ESO's validator runs (2025-03-27), IRP is what ESO's pipelines write. `keywords` is the table of
//! keywords, `rules` the list of rules with their severities.

mod keywords;
mod rules;

pub use keywords::{Allowed, Duty, KeyRule, Kind, Place, keywords};
pub use rules::{RULES, Rule, Source, rule};

/// What `HDUVERS` says of data written to this table.
pub const VERSION: &str = "SDP version 8";
/// What `HDUDOC` says.
pub const DOCUMENT: &str = "SDP";
/// The longest file name (S8; CHK).
pub const NAME_LIMIT: usize = 68;
/// The longest text value: 80 characters less keyword, value indicator and quotes (S8; CHK).
pub const TEXT_LIMIT: usize = 68;

/// Categories of science data that the archive takes (S8; the last two CHK).
pub const SCIENCE: [&str; 12] = [
    "SCIENCE.IMAGE",
    "SCIENCE.MEFIMAGE",
    "SCIENCE.IMAGE.FLUXMAP",
    "SCIENCE.SPECTRUM",
    "SCIENCE.CUBE.IFS",
    "SCIENCE.VISIBILITY",
    "SCIENCE.SRCTBL",
    "SCIENCE.CATALOG",
    "SCIENCE.MCATALOG",
    "SCIENCE.CATALOGTILE",
    "SCIENCE.CUBE",
    "SCIENCE.VISIBILITY.UNCALIBRATED",
];

/// Categories of files without a FITS header, named through `ASSOCi` (CHK).
pub const NON_FITS: [&str; 11] = [
    "ANCILLARY.PREVIEW",
    "ANCILLARY.README",
    "ANCILLARY.TAR",
    "ANCILLARY.HARPSTAR",
    "ANCILLARY.FEROSTAR",
    "ANCILLARY.MOSSPECTRA.PREVIEW",
    "ANCILLARY.SRCTBL",
    "ANCILLARY.2DECHELLE.TAR",
    "ANCILLARY.FORS2TAR",
    "ANCILLARY.CUBE.LMV",
    "ANCILLARY.CRIRESPTAR",
];

/// The kinds of file that have columns of their own in the table of keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// `SCIENCE.SPECTRUM`.
    Spectrum,
    /// `SCIENCE.CUBE.IFS`.
    Cube,
    /// `SCIENCE.IMAGE`, `SCIENCE.MEFIMAGE`.
    Image,
    /// `ANCILLARY.IMAGE.WHITELIGHT`.
    WhiteLight,
    /// `ANCILLARY.EXPMAP`.
    ExposureMap,
    /// Every other ancillary file: only the general rules hold.
    Other,
}

impl Family {
    /// Returns the family of a category; `None` if the archive knows no such category.
    pub fn of(category: &str) -> Option<Self> {
        match category {
            "SCIENCE.SPECTRUM" => Some(Self::Spectrum),
            "SCIENCE.CUBE.IFS" | "SCIENCE.CUBE" => Some(Self::Cube),
            "SCIENCE.IMAGE" | "SCIENCE.MEFIMAGE" | "SCIENCE.IMAGE.FLUXMAP" => Some(Self::Image),
            "ANCILLARY.IMAGE.WHITELIGHT" => Some(Self::WhiteLight),
            "ANCILLARY.EXPMAP" => Some(Self::ExposureMap),
            other if SCIENCE.contains(&other) || other.starts_with("ANCILLARY.") => Some(Self::Other),
            _ => None,
        }
    }
}
