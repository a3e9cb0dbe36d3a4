//! The background of a white-light image.

use ndarray::Array2;

use super::stat;

/// The background of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// The centre after clipping.
    pub level: f64,
    /// The scatter of a pixel.
    pub sigma: f64,
    /// The mode: where the histogram has its peak.
    pub mode: f64,
}

/// Measures the background of an image over its finite pixels, clipped at 3 sigma.
pub fn background(image: &Array2<f32>) -> Option<Background> {
    let finite: Vec<f64> = image
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| f64::from(*value))
        .collect();
    let clip = stat::clipped(&finite, 3.0)?;
    Some(Background {
        level: clip.centre,
        sigma: clip.sigma,
        mode: stat::mode(&finite)?,
    })
}

/// Returns at most `n_most` flat indices of background pixels, spread evenly over the image.
///
/// # Numerics
/// A pixel belongs to the background from 3 sigma below to 1 sigma above its level: the upper cut keeps the wings of
/// sources out, and the sample's median moves by less than 0.3 sigma.
pub fn background_pixels(image: &Array2<f32>, background: &Background, n_most: usize) -> Vec<usize> {
    let (low, high) = (
        background.level - 3.0 * background.sigma,
        background.level + background.sigma,
    );
    let all: Vec<usize> = image
        .iter()
        .enumerate()
        .filter(|(_, value)| (low..=high).contains(&f64::from(**value)))
        .map(|(index, _)| index)
        .collect();
    if all.len() <= n_most || n_most == 0 {
        return all;
    }
    // ORDER: an even spread chosen by integer arithmetic, the same on every platform.
    (0..n_most).map(|i| all[i * all.len() / n_most]).collect()
}

#[cfg(test)]
mod tests {
    use super::{background, background_pixels};
    use crate::measure::noise::Normal;
    use ndarray::Array2;

    #[test]
    fn an_over_subtracted_sky_shows_as_a_negative_mode() {
        let mut noise = Normal::new(2);
        let mut image = Array2::from_shape_fn((60, 60), |_| (-25.0 + 2.0 * noise.next().unwrap()) as f32);
        image.slice_mut(ndarray::s![10..20, 10..20]).fill(500.0);
        image[[0, 0]] = f32::NAN;
        let sky = background(&image).unwrap();
        assert!(
            (sky.mode + 25.0).abs() < 0.5 && (sky.sigma - 2.0).abs() < 0.1,
            "{sky:?}"
        );
        let pixels = background_pixels(&image, &sky, 500);
        assert_eq!(pixels.len(), 500);
        assert!(pixels.iter().all(|index| image.as_slice().unwrap()[*index] < 0.0));
    }
}
