use std::sync::Arc;

use super::{Conditions, Exposure};
use crate::geometry::Instrument;
use crate::projection::{Reprojection, SkyPoint};
use crate::scene::Scene;
use crate::slice::{SliceTable, Summary};

const CENTRE: SkyPoint = SkyPoint {
    ra_deg: 195.0,
    dec_deg: -30.0,
};

fn exposure(conditions: Conditions) -> Exposure {
    let instrument = Instrument::tiny(11);
    Exposure::new(instrument, Arc::new(Scene::field(&instrument, CENTRE, 11)), conditions)
}

#[test]
fn a_slice_alone_is_the_slice_of_the_whole_for_any_number_of_threads() {
    let exposure = exposure(Conditions::default());
    let in_pool = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
            .install(|| exposure.table())
    };
    let (one, three) = (in_pool(1), in_pool(3));
    assert_eq!(one, three);
    let mut reused = SliceTable::default();
    for index in [100, 3, 57] {
        exposure.fill(index, &mut reused);
        let first = reused.first_row as usize;
        assert_eq!(reused.data[..], one.data[first..first + reused.len()]);
        assert_eq!(reused.dq[..], one.dq[first..first + reused.len()]);
    }
}

#[test]
fn noise_has_the_variance_that_the_table_states() {
    let mut sums = (0.0, 0.0, 0.0, 0.0);
    for noise_seed in 0..4 {
        let table = exposure(Conditions {
            noise_seed,
            cosmic_rate: 0.0,
            bad_fraction: 0.0,
            ..Conditions::default()
        })
        .table();
        for ((data, expected), stat) in table.data.iter().zip(&table.expected).zip(&table.stat) {
            let z = f64::from(data - expected) / f64::from(*stat).sqrt();
            sums = (
                sums.0 + 1.0,
                sums.1 + z,
                sums.2 + z * z,
                sums.3 + f64::from(u8::from(z.abs() < 1.0)),
            );
        }
    }
    let (n, mean, square, inside) = (sums.0, sums.1 / sums.0, sums.2 / sums.0, sums.3 / sums.0);
    let sigma = 1.0 / f64::sqrt(n);
    assert!(mean.abs() < 4.0 * sigma, "mean z {mean}");
    assert!((square - 1.0).abs() < 4.0 * 2.0_f64.sqrt() * sigma, "mean z^2 {square}");
    assert!((inside - 0.6827).abs() < 0.003, "within one sigma {inside}");
}

#[test]
fn exposures_of_one_seed_have_different_noise_and_the_same_bad_pixels() {
    let first = exposure(Conditions::default());
    let mut second = first.clone();
    second.conditions.start.0 += 0.01;
    let (first, second) = (first.slice(5), second.slice(5));
    assert_eq!(first.dq, second.dq);
    assert_ne!(first.data, second.data);
}

#[test]
fn the_twin_differs_by_noise_and_cosmic_rays_only() {
    let noisy = exposure(Conditions::default());
    let (frame, twin) = (noisy.table(), noisy.twin().table());
    assert!(frame.hits.len() > 15 && twin.hits.is_empty());
    assert_eq!((&frame.xpos, &frame.lambda), (&twin.xpos, &twin.lambda));
    assert_eq!(frame.dq, twin.dq);
    for (i, expected) in twin.expected.iter().enumerate().filter(|(i, _)| twin.dq[*i] == 0) {
        assert_eq!(twin.data[i].to_bits(), expected.to_bits());
    }
}

#[test]
fn hits_raise_the_pixels_that_the_truth_names() {
    let mut conditions = Conditions {
        bad_fraction: 0.0,
        ..Conditions::default()
    };
    let with = exposure(conditions.clone()).table();
    conditions.cosmic_rate = 0.0;
    let without = exposure(conditions).table();
    let hit: std::collections::BTreeMap<u64, f32> = with.hits.iter().map(|hit| (hit.row, hit.flux)).collect();
    for row in 0..with.len() {
        let gain = with.data[row] - without.data[row];
        match hit.get(&(row as u64)) {
            None => assert_eq!(with.data[row].to_bits(), without.data[row].to_bits()),
            // The photon noise of the ray itself comes on top.
            Some(flux) => assert!((gain / flux - 1.0).abs() < 0.5 || flux.abs() < 150.0, "{gain} {flux}"),
        }
    }
}

#[test]
fn positions_lead_back_to_the_scene_under_dither_and_rotation() {
    for posang_deg in [0.0, 90.0, 180.0, 270.0, 33.0] {
        let exposure = exposure(Conditions {
            posang_deg,
            dither_arcsec: [0.7, -0.4],
            ..Conditions::default()
        });
        let table = exposure.twin().slice(40);
        let about_header = Reprojection::new(exposure.header_pointing(), exposure.header_pointing());
        let star = &exposure.scene.stars[0];
        let psf = exposure.psf();
        for i in (0..table.len()).step_by(37).filter(|i| table.dq[*i] == 0) {
            // Without a pointing error the header alone leads to the sky.
            let (d_ra, dec) = about_header.celestial(f64::from(table.xpos[i]), f64::from(table.ypos[i]));
            let sky = SkyPoint {
                ra_deg: exposure.header_pointing().ra_deg + d_ra,
                dec_deg: dec,
            };
            let (east, north) = CENTRE.offset_of(sky);
            let flux = 0.04 * exposure.scene.brightness(psf, east, north, f64::from(table.lambda[i]));
            let error = (flux - f64::from(table.expected[i])).abs();
            assert!(error < 1e-4 * flux + 1e-3, "{posang_deg} {error} {flux} {}", star.flux);
        }
    }
}

#[test]
fn a_pointing_error_moves_the_header_and_not_the_pixels() {
    let right = exposure(Conditions::default());
    let wrong = exposure(Conditions {
        pointing_error_arcsec: [0.5, -0.3],
        ..Conditions::default()
    });
    assert_eq!(right.slice(9), wrong.slice(9));
    let (east, north) = right.header_pointing().offset_of(wrong.header_pointing());
    assert!(
        (east - 0.5).abs() < 1e-5 && (north + 0.3).abs() < 1e-5,
        "{east} {north}"
    );
}

#[test]
fn saturated_pixels_are_flagged_and_counted() {
    let table = exposure(Conditions {
        saturated_fraction: 1e-3,
        ..Conditions::default()
    })
    .table();
    let mut summary = Summary::default();
    summary.add(&table);
    let share = summary.n_saturated as f64 / table.len() as f64;
    assert!((5e-4..2e-3).contains(&share), "{share}");
    assert!(summary.lambda.0 < 6281.0 && summary.lambda.1 > 6377.0);
}

#[test]
fn sky_that_is_left_shows_the_error_of_the_wavelengths() {
    let mut exposure = exposure(Conditions {
        sky_residual: 0.1,
        wavelength_error_aa: 0.4,
        ..Conditions::default()
    });
    exposure.scene = Arc::new(Scene::empty(CENTRE));
    let table = exposure.twin().slice(12);
    // The line at 6300.30 A stands where the wrong calibration puts it; its wings end before 6 A.
    let floor = table.expected.iter().copied().fold(f32::INFINITY, f32::min);
    let near = table
        .lambda
        .iter()
        .zip(&table.expected)
        .filter(|(lambda, _)| (*lambda - 6300.7).abs() < 6.0);
    let (sum, moment) = near.fold((0.0, 0.0), |(sum, moment), (lambda, flux)| {
        let flux = f64::from(flux - floor);
        (sum + flux, moment + flux * f64::from(*lambda))
    });
    assert!((moment / sum - 6300.7).abs() < 0.03, "{}", moment / sum);
}
