//! What the alignment of exposures promises, on simulated star fields.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::needless_range_loop,
    reason = "a failed step is a failed test; indices are exposures"
)]

mod fields;

use fields::Field;
use phoenix_kernels::align::{
    AlignOptions, Alignment, Anchor, CatalogueStar, ExposureOffset, Method, Seam, SkyImage, align, align_to, preview,
    seams,
};
use phoenix_kernels::{Hooks, KernelError};

/// Ten in the gate, thirty in the nightly.
fn seeds() -> u64 {
    if std::env::var_os("PHOENIX_NIGHTLY").is_some() {
        30
    } else {
        10
    }
}

/// Thirty in the gate, two hundred in the nightly.
fn faint_fields() -> u64 {
    if std::env::var_os("PHOENIX_NIGHTLY").is_some() {
        200
    } else {
        30
    }
}

fn aligned(images: &[SkyImage]) -> Alignment {
    align(images, &AlignOptions::default(), &Hooks::none()).unwrap()
}

/// Differences of offsets from the truth, both relative to the first exposure, arcsec.
fn misses(alignment: &Alignment, field: &Field) -> Vec<[f64; 2]> {
    let first = field.offsets[0];
    alignment
        .exposures
        .iter()
        .zip(&field.offsets)
        .map(|(found, truth)| [0, 1].map(|k| found.offset_arcsec[k] - (truth[k] - first[k])))
        .collect()
}

/// Rms per axis about the mean of the field: no choice of a reference counts.
fn rms(misses: &[[f64; 2]]) -> f64 {
    let n = misses.len() as f64;
    let mean = [0, 1].map(|k| misses.iter().map(|m| m[k]).sum::<f64>() / n);
    let sum: f64 = misses
        .iter()
        .map(|m| (0..2).map(|k| (m[k] - mean[k]).powi(2)).sum::<f64>())
        .sum();
    (sum / (2.0 * (n - 1.0))).sqrt()
}

#[test]
fn offsets_are_right_and_their_errors_are_true() {
    let (mut squares, mut count, mut worst) = (0.0, 0.0, 0.0_f64);
    for seed in 0..seeds() {
        let n = 4 + (seed as usize * 5) % 13;
        let field = Field::new(seed, n, 12);
        let alignment = aligned(&field.images);
        let misses = misses(&alignment, &field);
        assert!(rms(&misses) <= 0.05, "seed {seed}: rms {}", rms(&misses));
        worst = worst.max(rms(&misses));
        for (miss, found) in misses.iter().zip(&alignment.exposures).skip(1) {
            assert_eq!(found.method, Method::Sources, "seed {seed}");
            for k in 0..2 {
                squares += (miss[k] / found.error_arcsec[k]).powi(2);
                count += 1.0;
            }
        }
    }
    let mean = squares / count;
    println!("worst rms {worst:.4} arcsec, mean z^2 {mean:.3} of {count}");
    assert!((0.8..=1.2).contains(&mean), "mean z^2 {mean}");
}

#[test]
fn three_sources_are_enough() {
    let (mut squares, mut count, mut good) = (0.0, 0.0, 0);
    for seed in 100..130 {
        let field = Field::new(seed, 4 + seed as usize % 4, 3);
        let alignment = aligned(&field.images);
        let misses = misses(&alignment, &field);
        let is_good = rms(&misses) <= 0.05 && alignment.exposures.iter().all(|e| e.method != Method::None);
        good += usize::from(is_good);
        if !is_good {
            println!("seed {seed}: rms {}", rms(&misses));
            continue;
        }
        for (miss, found) in misses.iter().zip(&alignment.exposures).skip(1) {
            for k in 0..2 {
                squares += (miss[k] / found.error_arcsec[k]).powi(2);
                count += 1.0;
            }
        }
    }
    println!("{good} of 30, mean z^2 {:.3} of {count}", squares / count);
    assert!(good >= 29, "{good} of 30");
    assert!((0.8..=1.2).contains(&(squares / count)), "mean z^2 {}", squares / count);
}

