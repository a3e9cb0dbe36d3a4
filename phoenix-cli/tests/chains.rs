//! ESO's pipelines from raw frames to masters and science, on simulated nights, by the command.
//!
//! The small UVES blue night is part of the gate; the red arm and GIRAFFE run with `PHOENIX_NIGHTLY=1`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;

use phoenix::sim::night::{FrameSize, SimulatedNight, giraffe, uves_blue, uves_red};
use phoenix_testkit::peers;
use serde_json::Value;
use stage::{NIGHT, Stage, has_extension, names};

fn words(instrument: &str) -> Vec<&str> {
    vec![
        "run",
        "--instrument",
        instrument,
        "--night",
        NIGHT,
        "--archive",
        "store",
        "--backend",
        "esorex",
        "--mode",
        "complete",
        "--review",
        "none",
        "--json",
        "--threads",
        "2",
        "--out",
        "run",
    ]
}

fn laid_down<T>(night: &SimulatedNight<T>) -> Stage {
    let stage = Stage::empty();
    phoenix::demo::lay_down(night, &stage.store()).expect("the night is laid down");
    stage
}

/// How often each job was started, by its name.
fn attempts(document: &Value) -> BTreeMap<String, u64> {
    let jobs = document["jobs"].as_array().expect("jobs");
    jobs.iter()
        .map(|job| {
            let name = job["job"].as_str().expect("a name").to_owned();
            (name, job["attempts"].as_u64().expect("a number"))
        })
        .collect()
}

/// Runs a night, checks that every recipe of the cascade ran once and everything is in the archive.
fn whole_cascade(stage: &Stage, instrument: &str, recipes: &[&str]) -> Value {
    let document = stage.phoenix(&words(instrument)).json_with(0);
    let jobs = document["jobs"].as_array().expect("jobs");
    for recipe in recipes {
        assert!(
            jobs.iter().any(|job| job["recipe"] == *recipe),
            "no {recipe} in {document:#}"
        );
    }
    for job in jobs {
        assert_eq!(
            (&job["stage"], &job["attempts"]),
            (&"ingested".into(), &1.into()),
            "{job:#}"
        );
    }
    document
}

/// Deletes the first product of a job and runs again: the job and what was made from it are made anew, nothing else.
fn redo_descendants(stage: &Stage, instrument: &str, first: &Value, recipe: &str, unconcerned: &[&str]) {
    let jobs = first["jobs"].as_array().expect("jobs");
    let victim = jobs.iter().find(|job| job["recipe"] == recipe).expect("the job");
    let product = victim["products"][0]["location"].as_str().expect("a product");
    std::fs::remove_file(product).expect("deleted");
    let again = stage.phoenix(&words(instrument)).json();
    let redone: Vec<String> = (attempts(&again).into_iter())
        .filter(|(_, attempts)| *attempts > 1)
        .map(|(job, _)| job)
        .collect();
    assert!(
        redone.contains(&victim["job"].as_str().expect("a name").to_owned()),
        "{redone:?}"
    );
    for job in jobs {
        let name = job["job"].as_str().expect("a name").to_owned();
        let is_unconcerned = unconcerned.iter().any(|recipe| job["recipe"] == *recipe);
        assert_eq!(redone.contains(&name), !is_unconcerned, "{name}: {redone:?}");
    }
}

/// The recipes of UVES' cascade.
const UVES: [&str; 7] = [
    "uves_cal_mbias",
    "uves_cal_predict",
    "uves_cal_orderpos",
    "uves_cal_mflat",
    "uves_cal_wavecal",
    "uves_cal_response",
    "uves_obs_scired",
];

/// The recipes of GIRAFFE's cascade.
const GIRAFFE: [&str; 5] = [
    "gimasterbias",
    "gimasterdark",
    "gimasterflat",
    "giwavecalibration",
    "giscience",
];

#[test]
fn a_blue_night_of_uves_runs_from_raw_frames_and_redoes_only_what_a_lost_master_concerns() {
    if peers::esorex("uves_obs_scired").is_none() {
        return;
    }
    let stage = laid_down(&uves_blue(1, FrameSize::Small));
    let document = whole_cascade(&stage, "UVES", &UVES);
    let delivered = names(&stage.store().join("products"));
    let spectra = delivered
        .iter()
        .filter(|name| name.contains("UV_SFLX") && has_extension(name, "fits"))
        .count();
    assert_eq!(spectra, 4, "{delivered:?}");
    let valid = stage.phoenix(&["sdp", "validate", "store/products"]);
    assert_eq!(valid.code, Some(0), "{}", valid.out);
    let second = stage.phoenix(&words("UVES")).json_with(0);
    assert_eq!(attempts(&second), attempts(&document));
    redo_descendants(
        &stage,
        "UVES",
        &document,
        "uves_cal_mflat",
        &[
            "uves_cal_mbias",
            "uves_cal_mdark",
            "uves_cal_predict",
            "uves_cal_orderpos",
            "uves_cal_wavecal",
        ],
    );
}

fn is_nightly() -> bool {
    std::env::var("PHOENIX_NIGHTLY").is_ok_and(|value| value == "1")
}

#[test]
fn a_red_night_of_uves_runs_from_raw_frames() {
    if !is_nightly() || peers::esorex("uves_obs_scired").is_none() {
        return;
    }
    let stage = laid_down(&uves_red(1, FrameSize::Small));
    whole_cascade(&stage, "UVES", &UVES);
}

#[test]
fn a_night_of_giraffe_runs_from_raw_frames() {
    if !is_nightly() || peers::esorex("giscience").is_none() {
        return;
    }
    let stage = laid_down(&giraffe(1, FrameSize::Small));
    whole_cascade(&stage, "GIRAFFE", &GIRAFFE);
}
