//! From the rows in their cells to the voxels of a range of planes.
//!
//! Rows are taken in the order (x, y, plane) of their cells and spread over the voxels they reach. Each voxel thus
//! receives its rows in just the order in which it would gather them, whatever the threads and the planes asked for.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Resampling".

use super::celestial::DEGREES;
use super::gather::{Column, GOOD, REJECTED, Record};
use super::grid::CubeGrid;
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
    /// Voxels along y of the grid.
    pub ny: usize,
}

/// Overlap of boxes.
#[derive(Clone, Copy, Debug)]
pub struct Drizzle {
    drop: [f64; 3],
    voxel: [f64; 2],
    /// Volume of the drop.
    volume: f64,
    /// Distances beyond which a whole row or column of neighbours cannot overlap.
    limit: [f64; 2],
}

impl Drizzle {
    /// Binds the sizes of the shrunken pixel and of the voxel.
    pub fn new(drop: [f64; 3], voxel: [f64; 2], centres: &Centres, ny: usize, reach: usize) -> Self {
        let half = [0.5 * (drop[0] + voxel[0]), 0.5 * (drop[1] + voxel[1])];
        Self {
            drop,
            voxel,
            volume: drop[0] * drop[1] * drop[2],
            limit: centres.far(half, ny, reach),
        }
    }
}

/// Overlap of two intervals of lengths `p` and `q` whose centres are `d` apart, as far as it is below `p`.
#[inline]
fn overlap(p: f64, q: f64, d: f64) -> f64 {
    if d + 0.5 * q <= 0.5 * p { q } else { 0.5 * (p + q) - d }
}

/// Most planes around a row.
const MOST_PLANES: usize = 33;

