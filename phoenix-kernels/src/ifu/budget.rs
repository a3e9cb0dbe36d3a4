//! How large a window may be: planes, and strips of rows of voxels where whole planes do not fit.

use super::blocks::PlaneIndex;
use super::runs;
use super::stack::Stack;
use super::window::{BYTES_PER_CELL, BYTES_PER_ROW, BYTES_PER_VOXEL};
use crate::math::Math;
use crate::{Hooks, KernelError};
use std::ops::Range;

/// Planes of a window below which too much is read again and held from window to window.
const LEAST_PLANES: usize = 6;
/// Most planes of a window: deeper ones are no faster.
const MOST_PLANES: usize = 512;

/// What windows cost.
struct Costs<'a> {
    /// Rows of all planes up to each.
    sums: &'a [f64],
    naxis: [usize; 3],
    /// Planes or rows of voxels to each side that are gathered as well.
    margin: usize,
    cell_bytes: usize,
    voxel_bytes: usize,
}

impl Costs<'_> {
    /// Bytes for `planes` planes, of whose rows `share` are in the largest strip of `ny` rows of cells.
    fn of(&self, planes: usize, share: f64, ny: usize) -> usize {
        let [nx, all_y, nz] = self.naxis;
        let most = (0..nz)
            .step_by(planes)
            .map(|p| self.sums[(p + planes + self.margin).min(nz)] - self.sums[p.saturating_sub(self.margin)])
            .fold(0.0, f64::max);
        let cells = (planes + 2 * self.margin).min(nz) * nx * ny;
        (most * share) as usize * BYTES_PER_ROW + cells * self.cell_bytes + planes * nx * all_y * self.voxel_bytes
    }

    /// Bytes for `planes` whole planes.
    fn whole(&self, planes: usize) -> usize {
        self.of(planes, 1.0, self.naxis[1])
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

    /// Bytes for `planes` planes in strips of `height` rows of voxels; `density` are rows of tables along y.
    fn in_strips(&self, planes: usize, height: usize, density: &[u64]) -> usize {
        let ny = self.naxis[1];
        let all = density.iter().sum::<u64>().max(1) as f64;
        let costs = (0..ny).step_by(height).map(|first| {
            let strip = first.saturating_sub(self.margin)..(first + height + self.margin).min(ny);
            let share = density[strip.clone()].iter().sum::<u64>() as f64 / all;
            self.of(planes, share, strip.len())
        });
        costs.max().unwrap_or(0)
    }
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
    pub(super) fn choose_window<M: Math>(&self, hooks: &Hooks<'_>) -> Result<(usize, Vec<Range<usize>>), KernelError> {
        let [_, ny, nz] = self.grid.naxis;
        let costs = self.costs();
        let (allowed, filled) = (self.options.memory_bytes, self.filled(&costs));
        // All windows are to have the same depth.
        let even = |n: usize, most: usize| n.div_ceil(n.div_ceil(most));
        if costs.whole(1) <= allowed {
            let planes = even(nz, costs.deepest(filled));
            return Ok((planes, std::iter::once(0..ny).collect()));
        }
        let density = self.density_along_y::<M>(hooks)?;
        for planes in (1..=LEAST_PLANES.min(nz)).rev() {
            let fits = |height: &usize| costs.in_strips(planes, *height, &density) <= allowed;
            if let Some(height) = (1..ny).rev().find(fits) {
                let height = even(ny, height);
                let strips = (0..ny).step_by(height).map(|y| y..(y + height).min(ny)).collect();
                return Ok((planes, strips));
            }
        }
        Err(KernelError::Memory {
            allowed_bytes: allowed,
            floor_bytes: costs.in_strips(1, 1, &density),
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
        if costs.whole(planes) <= filled {
            return Ok(ny);
        }
        let density = self.density_along_y::<M>(hooks)?;
        let fits = |height: &usize| costs.in_strips(planes, *height + more, &density) <= filled;
        Ok((1..ny).rev().find(fits).unwrap_or(1))
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
            margin: self.reach() + usize::from(self.options.cosmic.sigma > 0.0),
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
