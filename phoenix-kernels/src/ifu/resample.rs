//! From the rows in their cells to the voxels of a range of planes.
//!
//! Rows are taken in the order (x, y, plane) of their cells and spread over the voxels they reach. Each voxel thus
//! receives its rows in just the order in which it would gather them, whatever the threads and the planes asked for.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Resampling".

use super::gather::{Column, GOOD, REJECTED, Record};
use crate::math::{Math, Numerics};
use std::marker::PhantomData;
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

/// Where voxel centres are.
#[derive(Clone, Debug)]
pub struct Centres {
    /// What turns the relative positions of rows into absolute ones.
    pub origin: [f64; 2],
    /// Absolute first coordinate of each (x, y), y fastest.
    pub x: Vec<f64>,
    /// Absolute second coordinate of each (x, y), y fastest.
    pub y: Vec<f64>,
    /// Cosine of the declination of each (x, y), y fastest; 1 on a grid in pixels.
    pub cos: Vec<f64>,
    /// Wavelength of each plane.
    pub lambda: Vec<f64>,
    /// Thickness of each plane, Angstrom.
    pub height: Vec<f64>,
}

/// Weight of a row from its distances along the axes.
pub trait Kernel: Sync {
    /// Weight at absolute distances in the grid's units, in a plane that is `height` Angstrom thick.
    fn weight(&self, distance: [f64; 3], height: f64) -> f64;
}

/// Overlap of boxes.
#[derive(Clone, Copy, Debug)]
pub struct Drizzle {
    /// Size of the shrunken pixel.
    pub drop: [f64; 3],
    /// Size of the voxel along x and y.
    pub voxel: [f64; 2],
}

/// Overlap of two intervals of lengths `p` and `q` whose centres are `d` apart, as far as it is below `p`.
fn overlap(p: f64, q: f64, d: f64) -> f64 {
    if d + q / 2.0 <= p / 2.0 { q } else { (p + q) / 2.0 - d }
}

