//! How much room a disk has.

use std::io;
use std::path::Path;

/// Returns the bytes that an unprivileged process may still write where a path is or would be.
///
/// # Errors
/// If the system does not tell.
pub fn free_bytes(path: impl AsRef<Path>) -> io::Result<u64> {
    let path = std::path::absolute(path)?;
    let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(&path);
    let room = rustix::fs::statvfs(existing)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        assert!(super::free_bytes(folder.path().join("a/b")).unwrap() > 0);
    }
}