impl Spread for Drizzle {
    #[inline]
    fn spread(&self, near: &Near<'_>, record: &Record, mut add: impl FnMut(usize, usize, usize, f64)) {
        let Near { centres, at, ny, .. } = near;
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
            if centres.distance(i * ny + at[1], record)[0] > self.limit[0] {
                continue;
            }
            for j in near.rows.clone() {
                let [a, b] = centres.distance(i * ny + j, record);
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
                let [a, b] = near.centres.distance(i * near.ny + j, record);
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

/// Tells whether a row takes part in the resampling.
fn is_used(record: &Record) -> bool {
    record.bits & (GOOD | REJECTED) == GOOD
}

/// Sums of one voxel.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    weight: f64,
    data: f64,
    stat: f64,
    used: u16,
    rejected: u16,
}

impl Sums {
    #[inline]
    fn add(&mut self, record: &Record, weight: f64) {
        let w = weight * f64::from(record.weight);
        self.weight += w;
        self.data += w * f64::from(record.data);
        // ORDER: variance times weight, then times weight again, as the peer does.
        self.stat += f64::from(record.stat) * w * w;
        self.used = self.used.saturating_add(u16::from(weight != 0.0));
    }

    /// Returns value and variance; in `Phoenix` both or neither are finite.
    fn finish(&self, numerics: Numerics) -> (f32, f32) {
        if self.weight.is_normal() {
            let found = (
                (self.data / self.weight) as f32,
                (self.stat / (self.weight * self.weight)) as f32,
            );
            if numerics == Numerics::Eso || (found.0.is_finite() && found.1.is_finite()) {
                return found;
            }
        }
        (f32::NAN, f32::NAN)
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
    /// Which numbers are wanted.
    pub numerics: Numerics,
}

impl Window<'_> {
    /// Resamples planes `planes` (counted in the window) to `out`.
    pub fn resample<S: Spread>(&self, method: &S, reach: usize, planes: &Range<usize>, out: &mut TileMut<'_>) {
        let (nx, ny, depth) = (self.columns.len(), self.ny, planes.len());
        let ring = 2 * reach + 1;
        let mut sums = vec![Sums::default(); ring * ny * depth];
        let source = planes.start.saturating_sub(reach)..(planes.end + reach).min(self.width);
        let first = self.first_plane + planes.start;
        for i in 0..nx + reach {
            if let Some(column) = self.columns.get(i) {
                let columns = i.saturating_sub(reach)..(i + reach + 1).min(nx);
                for j in 0..ny {
                    let rows = j.saturating_sub(reach)..(j + reach + 1).min(ny);
                    for l in source.clone() {
                        let near_planes = l.saturating_sub(reach).max(planes.start)..(l + reach + 1).min(planes.end);
                        let near = Near {
                            centres: self.centres,
                            at: [i, j],
                            columns: columns.clone(),
                            rows: rows.clone(),
                            planes: self.first_plane + near_planes.start..self.first_plane + near_planes.end,
                            ny,
                        };
                        for record in &column.records[column.range(j, self.width, l..l + 1)] {
                            if record.bits & (GOOD | REJECTED) == GOOD {
                                method.spread(&near, record, |i, j, l, weight| {
                                    sums[(i % ring * ny + j) * depth + (l - first)].add(record, weight);
                                });
                            } else if out.rejected.is_some() && record.bits & GOOD != 0 {
                                method.spread(&near, record, |i, j, l, weight| {
                                    let sum = &mut sums[(i % ring * ny + j) * depth + (l - first)];
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
                        if self.numerics == Numerics::Phoenix && !is_used(record) {
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

    fn emit(&self, i: usize, depth: usize, sums: &mut [Sums], out: &mut TileMut<'_>) {
        let (nx, ny) = (self.columns.len(), self.ny);
        for j in 0..ny {
            for l in 0..depth {
                let sum = &mut sums[j * depth + l];
                let at = (l * ny + j) * nx + i;
                (out.data[at], out.stat[at]) = sum.finish(self.numerics);
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
    /// Finds the voxel centres of a grid; rows are relative to `origin` (degrees) on the sky and absolute in pixels.
    pub fn of<M: Math>(grid: &CubeGrid, origin: [f64; 2]) -> Self {
        let [nx, ny, nz] = grid.naxis;
        let wcs = grid.gnomonic();
        let mut found = Self {
            origin: if grid.celestial { origin } else { [0.0; 2] },
            x: Vec::with_capacity(nx * ny),
            y: Vec::with_capacity(nx * ny),
            cos: Vec::with_capacity(nx * ny),
            lambda: (1..=nz).map(|l| grid.spectral.lambda::<M>(l as f64)).collect(),
            height: (1..=nz).map(|l| grid.spectral.height::<M>(l as f64)).collect(),
        };
        for i in 0..nx {
            for j in 0..ny {
                let (px, py) = ((i + 1) as f64, (j + 1) as f64);
                let ([x, y], cos) = if grid.celestial {
                    let [ra, dec] = wcs.sky::<M>(px, py);
                    ([ra, dec], M::cos(dec / DEGREES))
                } else {
                    let (dx, dy) = (px - grid.crpix[0], py - grid.crpix[1]);
                    let [[a, b], [c, d]] = grid.cd;
                    ([a * dx + b * dy + grid.crval[0], c * dx + d * dy + grid.crval[1]], 1.0)
                };
                found.x.push(x);
                found.y.push(y);
                found.cos.push(cos);
            }
        }
        found
    }

    /// As [`Self::distance`], with the reference added where it should be subtracted: the pipeline's `nearest`.
    fn distance_with_wrong_sign(&self, voxel: usize, record: &Record) -> [f64; 2] {
        [
            (self.x[voxel] - f64::from(record.x) + self.origin[0]) * self.cos[voxel],
            self.y[voxel] - f64::from(record.y) + self.origin[1],
        ]
    }

    /// Distances of a row to the voxel in its own row (or column) beyond which no other voxel of that column (or row)
    /// within `reach` is nearer than `near`; infinite where that cannot be said.
    fn far(&self, near: [f64; 2], ny: usize, reach: usize) -> [f64; 2] {
        let nx = self.x.len() / ny.max(1);
        let (mut shift, mut ratio) = ([0.0_f64; 2], 0.0_f64);
        for i in 0..nx {
            for j in 0..ny {
                let here = i * ny + j;
                for step in 1..=reach {
                    if j + step < ny {
                        let there = here + step;
                        let (least, most) = (self.cos[here].min(self.cos[there]), self.cos[here].max(self.cos[there]));
                        shift[0] = shift[0].max((self.x[here] - self.x[there]).abs() * most);
                        ratio = ratio.max((most - least) / least);
                    }
                    if i + step < nx {
                        shift[1] = shift[1].max((self.y[here] - self.y[here + step * ny]).abs());
                    }
                }
            }
        }
        let margin = 1.0 + 1e-9;
        let x = if ratio < 0.5 {
            (near[0] + shift[0]) / (1.0 - ratio) * margin
        } else {
            f64::INFINITY
        };
        [x, (near[1] + shift[1]) * margin]
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
