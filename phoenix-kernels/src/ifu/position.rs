//! From the columns of a table to sky positions and voxels.
//!
//! In `Eso` each number is that of the textbook formulae with the C library's functions; the series of
//! [`super::smallfield`] stand in for them wherever their error bound proves the rounded result. In `Phoenix` the
//! series are the definition within their reach and the textbook formulae with portable functions beyond it.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Positions".

use super::celestial::{DEGREES, Gnomonic, celestial_from_native};
use super::exposure::{CoordinateState, Exposure};
use super::grid::CubeGrid;
use super::smallfield::{GnomonicSeries, LANES, NativeSeries, Placed, Projected};
use super::spectral::vacuum_from_air;
use crate::math::{Math, Numerics};
use multiversion::multiversion;
use std::marker::PhantomData;

/// Places the rows of one exposure.
#[derive(Clone, Copy, Debug)]
pub struct Placer<M> {
    state: CoordinateState,
    dec_deg: f64,
    pole_dec: f64,
    series: NativeSeries,
    shift: Option<[f64; 2]>,
    numerics: Numerics,
    math: PhantomData<M>,
}

impl<M: Math> Placer<M> {
    /// Binds the reference position of exposure `n`; positions become relative to that of the first exposure.
    pub fn new(exposures: &[Exposure<'_>], n: usize, numerics: Numerics) -> Self {
        let exposure = &exposures[n];
        let first = &exposures[0];
        let pole_dec = exposure.dec_deg / DEGREES;
        Self {
            state: exposure.state,
            dec_deg: exposure.dec_deg,
            pole_dec,
            series: NativeSeries::new(exposure.dec_deg, M::sin(pole_dec), M::cos(pole_dec)),
            shift: if n > 0 && exposure.state != CoordinateState::Pixel {
                Some([exposure.ra_deg - first.ra_deg, exposure.dec_deg - first.dec_deg])
            } else {
                None
            },
            numerics,
            math: PhantomData,
        }
    }

    /// Returns the position of one row relative to its own exposure's reference by the textbook formula.
    pub fn textbook(&self, xpos: f32, ypos: f32) -> [f32; 2] {
        let theta = f64::from(ypos) + std::f64::consts::FRAC_PI_2;
        let [ra, dec] = celestial_from_native::<M>(f64::from(xpos), theta, self.pole_dec);
        [(ra * DEGREES) as f32, (dec * DEGREES - self.dec_deg) as f32]
    }

    /// Turns spatial columns into positions relative to the first exposure's reference, in place, each step rounded as
    /// stored.
    pub fn place(&self, x: &mut [f32], y: &mut [f32]) {
        if self.state == CoordinateState::NativeSpherical {
            let mut placed = Placed::default();
            for (x, y) in x.chunks_mut(LANES).zip(y.chunks_mut(LANES)) {
                self.series.place(x, y, self.numerics == Numerics::Eso, &mut placed);
                for k in 0..x.len() {
                    if placed.sure[k] {
                        (x[k], y[k]) = (placed.x[k], placed.y[k]);
                    } else {
                        [x[k], y[k]] = self.textbook(x[k], y[k]);
                    }
                }
            }
        }
        if let Some(shift) = self.shift {
            for (column, s) in [(x, shift[0]), (y, shift[1])] {
                for v in column {
                    *v = (f64::from(*v) + s) as f32;
                }
            }
        }
    }
}

/// Finds the voxel of a position.
#[derive(Clone, Copy, Debug)]
pub struct Locator<M> {
    grid: CubeGrid,
    origin: [f64; 2],
    wcs: Gnomonic,
    series: GnomonicSeries,
    numerics: Numerics,
    math: PhantomData<M>,
}

impl<M: Math> Locator<M> {
    /// Binds a grid and the absolute position of relative 0.
    pub fn new(grid: &CubeGrid, origin: [f64; 2], numerics: Numerics) -> Self {
        let pole = grid.crval[1] / DEGREES;
        Self {
            grid: *grid,
            origin,
            wcs: grid.gnomonic(),
            series: GnomonicSeries::new(grid, origin, M::sin(pole), M::cos(pole)),
            numerics,
            math: PhantomData,
        }
    }

    /// Returns the pixel position, counted from 1, of a position relative to the reference by the textbook formula.
    pub fn textbook(&self, x: f32, y: f32) -> [f64; 2] {
        let g = &self.grid;
        if g.celestial {
            self.wcs
                .pixel::<M>(f64::from(x) + self.origin[0], f64::from(y) + self.origin[1])
        } else {
            let (dx, dy) = (f64::from(x) - g.crval[0], f64::from(y) - g.crval[1]);
            let [[a, b], [c, d]] = g.cd;
            let det = a * d - b * c;
            [
                (d * dx - b * dy) / det + g.crpix[0],
                (a * dy - c * dx) / det + g.crpix[1],
            ]
        }
    }

