//! How good an exposure is, measured on its white image.

use phoenix_core::traits::RecipeError;
use phoenix_kernels::Hooks;
use phoenix_kernels::align::{AlignOptions, SkyImage, align};
use phoenix_kernels::stat::{median, median_and_deviation};

/// Standard deviation of a normal distribution over its median absolute deviation.
const NORMAL: f64 = 1.4826;
/// Pixels between the two of a difference; nearer ones share input pixels.
const APART: usize = 2;

/// What an image tells of its exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    /// Full width at half maximum of stars, arcsec; not a number without a star.
    pub(super) fwhm_arcsec: f64,
    /// Noise of a pixel of the sky.
    pub(super) noise: f64,
    /// Level of the sky that the reduction left in.
    pub(super) level: f64,
    /// Stars found.
    pub(super) n_stars: usize,
}

/// Measures one image.
///
/// # Numerics
/// The noise is the root of the median variance where there is one, else that of differences of pixels two apart, from which
/// the light of objects drops out but for their edges. The level is the median of the pixels below it and as many above.
///
/// # Errors
/// `NoResult` if an option is refused; `Stopped`.
pub(super) fn measure(
    image: &SkyImage,
    variance: Option<&[f32]>,
    options: &AlignOptions,
    hooks: &Hooks<'_>,
) -> Result<Measure, RecipeError> {
    let found = align(std::slice::from_ref(image), options, hooks).map_err(|error| match error {
        phoenix_kernels::KernelError::Stopped => RecipeError::Stopped,
        other => RecipeError::NoResult {
            reason: other.to_string(),
        },
    })?;
    let n_stars = found.sources.first().map_or(0, Vec::len);
    let fwhm = found.exposures.first().map(|exposure| exposure.fwhm_arcsec);
    let noise = match variance {
        Some(variance) => from_variance(variance),
        None => from_differences(image),
    };
    Ok(Measure {
        fwhm_arcsec: fwhm.filter(|_| n_stars > 0).unwrap_or(f64::NAN),
        noise,
        level: level(image),
        n_stars,
    })
}

fn from_variance(variance: &[f32]) -> f64 {
    let mut finite: Vec<f64> = (variance.iter().map(|v| f64::from(*v)))
        .filter(|v| v.is_finite() && *v > 0.0)
        .collect();
    median(&mut finite).map_or(f64::NAN, f64::sqrt)
}

fn from_differences(image: &SkyImage) -> f64 {
    let pixels = image.pixels();
    let mut differences: Vec<f64> = pixels
        .outer_iter()
        .flat_map(|row| {
            let pair = |x: usize| f64::from(row[x]) - f64::from(row[x + APART]);
            (0..row.len().saturating_sub(APART)).map(pair).collect::<Vec<_>>()
        })
        .filter(|difference| difference.is_finite())
        .collect();
    median_and_deviation(&mut differences)
        .map_or(f64::NAN, |(_, deviation)| NORMAL * deviation / std::f64::consts::SQRT_2)
}

/// The median, after pixels farther above it than the faintest lies below are gone: objects only add light.
fn level(image: &SkyImage) -> f64 {
    let mut finite: Vec<f64> = image
        .pixels()
        .iter()
        .map(|v| f64::from(*v))
        .filter(|v| v.is_finite())
        .collect();
    for _ in 0..3 {
        let mut sorted = finite.clone();
        let Some((middle, deviation)) = median_and_deviation(&mut sorted) else {
            return f64::NAN;
        };
        finite.retain(|value| (value - middle).abs() <= 3.0 * NORMAL * deviation);
    }
    median(&mut finite).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use phoenix_kernels::Hooks;
    use phoenix_kernels::align::{AlignOptions, SkyImage};
    use phoenix_kernels::ifu::celestial::Gnomonic;

    use super::measure;

    /// Stars of a width on a flat sky with noise that a simple generator makes.
    fn field(sigma_pixels: f64, noise: f64, sky: f64) -> SkyImage {
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let stars = [(20.0, 22.0), (60.0, 30.0), (35.0, 70.0), (75.0, 74.0)];
        let pixels = Array2::from_shape_fn((96, 96), |(y, x)| {
            let normal: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            let light = |(sx, sy): &(f64, f64)| {
                let r2 = (x as f64 - sx).powi(2) + (y as f64 - sy).powi(2);
                100.0 * (-0.5 * r2 / (sigma_pixels * sigma_pixels)).exp()
            };
            (sky + noise * normal + stars.iter().map(light).sum::<f64>()) as f32
        });
        let wcs = Gnomonic {
            crval: [10.0, -30.0],
            crpix: [48.0, 48.0],
            cd: [[-0.2 / 3600.0, 0.0], [0.0, 0.2 / 3600.0]],
        };
        SkyImage::new(pixels, wcs).expect("world coordinates")
    }

    #[test]
    fn width_noise_and_level_are_those_of_the_image() {
        for (sigma, noise, sky) in [(1.5, 1.0, 5.0), (2.5, 2.0, -3.0)] {
            let found = measure(
                &field(sigma, noise, sky),
                None,
                &AlignOptions::default(),
                &Hooks::none(),
            );
            let found = found.expect("measured");
            let fwhm = 2.3548 * sigma * 0.2;
            assert!((found.fwhm_arcsec / fwhm - 1.0).abs() < 0.05, "{found:?} for {fwhm}");
            assert!((found.noise / noise - 1.0).abs() < 0.12, "{found:?} for {noise}");
            assert!((found.level - sky).abs() < 0.2 * noise, "{found:?} for {sky}");
            assert_eq!(found.n_stars, 4);
        }
    }

    #[test]
    fn a_variance_that_is_there_counts_and_a_field_without_stars_has_no_width() {
        let image = field(1.5, 1.0, 0.0);
        let variance = vec![4.0_f32; 96 * 96];
        let found = measure(&image, Some(&variance), &AlignOptions::default(), &Hooks::none());
        assert!((found.expect("measured").noise - 2.0).abs() < 1e-9);
        let empty = SkyImage::new(Array2::zeros((40, 40)), *image.wcs()).expect("world coordinates");
        let found = measure(&empty, None, &AlignOptions::default(), &Hooks::none()).expect("measured");
        assert!(found.fwhm_arcsec.is_nan() && found.n_stars == 0);
    }
}
