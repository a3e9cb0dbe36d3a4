//! The detector and the night sky: how many electrons a flux makes, and which variance it has.

use serde::{Deserialize, Serialize};

use crate::geometry::{SPAXEL_ARCSEC, STEP_AA};

/// Collecting area of a VLT unit telescope in cm2: primary 8.1 m less the secondary's shadow of 1.1 m, rounded.
const AREA_CM2: f64 = 5.0e5;

/// Planck's constant times the speed of light in erg A, exact by definition, rounded.
const HC_ERG_AA: f64 = 1.986_445_857e-8;

/// Surface brightness of the moonless sky's continuum in 1e-20 erg/s/cm2/A per square arcsec: 21.5 mag (AB-like, V).
const SKY_CONTINUUM: f64 = 900.0;

/// Gaussian width of the spectrograph's line profile.
const LSF_SIGMA_AA: f64 = 1.06;

/// Strong lines of the night sky in order of wavelength: wavelength in air, and peak in units of the sky's continuum.
///
/// Wavelengths: Osterbrock et al. 1996, PASP 108, 277. The strengths are round numbers of typical order, chosen here.
const SKY_LINES: [(f64, f64); 24] = [
    (5577.34, 50.0),
    (5889.95, 8.0),
    (5895.92, 5.0),
    (6300.30, 20.0),
    (6363.78, 7.0),
    (6498.73, 2.0),
    (6553.62, 2.0),
    (6863.96, 6.0),
    (6923.22, 5.0),
    (7276.41, 8.0),
    (7316.28, 10.0),
    (7340.89, 12.0),
    (7750.64, 14.0),
    (7794.11, 11.0),
    (7821.50, 10.0),
    (7913.71, 14.0),
    (7964.65, 13.0),
    (7993.33, 15.0),
    (8344.60, 15.0),
    (8399.17, 22.0),
    (8430.17, 24.0),
    (8885.85, 30.0),
    (8919.64, 26.0),
    (8943.40, 22.0),
];

/// The noise model of a detector pixel.
///
/// The counts are the object's, the sky's and the dark current's electrons, Poisson noise approximated by a normal
/// deviate of the same variance, plus read noise. The sky is subtracted without error of its own.
///
/// # Units
/// Fluxes in 1e-20 erg/s/cm2/A per spaxel of 0.2 arcsec, variances in its square.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// Read noise in electrons.
    pub read_noise_e: f64,
    /// Dark current in electrons per hour.
    pub dark_e_per_hour: f64,
    /// Electrons at which the converter ends.
    pub full_well_e: f64,
    /// Brightness of the sky relative to a dark one.
    pub sky_factor: f64,
}

impl Default for Detector {
    /// MUSE-like: read noise 2.6 e, dark 3 e/h, 65535 ADU at 0.84 e/ADU (`DET OUT1 CONAD` of a real header).
    fn default() -> Self {
        Self {
            read_noise_e: 2.6,
            dark_e_per_hour: 3.0,
            full_well_e: 55_049.0,
            sky_factor: 1.0,
        }
    }
}

impl Detector {
    /// Returns the electrons that one unit of flux makes in a pixel during an exposure.
    ///
    /// The throughput of telescope and instrument peaks with 0.33 at 7000 A, as MUSE's does, by a smooth formula.
    pub fn electrons_per_flux(&self, lambda_aa: f64, exptime_s: f64) -> f64 {
        let t = (lambda_aa - 7000.0) / 2300.0;
        let throughput = 0.33 / (1.0 + t * t);
        1e-20 * AREA_CM2 * STEP_AA * throughput * exptime_s * lambda_aa / HC_ERG_AA
    }

    /// Returns the flux of the night sky in a spaxel.
    pub fn sky(&self, lambda_aa: f64) -> f64 {
        let reach = 7.0 * LSF_SIGMA_AA;
        let first = SKY_LINES.partition_point(|(line, _)| *line < lambda_aa - reach);
        let lines: f64 = SKY_LINES[first..]
            .iter()
            .take_while(|(line, _)| *line <= lambda_aa + reach)
            .map(|(line, peak)| ((lambda_aa - line) / LSF_SIGMA_AA, peak))
            .map(|(t, peak)| peak * libm::exp(-0.5 * t * t))
            .sum();
        self.sky_factor * SKY_CONTINUUM * SPAXEL_ARCSEC * SPAXEL_ARCSEC * (1.0 + lines)
    }

    /// Returns the variance of a measured flux: object, sky, dark and read noise.
    pub fn variance(&self, flux: f64, lambda_aa: f64, exptime_s: f64) -> f64 {
        let gain = self.electrons_per_flux(lambda_aa, exptime_s);
        let electrons = gain * (flux.max(0.0) + self.sky(lambda_aa)) + self.dark_e_per_hour * exptime_s / 3600.0;
        (electrons + self.read_noise_e * self.read_noise_e) / (gain * gain)
    }
}

#[cfg(test)]
mod tests {
    use super::Detector;

    #[test]
    fn longer_exposures_are_better_by_the_square_root_where_the_sky_dominates() {
        let detector = Detector::default();
        let ratio = detector.variance(0.0, 6300.3, 900.0) / detector.variance(0.0, 6300.3, 3600.0);
        assert!((ratio - 4.0).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn noise_is_of_the_order_of_real_cubes() {
        // MUSE deep fields: about 10 units per spaxel and plane in 15 minutes between sky lines.
        let sigma = Detector::default().variance(0.0, 7100.0, 900.0).sqrt();
        assert!((5.0..15.0).contains(&sigma), "{sigma}");
    }
}