#[test]
fn one_or_two_faint_sources_give_honest_errors_or_none() {
    let (mut squares, mut count, mut tied, mut lost) = (0.0, 0.0, 0, 0);
    for seed in 1000..1000 + faint_fields() {
        let field = Field::faint(seed, 4 + seed as usize % 4, 1 + seed as usize % 2);
        let alignment = aligned(&field.images);
        let misses = misses(&alignment, &field);
        let is_reference = |e: &ExposureOffset| e.method == Method::Reference;
        let zero = misses[alignment.exposures.iter().position(is_reference).unwrap()];
        for (miss, found) in misses.iter().zip(&alignment.exposures) {
            match found.method {
                Method::Reference => {}
                Method::None => {
                    lost += 1;
                    assert_eq!(found.offset_arcsec, [0.0; 2]);
                    assert!(found.error_arcsec[0].is_nan() && found.flux_scale.is_none());
                }
                Method::Sources | Method::Correlation => {
                    tied += 1;
                    for k in 0..2 {
                        let z = (miss[k] - zero[k]) / found.error_arcsec[k];
                        assert!(z.abs() < 6.0, "seed {seed}: {z} sigma");
                        squares += z * z;
                        count += 1.0;
                    }
                }
            }
        }
    }
    let mean = squares / count;
    println!("{tied} aligned, {lost} not; mean z^2 {mean:.3} of {count}");
    assert!((0.7..=1.3).contains(&mean), "mean z^2 {mean}");
    assert!(tied > lost, "{tied} aligned, {lost} not");
}

#[test]
fn one_source_is_enough_for_correlation() {
    for seed in 200..206 {
        let field = Field::new(seed, 4, 1);
        let alignment = aligned(&field.images);
        let misses = misses(&alignment, &field);
        println!("seed {seed}: rms {:.4}", rms(&misses));
        for found in &alignment.exposures {
            assert_ne!(found.method, Method::None, "seed {seed}");
        }
        assert!(rms(&misses) <= 0.05, "seed {seed}: rms {}", rms(&misses));
    }
}

#[test]
fn an_image_without_a_source_is_said_to_have_no_offset() {
    for seed in 300..304 {
        let alignment = aligned(&Field::new(seed, 4, 0).images);
        for (k, found) in alignment.exposures.iter().enumerate().skip(1) {
            assert_eq!(found.method, Method::None, "seed {seed}, exposure {k}");
            assert_eq!(found.offset_arcsec, [0.0; 2]);
            assert!(found.error_arcsec[0].is_nan() && found.flux_scale.is_none());
        }
    }
}

#[test]
fn flux_scales_bring_exposures_to_the_first() {
    let mut squares = Vec::new();
    for seed in 400..408 {
        let field = Field::new(seed, 6, 12);
        for (k, found) in aligned(&field.images).exposures.iter().enumerate().skip(1) {
            let [scale, error] = found.flux_scale.unwrap();
            let truth = field.transparency[0] / field.transparency[k];
            assert!((scale / truth - 1.0).abs() < 0.06, "seed {seed}: {scale} for {truth}");
            squares.push(((scale - truth) / error).powi(2));
        }
    }
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    println!("flux scales: mean z^2 {mean:.3}");
    assert!(mean < 2.0, "mean z^2 {mean}");
}

#[test]
fn sizes_turns_borders_and_bad_pixels_do_not_matter() {
    for seed in 500..504 {
        let field = Field::rough(seed, 6, 10);
        let alignment = aligned(&field.images);
        let misses = misses(&alignment, &field);
        for (k, (miss, found)) in misses.iter().zip(&alignment.exposures).enumerate().skip(1) {
            assert_eq!(found.method, Method::Sources, "seed {seed}, exposure {k}");
            for axis in 0..2 {
                let sigmas = miss[axis] / found.error_arcsec[axis];
                assert!(
                    miss[axis].abs() < 0.1 && sigmas.abs() < 5.0,
                    "seed {seed}, exposure {k}: {miss:?}, {sigmas}"
                );
            }
        }
    }
}

