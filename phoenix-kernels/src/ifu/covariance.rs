//! What a cube's variance leaves out: neighbouring voxels share rows, so that a mean over a block of voxels is less
//! certain than its independent variances say.
//!
//! # References
//! `docs/algorithms/ifu-covariance.md` (own derivation).

use super::cells::Record;
use super::heights::Heights;
use super::resample::{Resample, Window, is_used};
use super::spread::{Near, Spread};
use super::stack::Stack;
use super::window::WindowWork;
use crate::math::Math;
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;

/// Most blocks along an axis of the sky.
const MOST_ALONG: usize = 16;
/// Most runs of planes.
const MOST_RUNS: usize = 2;

/// Picks up to `most` of the whole blocks of `size` that fit into `n`, evenly spread; returns their first elements.
pub(super) fn spread_out(n: usize, size: usize, most: usize) -> Vec<usize> {
    let fit = n.checked_div(size).unwrap_or(0);
    let taken = fit.min(most);
    (0..taken).map(|k| (2 * k + 1) * fit / (2 * taken) * size).collect()
}

/// Run, x and y of a sample block, and what was measured there.
type Placed = ([usize; 3], f64);

/// True variance over independent variance of sample blocks.
#[derive(Debug)]
pub(super) struct BlockRatios {
    /// Sizes of the blocks, x, y, wavelength.
    blocks: Vec<[usize; 3]>,
    /// Planes of the deepest.
    deepest: usize,
    /// First planes of the runs, and whether they were looked at.
    runs: Vec<(usize, bool)>,
    found: Vec<Vec<Placed>>,
}

impl BlockRatios {
    pub(super) fn new(stack: &Stack<'_>, blocks: &[[usize; 3]]) -> Self {
        let nz = stack.grid.naxis[2];
        let depths = blocks.iter().map(|block| block[2]).filter(|depth| *depth <= nz);
        let deepest = depths.max().unwrap_or(1);
        let runs = match stack.options.resample {
            Resample::Nearest => Vec::new(),
            _ => runs_of_planes(nz, deepest, MOST_RUNS),
        };
        Self {
            blocks: blocks.to_vec(),
            deepest,
            runs: runs.into_iter().map(|first| (first, false)).collect(),
            found: vec![Vec::new(); blocks.len()],
        }
    }

    /// Looks at the runs whose rows a window holds.
    pub(super) fn look<M: Math>(&mut self, stack: &Stack<'_>, work: &WindowWork) {
        let all = 0..stack.grid.naxis[1];
        for run in 0..self.runs.len() {
            let (first, is_seen) = self.runs[run];
            if !is_seen && work.has(&(first..first + self.deepest), stack) {
                self.add::<M>(stack, &work.window(stack), run, &all);
                self.runs[run].1 = true;
            }
        }
    }

    /// Reads the runs that no window had.
    ///
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub(super) fn complete<M: Math>(&mut self, stack: &Stack<'_>, hooks: &Hooks<'_>) -> Result<(), KernelError> {
        if self.runs.iter().all(|(_, is_seen)| *is_seen) {
            return Ok(());
        }
        let (ny, n) = (stack.grid.naxis[1], self.runs.len());
        let tallest = self.blocks.iter().map(|block| block[1]).max().unwrap_or(1);
        let height = stack.strip_height::<M>(self.deepest, tallest, hooks)?;
        let mut work = WindowWork::new(rayon::current_num_threads());
        for run in 0..n {
            let (first, is_seen) = self.runs[run];
            if is_seen {
                continue;
            }
            let planes = first..first + self.deepest;
            if height < ny && stack.heights.is_none() {
                let sharing = Heights::sharing(&stack.index, stack.options.memory_bytes);
                work.heights = Some(stack.heights::<M>(stack.gathered(&planes), sharing, hooks)?);
            }
            for row in (0..ny).step_by(height) {
                let rows = row..(row + height).min(ny);
                work.load::<M>(stack, &planes, &(row..(rows.end + tallest).min(ny)), hooks)?;
                self.add::<M>(stack, &work.window(stack), run, &rows);
            }
            self.runs[run].1 = true;
            (hooks.on_tile)(run + 1, n);
        }
        Ok(())
    }

    /// Measures the blocks of one run that begin in some rows of voxels.
    fn add<M: Math>(&mut self, stack: &Stack<'_>, window: &Window<'_>, run: usize, rows: &Range<usize>) {
        let (first, deepest, reach) = (self.runs[run].0, self.deepest, stack.reach());
        let each = self.blocks.par_iter().zip(&mut self.found);
        each.for_each(|(&block, found)| {
            let start = first + (deepest.saturating_sub(block[2])) / 2;
            let ratios = match stack.options.resample {
                _ if block[2] > deepest => Vec::new(),
                Resample::Drizzle => ratios(window, &stack.drizzle(), reach, block, start, rows),
                _ => ratios(window, &stack.distance::<M>(), reach, block, start, rows),
            };
            found.extend(ratios.into_iter().map(|([x, y], ratio)| ([run, x, y], ratio)));
        });
    }

