//! Sources in a white-light image: how many, and how sharp the point-like ones are.

use std::f64::consts::PI;

use ndarray::Array2;

use super::fit::least_squares;
use super::sky::Background;
use super::stat;

/// Sharper than this many pixels is a defect, not a star.
const SHARPEST_PIX: f64 = 1.2;
/// Fainter than this many sigma of a pixel in the peak is too faint for a width.
const FAINTEST_PEAK: f64 = 8.0;
/// Profiles of a lower exponent are those of galaxies; those of stars have 2.2 and more (see docs/algorithms/qc-source.md).
const LOWEST_BETA: f64 = 1.8;
/// Rounder than this counts as round.
const LARGEST_ELONGATION: f64 = 1.3;

/// A source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// Centre, 0-based column.
    pub x: f64,
    /// Centre, 0-based row.
    pub y: f64,
    /// Sum over the pixels of the source, background taken off.
    pub flux: f64,
    /// Full width at half maximum in pixels, where a profile could be fitted.
    pub fwhm_pix: Option<f64>,
    /// Exponent of the fitted profile.
    pub beta: Option<f64>,
    /// Whether it is bright, round, complete and as sharp as a star can be.
    pub is_point: bool,
}

/// Full width at half maximum of the point sources.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sharpness {
    /// Median width in pixels.
    pub fwhm_pix: f64,
    /// Its error in pixels.
    pub error_pix: f64,
    /// Median exponent of the profiles.
    pub beta: f64,
    /// How many sources took part.
    pub n_sources: usize,
}

/// A circular Moffat profile around a centre.
///
/// # References
/// Moffat 1969, A&A 3, 455.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moffat {
    /// Full width at half maximum in pixels.
    pub(crate) fwhm_pix: f64,
    /// The exponent.
    pub(crate) beta: f64,
}

impl Moffat {
    fn core_squared(self) -> f64 {
        let half = self.fwhm_pix / 2.0;
        half * half / (2.0_f64.powf(1.0 / self.beta) - 1.0)
    }

    /// Returns the profile relative to its peak at a squared distance.
    pub(crate) fn relative(self, r_squared: f64) -> f64 {
        (1.0 + r_squared / self.core_squared()).powf(-self.beta)
    }

    /// Returns the sum over the plane relative to the peak.
    pub(crate) fn total(self) -> f64 {
        PI * self.core_squared() / (self.beta - 1.0)
    }
}

/// The sources of an image, brightest first, and the pixels that belong to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The sources.
    pub sources: Vec<Source>,
    /// Whether a pixel stands above the background, `(y, x)`.
    pub footprint: Array2<bool>,
}

impl Detection {
    /// Returns a detection without sources.
    pub fn empty(n_y: usize, n_x: usize) -> Self {
        Self {
            sources: Vec::new(),
            footprint: Array2::from_elem((n_y, n_x), false),
        }
    }

    /// Returns the footprint grown by a radius in pixels.
    pub fn grown(&self, radius_pix: f64) -> Array2<bool> {
        let reach = radius_pix.ceil() as isize;
        let mut grown = self.footprint.clone();
        for ((iy, ix), _) in self.footprint.indexed_iter().filter(|(_, is_source)| **is_source) {
            for dy in -reach..=reach {
                for dx in -reach..=reach {
                    let is_near = (dx * dx + dy * dy) as f64 <= radius_pix * radius_pix;
                    let (Some(y), Some(x)) = (iy.checked_add_signed(dy), ix.checked_add_signed(dx)) else {
                        continue;
                    };
                    if let Some(cell) = grown.get_mut([y, x]).filter(|_| is_near) {
                        *cell = true;
                    }
                }
            }
        }
        grown
    }
}

/// Finds sources: connected pixels five sigma above the background of the smoothed image, at least five of them.
///
/// # Numerics
/// Smoothing is a Gaussian of 1.2 pixels over finite neighbours; sigma is measured in the smoothed image, so that
/// correlated noise counts. Blended sources are one.
pub fn detect(image: &Array2<f32>, background: &Background, widest_pix: f64) -> Detection {
    let smooth = smoothed(image, background.level);
    let finite: Vec<f64> = smooth.iter().copied().filter(|value| value.is_finite()).collect();
    let Some(noise) = stat::clipped(&finite, 3.0).filter(|noise| noise.sigma > 0.0) else {
        return Detection::empty(image.nrows(), image.ncols());
    };
    let threshold = noise.centre + 5.0 * noise.sigma;
    let (labels, n_labels) = label(&smooth, threshold);
    let mut members: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n_labels];
    for ((iy, ix), label) in labels.indexed_iter() {
        if *label > 0 {
            members[*label - 1].push((iy, ix));
        }
    }
    let mut sources: Vec<Source> = members
        .iter()
        .enumerate()
        .filter(|(_, pixels)| pixels.len() >= 5)
        .map(|(index, pixels)| measure(image, background, &labels, index + 1, pixels, widest_pix))
        .collect();
    sources.sort_by(|a, b| b.flux.total_cmp(&a.flux));
    Detection {
        sources,
        footprint: labels.map(|label| *label > 0),
    }
}

