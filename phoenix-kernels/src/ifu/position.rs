//! From the columns of a table to sky positions and voxels.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Positions".

use super::celestial::{DEGREES, Gnomonic, celestial_from_native};
use super::exposure::{CoordinateState, Exposure};
use super::grid::CubeGrid;
use super::pixtable::RowBuffers;
use super::spectral::vacuum_from_air;
use crate::math::Math;
use std::marker::PhantomData;

/// Places the rows of one exposure.
#[derive(Clone, Copy, Debug)]
pub struct Placer<M> {
    state: CoordinateState,
    dec_deg: f64,
    pole_dec: f64,
    shift: Option<[f64; 2]>,
    math: PhantomData<M>,
}

impl<M: Math> Placer<M> {
    /// Binds the reference position of an exposure; positions become relative to that of `first`, the first exposure.
    pub fn new(exposure: &Exposure<'_>, first: Option<&Exposure<'_>>) -> Self {
        Self {
            state: exposure.state,
            dec_deg: exposure.dec_deg,
            pole_dec: exposure.dec_deg / DEGREES,
            shift: first.map(|f| [exposure.ra_deg - f.ra_deg, exposure.dec_deg - f.dec_deg]),
            math: PhantomData,
        }
    }

    /// Returns the position of one row relative to the first exposure's reference, each step rounded as stored.
    pub fn sky(&self, xpos: f32, ypos: f32) -> [f32; 2] {
        let mut xy = match self.state {
            CoordinateState::NativeSpherical => {
                let theta = f64::from(ypos) + std::f64::consts::FRAC_PI_2;
                let [ra, dec] = celestial_from_native::<M>(f64::from(xpos), theta, self.pole_dec);
                [(ra * DEGREES) as f32, (dec * DEGREES - self.dec_deg) as f32]
            }
            CoordinateState::Celestial | CoordinateState::Pixel => [xpos, ypos],
        };
        if let (Some(shift), true) = (self.shift, self.state != CoordinateState::Pixel) {
            for (v, s) in xy.iter_mut().zip(shift) {
                *v = (f64::from(*v) + s) as f32;
            }
        }
        xy
    }

    /// Turns the spatial columns of `rows` into positions, in place.
    pub fn place(&self, rows: &mut RowBuffers) {
        for (x, y) in rows.xpos.iter_mut().zip(&mut rows.ypos) {
            [*x, *y] = self.sky(*x, *y);
        }
    }
}

/// Finds the voxel of a position.
#[derive(Clone, Copy, Debug)]
pub struct Locator<M> {
    grid: CubeGrid,
    origin: [f64; 2],
    wcs: Gnomonic,
    math: PhantomData<M>,
}

impl<M: Math> Locator<M> {
    /// Binds a grid and the absolute position of relative 0.
    pub fn new(grid: &CubeGrid, origin: [f64; 2]) -> Self {
        Self {
            grid: *grid,
            origin,
            wcs: grid.gnomonic(),
            math: PhantomData,
        }
    }

    /// Returns the pixel position, counted from 1, of a position relative to the reference.
    #[inline]
    pub fn pixel(&self, x: f32, y: f32) -> [f64; 2] {
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

    /// Returns the plane, counted from 0, of a wavelength as the table holds it; far outside where it is not a number.
    pub fn plane(&self, lambda: f32) -> i64 {
        self.grid.spectral.plane::<M>(f64::from(lambda)).round() as i64 - 1
    }

    /// Returns the voxel counted from 0 along x and y, which may lie outside the grid.
    pub fn cell(&self, x: f32, y: f32) -> [i64; 2] {
        self.pixel(x, y).map(|p| p.round() as i64 - 1)
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
