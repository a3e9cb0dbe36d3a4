//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_testkit::books::{self, Book, Exception, optional};
use phoenix_testkit::eso;

/// Where we differ on purpose; the list of ADR 0004.
const EXCEPTIONS: [Exception; 0] = [];

fn own() -> Book {
    Book::parse("giraffe", phoenix_giraffe::RULES, "DO.CATG")
}

fn theirs() -> Option<Vec<Book>> {
    eso::rule_books(&[("giraf_gasgano", "DO.CATG")])
}

#[test]
fn every_combination_that_esos_rules_mention_has_esos_class() {
    let Some(theirs) = theirs() else { return };
    let kinds = theirs.iter().flat_map(|book| books::kinds(book.rules.text())).collect();
    let kinds = books::with_every_technique(&kinds);
    let axes = [
        optional("INS.SLIT.NAME", &["Medusa1", "IFU1", "Argus"]),
        optional("INS.MODE", &["MED", "IFU"]),
        optional("OCS.SIMCAL", &["T"]),
    ];
    let agreement = books::compare("GIRAFFE", &own(), &theirs, &kinds, &axes, &EXCEPTIONS);
    assert!(agreement.n_headers > 500, "{}", agreement.n_headers);
    assert_eq!(agreement.faults, Vec::<String>::new());
}

#[test]
fn real_headers_have_esos_class() {
    let Some(theirs) = theirs() else { return };
    let Some(n) = eso::assert_real_headers_agree(&own(), &theirs, "giraffe_") else {
        return;
    };
    assert_eq!(n, 1);
}