#[test]
fn an_exposure_of_another_field_is_left_alone_and_harms_none() {
    let field = Field::new(600, 5, 12);
    let mut images = field.images.clone();
    images.insert(2, Field::away(601));
    let alignment = aligned(&images);
    assert_eq!(alignment.exposures[2].method, Method::None);
    let others: Vec<_> = (0..6).filter(|k| *k != 2).collect();
    for (k, truth) in others.iter().zip(&field.offsets) {
        for axis in 0..2 {
            let miss = alignment.exposures[*k].offset_arcsec[axis] - (truth[axis] - field.offsets[0][axis]);
            assert!(miss.abs() < 0.1, "exposure {k}: {miss}");
        }
    }
}

#[test]
fn images_without_a_pixel_or_without_noise_are_no_error() {
    let field = Field::new(700, 3, 8);
    let mut images = field.images.clone();
    images[1] = SkyImage::new(ndarray::Array2::from_elem((64, 64), f32::NAN), *images[1].wcs()).unwrap();
    let alignment = aligned(&images);
    assert_eq!(alignment.exposures[1].method, Method::None);
    assert_eq!(alignment.exposures[2].method, Method::Sources);
    let flat = SkyImage::new(ndarray::Array2::zeros((64, 64)), *images[1].wcs()).unwrap();
    assert_eq!(aligned(&[flat.clone(), flat]).exposures[1].method, Method::None);
    assert!(align(&[], &AlignOptions::default(), &Hooks::none()).is_err());
}

/// The stars of a field with errors of 0.02 arcsec, and as many that no image shows.
fn catalogue(field: &Field, seed: u64) -> Vec<CatalogueStar> {
    let star = |[ra_deg, dec_deg, flux]: [f64; 3]| CatalogueStar {
        ra_deg,
        dec_deg,
        error_arcsec: [0.02; 2],
        magnitude: Some(-2.5 * flux.log10()),
    };
    let places = field.places(seed, 0.02).into_iter().zip(&field.stars);
    let shown = places.map(|([ra, dec], [.., flux])| star([ra, dec, *flux]));
    let unseen = field.stars.iter().enumerate().map(|(n, [ra, dec, _])| {
        let shift = 0.002 + 0.0007 * n as f64;
        star([ra + shift, dec - 0.6 * shift, 1.0])
    });
    shown.chain(unseen).collect()
}

#[test]
fn offsets_to_a_catalogue_or_an_image_are_those_to_the_sky() {
    let (mut squares, mut count) = ([0.0; 2], 0.0);
    for seed in 900..920 {
        let field = Field::new(seed, 2 + seed as usize % 2, 8);
        let (stars, image) = (catalogue(&field, seed), field.true_image(seed));
        for (which, anchor) in [Anchor::Catalogue(&stars), Anchor::Image(&image)]
            .into_iter()
            .enumerate()
        {
            let found = align_to(&field.images, Some(anchor), &AlignOptions::default(), &Hooks::none()).unwrap();
            assert!(found.is_anchored && found.exposures.len() == field.images.len());
            for (one, truth) in found.exposures.iter().zip(&field.offsets) {
                assert_eq!(one.method, Method::Sources, "seed {seed}");
                assert!(one.anchor_matches >= 4, "seed {seed}: {} matches", one.anchor_matches);
                for k in 0..2 {
                    let miss = one.offset_arcsec[k] - truth[k];
                    assert!(miss.abs() < 0.05, "seed {seed}: {miss} arcsec");
                    squares[which] += (miss / one.error_arcsec[k]).powi(2);
                    count += 0.5;
                }
            }
            // Transparencies are compared with each other still.
            let [scale, _] = found.exposures[1].flux_scale.unwrap();
            let truth = field.transparency[0] / field.transparency[1];
            assert!((scale / truth - 1.0).abs() < 0.06, "seed {seed}: {scale} for {truth}");
        }
    }
    let means = squares.map(|sum| sum / count);
    println!("mean z^2 to a catalogue {:.3}, to an image {:.3}", means[0], means[1]);
    assert!(
        means.iter().all(|mean| (0.6..=1.5).contains(mean)),
        "mean z^2 {means:?}"
    );
}

