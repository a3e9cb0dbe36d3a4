//! Masters that are made anew are judged by the stored scores of their epoch.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;
mod stand_in;

use std::fs;

use phoenix::core::id::Tag;
use phoenix::core::traits::{Grade, QcReport, QcRow, QcStore};
use phoenix::core::unit::Mjd;
use phoenix::io::SqliteState;
use phoenix::sim::night::{Content, FrameSize, uves_blue};
use stage::{NIGHT, Stage, files};

/// A night of UVES as headers, with a stand-in for ESO's recipes.
fn night() -> Stage {
    let stage = Stage::empty();
    let mut night = uves_blue(1, FrameSize::Small);
    for file in &mut night.files {
        if let Content::Product(product) = &mut file.content {
            product.hdus.clear();
        }
    }
    phoenix::demo::lay_down(&night, &stage.store()).expect("the night is laid down");
    let registry = phoenix::default_registry().expect("the instruments");
    let uves = registry.get("UVES").expect("UVES is built in");
    assert!(
        uves.scorer(&Tag::from("MASTER_BIAS_BLUE")).is_some(),
        "the master bias is scored"
    );
    stand_in::esorex(stage.path(), uves.as_ref(), ("", "", ""));
    let project = format!(
        "layout = 1\nname = \"masters\"\nversion = 1\ninstrument = \"UVES\"\nmode = \"MCALIB\"\nreview = \"none\"\n\
         [archive]\nread = \"store\"\n[judgement]\nhistory = \"old.db\"\n[backend]\ndefault = \"esorex\"\n\
         [backend.esorex]\nprogram = \"{}\"\n",
        stage.path().join("esorex").display()
    );
    fs::write(stage.path().join("project.toml"), project).expect("written");
    stage
}

/// Runs the night by the project and returns the document.
fn run(stage: &Stage, out: &str) -> serde_json::Value {
    let words = [
        "run",
        "--project",
        "project.toml",
        "--night",
        NIGHT,
        "--json",
        "--threads",
        "2",
        "--out",
        out,
    ];
    stage.phoenix(&words).json()
}

#[test]
fn every_parameter_of_a_master_stands_beside_the_stored_one_with_a_reason() {
    let stage = night();
    let old = SqliteState::open(stage.path().join("old.db")).expect("a state");
    let document = run(&stage, "run");
    let jobs = document["jobs"].as_array().expect("jobs");
    assert!(
        jobs.iter().all(|job| job["task"] != "uves_obs_scired"),
        "science is not worked"
    );
    let pages = files(&stage.path().join("run/report"));
    let (_, page) = pages
        .iter()
        .find(|(name, _)| name.contains("uves_cal_mbias") && name.ends_with(".score.json"))
        .expect("the score of a master bias");
    let page: serde_json::Value = serde_json::from_slice(page).expect("a document");
    let text = page.to_string();
    assert!(
        text.contains(":stored") && text.contains("no stored score of this kind"),
        "{text}"
    );
    // Only facts are kept as values of the past, not judgements of judgements.
    let state = SqliteState::open_existing(stage.path().join("run/state.db")).expect("the state");
    let rows = state.rows().expect("rows");
    assert!(rows.iter().all(|row| !row.parameter.ends_with(":stored")));
    // With a stored score of another epoch the reason names it.
    let row = rows
        .iter()
        .find(|row| row.product.contains("uves_cal_mbias"))
        .expect("a row");
    let stored = QcRow {
        product: format!("UVES.old_tpl{}", tail(&row.product)),
        mjd: Mjd(row.mjd.0 - 30.0),
        value: Some(4.0),
        grade: Grade::Pass,
        ..row.clone()
    };
    let report = QcReport {
        product: stored.product.clone(),
        heading: phoenix::core::traits::QcHeading::default(),
        scores: Vec::new(),
        flags: Vec::new(),
    };
    old.save(&report, std::slice::from_ref(&stored)).expect("saved");
    run(&stage, "again");
    let pages = files(&stage.path().join("again/report"));
    let told = pages
        .iter()
        .any(|(name, bytes)| name.ends_with(".score.json") && String::from_utf8_lossy(bytes).contains(&stored.product));
    assert!(told, "no score names {}", stored.product);
}

/// The part of a product's key that says what kind it is: `:task/name`.
fn tail(product: &str) -> String {
    let (job, name) = product.split_once('/').expect("a key");
    let task = job.rsplit(':').next().expect("a task");
    format!(":{task}/{name}")
}
