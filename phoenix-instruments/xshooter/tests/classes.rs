//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_core::header::Value;
use phoenix_testkit::books::{self, Book, Choice, Exception, optional};
use phoenix_testkit::eso;

/// Where we differ on purpose; the list of ADR 0004.
const EXCEPTIONS: [Exception; 5] = [
    Exception::new("CALIB", "BIAS", "IMAGE", "a bias is a bias whatever template took it"),
    Exception::new(
        "CALIB",
        "BIAS,*",
        "IMAGE",
        "a bias of the linearity template is no night's bias, though ESO's last rule says so",
    ),
    Exception::new(
        "CALIB",
        "LAMP,AFC",
        "ECHELLE",
        "flexure frames are known whatever template took them",
    ),
    Exception::new(
        "CALIB",
        "STD,*",
        "ECHELLE,IFU,OFFSET",
        "standards are known whatever template took them",
    ),
    Exception::new(
        "SCIENCE",
        "OBJECT",
        "IMAGE",
        "the exclusion of one technical programme is not ours",
    ),
];

fn own() -> Book {
    Book::parse("xshooter", phoenix_xshooter::RULES, "DO.CATG")
}

fn theirs() -> Option<Vec<Book>> {
    eso::rule_books(&[("xshoo_gasgano", "DO.CATG")])
}

/// All lamps on, or no lamp key at all.
fn lamps() -> Vec<Choice> {
    let mut on: Choice = (1..=6)
        .map(|n| match n {
            1 => "INS.LAMP1.ST",
            2 => "INS.LAMP2.ST",
            3 => "INS.LAMP3.ST",
            4 => "INS.LAMP4.ST",
            5 => "INS.LAMP5.ST",
            _ => "INS.LAMP6.ST",
        })
        .map(|key| (key, Value::from(true)))
        .collect();
    on.push(("INS.LAMP6.NAME", Value::from("NIR_FF_lamp")));
    vec![on, Vec::new()]
}

/// The slit wheel of every arm.
fn slits() -> Vec<Choice> {
    let wheels = ["INS.OPTI3.NAME", "INS.OPTI4.NAME", "INS.OPTI5.NAME"];
    let mut choices: Vec<Choice> = ["0.9x11", "Pin_0.5", "Pin_row", "0.9x11JH"]
        .iter()
        .map(|slit| wheels.iter().map(|wheel| (*wheel, Value::from(*slit))).collect())
        .collect();
    choices.push(Vec::new());
    choices
}

#[test]
fn every_combination_that_esos_rules_mention_has_esos_class() {
    let Some(theirs) = theirs() else { return };
    let kinds = theirs.iter().flat_map(|book| books::kinds(book.rules.text())).collect();
    let kinds = books::with_every_technique(&kinds);
    let axes = [
        optional("SEQ.ARM", &["UVB", "VIS", "NIR", "AGC"]),
        optional("INS.OPTI2.NAME", &["SLOT", "IFU", "PIN", "MIR"]),
        lamps(),
        slits(),
        optional("TPL.ID", &["XSHOOTER_gen_cal_Bias", "XSHOOTER_slt_acq"]),
    ];
    let agreement = books::compare("XSHOOTER", &own(), &theirs, &kinds, &axes, &EXCEPTIONS);
    assert!(agreement.n_headers > 50_000, "{}", agreement.n_headers);
    assert_eq!(agreement.faults, Vec::<String>::new());
}

#[test]
fn real_headers_have_esos_class() {
    let Some(theirs) = theirs() else { return };
    let Some(n) = eso::assert_real_headers_agree(&own(), &theirs, "xshooter_") else {
        return;
    };
    assert_eq!(n, 8);
}
