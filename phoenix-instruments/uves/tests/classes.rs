//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_core::header::{Header, Value};
use phoenix_core::rules::RuleBook;
use phoenix_testkit::books::{self, Book, Choice, Exception, optional};
use phoenix_testkit::peers;

const fn exception(
    category: &'static str,
    kind: &'static str,
    technique: &'static str,
    why: &'static str,
) -> Exception {
    Exception {
        category,
        kind,
        technique,
        why,
    }
}

/// Where we differ on purpose; the list of ADR 0004.
const EXCEPTIONS: [Exception; 12] = [
    exception("TEST", "*", "*", "one class for all tests: nobody works on them"),
    exception("test", "*", "*", "a spelling of the laboratory, no class"),
    exception("IGNOREME", "*", "*", "a mark of the laboratory, no class"),
    exception("ACQUISITION", "SLIT", "IMAGE", "one class for all acquisition images"),
    exception(
        "CALIB",
        "EXTENDED",
        "ECHELLE",
        "no calibration has this type; the sloppy match of gasgano",
    ),
    exception("CALIB", "OBJECT,EXTENDED", "FLAT,SKY", "a technique that no frame has"),
    exception(
        "CALIB",
        "LAMP,SFLAT",
        "ECHELLE",
        "slit flats exist in the red arm only, whatever the slit unit",
    ),
    exception(
        "CALIB",
        "LAMP,IFLAT",
        "ECHELLE,ABSORPTION-CELL",
        "the class does not depend on the slit unit",
    ),
    exception("SCIENCE", "", "ECHELLE", "a science frame without type has no class"),
    exception("SCIENCE", "EXTENDED", "ECHELLE", "science types begin with OBJECT"),
    exception("SCIENCE", "POINT", "ECHELLE", "science types begin with OBJECT"),
    exception(
        "SCIENCE",
        "OBJECT",
        "ECHELLE*",
        "without slit unit gasgano knows no class; ours is that of the free slit",
    ),
];

fn book(name: &str, text: &str, class_key: &'static str) -> Book {
    Book {
        name: name.into(),
        rules: RuleBook::parse(text).unwrap(),
        class_key,
    }
}

fn own() -> Book {
    book("uves", phoenix_uves::RULES, "DO.CATG")
}

fn eso() -> Option<Vec<Book>> {
    [
        ("uves_gasgano", "DO.CATG"),
        ("uves_wkf", "REFLEX.CATG"),
        ("uves_fibre", "DO.CATG"),
    ]
    .into_iter()
    .map(|(name, key)| {
        let path = peers::data(&format!("oca/{name}.oca"))?;
        Some(book(name, &std::fs::read_to_string(path).unwrap(), key))
    })
    .collect()
}

#[test]
fn every_combination_that_esos_rules_mention_has_esos_class() {
    let Some(eso) = eso() else { return };
    let kinds = eso.iter().flat_map(|book| books::kinds(book.rules.text())).collect();
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
    let agreement = books::compare("UVES", &own(), &eso, &kinds, &axes, &EXCEPTIONS);
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
    let Some(eso) = eso() else { return };
    let Some(folder) = peers::data("headers") else { return };
    let (mut n, own) = (0, own());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("uves_") {
            continue;
        }
        let header = books::header_of_text(&std::fs::read_to_string(&path).unwrap());
        let ours = own.class(&header);
        let theirs: Vec<_> = eso.iter().map(|book| book.class(&header)).collect();
        let agree = theirs.contains(&ours) && (ours.is_some() || theirs.iter().all(Option::is_none));
        assert!(agree, "{name}: {ours:?} to us, {theirs:?} to ESO");
        n += 1;
    }
    assert_eq!(n, 10);
}