#[test]
fn an_anchor_of_another_field_leaves_offsets_as_they_were() {
    let field = Field::new(930, 4, 10);
    let far = Field::away(931);
    let stars: Vec<CatalogueStar> = catalogue(&field, 930)
        .into_iter()
        .map(|star| CatalogueStar {
            dec_deg: star.dec_deg + 3.0,
            ..star
        })
        .collect();
    let alone = aligned(&field.images);
    for anchor in [Anchor::Image(&far), Anchor::Catalogue(&stars), Anchor::Catalogue(&[])] {
        let found = align_to(&field.images, Some(anchor), &AlignOptions::default(), &Hooks::none()).unwrap();
        assert!(!found.is_anchored);
        for (one, other) in found.exposures.iter().zip(&alone.exposures) {
            assert_eq!((one.method, one.offset_arcsec), (other.method, other.offset_arcsec));
        }
    }
    let mut wrong = catalogue(&field, 930);
    wrong[0].error_arcsec[1] = 0.0;
    let refused = align_to(
        &field.images,
        Some(Anchor::Catalogue(&wrong)),
        &AlignOptions::default(),
        &Hooks::none(),
    );
    assert!(matches!(refused, Err(KernelError::Parameter { .. })));
}

#[test]
fn a_step_in_level_is_a_seam_and_levels_alike_are_none() {
    let field = Field::new(950, 5, 8);
    let alignment = aligned(&field.images);
    let chosen: Vec<_> = (0..5)
        .map(|k| (k, alignment.exposures[k].offset_deg, 1.0, 600.0))
        .collect();
    let measured = |images: &[SkyImage]| -> Vec<Seam> {
        let sum = preview(images, &chosen).unwrap();
        seams(images, &chosen, &sum).into_iter().map(Option::unwrap).collect()
    };
    for seam in measured(&field.images) {
        assert!(seam.step.abs() < 5.0 * seam.error, "{seam:?}");
        // Noise of 3 in each pixel, lessened by blending, and that of the mean of four.
        assert!(
            (1.5..3.5).contains(&seam.pixel_noise) && seam.n_pixels > 50_000,
            "{seam:?}"
        );
    }
    let mut raised = field.images.clone();
    raised[2] = SkyImage::new(raised[2].pixels() + 1.0, *raised[2].wcs()).unwrap();
    for (k, seam) in measured(&raised).iter().enumerate() {
        let truth = if k == 2 { 1.0 } else { -0.25 };
        assert!((seam.step - truth).abs() < 5.0 * seam.error, "exposure {k}: {seam:?}");
    }
    let apart = [chosen[0], (1, [0.5, 0.0], 1.0, 600.0)];
    let sum = preview(&field.images[..2], &apart).unwrap();
    assert_eq!(seams(&field.images[..2], &apart, &sum), [None, None]);
}

#[test]
fn widths_of_stars_are_told_only_where_they_are_measured() {
    let field = Field::new(960, 3, 8);
    assert!(
        aligned(&field.images)
            .exposures
            .iter()
            .all(|found| found.is_fwhm_measured)
    );
    let empty = aligned(&Field::new(961, 3, 0).images);
    assert!(empty.exposures.iter().all(|found| !found.is_fwhm_measured));
}

#[test]
fn the_result_does_not_depend_on_threads() {
    let field = Field::new(800, 5, 1);
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let one = pool(1).install(|| aligned(&field.images));
    let three = pool(3).install(|| aligned(&field.images));
    assert_eq!(one.exposures[1..], three.exposures[1..]);
}
