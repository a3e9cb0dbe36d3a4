//! From the rows in their cells to the voxels of a range of planes.
//!
//! Rows are taken in the order (x, y, plane) of their cells and spread over the voxels they reach. Each voxel thus
//! receives its rows in just the order in which it would gather them, whatever the threads and the planes asked for.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Resampling".

// What is called for every row is to be inlined into code compiled for several instruction sets.
#![allow(
    clippy::inline_always,
    reason = "inlined into code compiled for several instruction sets"
)]

use super::cells::{Cells, GOOD, REJECTED, Record};
use super::centres::Centres;
use super::spread::{Near, Spread};
use crate::math::Numerics;
use std::ops::Range;

/// Resampling method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resample {
    /// The nearest row of the voxel's own cell.
    Nearest,
    /// Inverse distance.
    Linear,
    /// Inverse square of the distance.
    Quadratic,
    /// Modified Shepard: weights that end at a critical radius.
    Renka,
    /// Overlap of a shrunken pixel with the voxel.
    #[default]
    Drizzle,
    /// Product of Lanczos windows.
    Lanczos,
}

/// Tells whether a row takes part in the resampling.
#[inline(always)]
pub(super) fn is_used(bits: u8) -> bool {
    bits & (GOOD | REJECTED) == GOOD
}

/// Returns value and variance of a voxel from its sums of weight, weighted value and weighted variance; in `Phoenix`
/// both or neither are finite.
#[inline(always)]
pub(super) fn finish([weight, data, stat]: [f64; 3], numerics: Numerics) -> (f32, f32) {
    if weight.is_normal() {
        let found = ((data / weight) as f32, (stat / (weight * weight)) as f32);
        if numerics == Numerics::Eso || (found.0.is_finite() && found.1.is_finite()) {
            return found;
        }
    }
    (f32::NAN, f32::NAN)
}

/// Sums of one voxel.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Weight, weighted value, weighted variance.
    weighted: [f64; 3],
    used: u16,
    rejected: u16,
}

impl Sums {
    #[inline]
    fn add(&mut self, record: &Record, weight: f64) {
        let w = weight * f64::from(record.weight);
        self.weighted[0] += w;
        self.weighted[1] += w * f64::from(record.data);
        // ORDER: variance times weight, then times weight again, as the peer does.
        self.weighted[2] += f64::from(record.stat) * w * w;
        self.used = self.used.saturating_add(u16::from(weight != 0.0));
    }
}

/// Output of a range of planes, x fastest.
#[derive(Debug)]
pub struct TileMut<'a> {
    /// Values.
    pub data: &'a mut [f32],
    /// Variances.
    pub stat: &'a mut [f32],
    /// Rows used, if wanted.
    pub used: Option<&'a mut [u16]>,
    /// Rows rejected by the cosmic-ray test, if wanted.
    pub rejected: Option<&'a mut [u16]>,
}

/// The cells of a window, ready to be resampled.
#[derive(Clone, Debug)]
pub struct Window<'a> {
    /// The cells.
    pub cells: &'a Cells,
    /// Voxel centres of the whole grid.
    pub centres: &'a Centres,
    /// First plane of the window in the grid.
    pub first_plane: usize,
    /// Voxels of the grid along y.
    pub ny: usize,
    /// Rows of cells whose voxels are filled, counted in the window.
    pub rows: Range<usize>,
    /// Which numbers are wanted.
    pub numerics: Numerics,
    /// Rows of this choice only, if any.
    pub only: Option<Only>,
}

/// The rows of one exposure in some planes, whatever the cosmic-ray test says.
#[derive(Clone, Debug)]
pub struct Only {
    /// The exposure.
    pub exposure: u32,
    /// Planes of its rows, counted in the window.
    pub planes: Range<usize>,
}

