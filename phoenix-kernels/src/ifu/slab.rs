//! Finished planes and what became of the rows.

use super::cells::{CAME_FLAGGED, Cells, GOOD, REJECTED};
use super::resample::TileMut;
use crate::KernelError;
use ndarray::ArrayView3;
use rayon::prelude::*;
use std::ops::Range;

/// A finished run of planes.
#[derive(Clone, Copy, Debug)]
pub struct Slab<'a> {
    /// First plane, counted from 0.
    pub first_plane: usize,
    /// Values, (wave, y, x).
    pub data: ArrayView3<'a, f32>,
    /// Variances, (wave, y, x).
    pub stat: ArrayView3<'a, f32>,
    /// Rows used for each voxel, if asked for.
    pub used: Option<ArrayView3<'a, u16>>,
    /// Rows of each voxel that the cosmic-ray test rejected, if asked for.
    pub rejected: Option<ArrayView3<'a, u16>>,
    /// Rows in the cells of these planes that the cosmic-ray test rejected, whatever their quality before, in order of
    /// exposure and row; empty unless asked for.
    pub rejected_rows: &'a [RowId],
    /// What happened to the rows up to the last plane of this slab.
    pub stats: StackStats,
}

/// One row of one exposure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// The exposure, in the order in which they were given.
    pub exposure: u32,
    /// The row, counted from 0.
    pub row: u64,
}

/// What happened to the rows; each row is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackStats {
    /// Rows in the cells of the grid.
    pub in_grid: u64,
    /// Rows that came flagged as cosmic rays.
    pub cosmic_in: u64,
    /// Rows flagged as cosmic rays after the test.
    pub cosmic_out: u64,
    /// Rows that the test rejected and that were good before.
    pub rejected: u64,
    /// Rows that took part in the resampling.
    pub used: u64,
    /// Rows inside the planes of the grid whose raw pixel was saturated.
    pub saturated: u64,
    /// Rows left out because value, variance or position was not finite.
    pub not_finite: u64,
    /// Rows outside the grid: dropped in `Phoenix`, put into border cells in `Eso`.
    pub outside: u64,
    /// Voxels with a finite value.
    pub finite_voxels: u64,
}

impl StackStats {
    /// Returns all counts in their order, to be kept with a cube that is not finished.
    pub fn to_array(self) -> [u64; 9] {
        let Self {
            in_grid,
            cosmic_in,
            cosmic_out,
            rejected,
            used,
            saturated,
            not_finite,
            outside,
            finite_voxels,
        } = self;
        [
            in_grid,
            cosmic_in,
            cosmic_out,
            rejected,
            used,
            saturated,
            not_finite,
            outside,
            finite_voxels,
        ]
    }

    /// Takes counts as [`StackStats::to_array`] gave them.
    pub fn from_array(counts: [u64; 9]) -> Self {
        let [
            in_grid,
            cosmic_in,
            cosmic_out,
            rejected,
            used,
            saturated,
            not_finite,
            outside,
            finite_voxels,
        ] = counts;
        Self {
            in_grid,
            cosmic_in,
            cosmic_out,
            rejected,
            used,
            saturated,
            not_finite,
            outside,
            finite_voxels,
        }
    }

    /// Adds what happened in another window.
    pub(super) fn add(&mut self, other: &Self) {
        self.in_grid += other.in_grid;
        self.cosmic_in += other.cosmic_in;
        self.cosmic_out += other.cosmic_out;
        self.rejected += other.rejected;
        self.used += other.used;
        self.saturated += other.saturated;
        self.not_finite += other.not_finite;
        self.outside += other.outside;
        self.finite_voxels += other.finite_voxels;
    }

    /// Counts the rows of some planes and rows of cells of a window.
    pub(super) fn count(&mut self, cells: &Cells, planes: &Range<usize>, cells_y: &Range<usize>) {
        let counts = (0..cells.size[0]).into_par_iter().map(|i| {
            let mut found = [0_u64; 5];
            for j in cells_y.clone() {
                let mut n = [0_u32; 4];
                let range = cells.range(i, j, planes.clone());
                found[0] += range.len() as u64;
                for bits in &cells.bits[range] {
                    let (good, rejected, came) = (bits & GOOD, bits & REJECTED, bits & CAME_FLAGGED);
                    n[0] += u32::from(came != 0);
                    n[1] += u32::from(came | rejected != 0);
                    n[2] += u32::from(good != 0 && rejected != 0);
                    n[3] += u32::from(good != 0 && rejected == 0);
                }
                for (found, n) in found[1..].iter_mut().zip(n) {
                    *found += u64::from(n);
                }
            }
            found
        });
        let add = |a: [u64; 5], b: [u64; 5]| [0, 1, 2, 3, 4].map(|k| a[k] + b[k]);
        let [in_grid, cosmic_in, cosmic_out, rejected, used] = counts.reduce(Default::default, add);
        self.in_grid += in_grid;
        self.cosmic_in += cosmic_in;
        self.cosmic_out += cosmic_out;
        self.rejected += rejected;
        self.used += used;
    }
}

/// Output of a window, used again for the next.
#[derive(Debug, Default)]
pub(super) struct SlabBuffers {
    pub(super) data: Vec<f32>,
    stat: Vec<f32>,
    used: Option<Vec<u16>>,
    rejected: Option<Vec<u16>>,
    pub(super) rejected_rows: Vec<RowId>,
}

impl SlabBuffers {
    pub(super) fn resize(&mut self, n: usize, counts: bool) {
        self.data.resize(n, 0.0);
        self.stat.resize(n, 0.0);
        if counts {
            self.used.get_or_insert_default().resize(n, 0);
            self.rejected.get_or_insert_default().resize(n, 0);
        }
    }

    /// Cuts the output into tiles of `n` voxels.
    pub(super) fn tiles(&mut self, n: usize) -> impl Iterator<Item = TileMut<'_>> {
        let parts = self.data.len().div_ceil(n);
        self.data
            .chunks_mut(n)
            .zip(self.stat.chunks_mut(n))
            .zip(split(self.used.as_mut(), n, parts))
            .zip(split(self.rejected.as_mut(), n, parts))
            .map(|(((data, stat), used), rejected)| TileMut {
                data,
                stat,
                used,
                rejected,
            })
    }

    pub(super) fn slab(
        &self,
        first_plane: usize,
        shape: [usize; 3],
        stats: StackStats,
    ) -> Result<Slab<'_>, KernelError> {
        fn view<T>(values: &[T], shape: [usize; 3]) -> Result<ArrayView3<'_, T>, KernelError> {
            ArrayView3::from_shape(shape, values).map_err(|_| KernelError::Shape {
                what: "slab",
                found: values.len(),
                expected: shape.iter().product(),
            })
        }
        Ok(Slab {
            first_plane,
            data: view(&self.data, shape)?,
            stat: view(&self.stat, shape)?,
            used: self.used.as_deref().map(|v| view(v, shape)).transpose()?,
            rejected: self.rejected.as_deref().map(|v| view(v, shape)).transpose()?,
            rejected_rows: &self.rejected_rows,
            stats,
        })
    }
}

/// Cuts the counts into tiles, or into as many absences.
fn split(counts: Option<&mut Vec<u16>>, n: usize, parts: usize) -> Vec<Option<&mut [u16]>> {
    match counts {
        Some(counts) => counts.chunks_mut(n).map(Some).collect(),
        None => (0..parts).map(|_| None).collect(),
    }
}
