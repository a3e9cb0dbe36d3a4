//! Drizzle of drops smaller than a voxel: the same sums in the same order as [`super::resample`], without branches.
//!
//! Where no drop reaches past the middle of its voxel's far side ([`Sides`]), a row touches its own voxel and the neighbours
//! on its side of the centre: two columns, two rows, two planes. Weights are formed for a batch of rows of one column of
//! cells at a time, and eight additions serve each row. An addition of weight 0 changes no bit of a sum of finite numbers;
//! rows whose numbers are not finite are added to what they touch and to nothing else.

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
// Conditions are joined without branches and lanes are counted, so that loops become vector code; what they call must
// be inlined with them.
#![allow(
    unsafe_code,
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::gather::{Cells, Record};
use super::resample::{TileMut, Window, finish, is_used};
use super::spread::{Drizzle, Sides, overlap};
use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use std::ops::Range;

/// Rows of a batch.
const BATCH: usize = 16;
/// Voxels of a plane that a row touches: its own, the next along x, the next along y, and that along both.
const TOUCHED: usize = 4;
/// Most planes that are resampled at once.
pub(super) const MOST_PLANES: usize = 64;
/// Planes of sums below the first and above the last: a margin of one plane of cells, and one plane beside it.
const GUARD: usize = 2;

/// Sums of a voxel: weight, weighted value, weighted variance, nothing.
pub(super) type Sums = [f64; 4];

/// One voxel column beside a column of cells.
#[derive(Clone, Copy)]
struct Neighbour {
    x: f64,
    y: f64,
    cos: f64,
    /// Where its sums are within a plane.
    slot: u32,
}

/// The nine voxel columns around a column of cells, x slowest.
struct Neighbours([Neighbour; 9]);

impl Neighbours {
    fn new(window: &Window<'_>, i: usize, j: usize) -> Self {
        let (centres, [nx, ny]) = (window.centres, window.cells.size);
        // What is infinitely far has no overlap; its sums are behind those of the voxels.
        let mut found = [Neighbour {
            x: f64::INFINITY,
            y: f64::INFINITY,
            cos: 1.0,
            slot: (3 * ny) as u32,
        }; 9];
        for i2 in i.saturating_sub(1)..(i + 2).min(nx) {
            for j2 in j.saturating_sub(1)..(j + 2).min(ny) {
                let voxel = i2 * window.ny + window.cells.first_row + j2;
                found[(i2 + 1 - i) * 3 + (j2 + 1 - j)] = Neighbour {
                    x: centres.x[voxel],
                    y: centres.y[voxel],
                    cos: centres.cos[voxel],
                    slot: (i2 % 3 * ny + j2) as u32,
                };
            }
        }
        Self(found)
    }
}

/// Room for all planes of sums, a power of two.
const ROOM: usize = 128;
const _: () = assert!(MOST_PLANES + 2 * GUARD <= ROOM);

/// Centres and thicknesses of the planes of the sums; those that are not to be filled are infinitely far.
struct Planes {
    centre: [f64; ROOM],
    /// Centre, or infinity, and thickness.
    reached: [[f64; 2]; ROOM],
}

impl Planes {
    fn new(window: &Window<'_>, planes: &Range<usize>) -> Self {
        let mut found = Self {
            centre: [0.0; ROOM],
            reached: [[f64::INFINITY, 0.0]; ROOM],
        };
        let (lambda, height) = (&window.centres.lambda, &window.centres.height);
        for n in 0..planes.len() + 2 * GUARD {
            let plane = (window.first_plane + planes.start + n).checked_sub(GUARD);
            if let Some(plane) = plane.filter(|plane| *plane < lambda.len()) {
                found.centre[n] = lambda[plane];
                if (GUARD..planes.len() + GUARD).contains(&n) {
                    found.reached[n] = [lambda[plane], height[plane]];
                }
            }
        }
        found
    }
}

/// Weights of the rows of a batch.
struct Batch {
    x: [f64; BATCH],
    y: [f64; BATCH],
    lambda: [f64; BATCH],
    /// Weight of each row.
    own: [f64; BATCH],
    data: [f64; BATCH],
    stat: [f64; BATCH],
    /// Centres and thicknesses of the plane of the cell and of that beside it.
    around: [[f64; BATCH]; 2],
    thick: [[f64; BATCH]; 2],
    /// Those planes, counted as the planes of sums.
    planes: [[u32; BATCH]; 2],
    /// Overlaps along x and y, and along wavelength.
    areas: [[f64; BATCH]; TOUCHED],
    heights: [[f64; BATCH]; 2],
    /// Where the sums of the touched voxels are within a plane.
    slots: [[u32; BATCH]; TOUCHED],
    /// For each touched voxel of each of the two planes: the weight, and variance times weight.
    weights: [[[f64; BATCH]; 2]; TOUCHED],
    stats: [[[f64; BATCH]; 2]; TOUCHED],
}

