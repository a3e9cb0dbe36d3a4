//! Plans of one night from raw frames to the combined cube, in every mode, and with archived masters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::sync::Arc;

use phoenix_core::engine::Engine;
use phoenix_core::frame::Frame;
use phoenix_core::header::Value;
use phoenix_core::plan::{Plan, Readiness};
use phoenix_core::traits::{Instrument, Selection};
use phoenix_muse::{instrument, kinds};
use phoenix_testkit::books;
use phoenix_testkit::mock::CallLog;
use phoenix_testkit::mocked::{Mocked, digest};

fn raw(mode: &str, time: &str, category: &str, kind: &str) -> Frame {
    let time = format!("2016-05-{time}.000");
    let template = time.get(..16).unwrap_or_default();
    let cards: Vec<(&str, Value)> = vec![
        ("INSTRUME", "MUSE".into()),
        ("DPR.CATG", category.into()),
        ("DPR.TYPE", kind.into()),
        ("DPR.TECH", "IFU".into()),
        ("INS.MODE", mode.into()),
        ("TPL.START", template.into()),
        ("OBS.ID", 100.into()),
        ("OBJECT", "target".into()),
        ("EXPTIME", 600.0.into()),
        ("DET.READ.CURID", 1.into()),
    ];
    books::frame("MUSE", &time, &cards)
}

fn night(mode: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    for second in ["00", "20", "40"] {
        frames.push(raw(mode, &format!("02T10:00:{second}"), "CALIB", "BIAS"));
        frames.push(raw(mode, &format!("02T10:30:{second}"), "CALIB", "FLAT,LAMP"));
        frames.push(raw(mode, &format!("02T11:00:{second}"), "CALIB", "WAVE"));
        frames.push(raw(mode, &format!("02T11:30:{second}"), "CALIB", "WAVE,LSF"));
        frames.push(raw(mode, &format!("01T23:00:{second}"), "CALIB", "FLAT,SKY"));
    }
    frames.push(raw(mode, "02T00:30:00", "CALIB", "STD"));
    for second in ["00", "20"] {
        frames.push(raw(mode, &format!("02T02:00:{second}"), "SCIENCE", "OBJECT"));
    }
    frames
}

fn statics() -> Vec<Frame> {
    [
        "GEOMETRY_TABLE",
        "LINE_CATALOG",
        "EXTINCT_TABLE",
        "STD_FLUX_TABLE",
        "SKY_LINES",
        "FILTER_LIST",
    ]
    .iter()
    .map(|category| books::product(category, "MUSE", "2014-01-01T00:00:00.000", category, &[]))
    .collect()
}

fn plan(frames: Vec<Frame>) -> Plan {
    let instrument = Mocked::new(instrument().unwrap(), &CallLog::default());
    let mut all = statics();
    all.extend(frames);
    Engine::new(Arc::new(instrument))
        .plan(all, &Selection::new(), "2016-05-01")
        .unwrap()
}

/// The digest without the long parameter lists of the native recipes.
fn lines(plan: &Plan) -> Vec<String> {
    let short = |line: &String| match line.split_once("] {") {
        Some((begin, options)) if options.len() > 60 => format!("{begin}]"),
        _ => line.clone(),
    };
    digest(plan).iter().map(short).collect()
}

#[test]
fn a_night_is_planned_from_raw_frames_to_the_combined_cube() {
    insta::assert_yaml_snapshot!(lines(&plan(night("WFM-NOAO-N"))));
}

#[test]
fn every_mode_is_planned_and_ready() {
    for mode in kinds::MODES {
        let plan = plan(night(mode));
        for job in &plan.jobs {
            assert_eq!(job.readiness, Readiness::Ready, "{mode}: {}: {:#?}", job.id, job.slots);
        }
        assert!(
            plan.jobs.iter().any(|job| job.task.as_str() == "muse_exp_combine"),
            "{mode}"
        );
    }
}

#[test]
fn archived_masters_come_first_and_a_master_of_the_other_filter_never() {
    let mode = [("INS.MODE", Value::from("WFM-NOAO-N"))];
    let other = [("INS.MODE", Value::from("WFM-NOAO-E"))];
    let mut frames = night("WFM-NOAO-N");
    let date = "2016-05-01T12:00:00.000";
    frames.push(books::product("M.FLAT", "MUSE", date, "MASTER_FLAT", &mode));
    frames.push(books::product("M.TRACE", "MUSE", date, "TRACE_TABLE", &other));
    frames.push(books::product(
        "M.OLD",
        "MUSE",
        "2010-05-01T12:00:00.000",
        "WAVECAL_TABLE",
        &mode,
    ));
    let plan = plan(frames);
    let job = plan
        .jobs
        .iter()
        .find(|job| job.task.as_str() == "muse_scibasic")
        .unwrap();
    let fill = |tag: &str| {
        let slot = job.slots.iter().find(|slot| slot.tag.as_str() == tag).unwrap();
        serde_json::to_value(&slot.fill).unwrap()["fill"].clone()
    };
    assert_eq!(fill("MASTER_FLAT"), "filled");
    assert_eq!(fill("TRACE_TABLE"), "pending");
    assert_eq!(fill("WAVECAL_TABLE"), "pending");
}

#[test]
fn nothing_is_given_to_a_recipe_twice() {
    for job in plan(night("WFM-AO-N")).jobs {
        for (n, input) in job.inputs.iter().enumerate() {
            assert!(!job.inputs[..n].contains(input), "{}: {input:?}", job.id);
        }
    }
}

#[test]
fn tasks_and_their_inputs_are_those_of_the_pipeline() {
    let instrument = instrument().unwrap();
    let table: Vec<String> = instrument
        .outlined()
        .iter()
        .map(|task| {
            let outline = instrument.outline(task).unwrap();
            let main = outline.inputs.iter().filter(|input| input.is_main);
            let main: Vec<String> = main.map(|input| format!("{}>={}", input.tag, input.min)).collect();
            let outputs: Vec<String> = outline.outputs.iter().map(ToString::to_string).collect();
            format!("{task}: {} -> {}", main.join(" "), outputs.join(" "))
        })
        .collect();
    insta::assert_yaml_snapshot!(table);
}
