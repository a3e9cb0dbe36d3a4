//! The contracts of the traits, the linter, the sources of the rules, and the calibration plan as a document.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod support;

use phoenix_core::frame::Frame;
use phoenix_core::header::Header;
use phoenix_core::product::Product;
use phoenix_core::rules::Validity;
use phoenix_core::traits::Instrument;
use phoenix_giraffe::{RULES, VALIDITY, instrument};
use phoenix_testkit::{conformance, matrix};
use support::{calibrations, frame, statics};

fn frames() -> Vec<Frame> {
    let mut frames = statics();
    frames.extend(calibrations());
    frames.push(frame("2016-05-02T02:00:00.000", "OBJECT,OzPoz", "MOS"));
    frames
}

#[test]
fn selection_and_association_keep_their_contracts() {
    conformance::decisions(&instrument().unwrap(), &frames()).assert_clean();
}

#[test]
fn the_rules_tell_their_sources_and_the_linter_finds_no_error() {
    conformance::rules("GIRAFFE", RULES, VALIDITY).assert_clean();
}

#[test]
fn a_product_without_quality_keywords_is_grey_and_never_green() {
    conformance::unscored(&instrument().unwrap(), "SCIENCE_RBNSPEC_IDP").assert_clean();
}

#[test]
fn every_calibration_has_its_tasks_levels_and_makers() {
    let validity = Validity::parse(VALIDITY).unwrap();
    insta::assert_yaml_snapshot!(matrix::matrix(&instrument().unwrap(), &validity).unwrap());
}

#[test]
fn flags_of_a_fibre_follow_date_and_position() {
    let instrument = instrument().unwrap();
    let flags = |mjd: f64, fps: i64| {
        let mut header = Header::new();
        header.set("MJD-OBS", mjd, "");
        header.set("FPS", fps, "");
        header.set("PRO.REC1.CAL1.CATG", "DISPERSION_SOLUTION", "");
        header.set("PRO.REC1.CAL1.NAME", "M.GIRAFFE.2008-03-31T12:00:00.000.fits", "");
        let product = Product {
            tag: "SCIENCE_RBNSPEC_IDP".into(),
            name: "science_spectrum_001.fits".into(),
            header,
            hdus: Vec::new(),
        };
        let scorer = instrument.scorer(&product.tag).unwrap();
        scorer
            .score(&scorer.measure(&product).unwrap(), &())
            .unwrap()
            .flag_string()
    };
    // 2008-03-31T12:00, the day before the limit: the old detector.
    assert_eq!(flags(54_556.5, 23), "-0----010");
    assert_eq!(flags(54_556.5, 110), "-0----001");
    // 2008-04-02T12:00: the new one, and the arc is two days away.
    assert_eq!(flags(54_558.5, 23), "-1----000");
}

#[test]
fn every_fibre_has_a_name_of_its_own() {
    let instrument = instrument().unwrap();
    let mut header = Header::new();
    header.set("FPS", 6, "");
    let spec = instrument.delivery(&"SCIENCE_RBNSPEC_IDP".into(), &header).unwrap();
    assert_eq!(
        (spec.name_code.as_str(), spec.name_suffix.as_str()),
        ("GI_SRBS", "F006")
    );
}
