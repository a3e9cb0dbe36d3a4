//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_core::rules::RuleBook;
use phoenix_testkit::books::{self, Book, Exception, optional};
use phoenix_testkit::peers;

/// Where we differ on purpose; the list of ADR 0004.
const EXCEPTIONS: [Exception; 0] = [];

fn own() -> Book {
    Book {
        name: "giraffe".into(),
        rules: RuleBook::parse(phoenix_giraffe::RULES).unwrap(),
        class_key: "DO.CATG",
    }
}

#[test]
fn every_combination_that_esos_rules_mention_has_esos_class() {
    let Some(path) = peers::data("oca/giraf_gasgano.oca") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let eso = Book {
        name: "giraf_gasgano".into(),
        rules: RuleBook::parse(&text).unwrap(),
        class_key: "DO.CATG",
    };
    let kinds = books::with_every_technique(&books::kinds(eso.rules.text()));
    let axes = [
        optional("INS.SLIT.NAME", &["Medusa1", "IFU1", "Argus"]),
        optional("INS.MODE", &["MED", "IFU"]),
        optional("OCS.SIMCAL", &["T"]),
    ];
    let agreement = books::compare("GIRAFFE", &own(), &[eso], &kinds, &axes, &EXCEPTIONS);
    assert!(agreement.n_headers > 500, "{}", agreement.n_headers);
    assert_eq!(agreement.faults, Vec::<String>::new());
}
