//! Which frames form one unit of work, and why the others do not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

#[path = "support/frames.rs"]
mod frames;

use frames::{at, classified, frame, raw, reduced, with};
use phoenix_core::dataset::Selected;
use phoenix_core::frame::Frame;
use phoenix_core::traits::{DatasetSelector, SelectError, Selection};
use phoenix_muse::select::MuseSelector;
use serde_json::{Value, json};

/// A selection as people read it.
fn told(selected: &Selected) -> Value {
    let datasets: Vec<Value> = selected
        .datasets
        .iter()
        .map(|set| {
            json!({
                "id": set.id, "task": set.task, "needs": set.needs,
                "frames": set.frames.iter().map(|member| format!("{} ({})", member.frame.id, member.tag)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let left: Vec<String> = selected
        .left_out
        .iter()
        .map(|left| format!("{}: {}", left.frame, left.reason))
        .collect();
    json!({"datasets": datasets, "left_out": left})
}

fn select(frames: &[Frame], request: &Selection) -> Selected {
    MuseSelector.select(&classified(frames), request).unwrap()
}

#[test]
fn several_tables_of_a_template_are_combined_and_a_single_one_is_made_a_cube() {
    let frames = [
        reduced("d", 2, 90.0),
        reduced("c", 1, 40.0),
        reduced("a", 1, 0.0),
        reduced("b", 1, 20.0),
        frame("offsets", &[("PRO.CATG", "OFFSET_LIST".into())]),
    ];
    insta::assert_yaml_snapshot!(told(&select(&frames, &Selection::new())));
}

#[test]
fn every_frame_that_is_left_out_is_told_why() {
    let frames = [
        reduced("good-1", 1, 0.0),
        reduced("good-2", 1, 20.0),
        with(reduced("no-exptime", 1, 40.0), "EXPTIME", None),
        with(reduced("zero-exptime", 1, 41.0), "EXPTIME", Some(0.0.into())),
        with(reduced("no-date", 1, 42.0), "DATE-OBS", None),
        reduced("twin", 1, 20.0),
        with(reduced("wrong-mode", 1, 43.0), "INS.MODE", Some("MFM".into())),
        with(
            reduced("positioned", 1, 44.0),
            "DRS.MUSE.PIXTABLE.WCS",
            Some("positioned (final)".into()),
        ),
        with(reduced("pixels", 1, 45.0), "DRS.MUSE.PIXTABLE.WCS", None),
        with(reduced("standard", 1, 46.0), "DPR.CATG", Some("CALIB".into())),
        with(reduced("one-ifu", 1, 47.0), "EXTNAME", Some("CHAN07".into())),
        frame("cube", &[("PRO.CATG", "DATACUBE_FINAL".into())]),
        frame("filters", &[("PRO.CATG", "FILTER_LIST".into())]),
        frame("acquisition", &[("DPR.CATG", "ACQUISITION".into())]),
    ];
    insta::assert_yaml_snapshot!(told(&select(&frames, &Selection::new())));
}

#[test]
fn a_template_of_another_night_is_left_out_and_noon_is_the_border() {
    // Evening is 23:00, so 11 hours before it is noon of the same day, and 13 hours after it noon of the next.
    let frames = [
        reduced("noon", 1, -660.0),
        reduced("before-noon", 2, -660.1),
        reduced("next-noon", 3, 780.0),
        reduced("before-next-noon", 4, 779.9),
    ];
    let request = Selection::new().with_night("2016-05-01".parse().unwrap());
    insta::assert_yaml_snapshot!(told(&select(&frames, &request)));
}

#[test]
fn more_exposures_than_allowed_are_split_evenly_in_order_of_time() {
    let frames: Vec<Frame> = (0..17)
        .map(|n| reduced(&format!("e{n:02}"), 1, 20.0 * f64::from(n)))
        .collect();
    let parts = |request: &Selection| -> Vec<usize> {
        select(&frames, request)
            .datasets
            .iter()
            .map(|set| set.frames.len())
            .collect()
    };
    assert_eq!(parts(&Selection::new()), [9, 8]);
    assert_eq!(parts(&Selection::new().with_max_combine(17)), [17]);
    assert_eq!(parts(&Selection::new().with_max_combine(5)), [5, 4, 4, 4]);
    assert_eq!(select(&frames[..16], &Selection::new()).datasets.len(), 1);
}

#[test]
fn blocks_templates_modes_and_sky_pointings_do_not_mix() {
    let frames = [
        reduced("a", 1, 0.0),
        reduced("other-block", 2, 10.0),
        with(
            reduced("other-template", 1, 20.0),
            "TPL.START",
            Some("2016-05-02T01:00:00.000".into()),
        ),
        with(reduced("other-mode", 1, 30.0), "INS.MODE", Some("WFM-AO-N".into())),
        with(reduced("sky", 1, 40.0), "DPR.TYPE", Some("SKY".into())),
    ];
    let selected = select(&frames, &Selection::new());
    assert_eq!(selected.datasets.len(), 5);
    assert!(
        selected
            .datasets
            .iter()
            .all(|set| set.frames.len() == 1 && set.task.as_str() == "muse_scipost_make_cube")
    );
}

#[test]
fn a_missing_grouping_key_is_named_with_its_frame() {
    for key in ["OBS.ID", "TPL.START", "INS.MODE"] {
        let frames = [reduced("a", 1, 0.0), with(reduced("b", 1, 20.0), key, None)];
        let error = MuseSelector
            .select(&classified(&frames), &Selection::new())
            .unwrap_err();
        let SelectError::MissingKeyword { frame, key: named, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((frame.as_str(), named.short()), ("b", key));
    }
}

fn raw_night() -> Vec<Frame> {
    let mut frames = Vec::new();
    let groups = [
        ("bias", "BIAS", -300.0),
        ("flat", "FLAT,LAMP", -240.0),
        ("twilight", "FLAT,SKY", -30.0),
    ];
    for (name, kind, start) in groups {
        for n in 0..3 {
            frames.push(raw(
                &format!("{name}-{n}"),
                "CALIB",
                kind,
                &at(start),
                start + f64::from(n),
            ));
        }
    }
    frames.push(with(
        raw("arc", "CALIB", "WAVE", &at(-180.0), -180.0),
        "EXPTIME",
        Some(10.0.into()),
    ));
    frames.push(raw("std", "CALIB", "STD", &at(10.0), 10.0));
    for n in 0..2 {
        frames.push(raw(
            &format!("object-{n}"),
            "SCIENCE",
            "OBJECT",
            &at(60.0),
            60.0 + 20.0 * f64::from(n),
        ));
    }
    frames.push(raw("sky", "SCIENCE", "SKY", &at(60.0), 70.0));
    frames
}

#[test]
fn a_night_of_raw_frames_gives_the_cascade() {
    let selected = select(&raw_night(), &Selection::new());
    let short = |id: &str| id.trim_start_matches("MUSE.2016-05-0").replace(":00.000", "");
    let lines: Vec<String> = selected
        .datasets
        .iter()
        .map(|set| {
            let needs: Vec<String> = set.needs.iter().map(|id| short(id.as_str())).collect();
            format!(
                "{} {} of {} frames needs [{}]",
                short(set.id.as_str()),
                set.task,
                set.frames.len(),
                needs.join(", ")
            )
        })
        .collect();
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(selected.left_out, []);
}

#[test]
fn a_raw_exposure_that_is_reduced_already_is_not_reduced_again() {
    let mut frames = raw_night();
    let mut table = with(
        reduced("table-0", 200, 60.0),
        "TPL.START",
        Some(at(60.0).as_str().into()),
    );
    table.header.set("OBS.ID", 200, "");
    frames.push(table);
    let selected = select(&frames, &Selection::new());
    let combine = selected
        .datasets
        .iter()
        .find(|set| set.task.as_str() == "muse_exp_combine")
        .unwrap();
    assert_eq!(combine.frames.len(), 1);
    assert!(
        combine
            .needs
            .iter()
            .any(|id| id.as_str() == format!("MUSE.{}_pst", at(80.0)))
    );
    let told = selected
        .left_out
        .iter()
        .find(|left| left.frame.as_str() == "object-0")
        .unwrap();
    assert!(told.reason.contains("table-0"), "{}", told.reason);
}

#[test]
fn a_template_with_too_few_frames_is_incomplete_and_says_so() {
    let frames = [raw("bias", "CALIB", "BIAS", &at(0.0), 0.0)];
    let selected = select(&frames, &Selection::new());
    let text = serde_json::to_string(&selected.datasets[0].completeness).unwrap();
    assert!(text.contains("muse_bias needs 3 BIAS frames, there are 1"), "{text}");
}

#[test]
fn another_instruments_frame_is_not_known() {
    let mut alien = reduced("a", 1, 0.0);
    alien.header.set("INSTRUME", "UVES", "");
    assert_eq!(MuseSelector.classify(&alien), Ok(None));
}
