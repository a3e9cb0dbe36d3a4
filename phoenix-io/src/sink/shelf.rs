//! The hidden folder beside a job's staging folder in which a half-written cube waits for another attempt.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const PREFIX: &str = ".";
const SUFFIX: &str = ".kept";
const LEASE: &str = "lease";
/// A cube that nobody went on with for so long is given up.
const STALE: Duration = Duration::from_hours(14 * 24);

/// Returns the name of the shelf of a job.
pub(super) fn shelf_name(job_folder: &str) -> String {
    format!("{PREFIX}{job_folder}{SUFFIX}")
}

/// Returns the folder of the job to which a name belongs, if it is that of a shelf.
pub(super) fn job_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)
}

/// A shelf that this process holds; empty, it goes when it is dropped.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    _lease: File,
}

impl Shelf {
    /// Takes the shelf, making it if need be; `None` if another process holds it.
    pub(super) fn take(folder: &Path) -> io::Result<Option<Self>> {
        loop {
            fs::create_dir_all(folder)?;
            let path = folder.join(LEASE);
            let opened = File::options().write(true).create(true).truncate(false).open(&path);
            let lease = match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            match lease.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Whoever held it before may have removed it between the opening and the locking.
            let is_there = |there: io::Result<fs::Metadata>| there.is_ok_and(|there| there.nlink() > 0);
            if is_there(lease.metadata()) {
                return Ok(Some(Self {
                    folder: folder.to_path_buf(),
                    _lease: lease,
                }));
            }
        }
    }

    /// Returns the place of a file on the shelf.
    pub(super) fn place(&self, name: &str, what: &str) -> PathBuf {
        self.folder.join(format!("{name}.{what}"))
    }

    /// Removes the shelf with everything on it.
    pub(super) fn clear(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let is_empty = fs::read_dir(&self.folder)
            .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LEASE)));
        if is_empty {
            let _ = self.clear();
        }
    }
}

/// Removes the shelf of a job whose products are in their place, unless another process works on it.
pub(super) fn forget(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    match Shelf::take(folder)? {
        Some(shelf) => shelf.clear(),
        None => Ok(()),
    }
}

/// Removes shelves among other files on which nothing has moved for two weeks.
pub(super) fn sweep_stale(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.filter_map(Result::ok) {
        let path = entry.path();
        let is_shelf = job_of(&entry.file_name().to_string_lossy()).is_some() && path.join(LEASE).is_file();
        let is_stale = |path: &Path| -> io::Result<bool> {
            let mut newest = SystemTime::UNIX_EPOCH;
            for file in fs::read_dir(path)? {
                newest = newest.max(file?.metadata()?.modified()?);
            }
            Ok(newest.elapsed().is_ok_and(|age| age > STALE))
        };
        if is_shelf && is_stale(&path).unwrap_or(false) {
            forget(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Shelf, forget};

    #[test]
    fn a_shelf_has_one_holder_and_goes_when_nothing_is_on_it() -> std::io::Result<()> {
        let parent = tempfile::tempdir()?;
        let folder = parent.path().join(".job.kept");
        let shelf = Shelf::take(&folder)?;
        assert!(shelf.is_some() && Shelf::take(&folder)?.is_none());
        forget(&folder)?;
        assert!(folder.is_dir(), "another holder's shelf is left alone");
        drop(shelf);
        assert!(!folder.exists());
        let Some(shelf) = Shelf::take(&folder)? else {
            return Err(std::io::ErrorKind::WouldBlock.into());
        };
        std::fs::write(shelf.place("A.fits", "part"), b"half")?;
        drop(shelf);
        assert!(folder.is_dir());
        forget(&folder)?;
        assert!(!folder.exists());
        Ok(())
    }
}
