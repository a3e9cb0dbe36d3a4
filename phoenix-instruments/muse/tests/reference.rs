//! The combination against cubes that ESO's pipeline made of the same files: the same bits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod support;

use serde_json::json;
use support::{assert_same_cube, figure, file_values, product, reference, run_eso, sof, values};

fn the_six_cubes_agree(method: &str) {
    let Some(folder) = reference() else { return };
    let frames = sof(&folder.join("combine_off.sof"));
    let (outcome, products) = run_eso("muse_exp_combine", &frames, &json!({"resample": method})).unwrap();
    let cube = product(&products, "DATACUBE_FINAL");
    assert_same_cube(cube, &folder.join(format!("cube_{method}.fits")), method);
    assert_eq!(figure(&outcome, "cosmic_pixels"), 544.0);
}

#[test]
fn drizzle_has_the_bits_of_the_pipeline() {
    the_six_cubes_agree("drizzle");
}

#[test]
fn lanczos_has_the_bits_of_the_pipeline() {
    the_six_cubes_agree("lanczos");
}

#[test]
fn linear_has_the_bits_of_the_pipeline() {
    the_six_cubes_agree("linear");
}

#[test]
fn quadratic_has_the_bits_of_the_pipeline() {
    the_six_cubes_agree("quadratic");
}

#[test]
fn renka_has_the_bits_of_the_pipeline() {
    the_six_cubes_agree("renka");
}

#[test]
fn nearest_has_the_bits_of_the_pipeline_with_its_defect() {
    the_six_cubes_agree("nearest");
}

#[test]
fn the_same_number_of_pixels_is_rejected_by_all_three_statistics() {
    let Some(folder) = reference() else { return };
    let frames = sof(&folder.join("combine_off.sof"));
    for (kind, sigma, expected) in [("median", 10.0, 544.0), ("iraf", 5.0, 112_732.0), ("mean", 5.0, 448.0)] {
        let changes = json!({"crtype": kind, "crsigma": sigma});
        let (outcome, _) = run_eso("muse_exp_combine", &frames, &changes).unwrap();
        assert_eq!(figure(&outcome, "cosmic_pixels"), expected, "{kind}");
    }
}

#[test]
fn the_white_image_has_the_bits_of_the_pipeline() {
    let Some(folder) = reference() else { return };
    let frames = sof(&folder.join("combine_off.sof"));
    let (_, products) = run_eso("muse_exp_combine", &frames, &json!({})).unwrap();
    let (expected, _) = file_values(&folder.join("image_white_drizzle.fits"), "DATA");
    let difference =
        phoenix_testkit::golden::compare(&values(product(&products, "IMAGE_FOV"), "DATA"), &expected, None);
    assert!(difference.is_none(), "{difference:?}");
}

#[test]
fn the_cube_of_a_single_exposure_has_the_bits_of_the_pipeline() {
    let Some(folder) = reference() else { return };
    let frames = sof(&folder.join("single.sof"));
    let (_, products) = run_eso("muse_scipost_make_cube", &frames, &json!({})).unwrap();
    let cube = product(&products, "DATACUBE_FINAL");
    assert_same_cube(cube, &folder.join("cube_single_makecube.fits"), "single");
}
