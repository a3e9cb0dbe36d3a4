//! One window of planes from rows to voxels: all threads work on it, in buffers that serve window after window.

use super::cells::{ALONG_X, ALONG_Y, Cells, REJECTED, Record};
use super::cosmic::{CosmicTest, CosmicWork};
use super::drizzle;
use super::exposure::SliceDirection;
use super::gather::GatherRequest;
use super::heights::Heights;
use super::resample::{Resample, TileMut, Window};
use super::rows::GatherWork;
use super::slab::{SlabBuffers, StackStats};
use super::stack::Stack;
use crate::math::Math;
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Bytes of the buffers for each row: as it came (record, key, bits) and in the order of cells (which record, sample, bits).
pub(super) const BYTES_PER_ROW: usize = size_of::<Record>() + 4 + 1 + 4 + 4 + 1;
/// Bytes for each cell: where its rows begin, and as much for each thread.
pub(super) const BYTES_PER_CELL: usize = 4;
/// Bytes for each voxel: value and variance.
pub(super) const BYTES_PER_VOXEL: usize = 8;

/// Bytes for the sums of a tile: they are to stay in the second-level cache.
const RING_BYTES: usize = 512 << 10;

/// The buffers of a window and what became of the last.
#[derive(Debug)]
pub(super) struct WindowWork {
    /// One for each thread.
    gather: Vec<GatherWork>,
    pub(super) cells: Cells,
    /// Planes whose rows are tested.
    tested: Range<usize>,
    /// Planes whose rows were read, not held.
    pub(super) fresh: Range<usize>,
    /// End of the planes that were filled last.
    filled: Option<usize>,
    /// One for each thread.
    cosmic: Vec<CosmicWork>,
    /// One for each thread.
    sums: Vec<Vec<drizzle::Sums>>,
    /// What tells the rows of a strip of the planes at work, where the stack does not know it.
    pub(super) heights: Option<Heights>,
    pub(super) slab: SlabBuffers,
    pub(super) stats: StackStats,
}

impl WindowWork {
    /// Returns empty buffers for a number of threads.
    pub(super) fn new(threads: usize) -> Self {
        fn each<T: Default>(threads: usize) -> Vec<T> {
            (0..threads.max(1)).map(|_| T::default()).collect()
        }
        Self {
            gather: each(threads),
            cells: Cells::default(),
            tested: 0..0,
            fresh: 0..0,
            filled: None,
            cosmic: each(threads),
            sums: each(threads),
            heights: None,
            slab: SlabBuffers::default(),
            stats: StackStats::default(),
        }
    }

    /// Fills the slab of `planes`.
    pub(super) fn fill<M: Math>(
        &mut self,
        stack: &Stack<'_>,
        planes: &Range<usize>,
        hooks: &Hooks<'_>,
    ) -> Result<(), KernelError> {
        // Of several strips each begins anew; of one the rows at the border of the planes before are held.
        let follows = self.filled == Some(planes.start) && stack.strips.len() == 1;
        let [nx, ny, _] = stack.grid.naxis;
        self.slab.resize(planes.len() * nx * ny, stack.options.counts);
        self.slab.rejected_rows.clear();
        self.stats = StackStats::default();
        for strip in &stack.strips {
            self.gather_planes::<M>(stack, [planes, strip], follows, hooks)?;
            hooks.check()?;
            let (first, first_row) = (self.cells.first_plane, self.cells.first_row);
            let inner = planes.start - first..planes.end - first;
            let cells_y = strip.start - first_row..strip.end - first_row;
            self.stats.count(&self.cells, &inner, &cells_y);
            self.list_rejected(&inner, &cells_y);
            self.resample::<M>(stack, &inner, &cells_y);
        }
        self.slab.rejected_rows.sort_unstable();
        self.filled = Some(planes.end);
        let finite = self
            .slab
            .data
            .par_chunks(1 << 16)
            .map(|values| values.iter().filter(|v| v.is_finite()).count());
        self.stats.finite_voxels = finite.sum::<usize>() as u64;
        Ok(())
    }

    /// Gathers and tests the rows that some planes of some rows of voxels need.
    pub(super) fn load<M: Math>(
        &mut self,
        stack: &Stack<'_>,
        planes: &Range<usize>,
        rows: &Range<usize>,
        hooks: &Hooks<'_>,
    ) -> Result<(), KernelError> {
        self.stats = StackStats::default();
        self.gather_planes::<M>(stack, [planes, rows], false, hooks)
    }

