//! Many nights: the current stream with its gate and its lag, the historical batch from a frozen project.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::fs;

use phoenix::core::header::Header;
use phoenix::core::product::Product;
use phoenix::io::write_product;
use serde_json::Value;
use stage::{End, NIGHT, Stage};

/// Seconds since 1970 of dates after the month of the simulated night.
const JUNE_4: &str = "1465041600";
const JUNE_20: &str = "1466424000";

fn at(stage: &Stage, epoch: &str, words: &[&str]) -> End {
    let mut command = stage.command(words);
    command.env("SOURCE_DATE_EPOCH", epoch);
    command.output().expect("the command runs").into()
}

fn stream<'a>(instrument: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![
        "stream",
        "--instrument",
        instrument,
        "--month",
        "2016-05",
        "--archive",
        "store",
    ];
    words.extend(["--review", "none", "--json", "--threads", "2", "--out", "stream"]);
    words.extend(more);
    words
}

fn night<'a>(document: &'a Value, night: &str) -> &'a Value {
    let nights = document["nights"].as_array().expect("nights");
    nights.iter().find(|found| found["night"] == night).expect("the night")
}

#[test]
fn a_month_is_worked_once_it_is_over_and_its_lag_stays() {
    let stage = Stage::with_night();
    let early = at(&stage, "1462190400", &stream("MUSE", &[])).json_with(0);
    assert_eq!(night(&early, NIGHT)["end"], "waiting");
    assert!(
        night(&early, NIGHT)["because"]
            .as_str()
            .is_some_and(|text| text.contains("the month ends"))
    );
    let document = at(&stage, JUNE_4, &stream("MUSE", &[])).json_with(0);
    let nights = document["nights"].as_array().expect("nights");
    assert_eq!(nights.len(), 31);
    assert!(nights.iter().all(|night| night["end"] == "done"), "{document:#}");
    let lag_days = night(&document, NIGHT)["lag_days"].as_f64().expect("a lag");
    assert!((lag_days - 33.0).abs() < 1e-6, "{lag_days}");
    // Called again much later nothing is done anew, and the lag is that of the arrival.
    let again = at(&stage, JUNE_20, &stream("MUSE", &[])).json_with(0);
    assert_eq!(night(&again, NIGHT)["lag_days"], night(&document, NIGHT)["lag_days"]);
    let run = stage
        .phoenix(&["status", &format!("stream/nights/{NIGHT}"), "--json"])
        .json_with(0);
    let attempts: Vec<&Value> = run["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| &job["attempts"])
        .collect();
    assert_eq!(attempts, [1, 1]);
    let status = at(&stage, JUNE_20, &["status", "stream"]);
    assert_eq!(status.code, Some(0), "{}", status.err);
    assert!(
        status
            .out
            .contains("MUSE stream 2016-05-01..2016-05-31: 31 of 31 nights done"),
        "{}",
        status.out
    );
}

/// A store with one science frame of UVES and no calibration at all.
fn uncalibrated() -> Stage {
    let stage = Stage::empty();
    let mut header = Header::new();
    for (key, value) in [
        ("INSTRUME", "UVES"),
        ("DATE-OBS", "2016-05-02T03:00:00.000"),
        ("OBJECT", "HD 1"),
        ("DPR.CATG", "SCIENCE"),
        ("DPR.TYPE", "OBJECT,POINT"),
        ("DPR.TECH", "ECHELLE"),
        ("INS.PATH", "BLUE"),
        ("INS.MODE", "BLUE"),
        ("DET.CHIPS", "1"),
        ("TPL.START", "2016-05-02T02:59:00"),
        ("OBS.PROG.ID", "097.D-0001(A)"),
    ] {
        header.set(key, value, "");
    }
    for (key, value) in [
        ("DET.CHIPS", 1_i64),
        ("DET.WIN1.BINX", 1),
        ("DET.WIN1.BINY", 1),
        ("OBS.ID", 5),
    ] {
        header.set(key, value, "");
    }
    for (key, value) in [
        ("MJD-OBS", 57_510.125),
        ("EXPTIME", 600.0),
        ("INS.GRAT1.WLEN", 437.0),
        ("INS.SLIT2.WID", 1.0),
    ] {
        header.set(key, value, "");
    }
    let folder = stage.store().join("raw/UVES/2016-05-01");
    fs::create_dir_all(&folder).expect("a folder");
    let product = Product {
        tag: "RAW".into(),
        name: "raw.fits".into(),
        header,
        hdus: Vec::new(),
    };
    write_product(folder.join("UVES.2016-05-02T03:00:00.000.fits"), product).expect("written");
    stage
}

#[test]
fn a_month_waits_for_certified_masters_until_they_are_given_up_and_lateness_is_an_alarm() {
    let stage = uncalibrated();
    let document = at(&stage, JUNE_4, &stream("UVES", &[])).json_with(0);
    let waits = document["waits_for"].as_array().expect("a list");
    assert!(
        waits.iter().any(|lack| lack["tag"] == "MASTER_BIAS_BLUE"),
        "{document:#}"
    );
    assert_eq!(night(&document, NIGHT)["end"], "waiting");
    assert!(!stage.path().join("stream/nights").exists());
    let late = at(&stage, JUNE_20, &stream("UVES", &[])).json_with(1);
    assert_eq!(night(&late, NIGHT)["is_late"], true);
    assert_eq!(night(&late, "2016-05-31")["is_late"], false);
    let mut given: Vec<String> = Vec::new();
    for lack in waits {
        given.push("--give-up".to_owned());
        given.push(lack["tag"].as_str().expect("a kind").to_owned());
    }
    given.extend(["--because".to_owned(), "the lamp was broken".to_owned()]);
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let document = at(&stage, JUNE_4, &stream("UVES", &given)).json_with(1);
    assert_eq!(document["waits_for"].as_array().map(Vec::len), Some(0));
    assert_eq!(night(&document, NIGHT)["end"], "faulty", "{document:#}");
    assert_eq!(night(&document, "2016-05-31")["end"], "done");
    let kept = fs::read_to_string(stage.path().join("stream/given-up.json")).expect("the list");
    assert!(kept.contains("the lamp was broken"), "{kept}");
    let unreasoned = at(&stage, JUNE_4, &stream("UVES", &["--give-up", "MASTER_BIAS_BLUE"]));
    assert_eq!(unreasoned.code, Some(2));
}

#[test]
fn several_nights_without_a_project_are_one_plan_to_try_things_out() {
    let stage = Stage::with_night();
    let words = [
        "run",
        "--instrument",
        "MUSE",
        "--archive",
        "store",
        "--from",
        "2016-04-30",
        "--to",
        "2016-05-02",
        "--review",
        "none",
        "--json",
        "--out",
        "trial",
    ];
    let planned = stage.phoenix(&[&words[..], &["--step", "plan"]].concat()).json_with(0);
    assert_eq!(planned["label"], "2016-04-30..2016-05-02");
    let document = stage.phoenix(&["resume", "trial", "--json"]).json_with(0);
    assert_eq!(document["jobs"].as_array().map(Vec::len), Some(2));
    assert!(document["jobs"].to_string().contains("ingested"));
    let again = stage.phoenix(&words).json_with(0);
    assert_eq!(again["jobs"][0]["attempts"], 1);
}

#[test]
fn a_batch_starts_from_a_frozen_project_and_goes_on_night_by_night() {
    let stage = Stage::with_night();
    let project = |frozen: bool| {
        let text = format!(
            "layout = 1\nname = \"muse-idp\"\nversion = 1\nfrozen = {frozen}\ninstrument = \"MUSE\"\nmode = \"IDP\"\n\
             kind = \"batch\"\nreview = \"none\"\n[archive]\nread = \"store\"\n"
        );
        fs::write(stage.path().join("project.toml"), text).expect("written");
    };
    let words = [
        "run",
        "--project",
        "project.toml",
        "--from",
        "2016-04-30",
        "--to",
        "2016-05-02",
        "--json",
        "--out",
        "batch",
    ];
    project(false);
    let refused = stage.phoenix(&words);
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert!(refused.out.contains("is not frozen"), "{}", refused.out);
    project(true);
    let document = stage.phoenix(&words).json_with(0);
    let ends: Vec<&Value> = document["nights"]
        .as_array()
        .expect("nights")
        .iter()
        .map(|night| &night["end"])
        .collect();
    assert_eq!(ends, ["done", "done", "done"]);
    // A folder of one kind is not taken for another; a campaign resumes as a run does.
    assert_eq!(
        stage.phoenix(&["resume", "batch", "--json"]).json_with(0)["kind"],
        "batch"
    );
    let other = stage.phoenix(&[
        "stream",
        "--project",
        "project.toml",
        "--month",
        "2016-05",
        "--out",
        "batch",
    ]);
    assert_eq!(other.code, Some(2), "{}", other.out);
    let step = stage.phoenix(&[&words[..], &["--step", "plan"]].concat());
    assert_eq!(step.code, Some(2), "{}", step.out);
}
