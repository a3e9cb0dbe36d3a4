//! The contract of planning.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use phoenix_core::engine::EngineError;
use phoenix_core::id::JobId;
use phoenix_core::plan::{InputSource, Plan, Readiness};
use phoenix_core::prelude::*;
use proptest::prelude::*;
use support::{Fake, frame, night, plan};

fn reasons(plan: &Plan, job: &str) -> String {
    match &plan.job(&job.into()).expect("the job is planned").readiness {
        Readiness::Ready => "ready".into(),
        Readiness::Unsupported { reason } => format!("unsupported: {reason}"),
        Readiness::Incomplete { reasons } => format!("incomplete: {}", reasons.join("; ")),
    }
}

#[test]
fn a_small_night_becomes_a_cascade() {
    let engine = Fake::new().engine();
    let frames = vec![
        frame("d1", "DARK", "FAST", "900"),
        frame("d2", "DARK", "FAST", "900"),
        frame("s3", "SCIENCE", "FAST", "200"),
        frame("x", "STRAY", "FAST", "300"),
    ];
    let json: serde_json::Value = serde_json::from_str(&plan(&engine, frames).to_json().unwrap()).unwrap();
    insta::assert_yaml_snapshot!("a_small_night_becomes_a_cascade", json);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_frames_changes_no_byte(frames in Just(night()).prop_shuffle()) {
        let engine = Fake::new().engine();
        prop_assert_eq!(plan(&engine, frames).to_json().unwrap(), plan(&engine, night()).to_json().unwrap());
    }

    #[test]
    fn producers_stand_before_consumers(
        blocks in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u8..3), 0..24),
    ) {
        let kinds = ["DARK", "SCIENCE", "PAIR", "RAW"];
        let frames = blocks.iter().enumerate().map(|(n, &(kind, block, setup))| {
            let block = if kind == 2 { "0,1".to_owned() } else { block.to_string() };
            frame(&format!("f{n}"), kinds[usize::from(kind)], &format!("M{setup}"), &block)
        });
        let frames: Vec<Frame> = frames.collect();
        let plan = plan(&Fake::new().engine(), frames.clone());
        let place = |id: &JobId| plan.jobs.iter().position(|job| job.id == *id).unwrap();
        for job in &plan.jobs {
            for producer in job.producers() {
                prop_assert!(place(producer) < place(&job.id));
            }
        }
        // Every frame is an input or is left out with a reason.
        for frame in &frames {
            let is_input = plan.jobs.iter().flat_map(|job| &job.inputs)
                .any(|input| matches!(input, InputSource::Frame { frame: used } if used.id == frame.id));
            prop_assert!(is_input != plan.left_out.iter().any(|entry| entry.frame == frame.id));
        }
        prop_assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), plan);
    }
}

#[test]
fn a_task_without_recipe_is_unsupported_and_what_needs_it_cannot_run() {
    let engine = Fake::new().engine();
    let plan = plan(
        &engine,
        vec![
            frame("r1", "RAW", "FAST", "7"),
            frame("s1", "SCIENCE", "SLOW", "100"),
            frame("p1", "PAIR", "FAST", "100,200"),
        ],
    );
    assert_eq!(
        reasons(&plan, "RAW.7:fake_basic"),
        "unsupported: needs the esorex backend"
    );
    assert_eq!(
        reasons(&plan, "SCIENCE.100:fake_science"),
        "incomplete: required calibration MASTER_DARK is missing: no dark of this mode; \
         fake_science needs 1 to 1 MASTER_DARK frames, there are 0"
    );
    let pair = reasons(&plan, "PAIR.100,200:fake_combine");
    assert!(
        pair.contains("dataset SCIENCE.200, which it needs, is not in the selection"),
        "{pair}"
    );
    assert!(pair.contains("job SCIENCE.100:fake_science cannot run"), "{pair}");
    assert!(!plan.is_executable());
}

#[test]
fn a_frame_that_cannot_be_named_or_grouped_stops_nobody_else() {
    let engine = Fake::new().engine();
    let mut frames = night();
    frames.push(frame("bad", "SCIENCE", "FAST", ""));
    frames.push(frame("two", "TWO", "FAST", "1"));
    frames.push(Frame {
        location: "other/s1.fits".into(),
        ..frame("s1", "SCIENCE", "FAST", "100")
    });
    let mixed = plan(&engine, frames);
    assert_eq!(mixed.jobs, plan(&engine, night()).jobs);
    let left_out: Vec<String> = mixed
        .left_out
        .iter()
        .map(|entry| format!("{}: {}", entry.frame, entry.reason))
        .collect();
    assert!(
        left_out.contains(&"bad: frame bad: key OBS.ID is missing, it is needed to group SCIENCE".to_owned())
            || left_out
                .contains(&"bad: frame bad: key ESO.OBS.ID is missing, it is needed to group SCIENCE".to_owned()),
        "{left_out:?}"
    );
    assert!(
        left_out.contains(&"two: frame two is both ONE and TWO".to_owned()),
        "{left_out:?}"
    );
}

#[test]
fn overrides_replace_defaults_and_unknown_names_are_refused() {
    let engine = Fake::new().engine();
    let set = |name: &str| {
        engine
            .clone()
            .with_params("fake_dark".into(), serde_json::json!({name: 5.0}))
            .plan(night(), &phoenix_core::traits::Selection::new(), "n")
    };
    let params = set("sigma")
        .unwrap()
        .job(&"DARK.900:fake_dark".into())
        .unwrap()
        .params
        .clone();
    assert_eq!(params, serde_json::json!({"sigma": 5.0, "method": "median"}));
    let message = set("sigmas").map_err(|error| error.to_string());
    assert_eq!(
        message,
        Err("task fake_dark: parameter sigmas: the recipe has no such parameter".to_owned())
    );
}

#[test]
fn one_job_can_be_planned_from_a_set_of_frames() {
    let engine = Fake::new().engine();
    let frames = |n: usize| -> Vec<FrameRef> {
        (0..n)
            .map(|n| FrameRef {
                id: format!("d{n}").into(),
                tag: "DARK".into(),
                location: format!("mem/d{n}.fits"),
                size_bytes: Some(10),
                digest: None,
            })
            .collect()
    };
    let plan = engine.plan_job(&"fake_dark".into(), frames(3), "set").unwrap();
    assert_eq!(plan.jobs[0].resources.memory_bytes, 1060);
    assert!(plan.is_executable());
    assert!(
        !engine
            .plan_job(&"fake_dark".into(), frames(1), "set")
            .unwrap()
            .is_executable()
    );
    assert!(matches!(
        engine.plan_job(&"fake_bias".into(), frames(1), "set"),
        Err(EngineError::UnknownTask { .. })
    ));
}
