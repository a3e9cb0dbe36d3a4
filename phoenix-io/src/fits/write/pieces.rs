//! Data into the file, piece by piece: encoded, summed and written by all threads of the pool that asks, and hashed meanwhile.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rayon::prelude::*;

use crate::digest::Md5Stream;
use crate::fits::checksum::WordSum;

/// What is encoded, summed and written at once: it stays in the level 2 cache.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// Encodes the bytes of the data of a unit from some place on.
pub(super) type Fill<'a> = &'a (dyn Fn(u64, &mut [u8]) + Sync);

/// Bytes from `at` on of data that begin at byte `start` of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) at: u64,
    pub(super) len: usize,
}

impl Span {
    /// Returns where pieces begin, and their lengths.
    fn pieces(self) -> impl IndexedParallelIterator<Item = (u64, usize)> {
        (0..self.len.div_ceil(PIECE_BYTES))
            .into_par_iter()
            .map(move |n| self.piece(n))
    }

    fn piece(self, n: usize) -> (u64, usize) {
        let before = n * PIECE_BYTES;
        (self.at + before as u64, PIECE_BYTES.min(self.len - before))
    }

    /// Writes all of it and returns its sum; `md5`, if given, takes the bytes in their order.
    ///
    /// # Errors
    /// Whatever the system says; pieces may be written or not.
    pub(super) fn write(self, file: &File, md5: Option<&mut Md5Stream>, fill: Fill<'_>) -> io::Result<WordSum> {
        // Outside a pool nobody has said how many threads may work.
        let is_shared = rayon::current_thread_index().is_some() && self.len > 2 * PIECE_BYTES;
        let put = |buffer: &mut Vec<u8>, (at, len): (u64, usize)| {
            buffer.resize(PIECE_BYTES.min(self.len), 0);
            let bytes = buffer.split_at_mut(len).0;
            fill(at, bytes);
            let mut sum = WordSum::default();
            sum.add(bytes, at);
            file.write_all_at(bytes, self.start + at)?;
            Ok(sum)
        };
        let join = |mut all: WordSum, part: WordSum| {
            all.merge(part);
            Ok(all)
        };
        if is_shared {
            let write = || {
                let sums = self.pieces().map_init(Vec::new, put);
                sums.try_reduce(WordSum::default, join)
            };
            let ((), sum) = rayon::join(|| self.hash(md5, fill), write);
            sum
        } else {
            let mut buffer = Vec::new();
            let sums = (0..self.len.div_ceil(PIECE_BYTES)).map(|n| put(&mut buffer, self.piece(n)));
            let sum = sums
                .into_iter()
                .try_fold(WordSum::default(), |all, part| join(all, part?));
            self.hash(md5, fill);
            sum
        }
    }

    fn hash(self, md5: Option<&mut Md5Stream>, fill: Fill<'_>) {
        let Some(md5) = md5 else { return };
        let mut buffer = vec![0; PIECE_BYTES.min(self.len)];
        for n in 0..self.len.div_ceil(PIECE_BYTES) {
            let (at, len) = self.piece(n);
            let bytes = buffer.split_at_mut(len).0;
            fill(at, bytes);
            md5.update(bytes);
        }
    }
}
