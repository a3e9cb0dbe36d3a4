//! Which rows of cells the rows of an exposure lie in: what strips of rows of voxels need not read.
//!
//! Known for stacks in strips only: one more pass over the positions gives each part of the index the range of its rows of
//! cells, in 256 steps, two bytes.

use super::blocks::{Part, PlaneIndex};
use super::exposure::Exposure;
use super::gather::read;
use super::pixtable::{Columns, RowBuffers};
use super::position::{Locator, Placer};
use super::runs;
use super::stack::Stack;
use crate::math::Math;
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Most bytes for all that is known of the rows of an exposure; more only where there is no room for a single range.
const MOST_BYTES: usize = 1 << 20;
/// Part of the memory of windows for ranges; blocks share them where they are more, but never more blocks than these.
const SHARE: usize = 16;
/// Most blocks that share a range for that.
const MOST_SHARING: usize = 64;
/// Steps that the rows of cells are counted in.
const STEPS: usize = 256;

/// First and last step of some rows.
type Steps = [u8; 2];

/// Steps of no row.
const NOWHERE: Steps = [u8::MAX, 0];

/// The rows of cells of the rows that touch some planes.
#[derive(Debug)]
pub(super) struct Heights {
    /// Planes whose rows were looked at.
    planes: Range<usize>,
    /// Rows of cells of a step.
    unit: usize,
    exposures: Vec<OfExposure>,
    /// Bytes of the centres of voxels that the rows come near.
    pub(super) centre_bytes: usize,
}

/// The same of one exposure.
#[derive(Debug)]
struct OfExposure {
    /// Blocks that share a range.
    per: usize,
    blocks: Vec<Steps>,
    /// Second parts of blocks.
    rests: Vec<Steps>,
}

impl OfExposure {
    /// Blocks that must share a range so that it fits beside the index; `least` at least.
    fn per(index: &PlaneIndex, least: usize) -> usize {
        let [blocks, rests] = index.counts();
        let room = MOST_BYTES.saturating_sub(index.bytes()) / size_of::<Steps>();
        blocks.div_ceil(room.saturating_sub(rests).max(1)).max(least)
    }

    fn new(index: &PlaneIndex, least: usize) -> Self {
        let ([blocks, rests], per) = (index.counts(), Self::per(index, least));
        Self {
            per,
            blocks: vec![NOWHERE; blocks.div_ceil(per)],
            rests: vec![NOWHERE; rests],
        }
    }

    fn bytes(index: &PlaneIndex, least: usize) -> usize {
        let [blocks, rests] = index.counts();
        (blocks.div_ceil(Self::per(index, least)) + rests) * size_of::<Steps>()
    }

    fn of(&self, part: Part) -> Steps {
        match part {
            Part::Block(block) => self.blocks[block / self.per],
            Part::Rest(rest) => self.rests[rest],
        }
    }

    fn widen(&mut self, part: Part, [first, last]: Steps) {
        let steps = match part {
            Part::Block(block) => &mut self.blocks[block / self.per],
            Part::Rest(rest) => &mut self.rests[rest],
        };
        *steps = [steps[0].min(first), steps[1].max(last)];
    }
}

impl Heights {
    /// Blocks that share a range, so that all ranges fit their part of `bytes`.
    pub(super) fn sharing(index: &[PlaneIndex], bytes: usize) -> usize {
        let blocks: usize = index.iter().map(|index| index.counts()[0]).sum();
        let ranges = bytes / SHARE / size_of::<Steps>();
        blocks.div_ceil(ranges.max(1)).clamp(1, MOST_SHARING)
    }

    /// Bytes of the heights of all exposures if `sharing` blocks share a range.
    pub(super) fn bytes(index: &[PlaneIndex], sharing: usize) -> usize {
        index.iter().map(|index| OfExposure::bytes(index, sharing)).sum()
    }

    /// Least bytes for windows and heights, if windows need `bytes`.
    pub(super) fn floor(index: &[PlaneIndex], bytes: usize) -> usize {
        let rests: usize = index.iter().map(|index| index.counts()[1] + 1).sum();
        let all = bytes + rests * size_of::<Steps>();
        (all + all / (SHARE - 1) + SHARE).max(bytes + Self::bytes(index, MOST_SHARING))
    }

