//! Drizzle with one cell to each side: the same sums in the same order as [`super::resample`], mostly without branches.
//!
//! A row has at most nine spatial neighbours. Overlaps are computed for a batch of rows of one column of cells at a
//! time; a drop smaller than a voxel touches at most four of the nine and two of the three planes, so that eight
//! additions serve nearly every row. An addition of weight 0 changes no bit of a sum of finite numbers. Rows for which
//! that does not hold take the long way.

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
// Conditions are joined without branches and lanes are counted, so that loops become vector code; what they call must
// be inlined with them.
#![allow(
    unsafe_code,
    clippy::needless_bitwise_bool,
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::gather::Record;
use super::resample::{TileMut, Window, finish, is_used};
use super::spread::{Drizzle, overlap};
use multiversion::multiversion;
use std::ops::Range;

/// Rows of a batch.
const BATCH: usize = 16;
/// Spatial neighbours: three columns of three.
const NEIGHBOURS: usize = 9;
/// Neighbours that nearly every row gets by with.
const FEW: usize = 4;

/// Sums of a voxel: weight, weighted value, weighted variance, nothing.
pub(super) type Sums = [f64; 4];

/// The voxels around a column of cells.
struct Neighbours {
    x: [f64; NEIGHBOURS],
    y: [f64; NEIGHBOURS],
    cos: [f64; NEIGHBOURS],
    /// Where the sums of each begin; those of no voxel, one for each of [`FEW`], at the end.
    slots: [usize; NEIGHBOURS + FEW],
}

impl Neighbours {
    fn new(window: &Window<'_>, i: usize, j: usize, depth: usize) -> Self {
        let (centres, [nx, ny]) = (window.centres, window.cells.size);
        // What is infinitely far has no overlap.
        let mut found = Self {
            x: [f64::INFINITY; NEIGHBOURS],
            y: [f64::INFINITY; NEIGHBOURS],
            cos: [1.0; NEIGHBOURS],
            slots: [0; NEIGHBOURS + FEW],
        };
        for (k, slot) in found.slots[NEIGHBOURS..].iter_mut().enumerate() {
            *slot = (3 * ny + k) * depth;
        }
        for i2 in i.saturating_sub(1)..(i + 2).min(nx) {
            for j2 in j.saturating_sub(1)..(j + 2).min(ny) {
                let lane = (i2 + 1 - i) * 3 + (j2 + 1 - j);
                let voxel = i2 * ny + j2;
                found.x[lane] = centres.x[voxel];
                found.y[lane] = centres.y[voxel];
                found.cos[lane] = centres.cos[voxel];
                found.slots[lane] = (i2 % 3 * ny + j2) * depth;
            }
        }
        found
    }
}

/// Overlaps of the rows of a batch.
struct Batch {
    /// With each neighbour, and with none.
    areas: [[f64; BATCH]; NEIGHBOURS + FEW],
    /// With the plane below, the own and the plane above.
    heights: [[f64; BATCH]; 3],
    /// Which neighbours are touched, one bit each.
    touched: [u32; BATCH],
    /// Plane of the cell, counted in the window.
    plane: [usize; BATCH],
}

/// Returns how many sums [`drizzle`] needs.
pub(super) fn sums_needed(ny: usize, depth: usize) -> usize {
    // One plane more, because the plane above the last is named with weight 0.
    (3 * ny + FEW) * depth + 2
}

/// Resamples planes `planes` (counted in the window) to `out`; `sums` are zero before and after.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+popcnt+bmi1+bmi2+lzcnt",
    "x86_64+avx2+popcnt+bmi1+bmi2+lzcnt"
))]
pub(super) fn drizzle(
    window: &Window<'_>,
    method: &Drizzle,
    planes: &Range<usize>,
    sums: &mut [Sums],
    out: &mut TileMut<'_>,
) {
    let (cells, [nx, ny], depth) = (window.cells, window.cells.size, planes.len());
    let source = planes.start.saturating_sub(1)..(planes.end + 1).min(cells.width);
    let mut batch = Batch {
        areas: [[0.0; BATCH]; NEIGHBOURS + FEW],
        heights: [[0.0; BATCH]; 3],
        touched: [0; BATCH],
        plane: [0; BATCH],
    };
    for i in 0..=nx {
        for j in 0..if i < nx { ny } else { 0 } {
            let rows = cells.range(i, j, source.clone());
            if rows.is_empty() {
                continue;
            }
            let near = Neighbours::new(window, i, j, depth);
            let mut plane = source.start;
            for first in rows.clone().step_by(BATCH) {
                let part = first..(first + BATCH).min(rows.end);
                for (k, row) in part.clone().enumerate() {
                    while cells.range(i, j, plane..plane + 1).end <= row {
                        plane += 1;
                    }
                    batch.plane[k] = plane;
                }
                let records = &cells.records[part.clone()];
                overlaps(window, method, planes, &near, records, &mut batch);
                for (k, (record, bits)) in records.iter().zip(&cells.bits[part]).enumerate() {
                    if is_used(*bits) {
                        spread(method.volume, planes, &near, &batch, k, record, sums);
                    }
                }
            }
        }
        if i > 0 {
            let column = (i - 1) % 3 * ny * depth;
            for j in 0..ny {
                for l in 0..depth {
                    let sum = &mut sums[column + j * depth + l];
                    let at = (l * ny + j) * nx + i - 1;
                    let [weight, data, stat, _] = *sum;
                    (out.data[at], out.stat[at]) = finish([weight, data, stat], window.numerics);
                    *sum = [0.0; 4];
                }
            }
        }
    }
}