/// Returns the sharpness of the point sources: the median width of those within 1.3 times the lower quartile, because
/// blends and compact galaxies are only ever wider.
///
/// # Numerics
/// The error is that of a median from the scatter of at least three sources; from fewer, a tenth of the width.
pub fn sharpness(sources: &[Source]) -> Option<Sharpness> {
    let mut widths: Vec<(f64, f64)> = sources
        .iter()
        .filter(|source| source.is_point)
        .filter_map(|s| Some((s.fwhm_pix?, s.beta?)))
        .collect();
    widths.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quartile = widths.get(widths.len() / 4)?.0;
    widths.retain(|(fwhm, _)| *fwhm <= 1.3 * quartile);
    let mut fwhm: Vec<f64> = widths.iter().map(|(fwhm, _)| *fwhm).collect();
    let mut beta: Vec<f64> = widths.iter().map(|(_, beta)| *beta).collect();
    let n_sources = fwhm.len();
    let scatter = stat::mad_sigma(&fwhm);
    let fwhm_pix = stat::median(&mut fwhm);
    let error_pix = if n_sources >= 3 {
        // sqrt(pi/2): the median of a normal sample is that much worse than the mean.
        (PI / 2.0).sqrt() * scatter / (n_sources as f64).sqrt()
    } else {
        0.1 * fwhm_pix
    };
    Some(Sharpness {
        fwhm_pix,
        error_pix,
        beta: stat::median(&mut beta),
        n_sources,
    })
}

