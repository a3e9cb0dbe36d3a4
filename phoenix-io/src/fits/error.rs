//! What can go wrong with a FITS file, sorted by what the caller can do next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::card::CardError;

/// A place inside a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the caller named it.
    pub file: PathBuf,
    /// The 0-based index of the header and data unit.
    pub hdu: usize,
    /// The byte offset from the start of the (decompressed) file.
    pub byte: u64,
}

impl Place {
    /// Returns the place of `byte` in `hdu` of `file`.
    pub fn new(file: &Path, hdu: usize, byte: u64) -> Self {
        Self {
            file: file.to_path_buf(),
            hdu,
            byte,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, hdu {}, byte {}", self.file.display(), self.hdu, self.byte)
    }
}

/// A FITS file cannot be read or written as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitsError {
    /// The operating system refused; trying again may help.
    #[error("{}: cannot {action}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The file ends before the data it declares: fetch it again.
    #[error("{place}: the file ends after {found} of the {needed} bytes that {what} needs")]
    Truncated {
        /// Where the missing bytes should start.
        place: Place,
        /// What is cut short.
        what: &'static str,
        /// The bytes needed.
        needed: u64,
        /// The bytes that are there.
        found: u64,
    },
    /// The bytes break the FITS standard.
    #[error("{place}: {what}")]
    Malformed {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// The file is legal, and this reader does not know the form.
    #[error("{place}: {what} is not supported")]
    Unsupported {
        /// Where.
        place: Place,
        /// The form met.
        what: String,
    },
    /// The data are larger than the caller allowed to be held in memory.
    #[error("{}: {what} needs {needed} bytes, {limit} are allowed", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// What is too large.
        what: String,
        /// The bytes needed.
        needed: u64,
        /// The bytes allowed.
        limit: u64,
    },
    /// The file has no such extension or column.
    #[error("{}: {what} is missing", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// What was asked for.
        what: String,
    },
    /// The data are of another type than the caller needs.
    #[error("{place}: {what} is {found}, expected {expected}")]
    Type {
        /// Where the data start.
        place: Place,
        /// The extension or column.
        what: String,
        /// What the caller needs.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The caller asked for a range or gave an array that does not fit the shape.
    #[error("{}, hdu {hdu}: {what}", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The header and data unit.
        hdu: usize,
        /// What does not fit.
        what: String,
    },
    /// A header card cannot be written.
    #[error("{}, hdu {hdu}", file.display())]
    Card {
        /// The file.
        file: PathBuf,
        /// The header and data unit.
        hdu: usize,
        /// The card and the reason.
        source: CardError,
    },
    /// A file of that name exists and the caller asked never to overwrite.
    #[error("{}: the file exists already", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// The writer was finished before all data were written.
    #[error("{}, hdu {hdu}: {missing} bytes of the data were never written", file.display())]
    Incomplete {
        /// The file.
        file: PathBuf,
        /// The header and data unit.
        hdu: usize,
        /// How many bytes are missing.
        missing: u64,
    },
}

impl FitsError {
    pub(crate) fn io(file: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_path_buf();
        move |source| Self::Io { file, action, source }
    }

    pub(crate) fn malformed(place: Place, what: impl Into<String>) -> Self {
        Self::Malformed {
            place,
            what: what.into(),
        }
    }
}
