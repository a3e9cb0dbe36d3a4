//! How far a cube has come, in a file of its own: two slots of fixed size, written in turn, so that neither a kill nor a
//! full disk can spoil both.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use phoenix_core::id::Digest;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::fits::KeptUnit;

/// Bytes of a slot; they are written once at the start, so that later entries need no space.
const SLOT_BYTES: usize = 32 << 10;
const SLOTS: usize = 2;

/// What is known to be safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Which cube it is.
    pub identity: Digest,
    /// Counts the entries, so that the later of two is known.
    pub number: u64,
    /// Planes that are finished in every extension.
    pub planes: usize,
    /// The data of each extension, with their unit in the file.
    pub units: Vec<(usize, KeptUnit)>,
    /// What the recipe noted.
    pub note: serde_json::Value,
}

/// The file of the journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or creates the journal and returns its last whole entry.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<Entry>)> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut bytes = vec![0; SLOTS * SLOT_BYTES];
        let last = match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            read => {
                read?;
                let entries = bytes.chunks(SLOT_BYTES).filter_map(parse);
                entries.max_by_key(|entry| entry.number)
            }
        };
        let path = path.to_path_buf();
        Ok((Self { path, file }, last))
    }

    /// Forgets all entries and takes the space that later ones need.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all_at(&vec![b'\n'; SLOTS * SLOT_BYTES], 0)?;
        self.file.sync_all()
    }

    /// Writes an entry over the one before the last.
    ///
    /// # Errors
    /// `InvalidInput` if the recipe's note is too long for a slot.
    pub(super) fn write(&self, entry: &Entry) -> io::Result<()> {
        let text = serde_json::to_string(entry)?;
        let mut slot = format!("{} {text}", digest::content_of_bytes(text.as_bytes())).into_bytes();
        if slot.len() >= SLOT_BYTES {
            let reason = format!("a note of {} bytes does not fit the journal", text.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        slot.resize(SLOT_BYTES, b'\n');
        let at = entry.number % SLOTS as u64 * SLOT_BYTES as u64;
        self.file.write_all_at(&slot, at)?;
        self.file.sync_data()
    }

    /// Removes the file.
    pub(super) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reads a slot; `None` if it is empty or spoilt.
fn parse(slot: &[u8]) -> Option<Entry> {
    let (stated, text) = std::str::from_utf8(slot).ok()?.trim_end().split_once(' ')?;
    let is_whole = digest::content_of_bytes(text.as_bytes()).as_str() == stated;
    is_whole.then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::{Entry, Journal, SLOT_BYTES};

    fn entry(number: u64) -> Entry {
        Entry {
            identity: "blake3:0".into(),
            number,
            planes: 10 * number as usize,
            units: Vec::new(),
            note: serde_json::json!({"rows": number}),
        }
    }

    #[test]
    fn the_last_whole_entry_counts_and_a_spoilt_one_leaves_the_one_before() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("journal");
        let (journal, found) = Journal::open(&path)?;
        assert_eq!(found, None);
        journal.clear()?;
        for number in 1..=3 {
            journal.write(&entry(number))?;
            assert_eq!(Journal::open(&path)?.1, Some(entry(number)));
        }
        // A kill in the middle of an entry: its digest does not agree.
        journal.file.write_all_at(b"xx", SLOT_BYTES as u64 + 100)?;
        assert_eq!(Journal::open(&path)?.1, Some(entry(2)));
        journal.file.set_len(SLOT_BYTES as u64)?;
        assert_eq!(Journal::open(&path)?.1, None);
        Ok(())
    }

    #[test]
    fn a_note_that_is_too_long_is_refused_and_spoils_nothing() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("journal");
        let (journal, _) = Journal::open(&path)?;
        journal.clear()?;
        journal.write(&entry(1))?;
        let long = Entry {
            note: "x".repeat(SLOT_BYTES).into(),
            ..entry(2)
        };
        assert!(journal.write(&long).is_err());
        assert_eq!(Journal::open(&path)?.1, Some(entry(1)));
        Ok(())
    }
}
