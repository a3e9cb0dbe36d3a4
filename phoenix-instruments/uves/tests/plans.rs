//! Plans of one night: both arms, every mode, from raw frames only and with archived masters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod support;

use std::sync::Arc;

use phoenix_core::engine::Engine;
use phoenix_core::frame::Frame;
use phoenix_core::plan::{Plan, Readiness};
use phoenix_core::traits::{Instrument, Selection};
use phoenix_testkit::mock::CallLog;
use phoenix_testkit::mocked::{Mocked, digest};
use phoenix_uves::instrument;
use support::{Setting, masters, statics};

fn plan(frames: Vec<Frame>) -> Plan {
    let instrument = Mocked::new(instrument().unwrap(), &CallLog::default());
    let mut all = statics();
    all.extend(frames);
    Engine::new(Arc::new(instrument))
        .plan(all, &Selection::new(), "2016-05-01")
        .unwrap()
}

fn complete(setting: Setting, technique: &str) -> Plan {
    let mut frames = setting.calibrations();
    frames.push(setting.frame("2016-05-02T01:00:00.000", "STD", "ECHELLE"));
    frames.push(setting.frame("2016-05-02T02:00:00.000", "OBJECT,POINT", technique));
    plan(frames)
}

fn science(setting: Setting, technique: &str) -> String {
    let plan = complete(setting, technique);
    let job = plan
        .jobs
        .iter()
        .find(|job| job.task.as_str().contains("scired"))
        .unwrap();
    assert_eq!(job.readiness, Readiness::Ready, "{:#?}", job.slots);
    job.task.to_string()
}

#[test]
fn a_blue_night_is_planned_from_raw_frames_only() {
    insta::assert_yaml_snapshot!(digest(&complete(Setting::BLUE, "ECHELLE")));
}

#[test]
fn a_red_night_is_planned_from_raw_frames_only() {
    insta::assert_yaml_snapshot!(digest(&complete(Setting::RED, "ECHELLE")));
}

#[test]
fn archived_masters_come_first() {
    let setting = Setting::BLUE;
    let mut frames = setting.calibrations();
    frames.extend(masters(setting));
    frames.push(setting.frame("2016-05-02T02:00:00.000", "OBJECT", "ECHELLE"));
    insta::assert_yaml_snapshot!(digest(&plan(frames)));
}

#[test]
fn both_arms_of_a_dichroic_exposure_find_their_own_calibrations() {
    let red = Setting {
        mode: "DICHR#2",
        wlen_nm: 760.0,
        ..Setting::RED
    };
    let mut frames = Setting::BLUE.calibrations();
    let later = |frame: Frame| {
        let time = frame
            .header
            .str("DATE-OBS")
            .unwrap()
            .replace("T1", "T2")
            .replace(".000", ".500");
        red.frame(
            &time,
            frame.header.str("DPR.TYPE").unwrap(),
            frame.header.str("DPR.TECH").unwrap(),
        )
    };
    frames.extend(red.calibrations().into_iter().map(later));
    frames.push(Setting::BLUE.frame("2016-05-02T02:00:00.000", "OBJECT", "ECHELLE"));
    frames.push(red.frame("2016-05-02T02:00:00.001", "OBJECT", "ECHELLE"));
    let plan = plan(frames);
    for task in ["uves_obs_scired_blue", "uves_obs_scired_red"] {
        let job = plan.jobs.iter().find(|job| job.task.as_str() == task).unwrap();
        assert_eq!(job.readiness, Readiness::Ready, "{:#?}", job.slots);
    }
}

#[test]
fn every_mode_has_the_task_with_its_options() {
    let slicer = |setting: Setting| Setting {
        slit: "SLIC#2",
        ..setting
    };
    let far = Setting {
        wlen_nm: 860.0,
        ..Setting::RED
    };
    for (setting, technique, task) in [
        (Setting::BLUE, "ECHELLE", "uves_obs_scired_blue"),
        (slicer(Setting::BLUE), "ECHELLE,SLIC#2", "uves_obs_scired_blue_slicer"),
        (Setting::RED, "ECHELLE", "uves_obs_scired_red"),
        (Setting::RED, "ECHELLE,ABSORPTION-CELL", "uves_obs_scired_red"),
        (slicer(Setting::RED), "ECHELLE,SLIC#2", "uves_obs_scired_red_slicer"),
        (far, "ECHELLE", "uves_obs_scired_red_fringes"),
        (slicer(far), "ECHELLE,SLIC#2", "uves_obs_scired_red_slicer_fringes"),
    ] {
        assert_eq!(science(setting, technique), task);
    }
}

#[test]
fn two_biases_are_too_few_and_the_plan_says_so() {
    let mut frames = Setting::BLUE.template("2016-05-02T10:00", 2, "BIAS", "IMAGE");
    frames.push(Setting::BLUE.frame("2016-05-02T02:00:00.000", "OBJECT", "ECHELLE"));
    insta::assert_yaml_snapshot!(digest(&plan(frames)));
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
            let n_calib = outline.inputs.iter().filter(|input| !input.is_main).count();
            let first = outline.outputs.first().map(ToString::to_string).unwrap_or_default();
            format!(
                "{task}: {} of {} + {n_calib} -> {first} ({})",
                outline.id,
                main.join(" "),
                outline.outputs.len()
            )
        })
        .collect();
    insta::assert_yaml_snapshot!(table);
}
