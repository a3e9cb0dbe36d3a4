//! The background of a white-light image.

use ndarray::Array2;

use super::stat;

/// The background of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// The centre.
    pub level: f64,
    /// The scatter of a pixel.
    pub sigma: f64,
    /// The mode: where the histogram has its peak.
    pub mode: f64,
}

/// Measures the background of an image over its finite pixels.
///
/// # Numerics
/// Sources only ever add light: the scatter is taken from the side below the mode, values more than three of it above
/// (five below) are left out, and so on until nothing changes, at most ten times. In an empty field the cut at three
/// sigma changes the level by less than 0.01 sigma.
pub fn background(image: &Array2<f32>) -> Option<Background> {
    let mut kept: Vec<f64> = image
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| f64::from(*value))
        .collect();
    let mut mode = stat::mode(&kept)?;
    for _ in 0..10 {
        let mut below: Vec<f64> = kept
            .iter()
            .filter(|value| **value < mode)
            .map(|value| mode - value)
            .collect();
        let sigma = stat::MAD_SCALE * stat::median(&mut below);
        let before = kept.len();
        // Without scatter below the mode (a field of one value) there is nothing to cut by.
        if sigma > 0.0 {
            kept.retain(|value| (-5.0 * sigma..=3.0 * sigma).contains(&(value - mode)));
        }
        mode = stat::mode(&kept)?;
        if kept.len() == before {
            break;
        }
    }
    let clip = stat::clipped(&kept, 3.0)?;
    Some(Background {
        level: clip.centre,
        sigma: clip.sigma,
        mode,
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
    fn the_sky_beside_a_large_galaxy_is_found() {
        let mut noise = Normal::new(8);
        let image = Array2::from_shape_fn((50, 50), |(y, x)| {
            let r_squared = (x as f64 - 25.0).powi(2) + (y as f64 - 25.0).powi(2);
            (5.0 + noise.next().unwrap() + 300.0 * (-r_squared / 40.0).exp()) as f32
        });
        let sky = background(&image).unwrap();
        assert!(
            (sky.level - 5.0).abs() < 0.3 && (sky.sigma - 1.0).abs() < 0.2,
            "{sky:?}"
        );
    }

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
