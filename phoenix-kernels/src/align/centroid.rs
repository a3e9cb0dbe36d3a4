//! Positions of sources with errors: a Gaussian on a constant, fitted by least squares.

use super::background::Clean;
use super::detect::Peak;
use super::linear::{inverse, product};
use crate::stat::median;

/// Standard deviations in the full width at half maximum of a Gaussian.
pub(crate) const FWHM: f64 = 2.354_820_045_030_949;
/// Share of the window of a fit that good pixels must fill.
const FILLED: f64 = 0.8;
/// Brightest sources from which the width of an image's stars is taken.
const WIDTH_SOURCES: usize = 15;
/// Positions near the limit of detection scatter more than linear theory has it: by 1 + this over the fourth power of the
/// significance in variance (own simulation: 1.32, 1.16, 1.06, 1.03 at 6, 7, 9, 11 sigma).
const FAINT: f64 = 400.0;
/// Widths of stars that are believed, as standard deviations in pixels: undersampled to very extended.
const WIDTHS: [f64; 2] = [0.7, 6.0];

/// A source of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Column, from 0.
    pub x: f64,
    /// Row, from 0.
    pub y: f64,
    /// Covariance of (x, y) in square pixels: xx, xy, yy.
    pub covariance: [f64; 3],
    /// Covariance of (x, y) from the source's own photons if each pixel's variance is its value: xx, xy, yy.
    pub photon_covariance: [f64; 3],
    /// Height of the fitted Gaussian.
    pub peak: f64,
    /// Sum over a circular aperture above the surroundings; NaN where pixels are missing.
    pub flux: f64,
    /// Standard deviation of `flux` from the noise of the background.
    pub flux_error: f64,
    /// Height over the noise of the filtered image.
    pub significance: f64,
    /// Central pixel over the mean of its neighbours, in units of the fitted height.
    pub sharpness: f64,
    /// Relative difference of the widths along x and y.
    pub roundness: f64,
    /// What the residuals say of photons: their square beyond the noise of the background, and the source's light, both
    /// summed with the weights of the position.
    pub(crate) light: [f64; 2],
}

#[derive(Clone, Copy, Debug)]
struct Fit {
    height: f64,
    x: f64,
    y: f64,
    level: f64,
    sigma: f64,
}

/// Good pixels of a circle about a position, as (x, y, value), and the share of it that they fill.
fn window(clean: &Clean, centre: [f64; 2], radius: f64) -> (Vec<[f64; 3]>, f64) {
    let (ny, nx) = clean.pixels.dim();
    let (cx, cy) = (centre[0].round() as i64, centre[1].round() as i64);
    let reach = radius.ceil() as i64;
    let mut pixels = Vec::new();
    let mut area = 0usize;
    for y in cy - reach..=cy + reach {
        for x in cx - reach..=cx + reach {
            if (((x - cx).pow(2) + (y - cy).pow(2)) as f64) > radius * radius {
                continue;
            }
            area += 1;
            let is_inside = (0..nx as i64).contains(&x) && (0..ny as i64).contains(&y);
            if is_inside && clean.is_good[(y as usize, x as usize)] {
                pixels.push([x as f64, y as f64, clean.pixels[(y as usize, x as usize)]]);
            }
        }
    }
    let share = pixels.len() as f64 / area.max(1) as f64;
    (pixels, share)
}

/// Gaussian and its derivatives by x, y and sigma at a pixel.
fn shape(fit: &Fit, pixel: &[f64; 3]) -> [f64; 4] {
    let (u, v) = (pixel[0] - fit.x, pixel[1] - fit.y);
    let s2 = fit.sigma * fit.sigma;
    let g = libm::exp(-0.5 * (u * u + v * v) / s2);
    [g, g * u / s2, g * v / s2, g * (u * u + v * v) / (s2 * fit.sigma)]
}