    /// Hands the pixel position of each row, counted from 1, to `take` with the row's number.
    ///
    /// # Numerics
    /// `Eso`: where `is_enough` accepts a position with its slack (voxels), the series' value is handed out.
    fn each_pixel(
        &self,
        x: &[f32],
        y: &[f32],
        is_enough: impl Fn([f64; 2], f64) -> bool,
        mut take: impl FnMut(usize, [f64; 2]),
    ) {
        let mut projected = Projected::default();
        for (n, (x, y)) in x.chunks(LANES).zip(y.chunks(LANES)).enumerate() {
            if self.grid.celestial {
                self.series.project(x, y, &mut projected);
            } else {
                projected.slack = [f64::INFINITY; LANES];
            }
            for k in 0..x.len() {
                let at = [projected.x[k], projected.y[k]];
                let slack = projected.slack[k];
                let fits = match self.numerics {
                    Numerics::Phoenix => slack.is_finite(),
                    Numerics::Eso => is_enough(at, slack),
                };
                take(n * LANES + k, if fits { at } else { self.textbook(x[k], y[k]) });
            }
        }
    }

    /// Finds the voxels, counted from 0 along x and y and perhaps outside the grid, of many positions.
    pub fn cells(&self, x: &[f32], y: &[f32], cells: &mut Vec<[i32; 2]>) {
        cells.clear();
        let is_enough = |at: [f64; 2], slack: f64| {
            // Far enough from the border between two voxels; infinite slack never is.
            at.iter().all(|p| (p.abs() - whole(p.abs()) - 0.5).abs() > slack)
        };
        self.each_pixel(x, y, is_enough, |_, at| cells.push(at.map(|p| nearest(p) - 1)));
    }

    /// Hands out the pixel positions, counted from 1, of many positions.
    pub fn pixels(&self, x: &[f32], y: &[f32], take: impl FnMut(usize, [f64; 2])) {
        self.each_pixel(x, y, |_, _| false, take);
    }

    /// Returns the plane, counted from 0 and perhaps outside the grid, of a wavelength in the grid's medium.
    pub fn plane(&self, lambda: f32) -> i32 {
        round(self.grid.spectral.plane::<M>(f64::from(lambda))) as i32 - 1
    }

    /// Finds the planes of many wavelengths; `i32::MIN` where one is outside `range` or not a number.
    ///
    /// `lambda` is in the medium of the grid afterwards.
    pub fn planes(&self, lambda: &mut [f32], range: [f64; 2], planes: &mut Vec<i32>) {
        let s = &self.grid.spectral;
        planes.clear();
        if s.axis.is_log() || s.axis.is_vacuum() {
            planes.extend(lambda.iter_mut().map(|l| {
                let air = f64::from(*l);
                *l = self.medium(*l);
                if air >= range[0] && air <= range[1] {
                    self.plane(*l)
                } else {
                    i32::MIN
                }
            }));
        } else {
            planes.resize(lambda.len(), 0);
            linear_planes([s.crval, s.step, s.crpix], range, lambda, planes);
        }
    }

    /// Returns the wavelength in the medium of the grid's axis.
    pub fn medium(&self, lambda: f32) -> f32 {
        if self.grid.spectral.axis.is_vacuum() {
            vacuum_from_air(f64::from(lambda)) as f32
        } else {
            lambda
        }
    }
}

/// Cuts the fraction off; exact below 2^63, and without the call that baseline processors need for `trunc`.
#[inline]
fn whole(v: f64) -> f64 {
    (v as i64) as f64
}

/// Finds the nearest whole number, halves away from 0, at the ends of the range beyond it.
#[inline]
fn nearest(v: f64) -> i32 {
    let whole = whole(v);
    (if (v - whole).abs() >= 0.5 {
        whole + 1.0_f64.copysign(v)
    } else {
        whole
    }) as i32
}

/// Rounds to the nearest whole number, halves away from 0.
#[inline]
fn round(v: f64) -> f64 {
    let whole = v.trunc();
    if (v - whole).abs() >= 0.5 {
        whole + 1.0_f64.copysign(v)
    } else {
        whole
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn linear_planes(axis: [f64; 3], range: [f64; 2], lambda: &[f32], planes: &mut [i32]) {
    let [crval, step, crpix] = axis;
    for (&lambda, plane) in lambda.iter().zip(planes) {
        let lambda = f64::from(lambda);
        let at = round((lambda - crval) / step + crpix).clamp(-2e9, 2e9) as i32 - 1;
        *plane = if lambda >= range[0] && lambda <= range[1] {
            at
        } else {
            i32::MIN
        };
    }
}
