//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_core::header::{Header, Value};
use phoenix_testkit::books::{self, Book, Choice, Exception, optional};
use phoenix_testkit::eso;

/// Where we differ on purpose; the list of ADR 0004.
const EXCEPTIONS: [Exception; 12] = [
    Exception::new("TEST", "*", "*", "one class for all tests: nobody works on them"),
    Exception::new("test", "*", "*", "a spelling of the laboratory, no class"),
    Exception::new("IGNOREME", "*", "*", "a mark of the laboratory, no class"),
    Exception::new("ACQUISITION", "SLIT", "IMAGE", "one class for all acquisition images"),
    Exception::new(
        "CALIB",
        "EXTENDED",
        "ECHELLE",
        "no calibration has this type; the sloppy match of gasgano",
    ),
    Exception::new("CALIB", "OBJECT,EXTENDED", "FLAT,SKY", "a technique that no frame has"),
    Exception::new(
        "CALIB",
        "LAMP,SFLAT",
        "ECHELLE",
        "slit flats exist in the red arm only, whatever the slit unit",
    ),
    Exception::new(
        "CALIB",
        "LAMP,IFLAT",
        "ECHELLE,ABSORPTION-CELL",
        "the class does not depend on the slit unit",
    ),
    Exception::new("SCIENCE", "", "ECHELLE", "a science frame without type has no class"),
    Exception::new("SCIENCE", "EXTENDED", "ECHELLE", "science types begin with OBJECT"),
    Exception::new("SCIENCE", "POINT", "ECHELLE", "science types begin with OBJECT"),
    Exception::new(
        "SCIENCE",
        "OBJECT",
        "ECHELLE*",
        "without slit unit gasgano knows no class; ours is that of the free slit",
    ),
];

fn own() -> Book {
    Book::parse("uves", phoenix_uves::RULES, "DO.CATG")
}

fn theirs() -> Option<Vec<Book>> {
    eso::rule_books(&[
        ("uves_gasgano", "DO.CATG"),
        ("uves_wkf", "REFLEX.CATG"),
        ("uves_fibre", "DO.CATG"),
    ])
}

#[test]
fn every_combination_that_esos_rules_mention_has_esos_class() {
    let Some(theirs) = theirs() else { return };
    let kinds = theirs.iter().flat_map(|book| books::kinds(book.rules.text())).collect();
    let kinds = books::with_every_technique(&kinds);
    let chips: Vec<Choice> = vec![
        vec![("DET.CHIPS", Value::from(1))],
        vec![("DET.CHIPS", Value::from(2))],
        Vec::new(),
    ];
    let axes = [
        chips,
        optional("INS.SLIT1.NAME", &["FREE", "SLIC#1"]),
        optional("TPL.ID", &["UVES_blue_tec_ccdflat", "UVES_red_tec_ccdflat"]),
        vec![
            vec![("TPL.NEXP", Value::from(3))],
            vec![("TPL.NEXP", Value::from(9))],
            Vec::new(),
        ],
    ];
    let agreement = books::compare("UVES", &own(), &theirs, &kinds, &axes, &EXCEPTIONS);
    assert!(agreement.n_headers > 10_000, "{}", agreement.n_headers);
    assert_eq!(agreement.faults, Vec::<String>::new());
}

#[test]
fn the_arm_is_known_by_the_path_where_the_number_of_detectors_is_missing() {
    let mut header = Header::new();
    for (key, value) in [
        ("INSTRUME", "UVES"),
        ("DPR.CATG", "CALIB"),
        ("DPR.TYPE", "BIAS"),
        ("INS.PATH", "RED"),
    ] {
        header.set(key, value, "");
    }
    assert_eq!(own().class(&header).as_deref(), Some("BIAS_RED"));
    header.set("DET.CHIPS", 1, "");
    assert_eq!(own().class(&header).as_deref(), Some("BIAS_BLUE"));
}

#[test]
fn a_slicer_frame_is_known_by_slit_unit_or_technique() {
    for (slit, technique) in [(Some("SLIC#2"), "ECHELLE"), (None, "ECHELLE,SLIC#2")] {
        let mut header = Header::new();
        header.set("INSTRUME", "UVES", "");
        header.set("DET.CHIPS", 2, "");
        header.set("DPR.CATG", "SCIENCE", "");
        header.set("DPR.TYPE", "OBJECT,POINT", "");
        header.set("DPR.TECH", technique, "");
        if let Some(slit) = slit {
            header.set("INS.SLIT1.NAME", slit, "");
        }
        assert_eq!(own().class(&header).as_deref(), Some("SCI_SLICER_RED"));
    }
}

#[test]
fn a_product_of_a_bias_is_no_bias() {
    let mut header = Header::new();
    header.set("INSTRUME", "UVES", "");
    header.set("DET.CHIPS", 1, "");
    header.set("DPR.CATG", "CALIB", "");
    header.set("DPR.TYPE", "BIAS", "");
    header.set("PRO.CATG", "MASTER_BIAS_BLUE", "");
    assert_eq!(own().class(&header).as_deref(), Some("MASTER_BIAS_BLUE"));
    assert_eq!(own().all_classes(&header).len(), 1);
}

#[test]
fn real_headers_have_esos_class() {
    let Some(theirs) = theirs() else { return };
    let Some(n) = eso::assert_real_headers_agree(&own(), &theirs, "uves_") else {
        return;
    };
    assert_eq!(n, 10);
}
