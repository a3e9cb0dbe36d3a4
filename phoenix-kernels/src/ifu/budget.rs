//! How large a window may be: planes, and strips of rows of voxels where whole planes do not fit.

use super::blocks::PlaneIndex;
use super::heights::Heights;
use super::runs;
use super::slab::RowId;
use super::stack::Stack;
use super::window::{BYTES_PER_CELL, BYTES_PER_ROW, BYTES_PER_VOXEL};
use crate::math::Math;
use crate::{Hooks, KernelError};
use std::ops::Range;

/// Planes of a window below which too much is read again and held from window to window.
const LEAST_PLANES: usize = 6;
/// Most planes of a window: deeper ones are no faster.
const MOST_PLANES: usize = 512;
/// What a row costs that is placed and sorted, in those that are only read.
const PLACED: f64 = 2.0;

/// What windows cost.
struct Costs<'a> {
    /// Rows of all planes up to each.
    sums: &'a [f64],
    naxis: [usize; 3],
    /// Planes or rows of voxels to each side that are gathered as well.
    margin: usize,
    row_bytes: usize,
    cell_bytes: usize,
    voxel_bytes: usize,
}

impl Costs<'_> {
    /// Rows of the fullest `planes` planes and their margins.
    fn rows(&self, planes: usize) -> f64 {
        let nz = self.naxis[2];
        let rows = |p: usize| self.sums[(p + planes + self.margin).min(nz)] - self.sums[p.saturating_sub(self.margin)];
        (0..nz).step_by(planes).map(rows).fold(0.0, f64::max)
    }

    /// Bytes for `planes` planes and `rows` rows in `ny` rows of cells.
    fn of(&self, planes: usize, rows: f64, ny: usize) -> usize {
        let [nx, all_y, nz] = self.naxis;
        let cells = (planes + 2 * self.margin).min(nz) * nx * ny;
        rows as usize * self.row_bytes + cells * self.cell_bytes + planes * nx * all_y * self.voxel_bytes
    }

    /// Bytes for `planes` whole planes.
    fn whole(&self, planes: usize) -> usize {
        self.of(planes, self.rows(planes), self.naxis[1])
    }

    /// The deepest plane range whose costs are within `bytes`.
    fn deepest(&self, bytes: usize) -> usize {
        let (mut fits, mut fails) = (1, self.naxis[2].min(MOST_PLANES) + 1);
        while fails - fits > 1 {
            let middle = fits.midpoint(fails);
            if self.whole(middle) <= bytes {
                fits = middle;
            } else {
                fails = middle;
            }
        }
        fits
    }

    /// The tallest strips of `planes` planes within `bytes`, less than the whole.
    fn tallest(&self, planes: usize, more: usize, along_y: &AlongY, bytes: usize) -> Option<usize> {
        let rows = self.rows(planes);
        let fits = |height: &usize| self.in_strips(planes, rows, height + more, along_y) <= bytes;
        (1..self.naxis[1]).rev().find(fits)
    }

    /// Bytes for `planes` planes with `rows` rows in strips of `height` rows of voxels.
    fn in_strips(&self, planes: usize, rows: f64, height: usize, along_y: &AlongY) -> usize {
        let ny = self.naxis[1];
        let costs = (0..ny).step_by(height).map(|first| {
            let strip = first.saturating_sub(self.margin)..(first + height + self.margin).min(ny);
            self.of(planes, rows * along_y.share(&strip), strip.len())
        });
        costs.max().unwrap_or(0)
    }

    /// How often each row is read in windows of `planes` planes and strips of `height` rows of voxels, if the index tells
    /// its plane and its row of cells to `spread`.
    fn reads(&self, [planes, height]: [usize; 2], spread: [f64; 2]) -> f64 {
        let [_, ny, nz] = self.naxis;
        let of = |n: usize, size: usize, spread: f64| {
            let read = ((size + 2 * self.margin) as f64 + spread).min(n as f64);
            n.div_ceil(size) as f64 * read / n as f64
        };
        of(nz, planes, spread[0]) * of(ny, height, spread[1])
    }
}

/// Shares of the rows of a table along y.
struct AlongY(Vec<f64>);

impl AlongY {
    fn new(density: &[u64]) -> Self {
        let all = density.iter().sum::<u64>().max(1) as f64;
        let mut sums = vec![0.0];
        let mut below = 0;
        for rows in density {
            below += rows;
            sums.push(below as f64 / all);
        }
        Self(sums)
    }

    fn share(&self, strip: &Range<usize>) -> f64 {
        self.0[strip.end] - self.0[strip.start]
    }
}

/// How a stack is worked on.
pub(super) struct Division {
    /// Planes of a window.
    pub(super) planes: usize,
    /// Strips of rows of voxels.
    pub(super) strips: Vec<Range<usize>>,
    /// What tells the rows of a strip, where there are several.
    pub(super) heights: Option<Heights>,
}

