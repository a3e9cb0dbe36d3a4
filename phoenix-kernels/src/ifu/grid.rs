//! The output grid: chosen from the limits of the input, or given.

use super::celestial::Gnomonic;
use super::spectral::{SpectralAxis, SpectralWcs};
use crate::KernelError;
use crate::math::{Math, Numerics};

/// Largest number of voxels of a grid: 4 TiB of data and variance.
const MOST_VOXELS: f64 = 5.5e11;

/// Instrument mode, as far as it sets the size of a voxel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InstrumentMode {
    /// Wide field, 0.2 arcsec.
    #[default]
    WideField,
    /// Narrow field, 0.02519 x 0.02542 arcsec.
    NarrowField,
}

/// Returns the default size of a voxel: x and y in arcsec (or pixels), wavelength in Angstrom.
///
/// # References
/// ESO MUSE pipeline 2.8.7, as measured; `docs/algorithms/ifu-combine.md`, "Grid".
pub fn default_step(mode: InstrumentMode, axis: SpectralAxis) -> [f64; 3] {
    let lambda = if axis.is_log() { 1.25 / 1.6 } else { 1.25 };
    match mode {
        InstrumentMode::WideField => [0.2, 0.2, lambda],
        InstrumentMode::NarrowField => [0.02519, 0.02542, lambda],
    }
}

/// A cube's grid: sizes and world coordinates as plain numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CubeGrid {
    /// Number of voxels along x, y and wavelength.
    pub naxis: [usize; 3],
    /// Reference position: right ascension and declination in degrees, or pixels.
    pub crval: [f64; 2],
    /// Reference pixel, counted from 1.
    pub crpix: [f64; 2],
    /// Linear part, degrees (or pixels) per voxel.
    pub cd: [[f64; 2]; 2],
    /// False for a grid in pixels, which has no sky position.
    pub celestial: bool,
    /// The wavelength axis.
    pub spectral: SpectralWcs,
}

impl CubeGrid {
    /// Returns the number of voxels.
    pub fn voxels(&self) -> usize {
        self.naxis[0] * self.naxis[1] * self.naxis[2]
    }

    /// Returns the gnomonic part.
    pub fn gnomonic(&self) -> Gnomonic {
        Gnomonic {
            crval: self.crval,
            crpix: self.crpix,
            cd: self.cd,
        }
    }

    /// Returns the size of a voxel along x and y as the resampling uses it: the diagonal of the linear part, or the
    /// root of the row's squares where it is turned.
    pub fn spatial_scale(&self) -> [f64; 2] {
        spatial_scale(&self.cd)
    }

    /// Checks that the grid has voxels and can be inverted.
    ///
    /// # Errors
    /// `EmptyGrid`, `GridTooLarge`, or `Parameter` for a linear part that cannot be inverted.
    pub fn check(&self) -> Result<(), KernelError> {
        let [nx, ny, nz] = self.naxis;
        if nx == 0 || ny == 0 || nz == 0 {
            return Err(KernelError::EmptyGrid { nx, ny, nz });
        }
        check_size(nx as f64, ny as f64, nz as f64)?;
        let [[a, b], [c, d]] = self.cd;
        let det = a * d - b * c;
        if !det.is_normal() {
            return Err(KernelError::Parameter {
                name: "determinant of the CD matrix",
                value: det,
                allowed: "finite, not 0",
            });
        }
        let s = &self.spectral;
        if !(s.step.is_normal() && s.step > 0.0) {
            return Err(KernelError::Parameter {
                name: "wavelength step",
                value: s.step,
                allowed: "above 0",
            });
        }
        if !(s.crval.is_finite() && s.crpix.is_finite()) || (s.axis.is_log() && s.crval <= 0.0) {
            return Err(KernelError::Parameter {
                name: "reference wavelength",
                value: s.crval,
                allowed: "finite",
            });
        }
        Ok(())
    }
}

/// Root of the squares of each row of a linear part; exact for a diagonal one.
pub fn spatial_scale(cd: &[[f64; 2]; 2]) -> [f64; 2] {
    [0, 1].map(|k| {
        if cd[0][1] == 0.0 && cd[1][0] == 0.0 {
            cd[k][k].abs()
        } else {
            (cd[k][0] * cd[k][0] + cd[k][1] * cd[k][1]).sqrt()
        }
    })
}

fn check_size(nx: f64, ny: f64, nz: f64) -> Result<(), KernelError> {
    if nx * ny * nz <= MOST_VOXELS && nx.max(ny) <= 32_767.0 && nz <= 4_194_303.0 {
        Ok(())
    } else {
        Err(KernelError::GridTooLarge { nx, ny, nz })
    }
}

/// How the grid is found.
#[derive(Clone, Copy, Debug)]
pub enum GridRequest {
    /// North up, covering the input.
    Automatic {
        /// Size of a voxel: arcsec (or pixels), arcsec (or pixels), Angstrom.
        step: [f64; 3],
        /// Kind of wavelength axis.
        axis: SpectralAxis,
        /// Limits to use in place of those of the rows, as a saved table's header states them.
        limits: Option<Limits>,
    },
    /// Exactly this grid.
    Fixed(CubeGrid),
}

