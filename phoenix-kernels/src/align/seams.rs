//! Steps in level between an exposure and the others where they overlap: what shows as a seam in their sum.
//!
//! # References
//! docs/algorithms/alignment.md, "Seams".

use super::image::SkyImage;
use super::preview::{Preview, resampled};
use crate::stat::median_and_deviation;

/// Standard deviations in a median absolute deviation, for Gaussian noise.
const SIGMAS: f64 = super::background::SIGMAS;
/// Pixels below which an overlap says nothing.
const LEAST_PIXELS: usize = 100;
/// Pixels that count as one: blending of four makes neighbours alike.
const ALIKE_PIXELS: f64 = 4.0;

/// The level of one exposure against that of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seam {
    /// Median of the exposure less the mean of the others, in the unit of the images.
    pub step: f64,
    /// Its standard deviation.
    pub error: f64,
    /// Scatter of a pixel about the step.
    pub pixel_noise: f64,
    /// Pixels of the overlap.
    pub n_pixels: usize,
}

/// Compares each image with the mean of the others; `None` where too little of it overlaps with any.
///
/// # Contract
/// `chosen` is that of [`super::preview()`], and `sum` what it gave.
pub fn seams(images: &[SkyImage], chosen: &[(usize, [f64; 2], f64, f64)], sum: &Preview) -> Vec<Option<Seam>> {
    let Some(&(first, ..)) = chosen.first() else {
        return Vec::new();
    };
    let scale = images[first].pixel_arcsec();
    let seam = |&(k, offset, factor, exptime_s): &(usize, [f64; 2], f64, f64)| {
        let own = resampled(&images[k], offset, factor, (&sum.wcs, scale), sum.mean.dim());
        let pixels = own.iter().zip(sum.mean.iter().zip(&sum.exptime_s));
        let mut steps: Vec<f64> = pixels
            .filter(|(own, _)| own.is_finite())
            .filter_map(|(own, (mean, time))| {
                let (mean, time) = (f64::from(*mean), f64::from(*time));
                let rest = time - exptime_s;
                (rest > 1e-3 * time).then(|| own - (mean * time - own * exptime_s) / rest)
            })
            .collect();
        let n_pixels = steps.len();
        let (step, deviation) = median_and_deviation(&mut steps).filter(|_| n_pixels >= LEAST_PIXELS)?;
        let pixel_noise = SIGMAS * deviation;
        // The median of normal values is less sure than their mean by the root of pi / 2.
        let error = pixel_noise * (std::f64::consts::FRAC_PI_2 * ALIKE_PIXELS / n_pixels as f64).sqrt();
        Some(Seam {
            step,
            error,
            pixel_noise,
            n_pixels,
        })
    };
    chosen.iter().map(seam).collect()
}
