//! Weights of whole exposures, as pure numbers.

/// Weight of an exposure by exposure time, relative to the first.
///
/// # Numerics
/// Divided in 64 bits, rounded to the 32 bits that a pixel table stores.
pub fn exposure_time(exptime_s: f64, first_exptime_s: f64) -> f32 {
    (exptime_s / first_exptime_s) as f32
}

/// Weight by exposure time and seeing: a sharper exposure counts more.
pub fn exposure_time_and_seeing(exptime_s: f64, first_exptime_s: f64, fwhm: f64, first_fwhm: f64) -> f32 {
    (exptime_s / first_exptime_s * first_fwhm / fwhm) as f32
}

/// Weight by exposure time and a factor from the header.
pub fn exposure_time_and_factor(exptime_s: f64, first_exptime_s: f64, factor: f64) -> f32 {
    (exptime_s / first_exptime_s * factor) as f32
}
