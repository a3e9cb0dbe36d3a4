//! Where the centres of voxels are, computed once for a grid.

use super::celestial::DEGREES;
use super::cells::Record;
use super::grid::CubeGrid;
use crate::math::Math;

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
    pub(super) fn distance_with_wrong_sign(&self, voxel: usize, record: &Record) -> [f64; 2] {
        [
            (self.x[voxel] - f64::from(record.x) + self.origin[0]) * self.cos[voxel],
            self.y[voxel] - f64::from(record.y) + self.origin[1],
        ]
    }

    /// Distances of a row to the voxel in its own row (or column) beyond which no other voxel of that column (or row)
    /// within `reach` is nearer than `near`; infinite where that cannot be said.
    pub(super) fn far(&self, near: [f64; 2], ny: usize, reach: usize) -> [f64; 2] {
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

    /// Tells whether x and y of the centres rise with the voxel's number, if a row that is nearer than `near` to the centre
    /// of a neighbour along an axis always lies on that neighbour's side of its own voxel's centre, wavelengths included.
    pub(super) fn sides(&self, near: [f64; 2], thickness: f64, ny: usize) -> Option<[bool; 2]> {
        // PRECISION: covers the rounding of distances and overlaps.
        let margin = 1.0 + 1e-9;
        let reached = |l: usize| margin * 0.5 * (thickness + self.height[l].max(self.height[l + 1]));
        let planes = self.lambda.windows(2).enumerate();
        if !planes.clone().all(|(l, pair)| pair[1] - pair[0] >= reached(l)) {
            return None;
        }
        let nx = self.x.len() / ny.max(1);
        let mut rises = [None; 2];
        let mut holds = |axis: usize, step: f64, cos: f64| {
            let rise = *rises[axis].get_or_insert(step > 0.0);
            (step > 0.0) == rise && step.abs() * cos >= near[axis] * margin
        };
        for i in 0..nx {
            for j in 0..ny {
                let here = i * ny + j;
                for other in j.saturating_sub(1)..(j + 2).min(ny) {
                    if i + 1 < nx {
                        let there = (i + 1) * ny + other;
                        let cos = self.cos[here].min(self.cos[there]);
                        if !holds(0, self.x[there] - self.x[here], cos) {
                            return None;
                        }
                    }
                }
                for other in i.saturating_sub(1)..(i + 2).min(nx) {
                    if j + 1 < ny && !holds(1, self.y[other * ny + j + 1] - self.y[here], 1.0) {
                        return None;
                    }
                }
            }
        }
        Some(rises.map(|rise| rise.unwrap_or(true)))
    }

    /// Absolute distances along the spatial axes between a voxel's centre and a row.
    #[inline]
    pub(super) fn distance(&self, voxel: usize, record: &Record) -> [f64; 2] {
        [
            (self.x[voxel] - (f64::from(record.x) + self.origin[0])).abs() * self.cos[voxel],
            (self.y[voxel] - (f64::from(record.y) + self.origin[1])).abs(),
        ]
    }
}
