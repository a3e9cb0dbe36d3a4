//! Files that are open only now and then, so that thousands can be read through a few handles.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::source::Source;

/// A bounded number of open files, those used last.
///
/// # Contract
/// * At most `most` files stay open, and one more for each thread that is reading at the moment.
/// * A file is opened again where it was; one that another file took the place of meanwhile is an error, never mixed in.
#[derive(Debug)]
pub struct Handles {
    most: usize,
    next: AtomicU64,
    /// By number, the one used last at the end.
    open: Mutex<VecDeque<(u64, Arc<File>)>>,
}

impl Handles {
    /// Returns a pool with nothing open.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            next: AtomicU64::new(0),
            open: Mutex::default(),
        })
    }

    /// Opens a file for reading now and then.
    ///
    /// # Errors
    /// Whatever the operating system says; a folder is an error too.
    pub fn open(self: &Arc<Self>, path: &Path) -> io::Result<SharedFile> {
        let path = std::path::absolute(path)?;
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.keep(number, Arc::new(file));
        Ok(SharedFile {
            handles: Arc::clone(self),
            number,
            path,
            identity: identity(&metadata),
            len: metadata.len(),
        })
    }

    /// Returns how many files are open.
    pub fn n_open(&self) -> usize {
        self.files().len()
    }

    fn files(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<File>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, number: u64, file: Arc<File>) {
        let mut open = self.files();
        // Two threads may have opened the same file at once.
        open.retain(|(other, _)| *other != number);
        while open.len() >= self.most {
            open.pop_front();
        }
        open.push_back((number, file));
    }

    fn find(&self, number: u64) -> Option<Arc<File>> {
        let mut open = self.files();
        let place = open.iter().rposition(|(other, _)| *other == number)?;
        let entry = open.remove(place)?;
        let file = Arc::clone(&entry.1);
        open.push_back(entry);
        Some(file)
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// A file that is opened when it is read.
#[derive(Debug)]
pub struct SharedFile {
    handles: Arc<Handles>,
    number: u64,
    path: PathBuf,
    identity: (u64, u64),
    len: u64,
}

impl SharedFile {
    fn file(&self) -> io::Result<Arc<File>> {
        if let Some(file) = self.handles.find(self.number) {
            return Ok(file);
        }
        let file = File::open(&self.path)?;
        if identity(&file.metadata()?) != self.identity {
            return Err(io::Error::other("another file took its place while it was read"));
        }
        let file = Arc::new(file);
        self.handles.keep(self.number, Arc::clone(&file));
        Ok(file)
    }
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        self.handles.files().retain(|(number, _)| *number != self.number);
    }
}

impl Source for SharedFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn current_len(&self) -> u64 {
        let metadata = self.file().and_then(|file| file.metadata());
        metadata.map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file()?.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Handles, SharedFile, Source};

    fn byte(file: &SharedFile) -> std::io::Result<u8> {
        let mut byte = [0];
        file.read_exact_at(&mut byte, 0).map(|()| byte[0])
    }

    #[test]
    fn many_files_are_read_in_any_order_through_few_handles() {
        let folder = tempfile::tempdir().unwrap();
        let handles = Handles::new(4);
        let files: Vec<SharedFile> = (0..50_u8)
            .map(|n| {
                let path = folder.path().join(n.to_string());
                fs::write(&path, [n]).unwrap();
                handles.open(&path).unwrap()
            })
            .collect();
        for n in (0..50).chain((0..50).rev()).chain([3, 3, 40, 3]) {
            assert_eq!(byte(&files[n]).unwrap() as usize, n);
            assert!(handles.n_open() <= 4);
        }
        drop(files);
        assert_eq!(handles.n_open(), 0);
    }

    #[test]
    fn a_file_that_took_the_place_of_another_is_not_mixed_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b", "c"] {
            fs::write(path(name), name).unwrap();
        }
        let handles = Handles::new(1);
        let a = handles.open(&path("a")).unwrap();
        let b = handles.open(&path("b")).unwrap();
        fs::rename(path("c"), path("a")).unwrap();
        assert_eq!(byte(&b).unwrap(), b'b');
        assert!(byte(&a).is_err());
    }
}
