//! A project brings its own rules, windows, limits and header edits; grades are input to selection; a batch may be no
//! date; a run tells what it took beside what was expected.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::fs;

use phoenix::io::fits::FitsFile;
use serde_json::Value;
use stage::{NIGHT, Stage, job};

/// A project on the simulated night, with more lines.
fn project(stage: &Stage, more: &str) {
    let text = format!(
        "layout = 1\nname = \"own\"\nversion = 1\ninstrument = \"MUSE\"\nmode = \"IDP\"\nreview = \"none\"\n\
         [archive]\nread = \"store\"\n{more}"
    );
    fs::write(stage.path().join("project.toml"), text).expect("written");
}

fn plan(stage: &Stage, more: &[&str]) -> stage::End {
    let mut words = vec!["plan", "--project", "project.toml", "--night", NIGHT];
    words.extend(more);
    stage.phoenix(&words)
}

fn n_jobs(document: &Value) -> usize {
    document["jobs"].as_array().map_or(0, Vec::len)
}

/// The rule book of MUSE and a rule on grades.
fn graded_rules() -> String {
    let rule = "\nif INSTRUME == \"MUSE\" and OBS.GRADE == \"B\" then { DO.REJECT = \"graded B: seeing\"; }\n";
    format!("{}{rule}", phoenix::muse::kinds::RULES)
}

#[test]
fn a_rule_of_the_project_says_what_a_grade_does() {
    let stage = Stage::with_night();
    project(&stage, "[files]\nrules = [\"own.oca\"]\n");
    fs::write(stage.path().join("own.oca"), graded_rules()).expect("written");
    let document = plan(&stage, &["--json"]).json();
    let left_out = document["left_out"].to_string();
    assert!(left_out.contains("graded B: seeing"), "{left_out}");
    let jobs = document["jobs"].to_string();
    assert!(!jobs.contains("1384007") && jobs.contains("1384001"), "{jobs}");
    let overlays = document["overlays"].to_string();
    assert!(
        overlays.contains("OBS.GRADE") && overlays.contains("night log") && overlays.contains("info/2016-05-01.json"),
        "{overlays}"
    );
}

#[test]
fn a_rule_book_that_is_wrong_is_named_with_file_and_line() {
    let stage = Stage::with_night();
    project(&stage, "[files]\nrules = [\"good.oca\", \"bad.oca\"]\n");
    fs::write(stage.path().join("good.oca"), phoenix::muse::kinds::RULES).expect("written");
    fs::write(stage.path().join("bad.oca"), "\nif DPR.CATG = \"CALIB\" then\n").expect("written");
    let end = plan(&stage, &[]);
    assert_eq!(end.code, Some(2), "{}", end.out);
    assert!(end.err.contains("bad.oca") && end.err.contains('2'), "{}", end.err);
    project(&stage, "[files]\nrules = [\"other.oca\"]\nvalidity = \"other.toml\"\n");
    fs::write(stage.path().join("other.oca"), phoenix::uves::RULES).expect("written");
    fs::write(stage.path().join("other.toml"), phoenix::uves::VALIDITY).expect("written");
    let end = plan(&stage, &[]);
    assert_eq!(end.code, Some(2), "{}", end.out);
    assert!(end.err.contains("rules are for UVES, not for MUSE"), "{}", end.err);
}

