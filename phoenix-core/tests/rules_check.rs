//! The linter says what can never happen, what happens twice and what waits for itself.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::collections::BTreeMap;

use phoenix_core::rules::check::{Checked, check};
use phoenix_core::rules::dic::Dictionary;
use phoenix_core::rules::{RuleBook, Validity};
use phoenix_testkit::peers;

fn linted(rules: &str, validity: &str) -> Checked {
    let book = RuleBook::parse(rules).expect("the rules can be read");
    let validity = Validity::parse(validity).expect("the table can be read");
    check(&book, &validity, "TOY", &Dictionary::default())
}

fn lines(checked: &Checked) -> Vec<String> {
    checked.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_condition_that_contradicts_itself_is_unreachable() {
    let checked = linted(
        r#"if DPR.TYPE == "BIAS" and (DPR.TYPE == "FLAT" or DPR.TYPE like "DARK%") then { DO.CATG = "X"; }"#,
        "",
    );
    assert_eq!(
        lines(&checked),
        ["1:1: error: unreachable: : its condition can never hold"]
    );
}

#[test]
fn two_kinds_for_one_frame_are_an_error_in_an_exclusive_book_only() {
    let rules = r#"
if DPR.TYPE == "BIAS" then { DO.CATG = "BIAS"; }
if DPR.TYPE like "BIAS%" and INSTRUME == "TOY" then { DO.CATG = "OTHER"; }
"#;
    let exclusive = linted(rules, "exclusive = true");
    assert_eq!(lines(&exclusive), [] as [&str; 0], "neither rule implies the other");
    let rules = r#"
if DPR.TYPE == "BIAS" and INSTRUME == "TOY" then { DO.CATG = "BIAS"; }
if DPR.TYPE like "BIAS%" then { DO.CATG = "OTHER"; }
"#;
    assert_eq!(
        lines(&linted(rules, "exclusive = true")),
        ["2:1: error: ambiguous: DO.CATG: where this rule says \"BIAS\" the rule at 3:1 says \"OTHER\""]
    );
    assert!(lines(&linted(rules, ""))[0].contains("warning: ambiguous"));
}

#[test]
fn tasks_that_wait_for_each_other_are_found() {
    let rules = r#"
select execute(a) from inputFiles where DO.CATG == "A";
select execute(b) from inputFiles where DO.CATG == "B";
action a { select file as Y from calibFiles where PRO.CATG == "Y"; product X { PRO.CATG = "X"; } }
action b { minRet = 0; maxRet = 1; select file as X from calibFiles where PRO.CATG == "X"; product Y { PRO.CATG = "Y"; } }
"#;
    assert_eq!(
        lines(&linted(rules, "")),
        ["4:1: warning: cyclic: a: tasks wait for each other's products: a, b"]
    );
    let required = rules.replace("minRet = 0", "minRet = 1");
    assert!(lines(&linted(&required, ""))[0].contains("error: cyclic"));
}

#[test]
fn a_task_without_action_or_start_is_found() {
    let checked = linted(
        r#"select execute(a) from inputFiles where DO.CATG == "A"; action b { recipe b; }"#,
        "exclusive = true",
    );
    assert_eq!(
        lines(&checked),
        [
            "1:1: error: no-action: a: the task has no action: nothing says what it needs and makes",
            "1:57: warning: unreachable: b: nothing starts the task",
        ]
    );
}

#[test]
fn known_faults_of_the_shipped_books_are_warnings() {
    let Some(folder) = peers::data("oca") else { return };
    let Some(dictionaries) = peers::data("dic") else { return };
    let mut dictionary = Dictionary::default();
    for entry in std::fs::read_dir(dictionaries).expect("the folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("the file can be read")).into_owned();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        assert!(dictionary.add(&name, &text) > 0, "{name}");
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("the file can be read")).into_owned();
        let book = RuleBook::parse(&text).expect("shipped books can be read");
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let instrument = match name.get(..4) {
            Some("uves") => "UVES",
            Some("muse") => "MUSE",
            Some("gira") => "GIRAFFE",
            _ => "XSHOOTER",
        };
        let checked = check(
            &book,
            &Validity::parse("").expect("empty is sound"),
            instrument,
            &dictionary,
        );
        for finding in &checked.findings {
            if finding.keyword == "MDJ-OBS" {
                assert_eq!(
                    finding.message,
                    "no frame has this keyword, named 12 times; MJD-OBS may be meant"
                );
            }
            *counts
                .entry(format!("{:?} {}", finding.severity, finding.rule))
                .or_default() += 1;
        }
        assert!(checked.n_keys_not_checked > 0);
    }
    insta::assert_json_snapshot!(counts);
}
