use ndarray::Array2;

use super::{Moffat, detect, sharpness};
use crate::measure::noise::Normal;
use crate::measure::sky::background;

/// A field with round stars of known width at fixed places, and noise of 1.
fn field(shape: Moffat, stars: &[(f64, f64, f64)], seed: u64) -> Array2<f32> {
    let mut noise = Normal::new(seed);
    Array2::from_shape_fn((80, 80), |(iy, ix)| {
        let light: f64 = stars
            .iter()
            .map(|(x, y, peak)| peak * shape.relative((ix as f64 - x).powi(2) + (iy as f64 - y).powi(2)))
            .sum();
        (10.0 + light + noise.next().unwrap()) as f32
    })
}

const STARS: [(f64, f64, f64); 5] = [
    (20.3, 20.7, 300.0),
    (60.0, 20.0, 200.0),
    (20.5, 60.5, 120.0),
    (61.2, 58.8, 90.0),
    (40.4, 40.1, 60.0),
];

#[test]
fn stars_of_known_width_are_counted_and_their_width_is_found() {
    for (fwhm_pix, beta) in [(3.5, 2.8), (5.0, 40.0), (4.2, 2.2)] {
        let image = field(Moffat { fwhm_pix, beta }, &STARS, 21);
        let sources = detect(&image, &background(&image).unwrap(), 12.0).sources;
        assert_eq!(sources.len(), 5);
        let sharp = sharpness(&sources).unwrap();
        assert!(sharp.n_sources >= 4, "{sources:?}");
        assert!(
            (sharp.fwhm_pix / fwhm_pix - 1.0).abs() < 0.04,
            "{sharp:?} for {fwhm_pix}"
        );
    }
}

#[test]
fn pure_noise_holds_no_source() {
    let image = field(
        Moffat {
            fwhm_pix: 4.0,
            beta: 3.0,
        },
        &[],
        22,
    );
    let sources = detect(&image, &background(&image).unwrap(), 12.0).sources;
    assert!(sources.is_empty(), "{sources:?}");
    assert!(sharpness(&sources).is_none());
}

#[test]
fn an_elongated_galaxy_and_a_cut_star_are_sources_but_no_points() {
    let mut image = field(
        Moffat {
            fwhm_pix: 4.0,
            beta: 3.0,
        },
        &[(0.4, 40.0, 200.0)],
        23,
    );
    for ((iy, ix), value) in image.indexed_iter_mut() {
        let (dx, dy) = ((ix as f64 - 45.0) / 7.0, (iy as f64 - 45.0) / 2.5);
        *value += (150.0 * (-0.5 * (dx * dx + dy * dy)).exp()) as f32;
    }
    let sources = detect(&image, &background(&image).unwrap(), 12.0).sources;
    assert_eq!(sources.len(), 2);
    assert!(sources.iter().all(|source| !source.is_point), "{sources:?}");
}

#[test]
fn a_field_without_any_value_has_no_sources() {
    let image = Array2::from_elem((10, 10), f32::NAN);
    assert!(background(&image).is_none());
}
