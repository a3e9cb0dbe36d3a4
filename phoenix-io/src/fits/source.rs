//! Where the bytes come from: one trait for files, memory and mappings.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Random access to the bytes of one file.
///
/// # Contract
/// * `len` is the length when the source was opened and never changes.
/// * A file that became shorter since is an `UnexpectedEof` error of `read_exact_at`, never a signal.
pub trait Source: fmt::Debug + Send + Sync {
    /// Returns the length in bytes.
    fn len(&self) -> u64;

    /// Returns the length now, which may be less if the file was cut short.
    fn current_len(&self) -> u64 {
        self.len()
    }

    /// Tells whether there is no byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` with the bytes that start at `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; whatever the operating system says.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Returns all bytes if they stand in memory that cannot change.
    fn memory(&self) -> Option<&[u8]> {
        None
    }
}

/// A file read by positioned reads; many threads may read at once.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
}

impl FileSource {
    /// Opens a file.
    ///
    /// # Errors
    /// Whatever the operating system says; a folder is an error too.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Self {
            file,
            len: metadata.len(),
        })
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn current_len(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// Bytes in memory.
#[derive(Clone)]
pub struct BytesSource(Arc<[u8]>);

impl BytesSource {
    /// Takes the bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for BytesSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BytesSource({} bytes)", self.0.len())
    }
}

impl Source for BytesSource {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        copy_window(&self.0, buffer, offset)
    }

    fn memory(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}

/// Copies a window out of `bytes`, or says that they end before.
pub(crate) fn copy_window(bytes: &[u8], buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let window = usize::try_from(offset)
        .ok()
        .and_then(|start| Some(start..start.checked_add(buffer.len())?))
        .and_then(|range| bytes.get(range));
    match window {
        Some(window) => {
            buffer.copy_from_slice(window);
            Ok(())
        }
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}
