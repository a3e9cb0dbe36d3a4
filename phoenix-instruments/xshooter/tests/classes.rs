//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_core::header::Value;
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
const EXCEPTIONS: [Exception; 5] = [
    exception("CALIB", "BIAS", "IMAGE", "a bias is a bias whatever template took it"),
    exception(
        "CALIB",
        "BIAS,*",
        "IMAGE",
        "a bias of the linearity template is no night's bias, though ESO's last rule says so",
    ),
    exception(
        "CALIB",
        "LAMP,AFC",
        "ECHELLE",
        "flexure frames are known whatever template took them",
    ),
    exception(
        "CALIB",
        "STD,*",
        "ECHELLE,IFU,OFFSET",
        "standards are known whatever template took them",
    ),
    exception(
        "SCIENCE",
        "OBJECT",
        "IMAGE",
        "the exclusion of one technical programme is not ours",
    ),
];

fn book(name: &str, text: &str) -> Book {
    Book {
        name: name.into(),
        rules: RuleBook::parse(text).unwrap(),
        class_key: "DO.CATG",
    }
}

fn own() -> Book {
    book("xshooter", phoenix_xshooter::RULES)
}

fn eso() -> Option<Book> {
    let path = peers::data("oca/xshoo_gasgano.oca")?;
    Some(book("xshoo_gasgano", &std::fs::read_to_string(path).unwrap()))
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
    let Some(eso) = eso() else { return };
    let kinds = books::with_every_technique(&books::kinds(eso.rules.text()));
    let axes = [
        optional("SEQ.ARM", &["UVB", "VIS", "NIR", "AGC"]),
        optional("INS.OPTI2.NAME", &["SLOT", "IFU", "PIN", "MIR"]),
        lamps(),
        slits(),
        optional("TPL.ID", &["XSHOOTER_gen_cal_Bias", "XSHOOTER_slt_acq"]),
    ];
    let agreement = books::compare("XSHOOTER", &own(), &[eso], &kinds, &axes, &EXCEPTIONS);
    assert!(agreement.n_headers > 50_000, "{}", agreement.n_headers);
    assert_eq!(agreement.faults, Vec::<String>::new());
}

#[test]
fn real_headers_have_esos_class() {
    let Some(eso) = eso() else { return };
    let Some(folder) = peers::data("headers") else { return };
    let (mut n, own) = (0, own());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("xshooter_") {
            continue;
        }
        let header = books::header_of_text(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(own.class(&header), eso.class(&header), "{name}");
        n += 1;
    }
    assert_eq!(n, 8);
}