/// Fits by Gauss-Newton steps; `None` if the steps leave the neighbourhood of the peak or do not settle.
fn fit(clean: &Clean, peak: &Peak, sigma: f64, is_width_free: bool) -> Option<(Fit, Vec<[f64; 3]>)> {
    let start = [peak.x as f64, peak.y as f64];
    let radius = (FWHM * sigma).max(3.0);
    let mut now = Fit {
        height: clean.pixels[(peak.y, peak.x)],
        x: start[0],
        y: start[1],
        level: 0.0,
        sigma,
    };
    let n = if is_width_free { 5 } else { 4 };
    for _ in 0..40 {
        let (pixels, share) = window(clean, [now.x, now.y], radius);
        if share < FILLED {
            return None;
        }
        let mut matrix = vec![0.0; n * n];
        let mut right = vec![0.0; n];
        for pixel in &pixels {
            let [g, gx, gy, gs] = shape(&now, pixel);
            let rest = pixel[2] - now.height * g - now.level;
            let slopes = [g, now.height * gx, now.height * gy, 1.0, now.height * gs];
            for i in 0..n {
                right[i] += slopes[i] * rest;
                for j in 0..n {
                    matrix[i * n + j] += slopes[i] * slopes[j];
                }
            }
        }
        let step = product(&inverse(&matrix, n)?, &right);
        now.height += step[0];
        // A step of more than half a standard deviation leaves the range in which the model is linear.
        let limit = 0.5 * now.sigma;
        now.x += step[1].clamp(-limit, limit);
        now.y += step[2].clamp(-limit, limit);
        now.level += step[3];
        if is_width_free {
            now.sigma = (now.sigma + step[4].clamp(-0.3 * now.sigma, 0.3 * now.sigma)).clamp(0.3, 3.0 * sigma);
        }
        let is_near = (now.x - start[0]).abs() <= 2.0 * sigma + 1.0 && (now.y - start[1]).abs() <= 2.0 * sigma + 1.0;
        if !is_near || now.height.is_nan() || now.height <= 0.0 {
            return None;
        }
        if step[1].abs() < 1e-5 && step[2].abs() < 1e-5 && step.get(4).is_none_or(|s| s.abs() < 1e-3) {
            return Some((now, pixels));
        }
    }
    None
}

/// Returns the standard deviation of an image's stars in pixels, if any can be measured.
pub(crate) fn width(clean: &Clean, peaks: &[Peak], expected: f64) -> Option<f64> {
    let mut widths: Vec<f64> = peaks
        .iter()
        .take(WIDTH_SOURCES)
        .filter(|peak| peak.significance > 10.0)
        .filter_map(|peak| fit(clean, peak, expected, true))
        .map(|(fit, _)| fit.sigma)
        .filter(|sigma| (WIDTHS[0]..=WIDTHS[1]).contains(sigma))
        .collect();
    median(&mut widths)
}

/// Returns what tells by how much a pixel pulls the fit towards itself: the share of its noise that the residual lacks.
fn leverage(fit: &Fit, pixels: &[[f64; 3]]) -> Option<impl Fn(&[f64; 3]) -> f64> {
    let fit = *fit;
    let slopes = move |pixel: &[f64; 3]| {
        let [g, gx, gy, _] = shape(&fit, pixel);
        [g, fit.height * gx, fit.height * gy, 1.0]
    };
    let mut matrix = vec![0.0; 16];
    for pixel in pixels {
        let row = slopes(pixel);
        for i in 0..4 {
            for j in 0..4 {
                matrix[4 * i + j] += row[i] * row[j];
            }
        }
    }
    let inverse = inverse(&matrix, 4)?;
    Some(move |pixel: &[f64; 3]| {
        let row = slopes(pixel);
        let image = product(&inverse, &row);
        row.iter().zip(image).map(|(a, b)| a * b).sum()
    })
}