/// The larger of a number and 0; 0 for what is no number.
#[inline(always)]
fn positive(v: f64) -> f64 {
    if v > 0.0 { v } else { 0.0 }
}

/// The smaller of two numbers.
#[inline(always)]
fn least(v: f64, most: f64) -> f64 {
    if v < most { v } else { most }
}

#[inline(always)]
fn overlaps(
    window: &Window<'_>,
    method: &Drizzle,
    planes: &Range<usize>,
    near: &Neighbours,
    records: &[Record],
    batch: &mut Batch,
) {
    let centres = window.centres;
    let (mut x, mut y, mut lambda) = ([0.0_f64; BATCH], [0.0_f64; BATCH], [0.0_f64; BATCH]);
    let mut around = [[f64::INFINITY; BATCH]; 3];
    let mut thick = [[0.0; BATCH]; 3];
    for (k, record) in records.iter().enumerate() {
        x[k] = f64::from(record.x) + centres.origin[0];
        y[k] = f64::from(record.y) + centres.origin[1];
        lambda[k] = f64::from(record.lambda);
        for m in 0..3 {
            let plane = (batch.plane[k] + m).wrapping_sub(1);
            if planes.contains(&plane) {
                around[m][k] = centres.lambda[window.first_plane + plane];
                thick[m][k] = centres.height[window.first_plane + plane];
            }
        }
    }
    let [p, q, r] = method.drop;
    for m in 0..3 {
        for k in 0..BATCH {
            let c = (around[m][k] - lambda[k]).abs();
            batch.heights[m][k] = least(positive(overlap(r, thick[m][k], c)), r);
        }
    }
    batch.touched = [0; BATCH];
    for m in 0..NEIGHBOURS {
        let (cx, cy, cos) = (near.x[m], near.y[m], near.cos[m]);
        for k in 0..BATCH {
            let a = (cx - x[k]).abs() * cos;
            let b = (cy - y[k]).abs();
            let (ox, oy) = (
                positive(overlap(p, method.voxel[0], a)),
                positive(overlap(q, method.voxel[1], b)),
            );
            batch.areas[m][k] = least(ox, p) * least(oy, q);
            batch.touched[k] |= u32::from((ox > 0.0) & (oy > 0.0)) << m;
        }
    }
}

#[inline(always)]
fn spread(
    volume: f64,
    planes: &Range<usize>,
    near: &Neighbours,
    batch: &Batch,
    k: usize,
    record: &Record,
    sums: &mut [Sums],
) {
    let (data, stat, weight) = (f64::from(record.data), f64::from(record.stat), f64::from(record.weight));
    let add = |sum: &mut Sums, w: f64| {
        sum[0] += w;
        sum[1] += w * data;
        // ORDER: variance times weight, then times weight again, as the peer does.
        sum[2] += stat * w * w;
    };
    let heights = [batch.heights[0][k], batch.heights[1][k], batch.heights[2][k]];
    let mut touched = batch.touched[k];
    let is_finite = data * 0.0 + stat * 0.0 + weight * 0.0 == 0.0;
    let has_few = touched.count_ones() as usize <= FEW && !((heights[0] > 0.0) & (heights[2] > 0.0));
    // Place of the plane below the cell's among the sums; only planes of weight 0 lie outside.
    let below = (batch.plane[k] + 1).wrapping_sub(planes.start + 2);
    if is_finite && has_few {
        let upper = heights[0] <= 0.0;
        let pair = if upper {
            [heights[1], heights[2]]
        } else {
            [heights[0], heights[1]]
        };
        let mut from = below.wrapping_add(usize::from(upper));
        // Outside on the lower side the first weight is 0, on the upper side the second.
        let pair = if (from as isize) < 0 {
            from = 0;
            [pair[1], 0.0]
        } else {
            pair
        };
        let (mut w, mut slots) = ([0.0_f64; 2 * FEW], [0; FEW]);
        for m in 0..FEW {
            let lane = if touched == 0 {
                NEIGHBOURS + m
            } else {
                touched.trailing_zeros() as usize
            };
            touched &= touched.wrapping_sub(1);
            slots[m] = near.slots[lane] + from;
            w[2 * m] = batch.areas[lane][k] * pair[0];
            w[2 * m + 1] = batch.areas[lane][k] * pair[1];
        }
        for w in &mut w {
            *w = *w / volume * weight;
        }
        for m in 0..FEW {
            if let Some([first, second]) = sums[slots[m]..].first_chunk_mut::<2>() {
                add(first, w[2 * m]);
                add(second, w[2 * m + 1]);
            }
        }
        return;
    }
    while touched != 0 {
        let lane = touched.trailing_zeros() as usize;
        touched &= touched - 1;
        for (m, height) in heights.iter().enumerate() {
            if *height > 0.0 {
                let w = batch.areas[lane][k] * height / volume * weight;
                add(&mut sums[(near.slots[lane] + m).wrapping_add(below)], w);
            }
        }
    }
}