    /// Rows of cells that a row of the table shares with the others of its part, beside its own, on average.
    pub(super) fn spread(&self, index: &[PlaneIndex]) -> f64 {
        let (mut sum, mut all) = (0.0, 0.0);
        for (index, own) in index.iter().zip(&self.exposures) {
            index.parts(&self.planes, |part, rows, _| {
                let [first, last] = own.of(part).map(f64::from);
                let n = (rows.end - rows.start) as f64;
                sum += n * ((last - first + 1.0) * self.unit as f64 - 1.0);
                all += n;
            });
        }
        if all > 0.0 { sum / all } else { 0.0 }
    }

    /// Lists the runs of rows that touch planes `window` of the rows of cells `strip`, in order of exposure and row.
    pub(super) fn units(
        &self,
        index: &[PlaneIndex],
        window: &Range<usize>,
        strip: &Range<usize>,
    ) -> Vec<(usize, Range<u64>)> {
        if window.start < self.planes.start || window.end > self.planes.end {
            return runs::units(index, window);
        }
        let (low, high) = (strip.start / self.unit, strip.end.div_ceil(self.unit));
        let touches = |[first, last]: Steps| usize::from(first) < high && usize::from(last) >= low && first <= last;
        let of = |(exposure, (index, own)): (usize, (&PlaneIndex, &OfExposure))| {
            let mut units = Vec::new();
            index.parts(window, |part, rows, _| {
                if touches(own.of(part)) {
                    runs::append(&mut units, exposure, rows);
                }
            });
            units
        };
        let exposures = index.par_iter().zip(&self.exposures).enumerate();
        exposures.flat_map_iter(of).collect()
    }
}

