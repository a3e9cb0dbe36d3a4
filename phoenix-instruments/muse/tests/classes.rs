//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_core::header::Value;
use phoenix_muse::kinds;
use phoenix_testkit::books::{self, Book, Exception, optional};
use phoenix_testkit::eso;

/// Where we differ on purpose; the list of ADR 0004.
const EXCEPTIONS: [Exception; 2] = [
    Exception::new(
        "CALIB",
        "LAMP,FLAT",
        "IFU",
        "early illumination flats are told by their template; the number of exposures is a matter of completeness",
    ),
    Exception::new("CALIB", "TELLU", "IFU", "a telluric standard is no target"),
];

fn own() -> Book {
    Book::parse("muse", kinds::RULES, "DO.CATG")
}

fn theirs() -> Option<Vec<Book>> {
    eso::rule_books(&[("muse_gasgano", "DO.CATG"), ("muse_wkf", "REFLEX.CATG")])
}

#[test]
fn every_combination_that_esos_rules_mention_has_esos_class() {
    let Some(theirs) = theirs() else { return };
    let kinds = theirs.iter().flat_map(|book| books::kinds(book.rules.text())).collect();
    let kinds = books::with_every_technique(&kinds);
    let axes = [
        optional(
            "TPL.ID",
            &["MUSE_wfm_cal_specflat", "MUSE_nfm_cal_specflat", "MUSE_wfm_cal_illum"],
        ),
        vec![
            vec![("TPL.NEXP", Value::from(5))],
            vec![("TPL.NEXP", Value::from(1))],
            Vec::new(),
        ],
        optional("INS.OPTI1.NAME", &["Blue", "Clear"]),
        optional("INS.MODE", &["WFM-NOAO-N", "WFM-AO-E", "NFM-AO-N"]),
    ];
    let agreement = books::compare("MUSE", &own(), &theirs, &kinds, &axes, &EXCEPTIONS);
    assert!(agreement.n_headers > 2_000, "{}", agreement.n_headers);
    assert_eq!(agreement.faults, Vec::<String>::new());
}

#[test]
fn real_headers_have_esos_class() {
    let Some(theirs) = theirs() else { return };
    let Some(n) = eso::assert_real_headers_agree(&own(), &theirs, "muse_") else {
        return;
    };
    assert_eq!(n, 4);
}