/// Measures a peak; `None` if it is no source or too many pixels are missing.
///
/// # Numerics
/// The errors are those of the zero of the estimating equation sum r grad(g) = 0 with residuals r: its slope is that of
/// the pixels, not of the model, so that the error of an extended source is its own. `correlation` multiplies them.
pub(crate) fn measure(clean: &Clean, peak: &Peak, sigma: f64, correlation: f64) -> Option<Source> {
    let (found, pixels) = fit(clean, peak, sigma, false)?;
    let s2 = sigma * sigma;
    let (mut slope, mut noise) = ([0.0; 3], [0.0; 3]);
    let (mut photons, mut second) = ([0.0; 3], [0.0; 3]);
    let mut light = [0.0; 2];
    let leverage = leverage(&found, &pixels)?;
    for pixel in &pixels {
        let [g, gx, gy, _] = shape(&found, pixel);
        let rest = pixel[2] - found.height * g - found.level;
        let (u, v) = (pixel[0] - found.x, pixel[1] - found.y);
        let products = [gx * gx, gx * gy, gy * gy];
        let curved = [
            g * (u * u / s2 - 1.0) / s2,
            g * u * v / (s2 * s2),
            g * (v * v / s2 - 1.0) / s2,
        ];
        for i in 0..3 {
            noise[i] += products[i];
            photons[i] += products[i] * (pixel[2] - found.level).max(0.0);
            slope[i] += found.height * products[i] - rest * curved[i];
        }
        let weight = gx * gx + gy * gy;
        let value = (pixel[2] - found.level).max(0.0);
        light[0] += weight * (rest * rest / (1.0 - leverage(pixel)).max(0.1) - clean.noise * clean.noise);
        light[1] += weight * value;
        for (sum, term) in second.iter_mut().zip([g * u * u, g * v * v, g]) {
            *sum += (pixel[2] - found.level) * term;
        }
    }
    let determinant = slope[0] * slope[2] - slope[1] * slope[1];
    if determinant.is_nan() || determinant <= 0.0 || slope[0] <= 0.0 {
        return None;
    }
    let inverse = [slope[2] / determinant, -slope[1] / determinant, slope[0] / determinant];
    let [a, b, c] = inverse;
    let spread = |[p, q, r]: [f64; 3], variance: f64| {
        [
            variance * (a * a * p + 2.0 * a * b * q + b * b * r),
            variance * (a * b * p + (a * c + b * b) * q + b * c * r),
            variance * (b * b * p + 2.0 * b * c * q + c * c * r),
        ]
    };
    let (near, _) = window(clean, [found.x, found.y], 1.5);
    let centre = near.iter().max_by(|p, q| p[2].total_cmp(&q[2])).map_or(0.0, |p| p[2]);
    let others = (near.iter().map(|p| p[2]).sum::<f64>() - centre) / (near.len().max(2) - 1) as f64;
    let faintness = 1.0 + FAINT / peak.significance.powi(4);
    let widths = [second[0] / second[2], second[1] / second[2]].map(|w| w.max(0.0).sqrt());
    Some(Source {
        x: found.x,
        y: found.y,
        covariance: spread(noise, clean.noise * clean.noise * correlation * faintness),
        photon_covariance: spread(photons, faintness),
        peak: found.height,
        flux: f64::NAN,
        flux_error: f64::NAN,
        significance: peak.significance,
        sharpness: (centre - others) / found.height,
        roundness: 2.0 * (widths[0] - widths[1]) / (widths[0] + widths[1]).max(f64::MIN_POSITIVE),
        light,
    })
}

/// Sums a source over an aperture, in pixels, above the median of the ring around it.
pub(crate) fn photometry(clean: &Clean, source: &mut Source, radius: f64, correlation: f64) {
    let centre = [source.x, source.y];
    let (inner, share) = window(clean, centre, radius);
    let (outer, _) = window(clean, centre, 2.0 * radius);
    let distance = |p: &[f64; 3]| ((p[0] - centre[0]).powi(2) + (p[1] - centre[1]).powi(2)).sqrt();
    let mut ring: Vec<f64> = outer
        .iter()
        .filter(|p| distance(p) > 1.4 * radius)
        .map(|p| p[2])
        .collect();
    let n_ring = ring.len() as f64;
    let Some(level) = median(&mut ring).filter(|_| share > 0.999 && n_ring > 10.0) else {
        return;
    };
    let n = inner.len() as f64;
    source.flux = inner.iter().map(|p| p[2] - level).sum();
    source.flux_error = clean.noise * (correlation * n * (1.0 + 1.57 * n / n_ring)).sqrt();
}
