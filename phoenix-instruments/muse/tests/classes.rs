//! The classes of our rules against ESO's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use phoenix_core::header::Value;
use phoenix_core::rules::RuleBook;
use phoenix_muse::kinds;
use phoenix_testkit::books::{self, Book, Exception, optional};
use phoenix_testkit::peers;

/// Where we differ on purpose; the list of ADR 0004.
const EXCEPTIONS: [Exception; 2] = [
    Exception {
        category: "CALIB",
        kind: "LAMP,FLAT",
        technique: "IFU",
        why: "early illumination flats are told by their template; the number of exposures is a matter of completeness",
    },
    Exception {
        category: "CALIB",
        kind: "TELLU",
        technique: "IFU",
        why: "a telluric standard is no target",
    },
];

fn book(name: &str, text: &str, class_key: &'static str) -> Book {
    Book {
        name: name.into(),
        rules: RuleBook::parse(text).unwrap(),
        class_key,
    }
}

fn eso() -> Option<Vec<Book>> {
    [("muse_gasgano", "DO.CATG"), ("muse_wkf", "REFLEX.CATG")]
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
    let own = book("muse", kinds::RULES, "DO.CATG");
    let agreement = books::compare("MUSE", &own, &eso, &kinds, &axes, &EXCEPTIONS);
    assert!(agreement.n_headers > 2_000, "{}", agreement.n_headers);
    assert_eq!(agreement.faults, Vec::<String>::new());
}

#[test]
fn real_headers_have_esos_class() {
    let Some(eso) = eso() else { return };
    let Some(folder) = peers::data("headers") else { return };
    let own = book("muse", kinds::RULES, "DO.CATG");
    let mut n = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("muse_") {
            continue;
        }
        let header = books::header_of_text(&std::fs::read_to_string(&path).unwrap());
        let ours = own.class(&header);
        let theirs: Vec<_> = eso.iter().map(|book| book.class(&header)).collect();
        let agree = theirs.contains(&ours) && (ours.is_some() || theirs.iter().all(Option::is_none));
        assert!(agree, "{name}: {ours:?} to us, {theirs:?} to ESO");
        n += 1;
    }
    assert_eq!(n, 4);
}