/// Estimates from the index how many rows lie in all planes up to each.
pub(super) fn rows_below(index: &[PlaneIndex], nz: usize) -> Vec<f64> {
    let mut sums = vec![0.0];
    for rows in runs::rows_per_plane(index, nz) {
        sums.push(sums[sums.len() - 1] + rows);
    }
    sums
}

impl Stack<'_> {
    /// Finds the planes of a window that fill the wanted memory, and the strips that keep it within the allowed.
    ///
    /// # Errors
    /// `Memory` where one plane in strips of one row of voxels does not fit; `Stopped`, `Read`, `Shape`.
    pub(super) fn divide<M: Math>(&self, hooks: &Hooks<'_>) -> Result<Division, KernelError> {
        let [_, ny, nz] = self.grid.naxis;
        let costs = self.costs();
        let (allowed, filled) = (self.options.memory_bytes, self.filled(&costs));
        // All windows are to have the same depth.
        let even = |n: usize, most: usize| n.div_ceil(n.div_ceil(most));
        let centres = self.centres.most_bytes();
        if costs.whole(1) + centres <= allowed {
            return Ok(Division {
                planes: even(nz, costs.deepest(filled.min(allowed - centres))),
                strips: std::iter::once(0..ny).collect(),
                heights: None,
            });
        }
        let along_y = AlongY::new(&self.density_along_y::<M>(hooks)?);
        let sharing = Heights::sharing(&self.index, allowed);
        let heights = self.heights::<M>(0..nz, sharing, hooks)?;
        let lowest = costs.in_strips(1, costs.rows(1), 1, &along_y) + heights.centre_bytes;
        let floor = Heights::floor(&self.index, lowest);
        if floor > allowed {
            return Err(KernelError::Memory {
                allowed_bytes: allowed,
                floor_bytes: floor,
            });
        }
        let beside = Heights::bytes(&self.index, sharing) + heights.centre_bytes;
        let spread = [runs::spread(&self.index), heights.spread(&self.index)];
        let (mut least, mut best) = (f64::INFINITY, [1, 1]);
        for planes in 1..=nz.min(MOST_PLANES) {
            // Deeper windows have lower strips.
            let Some(height) = costs.tallest(planes, 0, &along_y, allowed - beside) else {
                break;
            };
            let division = [even(nz, planes), even(ny, height)];
            let work = costs.reads(division, spread) + PLACED * costs.reads(division, [0.0; 2]);
            if work < least {
                (least, best) = (work, division);
            }
        }
        let [planes, height] = best;
        Ok(Division {
            planes,
            strips: (0..ny).step_by(height).map(|y| y..(y + height).min(ny)).collect(),
            heights: Some(heights),
        })
    }

    /// Finds how many rows of voxels of `planes` planes, and `more` behind them, are worked on at once within the memory of
    /// windows.
    ///
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub(super) fn strip_height<M: Math>(
        &self,
        planes: usize,
        more: usize,
        hooks: &Hooks<'_>,
    ) -> Result<usize, KernelError> {
        let (ny, costs) = (self.grid.naxis[1], self.costs());
        let filled = self.filled(&costs);
        let centres = match &self.heights {
            Some(heights) => heights.centre_bytes,
            None => self.centres.most_bytes(),
        };
        let filled = filled.min(self.options.memory_bytes.saturating_sub(centres));
        if costs.whole(planes) <= filled {
            return Ok(ny);
        }
        let along_y = AlongY::new(&self.density_along_y::<M>(hooks)?);
        let beside = Heights::bytes(&self.index, Heights::sharing(&self.index, self.options.memory_bytes));
        let height = costs.tallest(planes, more, &along_y, filled.saturating_sub(beside));
        Ok(height.unwrap_or(1))
    }

    /// Memory that windows fill.
    fn filled(&self, costs: &Costs<'_>) -> usize {
        let wanted = costs.whole(LEAST_PLANES.min(self.grid.naxis[2]));
        wanted.max(self.options.window_bytes).min(self.options.memory_bytes)
    }

    fn costs(&self) -> Costs<'_> {
        Costs {
            sums: &self.rows_below,
            naxis: self.grid.naxis,
            margin: self.margin(),
            // Traced rows carry their names, as they are read and as they are sorted.
            row_bytes: BYTES_PER_ROW + if self.options.trace { 2 * size_of::<RowId>() } else { 0 },
            cell_bytes: BYTES_PER_CELL * (1 + rayon::current_num_threads()),
            voxel_bytes: BYTES_PER_VOXEL + if self.options.counts { 4 } else { 0 },
        }
    }

    /// Counts the rows along y in the planes that have most.
    fn density_along_y<M: Math>(&self, hooks: &Hooks<'_>) -> Result<Vec<u64>, KernelError> {
        let sums = &self.rows_below;
        let rows = |plane: usize| sums[plane + 1] - sums[plane];
        let fullest = (0..self.grid.naxis[2]).max_by(|a, b| rows(*a).total_cmp(&rows(*b)).then(b.cmp(a)));
        let fullest = fullest.unwrap_or(0);
        self.gather_request::<M>()
            .rows_along_y(self.exposures, &self.index, &(fullest..fullest + 1), hooks)
    }
}
