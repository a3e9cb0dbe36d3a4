//! The lease of a run directory: one process at a time, given back when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use phoenix_core::traits::StateError;

/// The lease of a run directory.
///
/// # Contract
/// * While it lives, no other process gets one for the same directory.
/// * The operating system takes it back when the process dies; the file `run.lock` that stays behind means nothing.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// The name of the file that carries the lease.
    pub const FILE: &'static str = "run.lock";

    /// Takes the lease of a directory that exists.
    ///
    /// # Errors
    /// `Held` if another process has it; `System` if the directory cannot be used.
    pub fn acquire(directory: impl AsRef<Path>) -> Result<Self, StateError> {
        let path = directory.as_ref().join(Self::FILE);
        let system = |source: std::io::Error| StateError::System {
            location: path.display().to_string(),
            source: Box::new(source),
        };
        // Network file systems lock only files that are open for writing.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(system)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StateError::Held {
                location: directory.as_ref().display().to_string(),
            }),
            Err(TryLockError::Error(source)) => Err(system(source)),
        }
    }
}
