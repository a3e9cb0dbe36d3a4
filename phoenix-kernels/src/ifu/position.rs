//! From the columns of a table to sky positions and voxels.
//!
//! In `Eso` each number is that of the textbook formulae with the C library's functions; the series of
//! [`super::smallfield`] stand in for them wherever their error bound proves the rounded result. In `Phoenix` the
//! series are the definition within their reach and the textbook formulae with portable functions beyond it.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Positions".

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
// Conditions are joined without branches, so that they become vector code; what they call must be inlined with them.
#![allow(
    unsafe_code,
    clippy::needless_bitwise_bool,
    clippy::inline_always,
    clippy::float_cmp,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::celestial::{DEGREES, Gnomonic, celestial_from_native};
use super::exposure::{CoordinateState, Exposure};
use super::extent::extent_64;
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
                let n = x.len();
                for k in (0..n).filter(|k| !placed.sure[*k]) {
                    [placed.x[k], placed.y[k]] = self.textbook(x[k], y[k]);
                }
                x.copy_from_slice(&placed.x[..n]);
                y.copy_from_slice(&placed.y[..n]);
            }
        }
        if let Some(shift) = self.shift {
            move_by(x, shift[0]);
            move_by(y, shift[1]);
        }
    }
}

/// Adds to every number and rounds.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn move_by(column: &mut [f32], shift: f64) {
    for v in column {
        *v = (f64::from(*v) + shift) as f32;
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

    /// Finds the voxels, counted from 0 along x and y and perhaps outside the grid, of many positions.
    pub fn cells(&self, x: &[f32], y: &[f32], i: &mut Vec<i32>, j: &mut Vec<i32>) {
        i.resize(x.len(), 0);
        j.resize(x.len(), 0);
        let mut projected = Projected::default();
        let mut sure = [false; LANES];
        let lanes = x.chunks(LANES).zip(y.chunks(LANES));
        for ((x, y), (i, j)) in lanes.zip(i.chunks_mut(LANES).zip(j.chunks_mut(LANES))) {
            let sure = &mut sure[..x.len()];
            if self.grid.celestial {
                self.series.project(x, y, &mut projected);
            } else {
                projected.slack = [f64::INFINITY; LANES];
            }
            nearest_cells(&projected, self.numerics == Numerics::Eso, i, j, sure);
            if sure.contains(&false) {
                for k in (0..x.len()).filter(|k| !sure[*k]) {
                    [i[k], j[k]] = self.textbook(x[k], y[k]).map(|p| nearest(p) - 1);
                }
            }
        }
    }

    /// Returns smallest and largest pixel position, counted from 1, of the rows whose wavelength is within `kept`.
    pub fn extent(&self, x: &[f32], y: &[f32], lambda: &[f32], kept: [f32; 2]) -> [[f64; 2]; 2] {
        let mut found = [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]];
        let mut projected = Projected::default();
        let lanes = x.chunks(LANES).zip(y.chunks(LANES)).zip(lambda.chunks(LANES));
        for ((x, y), lambda) in lanes {
            let n = x.len();
            if self.grid.celestial {
                self.series.project(x, y, &mut projected);
            } else {
                projected.slack = [f64::INFINITY; LANES];
            }
            for k in 0..n {
                if !projected.slack[k].is_finite() {
                    [projected.x[k], projected.y[k]] = self.textbook(x[k], y[k]);
                }
            }
            let [low, high] = extent_64(&projected.x[..n], &projected.y[..n], lambda, kept);
            for k in 0..2 {
                found[0][k] = found[0][k].min(low[k]);
                found[1][k] = found[1][k].max(high[k]);
            }
        }
        found
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

/// Adding and subtracting it rounds to a whole number, which the low bits of the sum hold.
const MAGIC: f64 = 6_755_399_441_055_744.0;
/// Positions up to this size are rounded by [`MAGIC`].
const MOST: f64 = 1e9;

/// Finds the nearest voxels, counted from 0, of projected positions; a number is `sure` if it is that of the textbook
/// formula (`textbook`), or within the reach of the series.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn nearest_cells(at: &Projected, textbook: bool, i: &mut [i32], j: &mut [i32], sure: &mut [bool]) {
    let n = sure.len();
    let (i, j) = (&mut i[..n], &mut j[..n]);
    let (x, y, slack) = (&at.x[..n], &at.y[..n], &at.slack[..n]);
    for k in 0..n {
        let ([ix, dx], [iy, dy]) = (split(x[k]), split(y[k]));
        i[k] = (ix + MAGIC).to_bits() as i32 - 1;
        j[k] = (iy + MAGIC).to_bits() as i32 - 1;
        // Far enough from the border between two voxels; infinite slack never is.
        let far = (0.5 - dx > slack[k]) & (0.5 - dy > slack[k]);
        let reached = (slack[k] < f64::INFINITY) & (x[k].abs() < MOST) & (y[k].abs() < MOST);
        sure[k] = (far | !textbook) & reached;
    }
}

/// Splits a number into the nearest whole number, halves away from 0, and the distance to it.
#[inline(always)]
fn split(v: f64) -> [f64; 2] {
    let whole = (v + MAGIC) - MAGIC;
    let rest = v - whole;
    // The addition rounds halves to the even side.
    let back = if rest * v.signum() == 0.5 { v.signum() } else { 0.0 };
    [whole + back, rest.abs()]
}

/// Cuts the fraction off; exact below 2^63, and without the call that baseline processors need for `trunc`.
#[inline(always)]
fn whole(v: f64) -> f64 {
    (v as i64) as f64
}

/// Finds the nearest whole number, halves away from 0, at the ends of the range beyond it.
#[inline(always)]
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
