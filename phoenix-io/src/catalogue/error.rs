//! What can go wrong with a catalogue file, sorted by what the caller can do next.

use std::io;
use std::path::{Path, PathBuf};

use phoenix_core::rule_instrument::DraftError;

/// A catalogue cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
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
    /// The bytes are no catalogue or not those that were written: make it anew.
    #[error("{}: the catalogue is damaged: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It was written in another form: make it anew.
    #[error("{}: the catalogue has version {found}, this is for version {expected}", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The version of the file.
        found: u32,
        /// The version that is read.
        expected: u32,
    },
    /// It is of another instrument: open the right file.
    #[error("{}: the catalogue is of {found}, not of {expected}", file.display())]
    OtherInstrument {
        /// The file.
        file: PathBuf,
        /// The instrument of the file.
        found: String,
        /// The instrument asked for.
        expected: String,
    },
    /// The rules ask for what it does not hold: make it anew with their keys.
    #[error("{}: the catalogue does not serve the rules", file.display())]
    Unfit {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: DraftError,
    },
}

impl CatalogueError {
    pub(super) fn io(file: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            file: file.to_path_buf(),
            action,
            source,
        }
    }

    pub(super) fn damaged(file: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_path_buf(),
            reason: reason.into(),
        }
    }
}