impl Batch {
    const EMPTY: Self = Self {
        x: [0.0; BATCH],
        y: [0.0; BATCH],
        lambda: [0.0; BATCH],
        own: [0.0; BATCH],
        data: [0.0; BATCH],
        stat: [0.0; BATCH],
        around: [[0.0; BATCH]; 2],
        thick: [[0.0; BATCH]; 2],
        planes: [[0; BATCH]; 2],
        areas: [[0.0; BATCH]; TOUCHED],
        heights: [[0.0; BATCH]; 2],
        slots: [[0; BATCH]; TOUCHED],
        weights: [[[0.0; BATCH]; 2]; TOUCHED],
        stats: [[[0.0; BATCH]; 2]; TOUCHED],
    };
}

/// Returns the sums of a plane: those of three columns of voxels, and of no voxel.
const fn plane_sums(ny: usize) -> usize {
    3 * ny + 1
}

/// Returns how many sums [`drizzle`] needs.
pub(super) fn sums_needed(ny: usize, depth: usize) -> usize {
    plane_sums(ny) * (depth + 2 * GUARD)
}

/// Resamples planes `planes` (counted in the window) to `out`; `sums` are zero before and after.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+fma", "x86_64+avx2+fma"))]
pub(super) fn drizzle(
    window: &Window<'_>,
    method: &Drizzle,
    sides: Sides,
    planes: &Range<usize>,
    sums: &mut [Sums],
    out: &mut TileMut<'_>,
) {
    let (cells, [nx, ny]) = (window.cells, window.cells.size);
    let source = planes.start.saturating_sub(1)..(planes.end + 1).min(cells.width);
    let lowest = source.start + GUARD - planes.start;
    let mut batch = Batch::EMPTY;
    let near_planes = Planes::new(window, planes);
    let divide = Divide {
        by: method.volume,
        inverse: sides.inverse,
        is_fused: target_cfg_f!(target_feature = "fma"),
    };
    for i in 0..=nx {
        for j in 0..if i < nx { ny } else { 0 } {
            let rows = cells.range(i, j, source.clone());
            if rows.is_empty() {
                continue;
            }
            let near = Neighbours::new(window, i, j);
            let first_cell = (i * ny + j) * cells.width;
            if let Some(next) = cells.offsets.get(first_cell + cells.width + source.start) {
                ask_ahead(cells, *next as usize);
            }
            let ends = &cells.offsets[first_cell + source.start + 1..=first_cell + source.end];
            let mut plane = 0;
            for first in rows.clone().step_by(BATCH) {
                let part = first..(first + BATCH).min(rows.end);
                let records = &cells.records[part.clone()];
                for (k, (record, row)) in records.iter().zip(part.clone()).enumerate().take(BATCH) {
                    while ends.get(plane).is_some_and(|end| *end as usize <= row) {
                        plane += 1;
                    }
                    take(
                        &mut batch,
                        k,
                        record,
                        lowest + plane,
                        &near_planes,
                        window.centres.origin,
                    );
                }
                overlaps(&mut batch, method, sides, &near);
                weights(&mut batch, divide);
                for (k, bits) in cells.bits[part].iter().enumerate().take(BATCH) {
                    if is_used(*bits) {
                        spread(&batch, k, ny, sums);
                    }
                }
            }
        }
        if i > 0 {
            for l in 0..planes.len() {
                let from = (GUARD + l) * plane_sums(ny) + (i - 1) % 3 * ny;
                let sums = &mut sums[from..from + ny];
                for j in window.rows.clone() {
                    let at = (l * window.ny + cells.first_row + j) * nx + i - 1;
                    let [weight, data, stat, _] = sums[j];
                    (out.data[at], out.stat[at]) = finish([weight, data, stat], window.numerics);
                }
                sums.fill([0.0; 4]);
            }
        }
    }
}