    /// Returns the root of the mean ratio for each size, `None` where no block was complete.
    pub(super) fn factors(&self) -> Vec<Option<f64>> {
        // Only voxels that share no rows need no run.
        if self.runs.is_empty() {
            return vec![Some(1.0); self.blocks.len()];
        }
        let factor = |ratios: &Vec<Placed>| {
            // ORDER: that of the blocks, however the planes were divided.
            let mut ratios = ratios.clone();
            ratios.sort_unstable_by_key(|(place, _)| *place);
            let n = ratios.len();
            (n > 0).then(|| (ratios.iter().map(|(_, ratio)| ratio).sum::<f64>() / n as f64).sqrt())
        };
        self.found.iter().map(factor).collect()
    }
}

/// Picks runs of `depth` planes as [`spread_out`] does, a little behind: windows divide the planes evenly, and what lies at a
/// simple fraction of them would be cut.
pub(super) fn runs_of_planes(nz: usize, depth: usize, most: usize) -> Vec<usize> {
    let behind = |first: usize| (first + nz / 180).min(nz.saturating_sub(depth));
    spread_out(nz, depth, most).into_iter().map(behind).collect()
}

/// Returns, for each complete sample block of `size` whose first plane is `first` and whose first row of voxels is among
/// `rows`, its place and true variance over independent variance of its mean.
fn ratios<S: Spread>(
    window: &Window<'_>,
    method: &S,
    reach: usize,
    size: [usize; 3],
    first: usize,
    rows: &Range<usize>,
) -> Vec<([usize; 2], f64)> {
    let run = Run { window, reach };
    let mut starts_y = spread_out(window.ny, size[1], MOST_ALONG);
    starts_y.retain(|y| rows.contains(y));
    let blocks = spread_out(window.cells.size[0], size[0], MOST_ALONG)
        .into_iter()
        .flat_map(|x| starts_y.iter().map(move |y| [x, *y]));
    blocks
        .filter_map(|[x, y]| {
            let block = [x..x + size[0], y..y + size[1], first..first + size[2]];
            run.ratio(method, &block).map(|ratio| ([x, y], ratio))
        })
        .collect()
}

/// The cells around one run of planes.
struct Run<'a> {
    window: &'a Window<'a>,
    reach: usize,
}

impl Run<'_> {
    /// True over independent variance of the mean of one block, if all its voxels have a value.
    fn ratio<S: Spread>(&self, method: &S, block: &[Range<usize>; 3]) -> Option<f64> {
        let [bx, by, bz] = block;
        let place =
            |i: usize, j: usize, l: usize| ((i - bx.start) * by.len() + (j - by.start)) * bz.len() + (l - bz.start);
        let mut sums = vec![[0.0_f64; 2]; bx.len() * by.len() * bz.len()];
        self.each(block, |near, record| {
            method.spread(near, record, |i, j, l, weight| {
                let w = weight * f64::from(record.weight);
                let sum = &mut sums[place(i, j, l)];
                sum[0] += w;
                sum[1] += w * w * f64::from(record.stat);
            });
        });
        if sums.iter().any(|s| !s[0].is_normal()) {
            return None;
        }
        let independent: f64 = sums.iter().map(|s| s[1] / (s[0] * s[0])).sum();
        let mut whole = 0.0;
        self.each(block, |near, record| {
            let mut share = 0.0;
            method.spread(near, record, |i, j, l, weight| {
                share += weight * f64::from(record.weight) / sums[place(i, j, l)][0];
            });
            whole += share * share * f64::from(record.stat);
        });
        (independent > 0.0 && whole.is_finite()).then_some(whole / independent)
    }

    fn each(&self, block: &[Range<usize>; 3], take: impl FnMut(&Near<'_>, &Record)) {
        let planes = &block[2];
        let nz = self.window.first_plane + self.window.cells.width;
        let part = Part {
            window: self.window,
            reach: self.reach,
            planes: planes.start.saturating_sub(self.reach).max(self.window.first_plane)
                ..(planes.end + self.reach).min(nz),
        };
        each(&part, block, take);
    }
}

/// Rows of some planes of a window.
pub(super) struct Part<'a> {
    pub(super) window: &'a Window<'a>,
    pub(super) reach: usize,
    /// Planes whose rows are handed out, counted in the grid.
    pub(super) planes: Range<usize>,
}

/// Hands out every used row of a part that may reach a block, with the voxels of the block around its cell.
pub(super) fn each(part: &Part<'_>, block: &[Range<usize>; 3], mut take: impl FnMut(&Near<'_>, &Record)) {
    let reach = part.reach;
    let around = |r: &Range<usize>, n: usize| r.start.saturating_sub(reach)..(r.end + reach).min(n);
    let within = |at: usize, r: &Range<usize>| at.saturating_sub(reach).max(r.start)..(at + reach + 1).min(r.end);
    let [bx, by, bz] = block;
    let (cells, first) = (part.window.cells, part.window.first_plane);
    let (nx, ny) = (cells.size[0], part.window.ny);
    for i in around(bx, nx) {
        for j in around(by, ny) {
            for l in part.planes.clone() {
                let near = Near {
                    centres: part.window.centres,
                    at: [i, j],
                    columns: within(i, bx),
                    rows: within(j, by),
                    planes: within(l, bz),
                };
                for row in cells.range(i, j - cells.first_row, l - first..l - first + 1) {
                    if is_used(cells.bits[row]) {
                        take(&near, cells.record(row));
                    }
                }
            }
        }
    }
}