impl Kernel for Drizzle {
    fn weight(&self, distance: [f64; 3], height: f64) -> f64 {
        let voxel = [self.voxel[0], self.voxel[1], height];
        let o = [0, 1, 2].map(|k| overlap(self.drop[k], voxel[k], distance[k]));
        if o.iter().any(|o| *o <= 0.0) {
            return 0.0;
        }
        let p = self.drop;
        o[0].min(p[0]) * o[1].min(p[1]) * o[2].min(p[2]) / (p[0] * p[1] * p[2])
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

impl<M: Math> Kernel for Distance<M> {
    fn weight(&self, distance: [f64; 3], _: f64) -> f64 {
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

/// Tells whether a row takes part in the resampling.
fn is_used(record: &Record) -> bool {
    record.bits & (GOOD | REJECTED) == GOOD
}

/// Sums of one voxel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    weight: f64,
    data: f64,
    stat: f64,
    used: u16,
    rejected: u16,
}

impl Sums {
    fn add(&mut self, record: &Record, weight: f64) {
        let w = weight * f64::from(record.weight);
        self.weight += w;
        self.data += w * f64::from(record.data);
        self.stat += f64::from(record.stat) * w * w;
        self.used = self.used.saturating_add(u16::from(weight != 0.0));
    }

    fn finish(&self) -> (f32, f32) {
        if self.weight.is_normal() {
            (
                (self.data / self.weight) as f32,
                (self.stat / (self.weight * self.weight)) as f32,
            )
        } else {
            (f32::NAN, f32::NAN)
        }
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
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// One column of cells for each x.
    pub columns: &'a [Column],
    /// Voxel centres of the whole grid.
    pub centres: &'a Centres,
    /// Voxels along y.
    pub ny: usize,
    /// First plane of the window in the grid.
    pub first_plane: usize,
    /// Planes in the window.
    pub width: usize,
}

impl Window<'_> {
    /// Resamples planes `planes` (counted in the window) to `out`.
    pub fn resample<K: Kernel>(&self, kernel: &K, reach: usize, planes: &Range<usize>, out: &mut TileMut<'_>) {
        let (nx, ny, depth) = (self.columns.len(), self.ny, planes.len());
        let ring = 2 * reach + 1;
        let mut sums = vec![Sums::default(); ring * ny * depth];
        let source = planes.start.saturating_sub(reach)..(planes.end + reach).min(self.width);
        for i in 0..nx + reach {
            if i < nx {
                for j in 0..ny {
                    for l in source.clone() {
                        let column = &self.columns[i];
                        for record in &column.records[column.range(j, self.width, l..l + 1)] {
                            self.spread(kernel, reach, planes, [i, j, l], record, &mut sums);
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
    pub fn nearest(&self, numerics: Numerics, scale: [f64; 3], planes: &Range<usize>, out: &mut TileMut<'_>) {
        let (nx, ny) = (self.columns.len(), self.ny);
        for (i, column) in self.columns.iter().enumerate() {
            for j in 0..ny {
                let voxel = i * ny + j;
                for (depth, l) in planes.clone().enumerate() {
                    let mut best: Option<&Record> = None;
                    let mut least = f64::INFINITY;
                    let mut rejected = 0_u16;
                    for record in &column.records[column.range(j, self.width, l..l + 1)] {
                        rejected = rejected.saturating_add(u16::from(record.bits & REJECTED != 0));
                        if numerics == Numerics::Phoenix && !is_used(record) {
                            continue;
                        }
                        let [a, b] = match numerics {
                            Numerics::Phoenix => self.centres.distance(voxel, record),
                            Numerics::Eso => self.centres.distance_with_wrong_sign(voxel, record),
                        };
                        let c = self.centres.lambda[self.first_plane + l] - f64::from(record.lambda);
                        let d = [a / scale[0], b / scale[1], c / scale[2]];
                        let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                        if r2 < least {
                            (best, least) = (Some(record), r2);
                        }
                    }
                    let best = best.filter(|r| is_used(r));
                    let at = (depth * ny + j) * nx + i;
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

    fn spread<K: Kernel>(
        &self,
        kernel: &K,
        reach: usize,
        planes: &Range<usize>,
        at: [usize; 3],
        record: &Record,
        sums: &mut [Sums],
    ) {
        if record.bits & GOOD == 0 {
            return;
        }
        let rejected = record.bits & REJECTED != 0;
        let [i, j, l] = at;
        let (nx, ny, depth) = (self.columns.len(), self.ny, planes.len());
        let ring = 2 * reach + 1;
        for i2 in i.saturating_sub(reach)..(i + reach + 1).min(nx) {
            for j2 in j.saturating_sub(reach)..(j + reach + 1).min(ny) {
                let [a, b] = self.centres.distance(i2 * ny + j2, record);
                for l2 in l.saturating_sub(reach).max(planes.start)..(l + reach + 1).min(planes.end) {
                    let c = (self.centres.lambda[self.first_plane + l2] - f64::from(record.lambda)).abs();
                    let weight = kernel.weight([a, b, c], self.centres.height[self.first_plane + l2]);
                    let sum = &mut sums[((i2 % ring) * ny + j2) * depth + (l2 - planes.start)];
                    if rejected {
                        sum.rejected = sum.rejected.saturating_add(u16::from(weight != 0.0));
                    } else {
                        sum.add(record, weight);
                    }
                }
            }
        }
    }

    fn emit(&self, i: usize, depth: usize, sums: &mut [Sums], out: &mut TileMut<'_>) {
        let (nx, ny) = (self.columns.len(), self.ny);
        for j in 0..ny {
            for l in 0..depth {
                let sum = &mut sums[j * depth + l];
                let at = (l * ny + j) * nx + i;
                (out.data[at], out.stat[at]) = sum.finish();
                if let Some(used) = &mut out.used {
                    used[at] = sum.used;
                }
                if let Some(rejected) = &mut out.rejected {
                    rejected[at] = sum.rejected;
                }
                *sum = Sums::default();
            }
        }
    }
}

impl Centres {
    /// As [`Self::distance`], with the reference added where it should be subtracted: the pipeline's `nearest`.
    fn distance_with_wrong_sign(&self, voxel: usize, record: &Record) -> [f64; 2] {
        [
            (self.x[voxel] - f64::from(record.x) + self.origin[0]) * self.cos[voxel],
            self.y[voxel] - f64::from(record.y) + self.origin[1],
        ]
    }

    /// Absolute distances along the spatial axes between a voxel's centre and a row.
    #[inline]
    fn distance(&self, voxel: usize, record: &Record) -> [f64; 2] {
        [
            (self.x[voxel] - (f64::from(record.x) + self.origin[0])).abs() * self.cos[voxel],
            (self.y[voxel] - (f64::from(record.y) + self.origin[1])).abs(),
        ]
    }
}
