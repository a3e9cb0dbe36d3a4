//! Plans of one night: from raw frames only and with archived masters, with and without simultaneous lamp.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod support;

use std::sync::Arc;

use phoenix_core::engine::Engine;
use phoenix_core::frame::Frame;
use phoenix_core::plan::{Plan, Readiness};
use phoenix_core::traits::{Instrument, Selection};
use phoenix_giraffe::instrument;
use phoenix_testkit::mock::CallLog;
use phoenix_testkit::mocked::{Mocked, digest};
use support::{calibrations, frame, masters, of_slit, statics};

fn plan(frames: Vec<Frame>) -> Plan {
    let instrument = Mocked::new(instrument().unwrap(), &CallLog::default());
    let mut all = statics();
    all.extend(frames);
    Engine::new(Arc::new(instrument))
        .plan(all, &Selection::new(), "2016-05-01")
        .unwrap()
}

#[test]
fn a_night_is_planned_from_raw_frames_only() {
    let mut frames = calibrations();
    frames.push(frame("2016-05-02T02:00:00.000", "OBJECT,OzPoz", "MOS"));
    insta::assert_yaml_snapshot!(digest(&plan(frames)));
}

#[test]
fn archived_masters_come_first() {
    let mut frames = calibrations();
    frames.extend(masters());
    frames.push(frame("2016-05-02T02:00:00.000", "OBJECT,OzPoz", "MOS"));
    insta::assert_yaml_snapshot!(digest(&plan(frames)));
}

#[test]
fn with_the_simultaneous_lamp_a_mask_is_needed_and_the_shift_is_applied() {
    let mut frames = calibrations();
    frames.push(frame("2016-05-02T02:00:00.000", "OBJECT,SimCal", "MOS"));
    let plan = plan(frames);
    let job = plan
        .jobs
        .iter()
        .find(|job| job.task.as_str() == "giscience_simcal")
        .unwrap();
    assert_eq!(job.readiness, Readiness::Ready);
    assert_eq!(job.params["siwc-apply"], "TRUE");
    assert!(job.slots.iter().any(|slot| slot.tag.as_str() == "LINE_MASK"));
}

#[test]
fn frames_of_other_fibre_systems_are_left_out() {
    let mut frames = calibrations();
    frames.push(of_slit("Argus", "2016-05-02T02:00:00.000", "OBJECT,OzPoz", "IFU"));
    let plan = plan(frames);
    assert!(plan.jobs.iter().all(|job| job.task.as_str() != "giscience"));
    assert!(plan.left_out.iter().any(|left| left.frame.as_str().contains("T02:00")));
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
            let calib = outline.inputs.iter().filter(|input| !input.is_main);
            let calib: Vec<String> = calib.map(|input| input.tag.to_string()).collect();
            format!("{task}: {} of {} with {}", outline.id, main.join(" "), calib.join(" "))
        })
        .collect();
    insta::assert_yaml_snapshot!(table);
}
