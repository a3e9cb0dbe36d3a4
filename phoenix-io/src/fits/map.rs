//! The one memory mapping: a source for files that nobody else can change.

#![allow(
    unsafe_code,
    reason = "mapping a file is unsafe by nature; this module is the one place for it"
)]

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

use super::source::{Source, copy_window};

/// A mapped file.
///
/// # Contract
/// * The caller knows that no other process changes or shortens the file while the mapping lives: products of this
///   run in a folder that it owns. Input from outside goes through [`super::FileSource`].
/// * Before every window the length of the file is asked for again, so a file that was cut short is an error as long
///   as it is not cut in the very moment of the copy.
pub struct MappedFile {
    file: File,
    map: Mmap,
}

impl MappedFile {
    /// Maps a file.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // SAFETY: the mapping is read-only and private to this value. That no other process shortens or changes the
        // file is the documented duty of the caller; `read_exact_at` narrows what is left by checking the length.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self { file, map })
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedFile({} bytes)", self.map.len())
    }
}

impl Source for MappedFile {
    fn len(&self) -> u64 {
        self.map.len() as u64
    }

    fn current_len(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.saturating_add(buffer.len() as u64) > self.current_len() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        copy_window(&self.map, buffer, offset)
    }
}
