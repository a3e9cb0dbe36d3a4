//! The wavelength axis of a cube: linear or logarithmic, in air or vacuum.

use crate::math::Math;

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

    /// Returns the thickness of a plane counted from 1.
    pub fn height<M: Math>(&self, plane: f64) -> f64 {
        if self.axis.is_log() {
            self.lambda::<M>(plane + 0.5) - self.lambda::<M>(plane - 0.5)
        } else {
            self.step
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
/// Ciddor 1996, Applied Optics 35, 1566, equation 1, with the air wavelength in place of the vacuum's as the pipeline
/// does: too short by 1.3e-5 Angstrom at 6600.
pub fn vacuum_from_air(lambda: f64) -> f64 {
    let s = (1e4 / lambda) * (1e4 / lambda);
    let n = 1.0 + 5.792_105e-2 / (238.018_5 - s) + 1.679_17e-3 / (57.362 - s);
    lambda * n
}
