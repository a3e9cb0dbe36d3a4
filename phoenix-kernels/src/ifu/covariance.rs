//! What a cube's variance leaves out: neighbouring voxels share rows, so that a mean over a block of voxels is less
//! certain than its independent variances say.
//!
//! # References
//! `docs/algorithms/ifu-covariance.md` (own derivation).

use super::gather::Record;
use super::resample::{Window, is_used};
use super::spread::{Near, Spread};
use std::ops::Range;

/// Most blocks along an axis of the sky.
const MOST_ALONG: usize = 16;
/// Most runs of planes.
pub(super) const MOST_RUNS: usize = 2;

/// Picks up to `most` of the whole blocks of `size` that fit into `n`, evenly spread; returns their first elements.
pub(super) fn spread_out(n: usize, size: usize, most: usize) -> Vec<usize> {
    let fit = n.checked_div(size).unwrap_or(0);
    let taken = fit.min(most);
    (0..taken).map(|k| (2 * k + 1) * fit / (2 * taken) * size).collect()
}

/// Returns, for each complete sample block of `size` whose first plane is `first` and whose first row of voxels is among
/// `rows`, its place and true variance over independent variance of its mean.
pub(super) fn ratios<S: Spread>(
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
                    ny,
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