impl Stack<'_> {
    /// Finds the rows of cells of all rows that touch `planes`; `sharing` blocks share a range.
    ///
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub(super) fn heights<M: Math>(
        &self,
        planes: Range<usize>,
        sharing: usize,
        hooks: &Hooks<'_>,
    ) -> Result<Heights, KernelError> {
        let ny = self.grid.naxis[1];
        let unit = ny.div_ceil(STEPS).max(1);
        let mut exposures = Vec::with_capacity(self.index.len());
        let locator = self.gather_request::<M>().locator;
        let marks = self.centres.marks();
        for (n, (exposure, index)) in self.exposures.iter().zip(&self.index).enumerate() {
            let placer = Placer::<M>::new(self.exposures, n, self.options.numerics);
            let found = Mutex::new(OfExposure::new(index, sharing));
            runs::units(std::slice::from_ref(index), &planes)
                .into_par_iter()
                .try_for_each_init(Work::default, |work, (_, rows)| {
                    hooks.check()?;
                    work.place(n, exposure, rows.clone(), &placer, &locator)?;
                    marks.mark([&work.cells[0], &work.cells[1]]);
                    work.steps.clear();
                    index.parts_of(&rows, |part, own| {
                        let own = (own.start - rows.start) as usize..(own.end - rows.start) as usize;
                        work.steps.push((part, steps(&work.cells[1][own], ny, unit)));
                    });
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    for (part, steps) in &work.steps {
                        found.widen(*part, *steps);
                    }
                    Ok(())
                })?;
            exposures.push(found.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(Heights {
            planes,
            unit,
            exposures,
            centre_bytes: marks.bytes(self.reach()),
        })
    }

    /// Lists the runs of rows that some planes of some rows of cells need; `own` may know more of those planes than the stack.
    pub(super) fn units(
        &self,
        own: Option<&Heights>,
        window: &Range<usize>,
        strip: &Range<usize>,
    ) -> Vec<(usize, Range<u64>)> {
        match own.or(self.heights.as_ref()) {
            Some(heights) => heights.units(&self.index, window, strip),
            None => runs::units(&self.index, window),
        }
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
struct Work {
    buffer: RowBuffers,
    cells: [Vec<i32>; 2],
    steps: Vec<(Part, Steps)>,
}

impl Work {
    /// Reads the positions of rows and finds their cells.
    fn place<M: Math>(
        &mut self,
        n: usize,
        exposure: &Exposure<'_>,
        rows: Range<u64>,
        placer: &Placer<M>,
        locator: &Locator<M>,
    ) -> Result<(), KernelError> {
        let (buffer, [i, j]) = (&mut self.buffer, &mut self.cells);
        read(n, exposure.rows, rows, Columns::XPOS.union(Columns::YPOS), buffer)?;
        placer.place(&mut buffer.xpos, &mut buffer.ypos);
        locator.cells(&buffer.xpos, &buffer.ypos, i, j);
        Ok(())
    }
}

/// Steps of rows in cells `j`; what lies outside the grid is put into its border, as rows are.
fn steps(j: &[i32], ny: usize, unit: usize) -> Steps {
    let last = ny as i32 - 1;
    let step = |j: i32| (j.clamp(0, last) as usize / unit) as u8;
    let (low, high) = j
        .iter()
        .fold((i32::MAX, i32::MIN), |(low, high), &j| (low.min(j), high.max(j)));
    if low > high { NOWHERE } else { [step(low), step(high)] }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::{BlockIndex, Cut, PlaneIndex, RangeOfChunk};
    use super::{MOST_BYTES, NOWHERE, OfExposure, steps};

    /// An index of blocks of 32 rows in chunks of 2048, of which every `n`th ends a slice.
    fn index(blocks: u64, n: usize) -> PlaneIndex {
        let mut index = BlockIndex::new(blocks * 32 - 5, 32, 2048);
        for first in (0..blocks).step_by(2048) {
            let range = |block: usize| [5000.0 + (block % n) as f32, 5001.5 + (block % n) as f32];
            let ranges: Vec<_> = (0..(blocks - first).min(2048) as usize).map(range).collect();
            let cut = |block: usize| Cut {
                block: block as u64,
                rows: 7,
                lambda: range(0),
            };
            let chunk = RangeOfChunk::of(&ranges);
            let cuts = (n - 1..ranges.len()).step_by(n).map(cut).collect();
            index.add(chunk, ranges.into_iter().map(|range| chunk.pack(range)).collect(), cuts);
        }
        index.into_planes(
            |[low, high]| (low - 5000.0) as usize..(high - 5000.0) as usize + 1,
            60_000,
        )
    }

    #[test]
    fn all_that_is_known_of_an_exposure_takes_a_mebibyte_at_most() {
        for (blocks, n) in [(1, 50), (150_000, 600), (196_608, 600), (196_608, 17)] {
            let index = index(blocks, n);
            let bytes = OfExposure::bytes(&index, 1);
            let own = OfExposure::new(&index, 1);
            assert_eq!(2 * (own.blocks.len() + own.rests.len()), bytes);
            assert!(
                index.bytes() + bytes <= MOST_BYTES,
                "{blocks} {n}: {} {bytes}",
                index.bytes()
            );
            assert!(own.per <= if n > 100 { 2 } else { 9 }, "{blocks} {n}: {}", own.per);
        }
    }

    #[test]
    fn a_run_consists_of_the_parts_that_the_index_joined_to_it() {
        let index = index(3000, 100);
        for window in [0..60_000, 3..7, 99..100] {
            let (mut joined, mut parts) = (Vec::new(), Vec::new());
            index.parts(&window, |part, rows, _| parts.push((part, rows)));
            for (_, run) in super::runs::units(std::slice::from_ref(&index), &window) {
                index.parts_of(&run, |part, rows| joined.push((part, rows)));
            }
            assert!(!parts.is_empty() && joined == parts, "{window:?}");
        }
    }

    #[test]
    fn steps_hold_the_cells_of_all_rows_and_borders_hold_what_is_outside() {
        assert_eq!(steps(&[3, 7, 5], 300, 2), [1, 3]);
        assert_eq!(steps(&[-40, 299, 1000], 300, 2), [0, 149]);
        assert_eq!(steps(&[32_766], 32_767, 128), [255, 255]);
        assert_eq!(steps(&[], 300, 2), NOWHERE);
    }
}
