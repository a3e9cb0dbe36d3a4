//! Which calibrations a dataset gets, and why others are refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

#[path = "support/frames.rs"]
mod frames;

use frames::{EVENING, at, classified, frame, reduced};
use phoenix_core::association::CalibPool;
use phoenix_core::dataset::Dataset;
use phoenix_core::frame::Frame;
use phoenix_core::traits::{AssociateError, Associator, DatasetSelector, Selection};
use phoenix_core::unit::Mjd;
use phoenix_muse::associate::MuseAssociator;
use phoenix_muse::select::MuseSelector;
use serde_json::Value;

fn dataset() -> Dataset {
    let frames = [reduced("a", 1, 0.0), reduced("b", 1, 20.0)];
    MuseSelector
        .select(&classified(&frames), &Selection::new())
        .unwrap()
        .datasets
        .remove(0)
}

fn associate(pool: &[Frame]) -> Value {
    let real = classified(pool);
    let association = MuseAssociator::default()
        .associate(&dataset(), &CalibPool::new(&real, &[]))
        .unwrap();
    serde_json::to_value(association).unwrap()
}

fn offsets(id: &str, cards: &[(&str, phoenix_core::header::Value)]) -> Frame {
    let mut all = vec![("PRO.CATG", "OFFSET_LIST".into())];
    all.extend(cards.iter().cloned());
    frame(id, &all)
}

#[test]
fn a_list_of_the_same_template_is_taken_before_one_of_the_block() {
    let pool = [
        offsets(
            "block",
            &[("OBS.ID", 1.into()), ("TPL.START", "2016-05-01T20:00:00.000".into())],
        ),
        offsets("template", &[("OBS.ID", 1.into()), ("TPL.START", EVENING.into())]),
        offsets("alien", &[("OBS.ID", 7.into())]),
    ];
    insta::assert_yaml_snapshot!(associate(&pool));
}

#[test]
fn a_list_that_names_an_exposure_fits_and_one_that_names_others_does_not() {
    let key = "DRS.MUSE.OFFSET2.DATE-OBS";
    let pool = [
        offsets("ours", &[(key, at(20.0).as_str().into())]),
        offsets("theirs", &[(key, at(21.0).as_str().into())]),
    ];
    let slots = associate(&pool);
    assert_eq!(slots["slots"][0]["frames"][0]["id"], "ours");
    assert_eq!(slots["slots"][0]["reason"], "it names 1 of 2 exposures");
    assert_eq!(associate(&pool[1..])["slots"][0]["fill"], "missing");
}

#[test]
fn every_refusal_is_told() {
    let pool = [
        offsets("nobody", &[]),
        offsets("alien", &[("OBS.ID", 7.into())]),
        frame("grid", &[("PRO.CATG", "OUTPUT_WCS".into()), ("OBS.ID", 7.into())]),
    ];
    insta::assert_yaml_snapshot!(associate(&pool));
}

#[test]
fn of_two_filter_lists_the_one_that_was_valid_then_is_taken() {
    let list = |id: &str, days: f64| {
        let mjd = Mjd::from_iso(EVENING).unwrap().0 + days;
        frame(id, &[("PRO.CATG", "FILTER_LIST".into()), ("MJD-OBS", mjd.into())])
    };
    let slots = associate(&[list("older", -300.0), list("old", -30.0), list("new", 1.0)]);
    assert_eq!(slots["slots"][1]["frames"][0]["id"], "old");
    assert_eq!(slots["slots"][1]["level"], 0);
    let slots = associate(&[list("new", 1.0)]);
    assert_eq!(
        (&slots["slots"][1]["level"], &slots["slots"][1]["dt_days"]),
        (&1.into(), &1.0.into())
    );
}

#[test]
fn an_output_grid_of_the_target_is_weaker_than_one_of_the_block() {
    let grid = |id: &str, key: &str, value: phoenix_core::header::Value| {
        frame(id, &[("PRO.CATG", "OUTPUT_WCS".into()), (key, value)])
    };
    let slots = associate(&[
        grid("target", "OBJECT", "NGC 1".into()),
        grid("block", "OBS.ID", 1.into()),
    ]);
    assert_eq!(slots["slots"][2]["frames"][0]["id"], "block");
    let slots = associate(&[grid("target", "OBJECT", "NGC 1".into())]);
    assert_eq!(slots["slots"][2]["level"], 1);
}

#[test]
fn a_task_that_is_not_declared_is_an_error() {
    let mut set = dataset();
    set.task = "muse_unheard_of".into();
    let error = MuseAssociator::default()
        .associate(&set, &CalibPool::default())
        .unwrap_err();
    assert!(matches!(error, AssociateError::UnknownTask { .. }));
}
