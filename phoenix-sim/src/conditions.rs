//! Under which conditions an exposure is taken.

use phoenix_core::unit::Mjd;
use serde::{Deserialize, Serialize};

/// Under which conditions an exposure is taken.
///
/// # Units
/// In the names; offsets are (east, north).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Start, UTC.
    pub start: Mjd,
    /// Exposure time.
    pub exptime_s: f64,
    /// Position angle in the header (`INS DROT POSANG`).
    pub posang_deg: f64,
    /// True pointing relative to the scene's centre.
    pub dither_arcsec: [f64; 2],
    /// Pointing in the header minus true pointing.
    pub pointing_error_arcsec: [f64; 2],
    /// Width of the point-spread function at 7000 A.
    pub fwhm_arcsec: f64,
    /// What the calibrated flux is multiplied by, unknown to the reduction.
    pub flux_scale: f64,
    /// Share of the differential refraction that the reduction left in.
    pub refraction_residual: f64,
    /// Share of the night sky's light that the reduction left in.
    pub sky_residual: f64,
    /// Wavelength in the table minus the true one, an error of the wavelength calibration.
    pub wavelength_error_aa: f64,
    /// Cosmic rays per detector pixel and 1000 s.
    pub cosmic_rate: f64,
    /// Share of pixels with a detector fault.
    pub bad_fraction: f64,
    /// Share of pixels saturated beside those that the light saturates.
    pub saturated_fraction: f64,
    /// Seed of noise, cosmic rays and saturation; the detector's faults belong to the instrument.
    pub seed: u64,
    /// Seed of the noise alone, for repeats of one exposure that differ in nothing else.
    pub noise_seed: u64,
}

impl Default for Conditions {
    /// Fifteen minutes in good seeing near the zenith, north up, without error of pointing or flux.
    fn default() -> Self {
        Self {
            start: Mjd(57_510.15),
            exptime_s: 900.0,
            posang_deg: 0.0,
            dither_arcsec: [0.0, 0.0],
            pointing_error_arcsec: [0.0, 0.0],
            fwhm_arcsec: 0.7,
            flux_scale: 1.0,
            refraction_residual: 0.0,
            sky_residual: 0.0,
            wavelength_error_aa: 0.0,
            cosmic_rate: 1e-4,
            bad_fraction: 1e-3,
            saturated_fraction: 0.0,
            seed: 1,
            noise_seed: 1,
        }
    }
}
