//! The point-spread function: a Moffat profile whose width falls slowly with wavelength.

use serde::{Deserialize, Serialize};

/// Reference wavelength of widths, slopes and refraction.
pub const REFERENCE_AA: f64 = 7000.0;

/// Moffat's exponent; 2.5 is typical of MUSE in natural seeing.
pub const BETA: f64 = 2.5;

/// Falls as lambda^-0.2, as seeing does in Kolmogorov turbulence (Fried 1966, JOSA 56, 1372).
const FWHM_EXPONENT: f64 = -0.2;

/// A circular Moffat profile of unit flux.
///
/// # Units
/// Widths and radii in arcsec; `value` per square arcsec.
///
/// # References
/// Moffat 1969, A&A 3, 455.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moffat {
    /// Full width at half maximum at 7000 A.
    pub fwhm_arcsec: f64,
}

impl Moffat {
    /// Returns the full width at half maximum at a wavelength.
    pub fn fwhm_at(self, lambda_aa: f64) -> f64 {
        self.fwhm_arcsec * libm::exp(FWHM_EXPONENT * libm::log(lambda_aa / REFERENCE_AA))
    }

    /// Returns the scale radius alpha for a given full width.
    pub(crate) fn alpha(fwhm_arcsec: f64) -> f64 {
        // 2 sqrt(2^(1/beta) - 1) for beta = 2.5
        fwhm_arcsec / (2.0 * libm::sqrt(libm::exp2(1.0 / BETA) - 1.0))
    }

    /// Returns the profile at a squared distance from the centre, for a squared scale radius.
    pub(crate) fn value(alpha_squared: f64, distance_squared: f64) -> f64 {
        let t = 1.0 + distance_squared / alpha_squared;
        (BETA - 1.0) / (std::f64::consts::PI * alpha_squared) / (t * t * libm::sqrt(t))
    }

    /// Returns the share of the flux inside a circle.
    pub fn enclosed(self, radius_arcsec: f64, lambda_aa: f64) -> f64 {
        let alpha = Self::alpha(self.fwhm_at(lambda_aa));
        1.0 - libm::pow(1.0 + radius_arcsec * radius_arcsec / (alpha * alpha), 1.0 - BETA)
    }
}

#[cfg(test)]
mod tests {
    use super::Moffat;

    #[test]
    fn half_the_peak_lies_at_half_the_width() {
        let alpha = Moffat::alpha(0.8);
        let ratio = Moffat::value(alpha * alpha, 0.16) / Moffat::value(alpha * alpha, 0.0);
        assert!((ratio - 0.5).abs() < 1e-12, "{ratio}");
    }

    #[test]
    fn the_profile_integrates_to_the_enclosed_share() {
        let psf = Moffat { fwhm_arcsec: 0.7 };
        let alpha = Moffat::alpha(psf.fwhm_at(8000.0));
        let (step, radius) = (1e-4, 2.0);
        let sum: f64 = (0..20_000)
            .map(|i| (f64::from(i) + 0.5) * step)
            .map(|r| 2.0 * std::f64::consts::PI * r * step * Moffat::value(alpha * alpha, r * r))
            .sum();
        assert!((sum - psf.enclosed(radius, 8000.0)).abs() < 1e-7);
    }
}
