//! The MD5 of all data, formed in the order of the file: of what is being written where it comes in that order, else read back,
//! in the end or, if somebody offers the time, before.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pieces::PIECE_BYTES;
use super::writer::Unit;
use crate::digest::Md5Stream;

/// An MD5 and how far it has come.
#[derive(Debug, Default)]
pub(super) struct RunningMd5 {
    shared: Arc<Shared>,
    /// Unit, and bytes of its data, up to which all is hashed or waits.
    hdu: usize,
    upto: u64,
    is_deferred: bool,
}

/// What whoever hashes needs.
#[derive(Debug, Default)]
struct Shared {
    md5: Mutex<Md5Stream>,
    waiting: Mutex<VecDeque<Part>>,
}

/// The next bytes to be hashed.
#[derive(Debug, Clone)]
enum Part {
    File(Range<u64>),
    Zeros(u64),
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Hashes what waits; where somebody else does, that is enough.
    fn offer(&self, file: &File) {
        if let Ok(mut md5) = self.md5.try_lock() {
            // What cannot be read now is read in the end, and the error told then.
            let _ = self.hash(&mut md5, file);
        }
    }

    fn hash(&self, md5: &mut Md5Stream, file: &File) -> io::Result<()> {
        let mut buffer = vec![0; PIECE_BYTES];
        while let Some(part) = self.next() {
            match &part {
                Part::Zeros(n) => md5.update(&vec![0; *n as usize]),
                Part::File(range) => {
                    let bytes = buffer.split_at_mut((range.end - range.start) as usize).0;
                    if let Err(error) = file.read_exact_at(bytes, range.start) {
                        lock(&self.waiting).push_front(part);
                        return Err(error);
                    }
                    md5.update(bytes);
                }
            }
        }
        Ok(())
    }

    /// Takes the next piece.
    fn next(&self) -> Option<Part> {
        let mut waiting = lock(&self.waiting);
        let part = waiting.pop_front()?;
        let Part::File(range) = &part else { return Some(part) };
        let end = range.end.min(range.start + PIECE_BYTES as u64);
        if end < range.end {
            waiting.push_front(Part::File(end..range.end));
        }
        Some(Part::File(range.start..end))
    }
}

impl RunningMd5 {
    /// From now on hashes nothing while it is written, but whenever what is returned is called.
    pub(super) fn defer(&mut self, file: File) -> Arc<dyn Fn() + Send + Sync> {
        self.is_deferred = true;
        let shared = self.shared.clone();
        Arc::new(move || shared.offer(&file))
    }

    /// Returns the digest if the `len` bytes from `at` on of unit `hdu`, about to be written, are the next to be hashed: they count
    /// as hashed from now on.
    pub(super) fn follow(
        &mut self,
        units: &[Unit],
        hdu: usize,
        at: u64,
        len: usize,
    ) -> Option<MutexGuard<'_, Md5Stream>> {
        if self.is_deferred {
            return None;
        }
        self.pass_finished(units);
        if self.hdu != hdu || self.upto != at {
            return None;
        }
        self.upto += len as u64;
        Some(lock(&self.shared.md5))
    }

    /// Lets what was written and is next in the file wait to be hashed.
    pub(super) fn advance(&mut self, units: &[Unit]) {
        if !self.is_deferred {
            return;
        }
        loop {
            self.pass_finished(units);
            let Some(unit) = units.get(self.hdu) else { return };
            let written = unit.written.beginning().unwrap_or(0);
            if written <= self.upto {
                return;
            }
            let part = Part::File(unit.data_start() + self.upto..unit.data_start() + written);
            lock(&self.shared.waiting).push_back(part);
            self.upto = written;
        }
    }

    /// Hashes what waits and the rest out of the file, padding included.
    pub(super) fn finish(&self, units: &[Unit], file: &File) -> io::Result<String> {
        let mut md5 = lock(&self.shared.md5);
        self.shared.hash(&mut md5, file)?;
        let rest = Shared {
            md5: Mutex::default(),
            waiting: Mutex::new(self.rest(units)),
        };
        let mut md5 = md5.clone();
        rest.hash(&mut md5, file)?;
        Ok(md5.finish())
    }

    /// Returns what is neither hashed nor waits.
    fn rest(&self, units: &[Unit]) -> VecDeque<Part> {
        let mut upto = self.upto;
        let rest = units.iter().skip(self.hdu).map(|unit| {
            let first = unit.data_start() + std::mem::take(&mut upto);
            Part::File(first..unit.end())
        });
        rest.collect()
    }

    /// Goes on to the next unit where all data of one are hashed or wait.
    fn pass_finished(&mut self, units: &[Unit]) {
        while let Some(unit) = units.get(self.hdu).filter(|unit| unit.data_len == self.upto) {
            let padding = unit.end() - unit.data_start() - unit.data_len;
            if self.is_deferred {
                lock(&self.shared.waiting).push_back(Part::Zeros(padding));
            } else {
                lock(&self.shared.md5).update(&vec![0; padding as usize]);
            }
            self.hdu += 1;
            self.upto = 0;
        }
    }
}
