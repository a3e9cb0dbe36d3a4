//! Depth of a white-light image: the flux of the faintest point source that would be found.

use ndarray::Array2;

use super::sky::Background;
use super::source::{Detection, Moffat};
use super::stat;

/// Fewest positions for a scatter.
const N_LEAST: usize = 40;

/// Returns the noise of the flux of a point source, fitted with its own profile anywhere on the background.
///
/// # Numerics
/// At every position with at least 80 % of the profile's weight the flux F = sum(P I) / sum(P^2) is formed over finite
/// pixels within 2.5 widths that belong to no source, P being the profile with sum 1; the result is the scatter of F
/// clipped at 3 sigma. It is measured on the image, so it holds what resampling did to the noise; nothing is assumed
/// about covariances. Sources are cut out with a margin of two widths, of one or half a width where a crowded field
/// leaves fewer than 40 positions; their wings then count as noise, as they do for a faint source between them. Where even
/// that leaves too few, the scatter of single background pixels over sqrt(sum(P^2)) has to do, as if they were independent.
///
/// # References
/// Naylor 1998, MNRAS 296, 339 (optimal weighting of point sources, for noise that is the same in all pixels).
pub fn point_source_noise(
    image: &Array2<f32>,
    background: &Background,
    detection: &Detection,
    fwhm_pix: f64,
    beta: f64,
) -> Option<f64> {
    if !(fwhm_pix > 0.0 && fwhm_pix.is_finite() && beta > 1.0) {
        return None;
    }
    let weights = weights(Moffat { fwhm_pix, beta });
    let measured = [2.0, 1.0, 0.5].iter().find_map(|margin| {
        let mask = detection.grown(margin * fwhm_pix);
        let fluxes = fluxes(image, background.level, &mask, &weights, fwhm_pix);
        if fluxes.len() < N_LEAST {
            return None;
        }
        stat::clipped(&fluxes, 3.0)
            .map(|clip| clip.sigma)
            .filter(|sigma| *sigma > 0.0)
    });
    let squares: f64 = weights.iter().map(|(_, _, p)| p * p).sum();
    measured.or_else(|| Some(background.sigma / squares.sqrt()).filter(|sigma| *sigma > 0.0))
}

/// The profile with sum 1 by offset (y, x).
fn weights(profile: Moffat) -> Vec<(isize, isize, f64)> {
    let total = profile.total();
    let radius = 2.5 * profile.fwhm_pix;
    let reach = radius.ceil() as isize;
    let mut weights = Vec::new();
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let r_squared = (dx * dx + dy * dy) as f64;
            if r_squared <= radius * radius {
                weights.push((dy, dx, profile.relative(r_squared) / total));
            }
        }
    }
    weights
}

fn fluxes(
    image: &Array2<f32>,
    level: f64,
    mask: &Array2<bool>,
    weights: &[(isize, isize, f64)],
    fwhm_pix: f64,
) -> Vec<f64> {
    let full: f64 = weights.iter().map(|(_, _, p)| p * p).sum();
    let mut fluxes = Vec::new();
    let (n_y, n_x) = image.dim();
    // A grid of half the width samples every independent position; a denser one costs time and adds nothing.
    let stride = ((fwhm_pix / 2.0) as usize).max(1);
    for iy in (0..n_y).step_by(stride) {
        for ix in (0..n_x).step_by(stride) {
            let (mut sum, mut norm) = (0.0, 0.0);
            for (dy, dx, p) in weights {
                let (Some(y), Some(x)) = (iy.checked_add_signed(*dy), ix.checked_add_signed(*dx)) else {
                    continue;
                };
                let is_usable = |value: &&f32| value.is_finite() && !mask[[y, x]];
                if let Some(value) = image.get([y, x]).filter(is_usable) {
                    sum += p * (f64::from(*value) - level);
                    norm += p * p;
                }
            }
            if norm >= 0.8 * full {
                fluxes.push(sum / norm);
            }
        }
    }
    fluxes
}

#[cfg(test)]
mod tests {
    use super::point_source_noise;
    use crate::measure::noise::Normal;
    use crate::measure::sky::background;
    use crate::measure::source::Detection;
    use ndarray::Array2;

    #[test]
    fn white_noise_gives_the_analytic_limit_of_a_gaussian_profile() {
        // For a Gaussian of width s the optimal flux error is sigma sqrt(4 pi) s.
        let mut noise = Normal::new(31);
        let image = Array2::from_shape_fn((150, 150), |_| (2.0 * noise.next().unwrap()) as f32);
        let (fwhm, expected) = (4.0, 2.0 * (4.0 * std::f64::consts::PI).sqrt() * 4.0 / 2.354_82);
        let found = point_source_noise(
            &image,
            &background(&image).unwrap(),
            &Detection::empty(150, 150),
            fwhm,
            50.0,
        )
        .unwrap();
        assert!((found / expected - 1.0).abs() < 0.06, "{found} {expected}");
    }

    #[test]
    fn correlated_noise_makes_the_limit_worse_than_the_pixel_noise_says() {
        let mut noise = Normal::new(32);
        let fine = Array2::from_shape_fn((151, 151), |_| noise.next().unwrap());
        let image = Array2::from_shape_fn((150, 150), |(y, x)| {
            ((fine[[y, x]] + fine[[y + 1, x]] + fine[[y, x + 1]] + fine[[y + 1, x + 1]]) / 2.0) as f32
        });
        let sky = background(&image).unwrap();
        assert!((sky.sigma - 1.0).abs() < 0.05);
        let white = (4.0 * std::f64::consts::PI).sqrt() * 4.0 / 2.354_82;
        let found = point_source_noise(&image, &sky, &Detection::empty(150, 150), 4.0, 50.0).unwrap();
        assert!(found > 1.5 * white, "{found} {white}");
    }
}
