//! Which rows the cosmic-ray test rejected: a bit for each row of each exposure, in scratch space.

use phoenix_core::traits::{ProductSink, ReadError, Scratch, SinkError};
use phoenix_kernels::SourceError;
use phoenix_kernels::ifu::{Exposure, RowId};
use phoenix_kit::sorted::SortedRows;

/// Quality bit of a cosmic ray.
const COSMIC_RAY: i32 = 1 << 5;
/// Bytes that are read, changed and written at once: the rows that one slice gives to a window lie in a few of them.
const PAGE: usize = 512;

/// The rejected rows of all exposures.
#[derive(Debug)]
pub(crate) struct RejectedRows<'a> {
    scratch: Box<dyn Scratch>,
    /// Where the bits of each exposure begin.
    starts: Vec<u64>,
    /// Exposures whose rows the stack takes in another order than that of the file.
    sorted: &'a [Option<SortedRows>],
}

impl<'a> RejectedRows<'a> {
    /// Takes the space; no row is rejected yet.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn new(
        exposures: &[Exposure<'_>],
        sorted: &'a [Option<SortedRows>],
        out: &dyn ProductSink,
    ) -> Result<Self, SinkError> {
        let mut starts = Vec::with_capacity(exposures.len());
        let mut bytes = 0;
        for exposure in exposures {
            starts.push(bytes * 8);
            bytes += exposure.rows.len().div_ceil(8);
        }
        Ok(Self {
            scratch: out.scratch(bytes.next_multiple_of(PAGE as u64))?,
            starts,
            sorted,
        })
    }

    /// Enters rejected rows as the stack names them.
    ///
    /// # Errors
    /// If scratch space cannot be read or written.
    pub(crate) fn add(&self, rows: &[RowId]) -> Result<(), SourceError> {
        let mut bits = Vec::with_capacity(rows.len());
        for id in rows {
            let n = id.exposure as usize;
            let original = match self.sorted.get(n).and_then(Option::as_ref) {
                Some(sorted) => sorted
                    .original(id.row)?
                    .ok_or("the rows of a sorted table have no names")?,
                None => id.row,
            };
            bits.push(self.starts.get(n).copied().unwrap_or_default() + original);
        }
        bits.sort_unstable();
        let page_of = |bit: u64| bit / (8 * PAGE as u64);
        let mut page = [0; PAGE];
        for bits in bits.chunk_by(|a, b| page_of(*a) == page_of(*b)) {
            let Some(at) = bits.first().map(|bit| page_of(*bit) * PAGE as u64) else {
                continue;
            };
            self.scratch.read(at, &mut page)?;
            for bit in bits {
                let within = bit - at * 8;
                if let Some(byte) = page.get_mut((within / 8) as usize) {
                    *byte |= 1 << (within % 8);
                }
            }
            self.scratch.write(at, &page)?;
        }
        Ok(())
    }

    /// Flags rejected rows of exposure `n` as cosmic rays; `dq` are those from row `first` on.
    ///
    /// # Errors
    /// If scratch space cannot be read.
    pub(crate) fn flag(&self, n: usize, first: u64, dq: &mut [i32]) -> Result<(), ReadError> {
        let start = self.starts.get(n).copied().unwrap_or_default() + first;
        let (at, skipped) = (start / 8, (start % 8) as usize);
        let mut bytes = vec![0_u8; (skipped + dq.len()).div_ceil(8)];
        self.scratch.read(at, &mut bytes)?;
        for (k, dq) in (skipped..).zip(dq) {
            if bytes[k / 8] >> (k % 8) & 1 == 1 {
                *dq |= COSMIC_RAY;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use phoenix_kernels::ifu::{CoordinateState, Exposure, PixelTable, RowBuffers, RowId};
    use phoenix_testkit::fake::FakeSink;

    use super::RejectedRows;

    #[test]
    fn each_rejected_row_is_flagged_and_no_other_whatever_the_order_they_come_in() {
        let table = |n: usize| {
            PixelTable::new(RowBuffers {
                xpos: vec![0.0; n],
                ypos: vec![0.0; n],
                lambda: vec![0.0; n],
                data: vec![0.0; n],
                stat: vec![0.0; n],
                dq: vec![0; n],
                weight: Vec::new(),
            })
            .unwrap()
        };
        let tables = [table(10_001), table(3), table(9_000)];
        let exposures = [0, 1, 2].map(|n: usize| Exposure::new(&tables[n], CoordinateState::Pixel, 0.0, 0.0));
        let rows = RejectedRows::new(&exposures, &[], &FakeSink::default()).unwrap();
        let id = |exposure: u32, row: u64| RowId { exposure, row };
        rows.add(&[id(0, 0), id(0, 10_000), id(1, 2), id(2, 0), id(2, 8_999)])
            .unwrap();
        rows.add(&[id(0, 4_095), id(0, 4_096), id(2, 17)]).unwrap();
        let flagged = |n: usize, first: u64, len: usize| -> Vec<u64> {
            let mut dq = vec![64; len];
            rows.flag(n, first, &mut dq).unwrap();
            (first..)
                .zip(dq)
                .filter(|(_, dq)| *dq == 96)
                .map(|(row, _)| row)
                .collect()
        };
        assert_eq!(flagged(0, 0, 10_001), [0, 4_095, 4_096, 10_000]);
        assert_eq!(flagged(0, 4_095, 3), [4_095, 4_096]);
        assert_eq!(flagged(1, 0, 3), [2]);
        assert_eq!(flagged(2, 5, 8_995), [17, 8_999]);
    }
}
