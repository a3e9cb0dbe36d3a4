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
    clippy::needless_bitwise_bool,
    clippy::needless_range_loop,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::cells::{Cells, Record};
use super::resample::{TileMut, Window, finish, is_used};
use super::spread::{Drizzle, Sides, overlap};
use multiversion::multiversion;
use multiversion::target::target_cfg_f;
use std::ops::Range;

/// Rows of a batch.
const BATCH: usize = 16;
/// How many rows before it is looked at a row is asked for.
const AHEAD: usize = 64;
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

impl Neighbour {
    /// Returns one of two, by bits: a choice by value keeps the numbers in registers, a choice by place gathers them.
    #[inline(always)]
    fn pick(low: Self, high: Self, after: bool) -> Self {
        let mask = u64::from(after).wrapping_neg();
        let number = |low: f64, high: f64| f64::from_bits((low.to_bits() & !mask) | (high.to_bits() & mask));
        Self {
            x: number(low.x, high.x),
            y: number(low.y, high.y),
            cos: number(low.cos, high.cos),
            slot: (low.slot & !(mask as u32)) | (high.slot & mask as u32),
        }
    }
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
                let centre = centres.at(i2, window.cells.first_row + j2);
                found[(i2 + 1 - i) * 3 + (j2 + 1 - j)] = Neighbour {
                    x: centre.x,
                    y: centre.y,
                    cos: centre.cos,
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

/// Centres and thicknesses of the planes of the sums.
struct Planes {
    centre: [f64; ROOM],
    thick: [f64; ROOM],
    /// Thickness of all, where it is one.
    even: Option<f64>,
    /// First plane that is to be filled, and that behind the last.
    filled: [u32; 2],
}

impl Planes {
    fn new(window: &Window<'_>, planes: &Range<usize>) -> Self {
        let mut found = Self {
            centre: [0.0; ROOM],
            thick: [0.0; ROOM],
            even: None,
            filled: [GUARD as u32, (planes.len() + GUARD) as u32],
        };
        let (lambda, height) = (&window.centres.lambda, &window.centres.height);
        for n in 0..planes.len() + 2 * GUARD {
            let plane = (window.first_plane + planes.start + n).checked_sub(GUARD);
            if let Some(plane) = plane.filter(|plane| *plane < lambda.len()) {
                (found.centre[n], found.thick[n]) = (lambda[plane], height[plane]);
            }
        }
        let thick = &found.thick[GUARD..GUARD + planes.len()];
        found.even = thick
            .first()
            .copied()
            .filter(|first| thick.iter().all(|t| t.to_bits() == first.to_bits()));
        found
    }
}

/// Rows of one column of cells, and their weights.
struct Batch {
    /// Position, wavelength, value, variance and weight of each row, one behind the other.
    rows: [[f64; 8]; BATCH],
    /// Plane of the cell of each row, counted as the planes of sums; as many more behind, so that whole groups are written.
    own: [u8; 2 * BATCH],
    x: [f64; BATCH],
    y: [f64; BATCH],
    lambda: [f64; BATCH],
    data: [f64; BATCH],
    stat: [f64; BATCH],
    /// Weight of each row.
    weight: [f64; BATCH],
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
    /// What is added to each touched voxel of each of the two planes.
    terms: [[[Sums; BATCH]; 2]; TOUCHED],
}

impl Batch {
    const EMPTY: Self = Self {
        rows: [[0.0; 8]; BATCH],
        own: [0; 2 * BATCH],
        x: [0.0; BATCH],
        y: [0.0; BATCH],
        lambda: [0.0; BATCH],
        data: [0.0; BATCH],
        stat: [0.0; BATCH],
        weight: [0.0; BATCH],
        around: [[0.0; BATCH]; 2],
        thick: [[0.0; BATCH]; 2],
        planes: [[0; BATCH]; 2],
        areas: [[0.0; BATCH]; TOUCHED],
        heights: [[0.0; BATCH]; 2],
        slots: [[0; BATCH]; TOUCHED],
        terms: [[[[0.0; 4]; BATCH]; 2]; TOUCHED],
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
            ask_columns(cells, first_cell, &source);
            let ends = &cells.offsets[first_cell + source.start + 1..=first_cell + source.end];
            let mut plane = 0;
            for first in rows.clone().step_by(BATCH) {
                let part = first..(first + BATCH).min(rows.end);
                if let Some(ahead) = cells.order.get(first + AHEAD..(first + AHEAD + BATCH).min(rows.end)) {
                    ask(cells, ahead);
                }
                plane = number(&mut batch.own, ends, plane, &part, lowest);
                for (row, place) in batch.rows.iter_mut().zip(&cells.order[part.clone()]) {
                    let Record {
                        x,
                        y,
                        lambda,
                        data,
                        stat,
                        weight,
                    } = cells.records[*place as usize];
                    *row = [x, y, lambda, data, stat, weight, 0.0, 0.0].map(f64::from);
                }
                take(&mut batch, &near_planes, window.centres.origin);
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

/// Asks the processor for what the next columns need: offsets three columns before, places two, the first records one.
#[inline(always)]
fn ask_columns(cells: &Cells, first_cell: usize, source: &Range<usize>) {
    for cell in (source.start..=source.end).step_by(LINE / size_of::<u32>()) {
        prefetch(cells.offsets.as_ptr().wrapping_add(first_cell + 3 * cells.width + cell));
    }
    let rows = |columns: usize| {
        let first = first_cell + columns * cells.width;
        let [start, end] = [source.start, source.end].map(|plane| cells.offsets.get(first + plane));
        start
            .zip(end)
            .map_or(0..0, |(start, end)| *start as usize..*end as usize)
    };
    let places = rows(2);
    for row in places.clone().step_by(LINE / size_of::<u32>()) {
        prefetch(cells.order.as_ptr().wrapping_add(row));
    }
    for row in places.step_by(LINE) {
        prefetch(cells.bits.as_ptr().wrapping_add(row));
    }
    let next = rows(1);
    if let Some(ahead) = cells.order.get(next.start..(next.start + AHEAD).min(next.end)) {
        ask(cells, ahead);
    }
}

/// Asks the processor for records: they lie far apart, where it does not expect them.
#[inline(always)]
fn ask(cells: &Cells, order: &[u32]) {
    for row in order {
        let record: *const u8 = cells.records.as_ptr().wrapping_add(*row as usize).cast();
        prefetch(record);
        // A record may lie across two lines.
        prefetch(record.wrapping_add(size_of::<Record>() - 1));
    }
}

/// Bytes that the processor fetches at once.
const LINE: usize = 64;

/// Asks the processor for a line; a hint without effect on results.
#[inline(always)]
fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and faults on no address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Writes the plane of each row of a batch, counted from `lowest`; the first row is in plane `plane` or behind it. Returns
/// the plane of the last.
///
/// `ends` are the places behind the rows of each plane. Whole groups are written and written over: cells of a few rows
/// would cost a branch each that nobody can foresee.
#[inline(always)]
fn number(own: &mut [u8; 2 * BATCH], ends: &[u32], mut plane: usize, part: &Range<usize>, lowest: usize) -> usize {
    own[..BATCH].fill((lowest + plane) as u8);
    while let Some(end) = ends.get(plane).filter(|end| (**end as usize) < part.end) {
        plane += 1;
        let from = (*end as usize).max(part.start) - part.start;
        if let Some(group) = own.get_mut(from..from + BATCH) {
            group.fill((lowest + plane) as u8);
        }
    }
    plane
}

/// Turns the rows of a batch into columns and looks their planes up.
#[inline(always)]
fn take(batch: &mut Batch, planes: &Planes, origin: [f64; 2]) {
    for k in 0..BATCH {
        let [x, y, lambda, data, stat, weight, _, _] = batch.rows[k];
        batch.x[k] = x + origin[0];
        batch.y[k] = y + origin[1];
        batch.lambda[k] = lambda;
        batch.data[k] = data;
        batch.stat[k] = stat;
        batch.weight[k] = weight;
    }
    let [first, end] = planes.filled;
    for k in 0..BATCH {
        let own = u32::from(batch.own[k]);
        let centre = planes.centre[own as usize % ROOM];
        let beside = (own + 2 * u32::from(batch.lambda[k] > centre)).wrapping_sub(1);
        let next = planes.centre[beside as usize % ROOM];
        // What is not to be filled is infinitely far.
        batch.around[0][k] = if (own >= first) & (own < end) {
            centre
        } else {
            f64::INFINITY
        };
        batch.around[1][k] = if (beside >= first) & (beside < end) {
            next
        } else {
            f64::INFINITY
        };
        (batch.planes[0][k], batch.planes[1][k]) = (own, beside);
    }
    for n in 0..2 {
        if let Some(thick) = planes.even {
            batch.thick[n].fill(thick);
        } else {
            for k in 0..BATCH {
                batch.thick[n][k] = planes.thick[batch.planes[n][k] as usize % ROOM];
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
    let near = near.0;
    for k in 0..BATCH {
        let (x, y) = (batch.x[k], batch.y[k]);
        let after_x = (x > near[4].x) == sides.rises[0];
        let after_y = (y > near[4].y) == sides.rises[1];
        let along_x = Neighbour::pick(near[1], near[7], after_x);
        let along_y = Neighbour::pick(near[3], near[5], after_y);
        let along_both = Neighbour::pick(
            Neighbour::pick(near[0], near[2], after_y),
            Neighbour::pick(near[6], near[8], after_y),
            after_x,
        );
        let touched = [near[4], along_x, along_y, along_both];
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

/// Forms what all rows add to all voxels that they touch: weight, weighted value, weighted variance.
#[inline(always)]
fn weights(batch: &mut Batch, divide: Divide) {
    for m in 0..TOUCHED {
        for n in 0..2 {
            for k in 0..BATCH {
                let volume = batch.areas[m][k] * batch.heights[n][k];
                let weight = divide.quotient(volume) * batch.weight[k];
                // ORDER: variance times weight, then times weight again, as the peer does.
                batch.terms[m][n][k] = [weight, batch.data[k] * weight, batch.stat[k] * weight * weight, 0.0];
            }
        }
    }
}

/// Adds a row to what it touches.
#[inline(always)]
fn spread(batch: &Batch, k: usize, ny: usize, sums: &mut [Sums]) {
    // A weight of 0 changes no sum, but 0 times what is not finite would.
    if batch.data[k] * 0.0 + batch.stat[k] * 0.0 + batch.weight[k] * 0.0 == 0.0 {
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
                // SAFETY: slots come from `Neighbours::new`, which makes none above 3 ny, and a plane has one sum more.
                let sum = unsafe { plane.get_unchecked_mut(batch.slots[m][k] as usize) };
                for (sum, term) in sum.iter_mut().zip(batch.terms[m][n][k]) {
                    *sum += term;
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
