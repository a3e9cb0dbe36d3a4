//! Scratch space in a file that has no name, so that nothing is left of it whatever happens.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use phoenix_core::traits::{ReadError, Scratch, SinkError};

use super::system;

/// A nameless file in a job's folder.
#[derive(Debug)]
pub(super) struct FileScratch {
    folder: PathBuf,
    file: File,
    bytes: u64,
}

impl FileScratch {
    /// Makes the file; the disk gives space as it is written.
    pub(super) fn new(folder: &Path, bytes: u64) -> Result<Self, SinkError> {
        let make = || {
            let file = tempfile::tempfile_in(folder)?;
            file.set_len(bytes)?;
            Ok(file)
        };
        Ok(Self {
            file: make().map_err(|source| system("scratch", folder, source))?,
            folder: folder.to_path_buf(),
            bytes,
        })
    }
}

impl Scratch for FileScratch {
    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), SinkError> {
        if at.checked_add(bytes.len() as u64).is_none_or(|end| end > self.bytes) {
            return Err(SinkError::Invalid {
                name: "scratch".to_owned(),
                reason: format!("byte {at} lies behind its end"),
            });
        }
        self.file
            .write_all_at(bytes, at)
            .map_err(|source| system("scratch", &self.folder, source))
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        self.file.read_exact_at(bytes, at).map_err(|source| {
            let location = self.folder.display().to_string();
            if source.kind() == io::ErrorKind::UnexpectedEof {
                return ReadError::Damaged {
                    location,
                    place: format!("byte {at} of the scratch file"),
                    reason: "it lies behind the end".to_owned(),
                };
            }
            ReadError::System { location, source }
        })
    }
}
