//! Plans of one night: three arms, three modes, from raw frames only and with archived masters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod support;

use std::sync::Arc;

use phoenix_core::engine::Engine;
use phoenix_core::frame::Frame;
use phoenix_core::plan::{Plan, Readiness};
use phoenix_core::traits::{Instrument, Selection};
use phoenix_testkit::mock::CallLog;
use phoenix_testkit::mocked::{Mocked, digest};
use phoenix_xshooter::instrument;
use support::Arm;

const SLIT: &str = "0.9x11";

fn plan(arm: Arm, frames: Vec<Frame>) -> Plan {
    let instrument = Mocked::new(instrument().unwrap(), &CallLog::default());
    let mut all = arm.statics();
    all.extend(frames);
    Engine::new(Arc::new(instrument))
        .plan(all, &Selection::new(), "2016-05-01")
        .unwrap()
}

fn nodding(arm: Arm) -> Vec<Frame> {
    let minutes = (0..4).map(|k| format!("2016-05-02T02:00:{:02}.000", 10 * k));
    minutes
        .map(|time| arm.frame(&time, "OBJECT", "ECHELLE,SLIT,NODDING", SLIT, None))
        .collect()
}

fn complete(arm: Arm) -> Plan {
    let mut frames = arm.calibrations(SLIT);
    frames.push(arm.frame("2016-05-02T01:00:00.000", "STD,FLUX", "ECHELLE,SLIT,STARE", SLIT, None));
    frames.extend(nodding(arm));
    plan(arm, frames)
}

#[test]
fn an_ultraviolet_night_is_planned_from_raw_frames_only() {
    insta::assert_yaml_snapshot!(digest(&complete(Arm::Uvb)));
}

#[test]
fn a_visual_night_is_planned_from_raw_frames_only() {
    insta::assert_yaml_snapshot!(digest(&complete(Arm::Vis)));
}

#[test]
fn an_infrared_night_is_planned_from_raw_frames_only() {
    insta::assert_yaml_snapshot!(digest(&complete(Arm::Nir)));
}

#[test]
fn archived_masters_come_first() {
    let mut frames = Arm::Vis.calibrations(SLIT);
    frames.extend(Arm::Vis.masters(SLIT));
    frames.extend(nodding(Arm::Vis));
    insta::assert_yaml_snapshot!(digest(&plan(Arm::Vis, frames)));
}

#[test]
fn every_arm_and_mode_has_its_task_and_is_ready() {
    for arm in Arm::ALL {
        for (mode, technique, kinds) in [
            ("stare", "ECHELLE,SLIT,STARE", ["OBJECT", "OBJECT"]),
            ("stare", "ECHELLE,SLIT,MAPPING", ["OBJECT", "SKY"]),
            ("nod", "ECHELLE,SLIT,NODDING", ["OBJECT", "OBJECT"]),
            ("offset", "ECHELLE,SLIT,OFFSET", ["OBJECT", "SKY"]),
        ] {
            let mut frames = arm.calibrations(SLIT);
            for (k, kind) in kinds.iter().enumerate() {
                let time = format!("2016-05-02T02:00:{:02}.000", 10 * k);
                frames.push(arm.frame(&time, kind, technique, SLIT, None));
            }
            let plan = plan(arm, frames);
            let task = format!("xsh_scired_slit_{mode}_{}", arm.name().to_lowercase());
            let job = plan.jobs.iter().find(|job| job.task.as_str() == task);
            let job = job.unwrap_or_else(|| panic!("{task} is not planned: {:#?}", plan.left_out));
            assert_eq!(job.readiness, Readiness::Ready, "{task}");
            assert_eq!(job.recipe.as_str(), format!("xsh_scired_slit_{mode}"));
            let n_main = job.inputs.len() - job.slots.iter().filter(|slot| !is_missing(slot)).count();
            assert_eq!(n_main, 2, "{task}: both frames of the template");
        }
    }
}

fn is_missing(slot: &phoenix_core::association::Slot) -> bool {
    matches!(slot.fill, phoenix_core::association::Fill::Missing { .. })
}

#[test]
fn frames_of_two_blocks_or_slits_are_two_datasets() {
    let mut frames = Arm::Vis.calibrations(SLIT);
    frames.extend(
        Arm::Vis
            .calibrations("1.2x11")
            .into_iter()
            .filter(|frame| {
                frame.header.str("INS.OPTI4.NAME") == Ok("1.2x11") && frame.header.str("DPR.TYPE") == Ok("LAMP,FLAT")
            })
            .map(|mut frame| {
                frame.id = format!("{}b", frame.id).into();
                frame.location = format!("b{}", frame.location);
                frame
            }),
    );
    let plan = plan(Arm::Vis, frames);
    let flats = plan.jobs.iter().filter(|job| job.task.as_str() == "xsh_mflat_vis");
    assert_eq!(flats.count(), 2);
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
            format!("{task}: {} + {n_calib} -> {first}", main.join(" "))
        })
        .collect();
    insta::assert_yaml_snapshot!(table);
}