#[test]
fn overlays_and_limits_of_the_project_decide_and_provenance_tells_them() {
    let stage = Stage::with_night();
    project(&stage, "[files]\noverlays = [\"edits.toml\"]\nqc = \"qc.toml\"\n");
    let edits = "[[overlay]]\nframes = \"MUSE.2016-05-0*\"\nwhen = { \"OBS.ID\" = 1384007 }\nauthor = \"operator\"\n\
                 reason = \"a test\"\nset = { \"OBS.TARG.NAME\" = \"RENAMED\" }\n";
    fs::write(stage.path().join("edits.toml"), edits).expect("written");
    let own = fs::read_to_string("../phoenix-instruments/muse/rules/qc.toml").expect("the limits");
    assert!(own.contains("300"), "{own}");
    fs::write(stage.path().join("qc.toml"), own.replace("300", "299")).expect("written");
    let text = plan(&stage, &[]);
    assert!(
        text.out
            .contains("OBS.TARG.NAME = RENAMED (operator: a test, edits.toml)"),
        "{}",
        text.out
    );
    let words = [
        "run",
        "--project",
        "project.toml",
        "--night",
        NIGHT,
        "--json",
        "--out",
        "run",
    ];
    let document = stage.phoenix(&words).json_with(0);
    let product = &job(&document, "_pst:")["products"][0]["location"];
    // The recipe read what the plan saw; what the night log says is for rules alone.
    let file = FitsFile::open(product.as_str().expect("a product")).expect("opens");
    let header = &file.hdus()[0].header;
    assert_eq!(header.str("OBS.TARG.NAME"), Ok("RENAMED"));
    assert!(!header.contains("OBS.GRADE"));
    let beside = product
        .as_str()
        .expect("a product")
        .replace(".fits", ".provenance.json");
    let record = fs::read_to_string(beside).expect("the provenance");
    let record: Value = serde_json::from_str(&record).expect("a document");
    let provenance = record.get("provenance").unwrap_or(&record);
    assert!(
        provenance["overlays"].to_string().contains("edits.toml"),
        "{provenance:#}"
    );
    assert!(
        provenance["rules"].as_str().is_some_and(|digest| digest.len() > 64),
        "{provenance:#}"
    );
    let pages: Vec<(String, Vec<u8>)> = stage::files(&stage.path().join("run/report")).into_iter().collect();
    let is_page = |name: &str| name.ends_with(".score.json");
    let scores: String = (pages.iter().filter(|(name, _)| is_page(name)))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    assert!(scores.contains("299"), "{scores}");
    // Another edit is another project: the folder stays with the first.
    fs::write(stage.path().join("edits.toml"), edits.replace("RENAMED", "AGAIN")).expect("written");
    let end = stage.phoenix(&words);
    assert_eq!(end.code, Some(2), "{}", end.out);
}

#[test]
fn a_batch_takes_the_science_of_one_target_and_a_mistake_names_those_there_are() {
    let stage = Stage::with_night();
    let with = |more: &[&str]| {
        let mut words = vec!["plan", "--instrument", "MUSE", "--archive", "store", "--json"];
        words.extend(more);
        stage.phoenix(&words)
    };
    let document = with(&["--mode", "deep", "--batch", "sim-galaxy"]).json_with(0);
    assert_eq!((n_jobs(&document), &document["label"]), (1, &"sim-galaxy".into()));
    assert!(
        document["left_out"]
            .to_string()
            .contains("it is not of batch sim-galaxy")
    );
    let document = with(&["--batch", "OBS.ID=1384001"]).json_with(0);
    assert_eq!(n_jobs(&document), 1);
    for (words, says) in [
        (vec!["--batch", "NGC 1"], "SIM-CLUSTER"),
        (vec!["--mode", "deep", "--night", NIGHT], "needs --batch"),
        (vec!["--mode", "idp", "--batch", "x"], "not of mode IDP"),
    ] {
        let end = with(&words);
        assert_eq!(end.code, Some(2), "{words:?}: {}", end.out);
        assert!(end.out.contains(says), "{words:?}: {}", end.out);
    }
}

#[test]
fn a_run_tells_what_it_took_beside_what_an_earlier_run_taught() {
    let stage = Stage::with_night();
    let first = stage.run("first", &["--deliver-to", "one"]).json_with(0);
    let cost = |document: &Value| document["costs"][0].clone();
    assert_eq!(cost(&first)["n_expected"], 0, "{first:#}");
    assert!(
        cost(&first)["used"]["wall_s"]
            .as_f64()
            .is_some_and(|wall_s| wall_s > 0.0)
    );
    let more = ["--deliver-to", "two", "--history", "first/state.db"];
    let second = stage.run("second", &more).json_with(0);
    assert_eq!(cost(&second)["n_expected"], cost(&second)["n_jobs"], "{second:#}");
    let text = stage.phoenix(&["status", "second"]).out;
    assert!(
        text.contains("used (expected):") && text.contains("processor"),
        "{text}"
    );
}