    /// The same for a strip of rows of cells; where they follow the planes before, tested rows of those are not read again.
    fn gather_planes<M: Math>(
        &mut self,
        stack: &Stack<'_>,
        [planes, strip]: [&Range<usize>; 2],
        follows: bool,
        hooks: &Hooks<'_>,
    ) -> Result<(), KernelError> {
        let (nz, reach) = (stack.grid.naxis[2], stack.reach());
        let has_test = stack.options.cosmic.sigma > 0.0;
        let margin = usize::from(has_test);
        let wanted = planes.start.saturating_sub(reach)..(planes.end + reach).min(nz);
        let (window, held, tested) = if follows {
            let known = self.cells.first_plane + self.cells.width;
            let tested = self.tested.end..wanted.end;
            let first = wanted.start.min(tested.start.saturating_sub(margin));
            (first..(tested.end + margin).min(nz), first..known, tested)
        } else {
            let window = wanted.start.saturating_sub(margin)..(wanted.end + margin).min(nz);
            (window.clone(), window.start..window.start, wanted.clone())
        };
        hooks.check()?;
        // Every plane's rows are counted where they are first read by a run from plane 0 on.
        let ahead = |plane: usize| (plane + reach + margin).min(nz);
        let counted = if planes.start == 0 { 0 } else { ahead(planes.start) }..ahead(planes.end);
        let fresh = held.end..window.end;
        let margin_y = reach + margin;
        let request = GatherRequest {
            strip: [
                strip.start.saturating_sub(margin_y),
                (strip.end + margin_y).min(stack.grid.naxis[1]),
            ],
            counted_strip: [strip.start, strip.end],
            ..stack.gather_request::<M>()
        };
        let counts = request.gather(
            stack.exposures,
            &stack.units(self.heights.as_ref(), &fresh, &(request.strip[0]..request.strip[1])),
            [&window, &held, &counted],
            hooks,
            &mut self.gather,
            &mut self.cells,
        )?;
        self.stats.not_finite += counts.not_finite;
        self.stats.outside += counts.outside;
        self.stats.saturated += counts.saturated;
        if has_test {
            hooks.check()?;
            let bits = |direction| match direction {
                SliceDirection::X => ALONG_X,
                SliceDirection::Y => ALONG_Y,
                SliceDirection::None => 0,
            };
            let is_there = |direction: &SliceDirection| stack.exposures.iter().any(|e| e.slice_direction == *direction);
            let directions = [SliceDirection::X, SliceDirection::Y, SliceDirection::None];
            let test = CosmicTest {
                options: stack.options.cosmic,
                numerics: stack.options.numerics,
                common: bits(stack.exposures[0].slice_direction),
                directions: directions.map(|direction| Some(direction).filter(is_there).map(bits)),
            };
            let untested = tested.start - window.start..tested.end - window.start;
            test.run(&mut self.cells, &untested, &mut self.cosmic, hooks.beside);
        }
        (self.tested, self.fresh) = (tested, fresh);
        Ok(())
    }

    /// Lists the rejected rows of some planes and rows of cells, where the cells know their rows.
    pub(super) fn list_rejected(&mut self, planes: &Range<usize>, cells_y: &Range<usize>) {
        let cells = &self.cells;
        if cells.ids.is_empty() {
            return;
        }
        for i in 0..cells.size[0] {
            for j in cells_y.clone() {
                let rows = cells.range(i, j, planes.clone());
                let rejected = rows.filter(|row| cells.bits[*row] & REJECTED != 0);
                self.slab.rejected_rows.extend(rejected.map(|row| cells.ids[row]));
            }
        }
    }

    /// Returns the cells that were loaded, with what the resampling needs.
    pub(super) fn window<'a>(&'a self, stack: &'a Stack<'_>) -> Window<'a> {
        Window {
            cells: &self.cells,
            centres: &stack.centres,
            first_plane: self.cells.first_plane,
            ny: stack.grid.naxis[1],
            rows: 0..self.cells.size[1],
            numerics: stack.options.numerics,
            only: None,
        }
    }

    /// Tells whether all rows are at hand, and tested, that some planes of voxels are made of.
    pub(super) fn has(&self, planes: &Range<usize>, stack: &Stack<'_>) -> bool {
        let wanted = planes.start.saturating_sub(stack.reach())..(planes.end + stack.reach()).min(stack.grid.naxis[2]);
        wanted.start >= self.cells.first_plane && wanted.end <= self.tested.end
    }

    fn resample<M: Math>(&mut self, stack: &Stack<'_>, inner: &Range<usize>, cells_y: &Range<usize>) {
        let [nx, ny, _] = stack.grid.naxis;
        let Self { cells, sums, slab, .. } = self;
        let view = Window {
            cells,
            centres: &stack.centres,
            first_plane: cells.first_plane,
            ny,
            rows: cells_y.clone(),
            numerics: stack.options.numerics,
            only: None,
        };
        let reach = stack.reach();
        let most = (RING_BYTES / ((2 * reach + 1) * cells.size[1] * size_of::<drizzle::Sums>()))
            .clamp(4, drizzle::MOST_PLANES);
        // All threads are to have the same number of tiles of the same depth.
        let n_tiles = inner.len().div_ceil(most).next_multiple_of(sums.len());
        let depth = inner.len().div_ceil(n_tiles).max(1);
        let (method, unit, has_counts) = (stack.drizzle(), stack.unit(), stack.options.counts);
        let tiles = Mutex::new(slab.tiles(depth * nx * ny).enumerate());
        let next = || tiles.lock().unwrap_or_else(PoisonError::into_inner).next();
        sums.par_iter_mut().with_max_len(1).for_each(|sums| {
            while let Some((n, mut tile)) = next() {
                let first = inner.start + n * depth;
                let planes = first..(first + depth).min(inner.end);
                let tile: &mut TileMut<'_> = &mut tile;
                match stack.options.resample {
                    Resample::Nearest => view.nearest(unit, &planes, tile),
                    Resample::Drizzle if !has_counts && let Some(sides) = method.sides => {
                        sums.resize(drizzle::sums_needed(cells.size[1], depth).max(sums.len()), [0.0; 4]);
                        drizzle::drizzle(&view, &method, sides, &planes, sums, tile);
                    }
                    Resample::Drizzle => view.resample(&method, reach, &planes, tile),
                    _ => view.resample(&stack.distance::<M>(), reach, &planes, tile),
                }
            }
        });
    }
}
