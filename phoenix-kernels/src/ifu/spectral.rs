//! The wavelength axis of a cube: linear or logarithmic, in air or vacuum.

use crate::math::{Math, Numerics, Portable, System};

/// Kind of wavelength axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SpectralAxis {
    /// Linear in air wavelength.
    #[default]
    Awav,
    /// Linear in vacuum wavelength.
    Wave,
    /// Logarithmic in air wavelength.
    AwavLog,
    /// Logarithmic in vacuum wavelength.
    WaveLog,
}

impl SpectralAxis {
    /// Returns the FITS axis type.
    pub const fn ctype(self) -> &'static str {
        match self {
            Self::Awav => "AWAV",
            Self::Wave => "WAVE",
            Self::AwavLog => "AWAV-LOG",
            Self::WaveLog => "WAVE-LOG",
        }
    }

    /// Finds the axis of a FITS axis type.
    pub fn from_ctype(ctype: &str) -> Option<Self> {
        [Self::Awav, Self::Wave, Self::AwavLog, Self::WaveLog]
            .into_iter()
            .find(|a| a.ctype() == ctype.trim_end())
    }

    /// Tells whether the axis is logarithmic.
    pub const fn is_log(self) -> bool {
        matches!(self, Self::AwavLog | Self::WaveLog)
    }

    /// Tells whether the axis counts vacuum wavelengths.
    pub const fn is_vacuum(self) -> bool {
        matches!(self, Self::Wave | Self::WaveLog)
    }
}

/// Reference wavelength, reference plane (counted from 1) and step of a wavelength axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectralWcs {
    /// Kind of axis.
    pub axis: SpectralAxis,
    /// Wavelength of the reference plane, Angstrom.
    pub crval: f64,
    /// Reference plane, counted from 1.
    pub crpix: f64,
    /// Step at the reference plane, Angstrom.
    pub step: f64,
}

impl SpectralWcs {
    /// Returns the wavelength of a plane counted from 1.
    pub fn lambda<M: Math>(&self, plane: f64) -> f64 {
        if self.axis.is_log() {
            self.crval * M::exp((plane - self.crpix) * self.step / self.crval)
        } else {
            (plane - self.crpix) * self.step + self.crval
        }
    }

    /// Returns the plane, counted from 1, of a wavelength.
    pub fn plane<M: Math>(&self, lambda: f64) -> f64 {
        if self.axis.is_log() {
            self.crval / self.step * M::ln(lambda / self.crval) + self.crpix
        } else {
            (lambda - self.crval) / self.step + self.crpix
        }
    }
}

/// Converts an air wavelength in Angstrom to vacuum.
///
/// # References
/// Ciddor 1996, Applied Optics 35, 1566, in the inverted form used by the Vienna atomic line database.
pub fn vacuum_from_air(lambda: f64) -> f64 {
    let s = (1e4 / lambda) * (1e4 / lambda);
    let n = 1.0
        + 8.336_624_212_083e-5
        + 2.408_926_869_968e-2 / (130.106_592_452_2 - s)
        + 1.599_740_894_897e-4 / (38.925_687_933_29 - s);
    lambda * n
}

/// Wavelengths of all planes of an axis.
pub fn plane_wavelengths(wcs: &SpectralWcs, n: usize, numerics: Numerics) -> Vec<f64> {
    (0..n)
        .map(|l| {
            let plane = (l + 1) as f64;
            match numerics {
                Numerics::Eso => wcs.lambda::<System>(plane),
                Numerics::Phoenix => wcs.lambda::<Portable>(plane),
            }
        })
        .collect()
}