/// Smallest and largest coordinates: x, y (degrees or pixels, absolute) and wavelength (Angstrom).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Smallest.
    pub low: [f64; 3],
    /// Largest.
    pub high: [f64; 3],
}

impl Limits {
    /// Returns limits that hold nothing.
    pub fn empty() -> Self {
        Self {
            low: [f64::INFINITY; 3],
            high: [f64::NEG_INFINITY; 3],
        }
    }

    /// Widens the spatial limits to hold a position; an infinite one stands for rows of which none counts.
    pub fn widen(&mut self, at: [f64; 2]) {
        for ((low, high), at) in self.low.iter_mut().zip(&mut self.high).zip(at) {
            if at.is_finite() {
                *low = low.min(at);
                *high = high.max(at);
            }
        }
    }

    /// Widens the limits to hold those of `other`.
    pub fn join(&mut self, other: &Self) {
        for k in 0..3 {
            self.low[k] = self.low[k].min(other.low[k]);
            self.high[k] = self.high[k].max(other.high[k]);
        }
    }

    /// Tells whether the limits hold nothing.
    pub fn is_empty(&self) -> bool {
        self.low.iter().zip(&self.high).any(|(l, h)| l > h)
    }
}

/// Builds the grid of an automatic request.
///
/// # Numerics
/// `Eso`: `limits` are absolute degrees rounded to 32 bits, of which two corners are projected. `Phoenix`: `limits`
/// are voxel offsets from the reference position, the extremes of all rows' projections; the wavelength of the first
/// plane is a multiple of the step.
///
/// # Errors
/// `EmptyGrid`, `GridTooLarge`, `Parameter`.
pub fn automatic<M: Math>(
    limits: &Limits,
    celestial: bool,
    crval: [f64; 2],
    step: [f64; 3],
    axis: SpectralAxis,
    numerics: Numerics,
) -> Result<CubeGrid, KernelError> {
    let mut grid = start(celestial, crval, step, axis);
    let (low, high, dl) = (limits.low, limits.high, step[2]);
    if limits.is_empty() {
        return Err(KernelError::EmptyGrid { nx: 0, ny: 0, nz: 0 });
    }
    let (first, last) = match numerics {
        Numerics::Eso if celestial => {
            let wcs = grid.gnomonic();
            (wcs.pixel::<M>(low[0], low[1]), wcs.pixel::<M>(high[0], high[1]))
        }
        Numerics::Eso => (
            [low[0] / step[0], low[1] / step[1]],
            [high[0] / step[0], high[1] / step[1]],
        ),
        Numerics::Phoenix => ([low[0], low[1]], [high[0], high[1]]),
    };
    let nx = (last[0] - first[0]).abs().round() + 1.0;
    let ny = (last[1] - first[1]).abs().round() + 1.0;
    grid.crpix = match numerics {
        Numerics::Eso => {
            let centre = [0.5 * (nx + 1.0), 0.5 * (ny + 1.0)];
            [0, 1].map(|k| {
                let lowest = (first[k] + centre[k]).min(last[k] + centre[k]);
                centre[k] - (lowest - 1.0)
            })
        }
        Numerics::Phoenix => [1.0 - low[0], 1.0 - low[1]],
    };
    if !celestial {
        grid.crval = [first[0] * step[0], first[1] * step[1]];
        grid.crpix = [1.0; 2];
    }
    let nz = match numerics {
        Numerics::Eso => {
            grid.spectral.crval = low[2];
            spectral_size(&grid.spectral, high[2], f64::ceil)
        }
        Numerics::Phoenix => {
            grid.spectral.crval = (low[2] / dl).round().max(1.0) * dl;
            (grid.spectral.plane::<M>(high[2]) + 0.5).floor().max(1.0)
        }
    };
    check_size(nx, ny, nz)?;
    grid.naxis = [nx as usize, ny as usize, nz as usize];
    grid.check()?;
    Ok(grid)
}

fn spectral_size(wcs: &SpectralWcs, high: f64, round: fn(f64) -> f64) -> f64 {
    if wcs.axis.is_log() {
        round(wcs.crval / wcs.step * (high / wcs.crval).ln()) + 1.0
    } else {
        round((high - wcs.crval) / wcs.step) + 1.0
    }
}

/// The grid of an automatic request before its size is known: reference pixel 0, north up.
pub fn start(celestial: bool, crval: [f64; 2], step: [f64; 3], axis: SpectralAxis) -> CubeGrid {
    let cd = if celestial {
        [[-step[0] / 3600.0, 0.0], [0.0, step[1] / 3600.0]]
    } else {
        [[step[0], 0.0], [0.0, step[1]]]
    };
    CubeGrid {
        naxis: [1; 3],
        crval: if celestial { crval } else { [0.0; 2] },
        crpix: [0.0; 2],
        cd,
        celestial,
        spectral: SpectralWcs {
            axis,
            crval: 1.0,
            crpix: 1.0,
            step: step[2],
        },
    }
}
