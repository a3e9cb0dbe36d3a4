//! The contracts of the traits, the linter, the sources of the rules, and the calibration plan as a document.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod support;

use phoenix_core::frame::Frame;
use phoenix_core::header::Header;
use phoenix_core::rules::Validity;
use phoenix_core::traits::Instrument;
use phoenix_testkit::{conformance, matrix};
use phoenix_xshooter::{RULES, VALIDITY, instrument};
use support::Arm;

fn frames() -> Vec<Frame> {
    let mut frames = Arm::Vis.statics();
    frames.extend(Arm::Vis.calibrations("0.9x11"));
    frames.push(Arm::Vis.frame(
        "2016-05-02T02:00:00.000",
        "OBJECT",
        "ECHELLE,SLIT,STARE",
        "0.9x11",
        None,
    ));
    frames
}

#[test]
fn selection_and_association_keep_their_contracts() {
    conformance::decisions(&instrument().unwrap(), &frames()).assert_clean();
}

#[test]
fn the_rules_tell_their_sources_and_the_linter_finds_no_error() {
    conformance::rules("XSHOOTER", RULES, VALIDITY).assert_clean();
}

#[test]
fn a_product_without_quality_keywords_is_grey_and_never_green() {
    conformance::unscored(&instrument().unwrap(), "SCI_SLIT_FLUX_IDP_VIS").assert_clean();
}

#[test]
fn every_calibration_has_its_tasks_levels_and_makers() {
    let validity = Validity::parse(VALIDITY).unwrap();
    insta::assert_yaml_snapshot!(matrix::matrix(&instrument().unwrap(), &validity).unwrap());
}

#[test]
fn spectra_are_named_by_arm_and_slit() {
    let instrument = instrument().unwrap();
    let mut header = Header::new();
    header.set("INS.OPTI4.NAME", "0.9x11", "");
    header.set("DPR.TECH", "ECHELLE,SLIT,NODDING", "");
    let spec = instrument.delivery(&"SCI_SLIT_FLUX_IDP_VIS".into(), &header).unwrap();
    assert_eq!(
        (spec.name_code.as_str(), spec.name_suffix.as_str()),
        ("XS_SFLX", "VIS_0.9x11")
    );
    assert_eq!(spec.keywords["OBSTECH"], "ECHELLE,SLIT,NODDING");
    assert_eq!(spec.companions[0].tag.as_str(), "SCI_SLIT_FLUX_MERGE2D_VIS");
    assert_eq!(instrument.delivery(&"SCI_SLIT_MERGE1D_VIS".into(), &header), None);
}
