//! The MD5 of all data, formed as far as the data come in the order of the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::pieces::PIECE_BYTES;
use super::writer::Unit;
use crate::digest::Md5Stream;

/// An MD5 and how far it has come: what was written out of order is read back in the end.
#[derive(Debug, Clone, Default)]
pub(super) struct RunningMd5 {
    md5: Md5Stream,
    hdu: usize,
    upto: u64,
}

impl RunningMd5 {
    /// Returns the digest if the `len` bytes from `at` on of unit `hdu`, about to be written, are the next to be hashed: they count
    /// as hashed from now on.
    pub(super) fn follow(&mut self, units: &[Unit], hdu: usize, at: u64, len: usize) -> Option<&mut Md5Stream> {
        self.pass_finished(units);
        if self.hdu != hdu || self.upto != at {
            return None;
        }
        self.upto += len as u64;
        Some(&mut self.md5)
    }

    /// Hashes the rest out of the file, padding included.
    pub(super) fn finish(mut self, units: &[Unit], file: &File) -> io::Result<String> {
        let mut buffer = vec![0; PIECE_BYTES];
        for unit in units.iter().skip(self.hdu) {
            let mut at = unit.data_start() + self.upto;
            while at < unit.end() {
                let n = (unit.end() - at).min(PIECE_BYTES as u64) as usize;
                let part = buffer.split_at_mut(n).0;
                file.read_exact_at(part, at)?;
                self.md5.update(part);
                at += n as u64;
            }
            self.upto = 0;
        }
        Ok(self.md5.finish())
    }

    /// Goes on to the next unit where all data of one are hashed.
    fn pass_finished(&mut self, units: &[Unit]) {
        while let Some(unit) = units.get(self.hdu).filter(|unit| unit.data_len == self.upto) {
            let padding = unit.end() - unit.data_start() - unit.data_len;
            self.md5.update(&vec![0; padding as usize]);
            self.hdu += 1;
            self.upto = 0;
        }
    }
}
