//! The contracts of the traits, the linter and the sources of the rules.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod support;

use phoenix_core::dataset::Severity;
use phoenix_core::frame::{ClassifiedFrame, Frame};
use phoenix_core::header::Header;
use phoenix_core::product::Product;
use phoenix_core::rules::ast::Item;
use phoenix_core::rules::check::check;
use phoenix_core::rules::dic::Dictionary;
use phoenix_core::rules::{RuleBook, Validity};
use phoenix_core::traits::{DeliveryForm, Grade, Instrument, Selection};
use phoenix_testkit::conformance;
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
    let (instrument, frames) = (instrument().unwrap(), frames());
    conformance::selector(&instrument, &frames, &Selection::new()).assert_clean();
    let classified: Vec<ClassifiedFrame> = frames
        .iter()
        .filter_map(|frame| {
            let (tag, category) = instrument.selector().classify(frame).unwrap()?;
            Some(ClassifiedFrame {
                frame: frame.clone(),
                tag,
                category,
            })
        })
        .collect();
    assert_eq!(classified.len(), frames.len());
    let selected = instrument.selector().select(&classified, &Selection::new()).unwrap();
    assert!(selected.datasets.len() > 3, "{:?}", selected.left_out);
    conformance::associator(&instrument, &selected.datasets, &classified).assert_clean();
}

#[test]
fn the_linter_finds_no_error_in_the_rules() {
    let (book, validity) = (RuleBook::parse(RULES).unwrap(), Validity::parse(VALIDITY).unwrap());
    let checked = check(&book, &validity, "UVES", &Dictionary::default());
    let errors: Vec<String> = checked
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(book.text().repairs, Vec::new());
}

#[test]
fn every_rule_tells_its_source() {
    let book = RuleBook::parse(RULES).unwrap();
    for item in &book.text().items {
        let (comments, place) = match item {
            Item::If(rule) => (&rule.comments, rule.place),
            Item::Execute(rule) => (&rule.comments, rule.place),
            Item::Action(rule) => (&rule.comments, rule.place),
        };
        let has_source = comments.iter().any(|comment| comment.trim().starts_with("source:"));
        assert!(has_source, "rule at {place} tells no source");
    }
}

#[test]
fn a_product_without_quality_keywords_is_grey_and_never_green() {
    let instrument = instrument().unwrap();
    let product = Product {
        tag: "FLUXCAL_SCIENCE_BLUE".into(),
        name: "product.fits".into(),
        header: Header::new(),
        hdus: Vec::new(),
    };
    let scorer = instrument.scorer(&product.tag).unwrap();
    let report = scorer.score(&scorer.measure(&product).unwrap(), &()).unwrap();
    assert!(!report.scores.is_empty());
    assert!(
        report
            .scores
            .iter()
            .all(|score| score.grade == Grade::NotScored && !score.reason.is_empty())
    );
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
