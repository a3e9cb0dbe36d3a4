use std::sync::Arc;

use ndarray::Array3;
use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::traits::{Measured, QcError};

use super::{CubeSurvey, SurveyOptions};
use crate::measure::noise::Normal;
use crate::measure::source::Moffat;

const STAR: Moffat = Moffat {
    fwhm_pix: 4.0,
    beta: 2.8,
};
const SIDE: usize = 96;
const SIGMA: f64 = 3.0;

fn header() -> Header {
    let mut header = Header::new();
    for (key, text) in [
        ("CTYPE1", "RA---TAN"),
        ("CTYPE2", "DEC--TAN"),
        ("CTYPE3", "AWAV"),
        ("CUNIT3", "Angstrom"),
        ("BUNIT", "10**(-20)*erg/s/cm**2/Angstrom"),
    ] {
        header.set(key, text, "");
    }
    let scale = 0.2 / 3600.0;
    for (key, number) in [
        ("CRVAL1", 10.0),
        ("CRVAL2", -30.0),
        ("CRPIX1", 24.0),
        ("CRPIX2", 24.0),
        ("CD1_1", -scale),
        ("CD1_2", 0.0),
        ("CD2_1", 0.0),
        ("CD2_2", scale),
        ("CRVAL3", 5000.0),
        ("CRPIX3", 1.0),
        ("CD3_3", 1.25),
    ] {
        header.set(key, number, "");
    }
    header
}

/// 60 planes with three stars, known noise, and no data in the first three planes.
fn product() -> Product {
    let mut noise = Normal::new(51);
    let stars = [(12.2, 12.6, 80.0), (75.0, 14.3, 60.0), (24.4, 76.1, 40.0)];
    let data = Array3::from_shape_fn((60, SIDE, SIDE), |(iw, iy, ix)| {
        if iw < 3 {
            return f32::NAN;
        }
        let light: f64 = stars
            .iter()
            .map(|(x, y, peak)| peak * STAR.relative((ix as f64 - x).powi(2) + (iy as f64 - y).powi(2)))
            .sum();
        (light + SIGMA * noise.next().unwrap()) as f32
    });
    let variance = Array3::from_elem((60, SIDE, SIDE), (SIGMA * SIGMA) as f32);
    let hdu = |name: &str, planes: Array3<f32>| Hdu {
        name: name.into(),
        header: header(),
        data: HduData::Image(Pixels::F32(Arc::new(planes))),
    };
    Product {
        tag: "DATACUBE_FINAL".into(),
        name: "DATACUBE_FINAL.fits".into(),
        header: Header::new(),
        hdus: vec![hdu("DATA", data), hdu("STAT", variance)],
    }
}

fn number(measured: Measured) -> f64 {
    match measured {
        Measured::Value { value } => value,
        Measured::Absent { reason } => panic!("absent: {reason}"),
    }
}

#[test]
fn a_survey_finds_what_was_put_into_the_cube() {
    let survey = CubeSurvey::of(&product(), &SurveyOptions::default()).unwrap();
    assert_eq!(survey.shape, [60, SIDE, SIDE]);
    assert!((number(survey.naxis(1)) - SIDE as f64).abs() < 1e-9 && (number(survey.naxis(3)) - 60.0).abs() < 1e-9);
    assert!((survey.nan_share - 0.05).abs() < 1e-9);
    assert!((number(survey.wavelmin_nm()) - 500.375).abs() < 1e-9);
    assert!((number(survey.wavelmax_nm()) - 507.375).abs() < 1e-9);
    assert!((number(survey.pixnoise()) / (SIGMA * 1e-20) - 1.0).abs() < 1e-5);
    assert!((number(survey.num_src()) - 3.0).abs() < 1e-9);
    assert!((number(survey.sky_res_arcsec()) - 0.8).abs() < 0.03);
    assert!(number(survey.histo_bkg()).abs() < 0.5);
    assert!(number(survey.snr()) > 20.0);
}

#[test]
fn the_limiting_magnitude_is_the_one_of_the_known_noise() {
    let survey = CubeSurvey::of(&product(), &SurveyOptions::default()).unwrap();
    // 57 planes of noise 3 average to 3/sqrt(57); a Moffat profile of exponent 2.8 has sum(P^2) = 1/(equivalent area).
    let alpha_squared = 4.0 / (2.0_f64.powf(1.0 / STAR.beta) - 1.0);
    let total = std::f64::consts::PI * alpha_squared / (STAR.beta - 1.0);
    let square = std::f64::consts::PI * alpha_squared / (2.0 * STAR.beta - 1.0);
    let flux = 5.0 * SIGMA / 57.0_f64.sqrt() * total / square.sqrt();
    let pivot_angstrom = 5038.0;
    let f_nu = flux * 1e-20 * pivot_angstrom * pivot_angstrom / 2.997_924_58e18;
    let expected = -2.5 * f_nu.log10() - 48.6;
    let found = number(survey.abmaglim());
    assert!((found - expected).abs() < 0.12, "{found} {expected}");
}

#[test]
fn the_window_size_changes_no_bit() {
    let product = product();
    let whole = CubeSurvey::of(&product, &SurveyOptions::default()).unwrap();
    let small = SurveyOptions {
        window_bytes: 1,
        ..SurveyOptions::default()
    };
    let slow = CubeSurvey::of(&product, &small).unwrap();
    assert_eq!(whole.white.map(|v| v.to_bits()), slow.white.map(|v| v.to_bits()));
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&whole.sky), bits(&slow.sky));
    assert_eq!(bits(&whole.noise), bits(&slow.noise));
}

#[test]
fn without_variance_the_scatter_of_the_background_gives_the_noise() {
    let mut product = product();
    product.hdus.truncate(1);
    let survey = CubeSurvey::of(&product, &SurveyOptions::default()).unwrap();
    // The cut of the background sample at one sigma of the white image hardly narrows single planes.
    assert!((number(survey.pixnoise()) / (SIGMA * 1e-20) - 1.0).abs() < 0.05);
}

#[test]
fn what_cannot_be_formed_is_absent_with_a_reason() {
    let mut product = product();
    let empty = Array3::from_elem((4, 5, 6), f32::NAN);
    product.hdus = vec![Hdu {
        name: "DATA".into(),
        header: Header::new(),
        data: HduData::Image(Pixels::F32(Arc::new(empty))),
    }];
    let survey = CubeSurvey::of(&product, &SurveyOptions::default()).unwrap();
    for measured in [
        survey.pixnoise(),
        survey.abmaglim(),
        survey.sky_res_arcsec(),
        survey.wavelmin_nm(),
        survey.num_src(),
        survey.histo_bkg(),
        survey.snr(),
        survey.lshift_max_angstrom(Some(0.0)),
        survey.naxis(4),
    ] {
        assert!(
            matches!(&measured, Measured::Absent { reason } if !reason.is_empty()),
            "{measured:?}"
        );
    }
}

#[test]
fn a_product_without_data_is_of_another_kind() {
    let mut product = product();
    product.hdus.clear();
    let error = CubeSurvey::of(&product, &SurveyOptions::default()).unwrap_err();
    assert!(matches!(error, QcError::WrongProduct { .. }), "{error}");
}
