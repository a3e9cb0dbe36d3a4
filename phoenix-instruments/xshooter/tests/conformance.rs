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
use phoenix_core::traits::{Grade, Instrument, Selection};
use phoenix_testkit::conformance;
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
    let checked = check(&book, &validity, "XSHOOTER", &Dictionary::default());
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
        tag: "SCI_SLIT_FLUX_IDP_VIS".into(),
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