fn smoothed(image: &Array2<f32>, level: f64) -> Array2<f64> {
    const RADIUS: isize = 3;
    let weight: Vec<f64> = (-RADIUS..=RADIUS)
        .map(|d| (-0.5 * (d as f64 / 1.2).powi(2)).exp())
        .collect();
    let (n_y, n_x) = image.dim();
    Array2::from_shape_fn((n_y, n_x), |(iy, ix)| {
        if !image[[iy, ix]].is_finite() {
            return f64::NAN;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for dy in -RADIUS..=RADIUS {
            for dx in -RADIUS..=RADIUS {
                let (Some(y), Some(x)) = (iy.checked_add_signed(dy), ix.checked_add_signed(dx)) else {
                    continue;
                };
                if let Some(value) = image.get([y, x]).filter(|value| value.is_finite()) {
                    let w = weight[(dy + RADIUS) as usize] * weight[(dx + RADIUS) as usize];
                    sum += w * (f64::from(*value) - level);
                    weights += w;
                }
            }
        }
        sum / weights
    })
}

/// Labels connected pixels (eight neighbours) above a threshold from 1 on.
fn label(image: &Array2<f64>, threshold: f64) -> (Array2<usize>, usize) {
    let mut labels = Array2::zeros(image.dim());
    let mut n_labels = 0;
    let mut stack = Vec::new();
    for ((iy, ix), value) in image.indexed_iter() {
        if *value <= threshold || !value.is_finite() || labels[[iy, ix]] != 0 {
            continue;
        }
        n_labels += 1;
        labels[[iy, ix]] = n_labels;
        stack.push((iy, ix));
        while let Some((y, x)) = stack.pop() {
            for ny in y.saturating_sub(1)..=y + 1 {
                for nx in x.saturating_sub(1)..=x + 1 {
                    let is_bright = image.get([ny, nx]).is_some_and(|value| *value > threshold);
                    if is_bright && labels[[ny, nx]] == 0 {
                        labels[[ny, nx]] = n_labels;
                        stack.push((ny, nx));
                    }
                }
            }
        }
    }
    (labels, n_labels)
}

fn measure(
    image: &Array2<f32>,
    background: &Background,
    labels: &Array2<usize>,
    own: usize,
    pixels: &[(usize, usize)],
    widest_pix: f64,
) -> Source {
    let above = |(iy, ix): (usize, usize)| f64::from(image[[iy, ix]]) - background.level;
    let (mut flux, mut x, mut y) = (0.0, 0.0, 0.0);
    let mut peak = (pixels[0], f64::NEG_INFINITY);
    for pixel in pixels {
        let value = above(*pixel);
        flux += value;
        x += value.max(0.0) * pixel.1 as f64;
        y += value.max(0.0) * pixel.0 as f64;
        if value > peak.1 {
            peak = (*pixel, value);
        }
    }
    let weights: f64 = pixels.iter().map(|pixel| above(*pixel).max(0.0)).sum();
    let blob = Source {
        x: x / weights,
        y: y / weights,
        flux,
        fwhm_pix: None,
        beta: None,
        is_point: false,
    };
    if peak.1 < FAINTEST_PEAK * background.sigma {
        return blob;
    }
    let Some(profile) = profile(image, background, labels, own, peak) else {
        return blob;
    };
    let is_point = (SHARPEST_PIX..=widest_pix).contains(&profile.shape.fwhm_pix)
        && profile.shape.beta >= LOWEST_BETA
        && profile.elongation <= LARGEST_ELONGATION
        && profile.is_complete
        && profile.misfit < 0.1;
    Source {
        x: profile.x,
        y: profile.y,
        fwhm_pix: Some(profile.shape.fwhm_pix),
        beta: Some(profile.shape.beta),
        is_point,
        ..blob
    }
}

struct Profile {
    x: f64,
    y: f64,
    shape: Moffat,
    elongation: f64,
    is_complete: bool,
    /// Scatter of the residuals over the peak.
    misfit: f64,
}

/// Fits a circular Moffat profile on a constant to the pixels around a peak that no other source claims.
fn profile(
    image: &Array2<f32>,
    background: &Background,
    labels: &Array2<usize>,
    own: usize,
    (centre, peak): ((usize, usize), f64),
) -> Option<Profile> {
    const RADIUS: usize = 9;
    let (n_y, n_x) = image.dim();
    let (cy, cx) = centre;
    let mut stamp = Vec::new();
    for iy in cy.saturating_sub(RADIUS)..(cy + RADIUS + 1).min(n_y) {
        for ix in cx.saturating_sub(RADIUS)..(cx + RADIUS + 1).min(n_x) {
            let value = f64::from(image[[iy, ix]]) - background.level;
            let label = labels[[iy, ix]];
            if value.is_finite() && (label == 0 || label == own) {
                stamp.push((iy as f64, ix as f64, value));
            }
        }
    }
    let data: Vec<f64> = stamp.iter().map(|pixel| pixel.2 / peak).collect();
    // The inverse of the exponent is fitted: it runs to 0, not to infinity, where the profile becomes a Gaussian.
    let shape = |p: &[f64; 6]| Moffat {
        fwhm_pix: p[4].abs().max(0.3),
        beta: 1.0 / p[5].clamp(0.02, 0.6),
    };
    let fit = least_squares(
        &data,
        [0.0, 1.0, cx as f64, cy as f64, 3.5, 0.3],
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.3],
        |p, i| {
            let (y, x, _) = stamp[i];
            p[0] + p[1] * shape(p).relative((x - p[2]).powi(2) + (y - p[3]).powi(2))
        },
    )?;
    let [_, height, x, y, ..] = fit.parameters;
    let shape = shape(&fit.parameters);
    let (dx, dy) = (x - cx as f64, y - cy as f64);
    if !(height > 0.3 && dx.hypot(dy) < 2.5) {
        return None;
    }
    let reach = 0.75 * shape.fwhm_pix;
    let is_complete = x >= reach
        && y >= reach
        && x <= n_x as f64 - 1.0 - reach
        && y <= n_y as f64 - 1.0 - reach
        && stamp.iter().filter(|p| (p.1 - x).hypot(p.0 - y) <= reach).count() as f64 >= 0.9 * PI * reach * reach - 4.0;
    Some(Profile {
        x,
        y,
        shape,
        elongation: elongation(&stamp, x, y, shape.fwhm_pix),
        is_complete,
        misfit: fit.rms / height,
    })
}

/// Ratio of the axes from second moments weighted with a Gaussian as wide as the source.
fn elongation(stamp: &[(f64, f64, f64)], x: f64, y: f64, fwhm_pix: f64) -> f64 {
    let sigma = fwhm_pix / 2.354_82;
    let (mut total, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0);
    for (py, px, value) in stamp {
        let (dx, dy) = (px - x, py - y);
        let weight = (-0.5 * (dx * dx + dy * dy) / (sigma * sigma)).exp() * value;
        total += weight;
        xx += weight * dx * dx;
        yy += weight * dy * dy;
        xy += weight * dx * dy;
    }
    // The weight halves the width of a matching source along each axis; doubling differences restores the ratio.
    let (mean, difference) = ((xx + yy) / (2.0 * total), ((xx - yy) / (2.0 * total)).hypot(xy / total));
    let (large, small) = (mean + difference, mean - difference);
    let unweighted = |moment: f64| 1.0 / (1.0 / moment - 1.0 / (sigma * sigma));
    let (large, small) = (unweighted(large), unweighted(small));
    if small > 0.0 && large > 0.0 {
        (large / small).sqrt()
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests;
