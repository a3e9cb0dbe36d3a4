//! The contracts of the traits, the linter, the sources of the rules, and the calibration plan as a document.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod support;

use phoenix_core::frame::Frame;
use phoenix_core::header::Header;
use phoenix_core::rules::Validity;
use phoenix_core::traits::{DeliveryForm, Instrument};
use phoenix_testkit::{conformance, matrix};
use phoenix_uves::{RULES, VALIDITY, instrument};
use support::{Setting, statics};

fn frames() -> Vec<Frame> {
    let mut frames = statics();
    frames.extend(Setting::BLUE.calibrations());
    frames.push(Setting::BLUE.frame("2016-05-02T02:00:00.000", "OBJECT", "ECHELLE"));
    frames
}

#[test]
fn selection_and_association_keep_their_contracts() {
    conformance::decisions(&instrument().unwrap(), &frames()).assert_clean();
}

#[test]
fn the_rules_tell_their_sources_and_the_linter_finds_no_error() {
    conformance::rules("UVES", RULES, VALIDITY).assert_clean();
}

#[test]
fn a_product_without_quality_keywords_is_grey_and_never_green() {
    conformance::unscored(&instrument().unwrap(), "FLUXCAL_SCIENCE_BLUE").assert_clean();
}

#[test]
fn every_calibration_has_its_tasks_levels_and_makers() {
    let validity = Validity::parse(VALIDITY).unwrap();
    insta::assert_yaml_snapshot!(matrix::matrix(&instrument().unwrap(), &validity).unwrap());
}

#[test]
fn spectra_are_named_as_in_the_archive() {
    let instrument = instrument().unwrap();
    let mut header = Header::new();
    header.set("INS.MODE", "DICHR#1", "");
    header.set("INS.GRAT2.WLEN", 564.0, "");
    header.set("INS.SLIT3.WID", 0.8, "");
    header.set("INS.SLIT1.NAME", "FREE", "");
    header.set("DET.WIN1.BINX", 1, "");
    header.set("DET.WIN1.BINY", 1, "");
    let reduced = instrument.delivery(&"RED_SCIENCE_REDL".into(), &header).unwrap();
    assert_eq!(
        (reduced.name_code.as_str(), reduced.name_suffix.as_str()),
        ("UV_SRED", "REDL564d1_1x1_08")
    );
    assert_eq!(reduced.keywords["FLUXCAL"], "UNCALIBRATED");
    // The recipe's record does not name the response, so the calibrated spectrum itself tells that counts stay at home.
    assert_eq!(reduced.unless, Some("FLUXCAL_SCIENCE_REDL".into()));
    assert_eq!(instrument.delivery(&"ERRORBAR_SCIENCE_REDL".into(), &header), None);
    let fluxed = instrument.delivery(&"FLUXCAL_SCIENCE_REDL".into(), &header).unwrap();
    assert_eq!(
        (fluxed.name_code.as_str(), fluxed.category.as_str()),
        ("UV_SFLX", "SCIENCE.SPECTRUM")
    );
    let master = instrument.delivery(&"MASTER_BIAS_BLUE".into(), &header).unwrap();
    assert_eq!(master.form, DeliveryForm::Master);
    assert_eq!(instrument.delivery(&"BKG_FLAT_BLUE".into(), &header), None);
}