impl Window<'_> {
    /// Tells whether the row at a place takes part.
    #[inline(always)]
    fn takes(&self, place: usize) -> bool {
        let bits = self.cells.bits[place];
        match &self.only {
            None => is_used(bits),
            Some(only) => bits & GOOD != 0 && self.cells.owner(place) == only.exposure,
        }
    }

    /// Returns the planes of the rows that reach `planes`.
    fn source(&self, reach: usize, planes: &Range<usize>) -> Range<usize> {
        let near = planes.start.saturating_sub(reach)..(planes.end + reach).min(self.cells.width);
        match &self.only {
            None => near,
            Some(only) => near.start.max(only.planes.start)..near.end.min(only.planes.end),
        }
    }

    /// Resamples planes `planes` (counted in the window) to `out`.
    pub fn resample<S: Spread>(&self, method: &S, reach: usize, planes: &Range<usize>, out: &mut TileMut<'_>) {
        let (cells, [nx, ny], depth) = (self.cells, self.cells.size, planes.len());
        let ring = 2 * reach + 1;
        let mut sums = vec![Sums::default(); ring * ny * depth];
        let source = self.source(reach, planes);
        let first = self.first_plane + planes.start;
        for i in 0..nx + reach {
            if i < nx {
                let columns = i.saturating_sub(reach)..(i + reach + 1).min(nx);
                for j in 0..ny {
                    let rows = j.saturating_sub(reach)..(j + reach + 1).min(ny);
                    let first_row = cells.first_row;
                    for l in source.clone() {
                        let near_planes = l.saturating_sub(reach).max(planes.start)..(l + reach + 1).min(planes.end);
                        let near = Near {
                            centres: self.centres,
                            at: [i, first_row + j],
                            columns: columns.clone(),
                            rows: first_row + rows.start..first_row + rows.end,
                            planes: self.first_plane + near_planes.start..self.first_plane + near_planes.end,
                        };
                        let place =
                            |i: usize, j: usize, l: usize| (i % ring * ny + (j - first_row)) * depth + (l - first);
                        for row in cells.range(i, j, l..l + 1) {
                            let (record, bits) = (cells.record(row), cells.bits[row]);
                            if self.takes(row) {
                                method.spread(&near, record, |i, j, l, weight| {
                                    sums[place(i, j, l)].add(record, weight);
                                });
                            } else if out.rejected.is_some() && bits & GOOD != 0 {
                                method.spread(&near, record, |i, j, l, weight| {
                                    let sum = &mut sums[place(i, j, l)];
                                    sum.rejected = sum.rejected.saturating_add(u16::from(weight != 0.0));
                                });
                            }
                        }
                    }
                }
            }
            if i >= reach {
                let slot = (i - reach) % ring * ny * depth;
                self.emit(i - reach, depth, &mut sums[slot..slot + ny * depth], out);
            }
        }
    }

    /// Gives each voxel of `planes` the nearest row of its own cell.
    pub fn nearest(&self, scale: [f64; 3], planes: &Range<usize>, out: &mut TileMut<'_>) {
        let (cells, nx) = (self.cells, self.cells.size[0]);
        for i in 0..nx {
            for j in self.rows.clone() {
                let voxel = [i, cells.first_row + j];
                for (depth, l) in planes.clone().enumerate() {
                    let mut best: Option<usize> = None;
                    let mut least = f64::INFINITY;
                    let mut rejected = 0_u16;
                    for row in cells.range(i, j, l..l + 1) {
                        if self.only.as_ref().is_some_and(|only| cells.owner(row) != only.exposure) {
                            continue;
                        }
                        let (record, bits) = (cells.record(row), cells.bits[row]);
                        rejected = rejected.saturating_add(u16::from(bits & REJECTED != 0));
                        if self.numerics == Numerics::Phoenix && !self.takes(row) {
                            continue;
                        }
                        let [a, b] = match self.numerics {
                            Numerics::Phoenix => self.centres.distance(voxel, record),
                            Numerics::Eso => self.centres.distance_with_wrong_sign(voxel, record),
                        };
                        let c = self.centres.lambda[self.first_plane + l] - f64::from(record.lambda);
                        let d = [a / scale[0], b / scale[1], c / scale[2]];
                        let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                        if r2 < least {
                            (best, least) = (Some(row), r2);
                        }
                    }
                    let best = best.filter(|row| self.takes(*row)).map(|row| cells.record(row));
                    let at = (depth * self.ny + cells.first_row + j) * nx + i;
                    (out.data[at], out.stat[at]) = best.map_or((f32::NAN, f32::NAN), |r| (r.data, r.stat));
                    if let Some(counts) = &mut out.used {
                        counts[at] = u16::from(best.is_some());
                    }
                    if let Some(counts) = &mut out.rejected {
                        counts[at] = rejected;
                    }
                }
            }
        }
    }

    fn emit(&self, i: usize, depth: usize, sums: &mut [Sums], out: &mut TileMut<'_>) {
        let nx = self.cells.size[0];
        for j in self.rows.clone() {
            for l in 0..depth {
                let sum = &sums[j * depth + l];
                let at = (l * self.ny + self.cells.first_row + j) * nx + i;
                (out.data[at], out.stat[at]) = finish(sum.weighted, self.numerics);
                if let Some(used) = &mut out.used {
                    used[at] = sum.used;
                }
                if let Some(rejected) = &mut out.rejected {
                    rejected[at] = sum.rejected;
                }
            }
        }
        sums.fill(Sums::default());
    }
}