/// Asks the processor for the first rows of the next column: they begin where it does not expect them.
#[inline(always)]
fn ask_ahead(cells: &Cells, row: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(records) = cells.records.get(row..row + 16) {
        for record in records.iter().step_by(2) {
            // SAFETY: a prefetch reads nothing and faults on no address.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                    std::ptr::from_ref(record).cast(),
                );
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (cells, row);
}

/// Takes a row into the batch; `own` is the plane of its cell, counted as those of the sums.
#[inline(always)]
fn take(batch: &mut Batch, k: usize, record: &Record, own: usize, planes: &Planes, origin: [f64; 2]) {
    let lambda = f64::from(record.lambda);
    batch.x[k] = f64::from(record.x) + origin[0];
    batch.y[k] = f64::from(record.y) + origin[1];
    batch.lambda[k] = lambda;
    batch.own[k] = f64::from(record.weight);
    batch.data[k] = f64::from(record.data);
    batch.stat[k] = f64::from(record.stat);
    let beside = (own + 2 * usize::from(lambda > planes.centre[own % ROOM])).wrapping_sub(1);
    for (n, plane) in [own, beside].into_iter().enumerate() {
        [batch.around[n][k], batch.thick[n][k]] = planes.reached[plane % ROOM];
        batch.planes[n][k] = plane as u32;
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

/// Finds which voxels the rows touch, and by how much.
#[inline(always)]
fn overlaps(batch: &mut Batch, method: &Drizzle, sides: Sides, near: &Neighbours) {
    let [p, q, r] = method.drop;
    for n in 0..2 {
        for k in 0..BATCH {
            let c = (batch.around[n][k] - batch.lambda[k]).abs();
            batch.heights[n][k] = least(positive(overlap(r, batch.thick[n][k], c)), r);
        }
    }
    let near = &near.0;
    for k in 0..BATCH {
        let (x, y) = (batch.x[k], batch.y[k]);
        let after_x = (x > near[4].x) == sides.rises[0];
        let after_y = (y > near[4].y) == sides.rises[1];
        let pick = |low: Neighbour, high: Neighbour, after: bool| Neighbour {
            x: if after { high.x } else { low.x },
            y: if after { high.y } else { low.y },
            cos: if after { high.cos } else { low.cos },
            slot: if after { high.slot } else { low.slot },
        };
        let column = |low: usize| pick(near[low], near[low + 2], after_y);
        let touched = [
            near[4],
            pick(near[1], near[7], after_x),
            column(3),
            pick(column(0), column(6), after_x),
        ];
        for m in 0..TOUCHED {
            let a = (touched[m].x - x).abs() * touched[m].cos;
            let b = (touched[m].y - y).abs();
            let ox = least(positive(overlap(p, method.voxel[0], a)), p);
            let oy = least(positive(overlap(q, method.voxel[1], b)), q);
            batch.areas[m][k] = ox * oy;
            batch.slots[m][k] = touched[m].slot;
        }
    }
}

/// Division by one number.
#[derive(Clone, Copy)]
struct Divide {
    by: f64,
    /// Its inverse, rounded.
    inverse: f64,
    /// Whether the processor multiplies and adds in one step.
    is_fused: bool,
}

impl Divide {
    /// Divides.
    ///
    /// # Numerics
    /// The rounded quotient, as a division gives it: the product with the rounded inverse is two steps of the last place
    /// off at most, the first correction brings it within one, and the second, whose remainder is exact, rounds it rightly
    /// (Markstein 1990, IBM J. Res. Dev. 34, 111).
    #[inline(always)]
    fn quotient(self, value: f64) -> f64 {
        if self.is_fused {
            let first = value * self.inverse;
            let second = (-first).mul_add(self.by, value).mul_add(self.inverse, first);
            (-second).mul_add(self.by, value).mul_add(self.inverse, second)
        } else {
            value / self.by
        }
    }
}

/// Forms the weights of all rows in all voxels that they touch.
#[inline(always)]
fn weights(batch: &mut Batch, divide: Divide) {
    for m in 0..TOUCHED {
        for n in 0..2 {
            for k in 0..BATCH {
                let volume = batch.areas[m][k] * batch.heights[n][k];
                let weight = divide.quotient(volume) * batch.own[k];
                batch.weights[m][n][k] = weight;
                batch.stats[m][n][k] = batch.stat[k] * weight;
            }
        }
    }
}

/// Adds a row to what it touches.
#[inline(always)]
fn spread(batch: &Batch, k: usize, ny: usize, sums: &mut [Sums]) {
    // A weight of 0 changes no sum, but 0 times what is not finite would.
    if batch.data[k] * 0.0 + batch.stat[k] * 0.0 + batch.own[k] * 0.0 == 0.0 {
        add::<true>(batch, k, ny, sums);
    } else {
        add::<false>(batch, k, ny, sums);
    }
}

/// Adds a row to all around it, or only to what it touches.
#[inline(always)]
fn add<const ALL: bool>(batch: &Batch, k: usize, ny: usize, sums: &mut [Sums]) {
    for n in 0..2 {
        let from = batch.planes[n][k] as usize * plane_sums(ny);
        let plane = &mut sums[from..from + plane_sums(ny)];
        for m in 0..TOUCHED {
            if ALL || (batch.areas[m][k] > 0.0 && batch.heights[n][k] > 0.0) {
                let weight = batch.weights[m][n][k];
                // SAFETY: slots come from `Neighbours::new`, which makes none above 3 ny, and a plane has one sum more.
                let sum = unsafe { plane.get_unchecked_mut(batch.slots[m][k] as usize) };
                // ORDER: variance times weight, then times weight again, as the peer does.
                let units = [1.0, batch.data[k], batch.stats[m][n][k], 0.0];
                for c in 0..4 {
                    sum[c] += units[c] * weight;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Divide;

    #[test]
    fn a_product_with_the_inverse_gives_the_quotient() {
        let mut state = 1_u64;
        let mut number = |spread: i32| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let fraction = 1.0 + (state >> 12) as f64 / (1_u64 << 52) as f64;
            fraction * 2.0_f64.powi((state >> 33) as i32 % spread)
        };
        for _ in 0..2000 {
            let by = number(40) / 1e6;
            let divide = Divide {
                by,
                inverse: 1.0 / by,
                is_fused: true,
            };
            for _ in 0..100 {
                let value = number(60) / 1e12;
                assert_eq!(
                    divide.quotient(value).to_bits(),
                    (value / by).to_bits(),
                    "{value} / {by}"
                );
            }
            assert_eq!(divide.quotient(0.0).to_bits(), 0.0_f64.to_bits());
        }
    }
}
