//! Weights: how one row is spread over the voxels around its cell.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Resampling".

// What is called for every row is to be inlined into code compiled for several instruction sets.
#![allow(
    clippy::inline_always,
    reason = "inlined into code compiled for several instruction sets"
)]

use super::cells::Record;
use super::centres::Centres;
use crate::math::Math;
use std::marker::PhantomData;
use std::ops::Range;

/// Spreads one row over the voxels that it reaches.
pub trait Spread: Sync {
    /// Hands (voxel column, plane, weight) of each voxel around cell (`i`, `j`, `l`) to `add`.
    ///
    /// # Contract
    /// A voxel is named once at most; the weight is that of the textbook formula for the voxel's and the row's centre.
    fn spread(&self, near: &Near<'_>, record: &Record, add: impl FnMut(usize, usize, usize, f64));
}

/// The voxels around one cell.
#[derive(Clone, Debug)]
pub struct Near<'a> {
    /// Voxel centres.
    pub centres: &'a Centres,
    /// Cell of the row, x and y.
    pub at: [usize; 2],
    /// Voxels along x.
    pub columns: Range<usize>,
    /// Voxels along y.
    pub rows: Range<usize>,
    /// Planes, counted in the grid.
    pub planes: Range<usize>,
}

/// Of each voxel's neighbours only those on the row's side of its centre are touched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    /// Whether the sky coordinates rise with the voxel's number.
    pub(super) rises: [bool; 2],
    /// Rounded inverse of the drop's volume.
    pub(super) inverse: f64,
}

/// Overlap of boxes.
#[derive(Clone, Copy, Debug)]
pub struct Drizzle {
    pub(super) drop: [f64; 3],
    pub(super) voxel: [f64; 2],
    /// Volume of the drop.
    pub(super) volume: f64,
    /// What [`super::drizzle`] needs, where it applies.
    pub(super) sides: Option<Sides>,
    /// Distances beyond which a whole row or column of neighbours cannot overlap.
    limit: [f64; 2],
}

impl Drizzle {
    /// Binds the sizes of the shrunken pixel and of the voxel.
    pub fn new(drop: [f64; 3], voxel: [f64; 2], centres: &Centres, reach: usize) -> Self {
        let half = [0.5 * (drop[0] + voxel[0]), 0.5 * (drop[1] + voxel[1])];
        let volume = drop[0] * drop[1] * drop[2];
        // With all bits of the fraction set no product with the inverse leads to a quotient.
        let is_divisible = volume.is_normal() && !volume.to_bits() & ((1 << 52) - 1) != 0;
        let (limit, rises) = centres.far_and_sides(half, drop[2], reach);
        let rises = rises.filter(|_| is_divisible && reach == 1);
        Self {
            drop,
            voxel,
            volume,
            sides: rises.map(|rises| Sides {
                rises,
                inverse: 1.0 / volume,
            }),
            limit,
        }
    }
}

/// Overlap of two intervals of lengths `p` and `q` whose centres are `d` apart, as far as it is below `p`.
#[inline(always)]
pub(super) fn overlap(p: f64, q: f64, d: f64) -> f64 {
    if d + 0.5 * q <= 0.5 * p { q } else { 0.5 * (p + q) - d }
}

/// Most planes around a row.
const MOST_PLANES: usize = 33;

impl Spread for Drizzle {
    #[inline]
    fn spread(&self, near: &Near<'_>, record: &Record, mut add: impl FnMut(usize, usize, usize, f64)) {
        let Near { centres, at, .. } = near;
        let mut along = [(0, 0.0); MOST_PLANES];
        let mut n = 0;
        for l in near.planes.clone() {
            let c = (centres.lambda[l] - f64::from(record.lambda)).abs();
            let o = overlap(self.drop[2], centres.height[l], c);
            if o > 0.0 {
                along[n] = (l, o.min(self.drop[2]));
                n += 1;
            }
        }
        let along = &along[..n];
        if along.is_empty() {
            return;
        }
        for i in near.columns.clone() {
            if centres.distance([i, at[1]], record)[0] > self.limit[0] {
                continue;
            }
            for j in near.rows.clone() {
                let [a, b] = centres.distance([i, j], record);
                if b > self.limit[1] {
                    continue;
                }
                let (ox, oy) = (
                    overlap(self.drop[0], self.voxel[0], a),
                    overlap(self.drop[1], self.voxel[1], b),
                );
                if ox > 0.0 && oy > 0.0 {
                    let area = ox.min(self.drop[0]) * oy.min(self.drop[1]);
                    for &(l, height) in along {
                        add(i, j, l, area * height / self.volume);
                    }
                }
            }
        }
    }
}

/// Functions of the distance in units of the pixel scale.
#[derive(Clone, Copy, Debug)]
pub struct Distance<M> {
    /// Size of a pixel along the axes.
    pub scale: [f64; 3],
    /// The function.
    pub shape: Shape,
    /// Elementary functions.
    pub math: PhantomData<M>,
}

/// Which function of the distance.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// 1 / r.
    Linear,
    /// 1 / r^2.
    Quadratic,
    /// ((R - r) / (R r))^2 within the radius R.
    Renka {
        /// Critical radius.
        radius: f64,
        /// Weight outside.
        outside: f64,
    },
    /// Product of Lanczos windows of this half width.
    Lanczos {
        /// Half width.
        width: f64,
    },
}

impl<M: Math> Distance<M> {
    fn sinc(x: f64) -> f64 {
        if x.abs() < f64::EPSILON {
            1.0
        } else {
            let t = std::f64::consts::PI * x;
            M::sin(t) / t
        }
    }

    fn window(x: f64, width: f64) -> f64 {
        Self::sinc(x) * Self::sinc(x / width)
    }
}

impl<M: Math> Spread for Distance<M> {
    fn spread(&self, near: &Near<'_>, record: &Record, mut add: impl FnMut(usize, usize, usize, f64)) {
        for i in near.columns.clone() {
            for j in near.rows.clone() {
                let [a, b] = near.centres.distance([i, j], record);
                for l in near.planes.clone() {
                    let c = (near.centres.lambda[l] - f64::from(record.lambda)).abs();
                    add(i, j, l, self.weight([a, b, c]));
                }
            }
        }
    }
}

impl<M: Math> Distance<M> {
    fn weight(&self, distance: [f64; 3]) -> f64 {
        let d = [0, 1, 2].map(|k| distance[k] / self.scale[k]);
        let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
        match self.shape {
            Shape::Linear => {
                if r2 == 0.0 {
                    f64::from(f32::MAX)
                } else {
                    1.0 / r2.sqrt()
                }
            }
            Shape::Quadratic => {
                if r2 == 0.0 {
                    f64::from(f32::MAX)
                } else {
                    1.0 / r2
                }
            }
            Shape::Renka { radius, outside } => {
                let r = r2.sqrt();
                if r == 0.0 {
                    f64::from(f32::MAX)
                } else if r >= radius {
                    outside
                } else {
                    let w = (radius - r) / (radius * r);
                    w * w
                }
            }
            Shape::Lanczos { width } => {
                if d[0] >= width || d[1] >= width || d[2] > width {
                    0.0
                } else {
                    Self::window(d[0], width) * Self::window(d[1], width) * Self::window(d[2], width)
                }
            }
        }
    }
}
