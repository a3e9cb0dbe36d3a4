//! Bad input: each case ends with an error that names the frame and the key or column, and stores nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod support;

use std::sync::Arc;

use ndarray::Array2;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Value;
use phoenix_core::product::{ColumnData, HduData, Pixels, Product};
use phoenix_core::unit::Mjd;
use phoenix_sim::SkyPoint;
use phoenix_sim::conditions::Conditions;
use phoenix_sim::exposure::Exposure;
use phoenix_sim::geometry::{Instrument, Size};
use phoenix_sim::observation::{Block, Observation};
use phoenix_sim::offsets;
use phoenix_sim::pixtable::{CoordinateState, Form};
use phoenix_sim::scene::Scene;
use phoenix_testkit::fake::FakeReader;
use serde_json::{Value as Json, json};
use support::{Run, figure, run_on};

const EXP_COMBINE: &str = "muse_exp_combine";

fn observations(n: usize) -> Vec<Observation> {
    let size = Size {
        n_ifu: 1,
        n_slices: 8,
        width: 8,
        n_lambda: 24,
    };
    let instrument = Instrument::new(size, 7000.0, 1);
    let scene = Arc::new(Scene::empty(SkyPoint {
        ra_deg: 150.0,
        dec_deg: -30.0,
    }));
    let start = Mjd(57_510.15);
    let block = Arc::new(Block::science(1, "Empty", start, n));
    (0..n)
        .map(|k| {
            let conditions = Conditions {
                start: Mjd(start.0 + 0.0125 * k as f64),
                seed: k as u64,
                ..Conditions::default()
            };
            let exposure = Exposure::new(instrument, Arc::clone(&scene), conditions);
            Observation {
                block: Arc::clone(&block),
                number: k + 1,
                exposure,
            }
        })
        .collect()
}

fn tables(n: usize) -> Vec<Product> {
    let made = observations(n);
    made.iter()
        .map(|observation| observation.product(Form::Images, CoordinateState::Native))
        .collect()
}

fn combine(mut products: Vec<Product>, changes: &Json) -> Run {
    let mut reader = FakeReader::new();
    // The tag of the set of frames counts, whatever the file calls itself.
    for table in products
        .iter_mut()
        .filter(|product| product.tag.as_str().starts_with("PIXTABLE"))
    {
        table.tag = "PIXTABLE_REDUCED".into();
    }
    let frames: Vec<FrameRef> = products.into_iter().map(|product| reader.add(product)).collect();
    run_on(EXP_COMBINE, &frames, changes, &reader, (1, 256 << 20))
}

/// The error of a run that must fail, with its sources.
fn fault(run: Run) -> String {
    let Err(error) = run else { panic!("the run succeeded") };
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[track_caller]
fn assert_names(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn second_name() -> String {
    tables(2)[1].name.trim_end_matches(".fits").to_owned()
}

#[test]
fn sound_tables_in_either_form_give_the_same_bits() {
    let images = combine(tables(2), &json!({})).unwrap().1;
    let made = observations(2);
    let in_tables = made
        .iter()
        .map(|it| it.product(Form::Table, CoordinateState::Native))
        .collect();
    let rows = combine(in_tables, &json!({})).unwrap().1;
    for hdu in ["DATA", "STAT"] {
        let bits = |products: &[Product]| -> Vec<u32> {
            support::values(support::product(products, "DATACUBE_FINAL"), hdu)
                .iter()
                .map(|v| v.to_bits())
                .collect()
        };
        assert_eq!(bits(&images), bits(&rows));
    }
}

#[test]
fn a_missing_column_is_named() {
    for column in ["xpos", "lambda", "dq", "stat", "origin"] {
        let mut products = tables(2);
        products[1].hdus.retain(|hdu| hdu.name != column);
        assert_names(
            &fault(combine(products, &json!({}))),
            &[&second_name(), &format!("column {column} is missing")],
        );
    }
}

#[test]
fn a_wrong_unit_is_named_with_the_one_expected() {
    for (column, unit, expected) in [
        ("xpos", "arcsec", "rad, deg or pix"),
        ("ypos", "deg", "expected rad"),
        ("lambda", "nm", "expected Angstrom"),
        ("stat", "count", "**2"),
    ] {
        let mut products = tables(2);
        let hdu = products[1].hdus.iter_mut().find(|hdu| hdu.name == column).unwrap();
        hdu.header.set("BUNIT", unit, "");
        assert_names(
            &fault(combine(products, &json!({}))),
            &[&second_name(), &format!("column {column} has unit {unit}"), expected],
        );
    }
}

#[test]
fn no_table_at_all_is_an_error() {
    assert_names(
        &fault(combine(Vec::new(), &json!({}))),
        &["PIXTABLE_REDUCED", "there are 0"],
    );
}

#[test]
fn a_later_exposure_in_another_state_is_left_out_with_a_caveat() {
    let made = observations(3);
    let mut products: Vec<Product> = made
        .iter()
        .map(|it| it.product(Form::Images, CoordinateState::Native))
        .collect();
    products[2] = made[2].product(Form::Images, CoordinateState::Positioned);
    let (outcome, _) = combine(products, &json!({})).unwrap();
    assert_eq!(figure(&outcome, "exposures"), 2.0);
    assert_eq!(outcome.caveats.len(), 1);
    assert_names(&outcome.caveats[0].to_string(), &["unit deg", "expected rad"]);
}

#[test]
fn a_first_exposure_in_another_state_is_an_error() {
    let made = observations(2);
    let products = vec![
        made[0].product(Form::Images, CoordinateState::Pixel),
        made[1].product(Form::Images, CoordinateState::Native),
    ];
    let first = products[0].name.trim_end_matches(".fits").to_owned();
    assert_names(
        &fault(combine(products, &json!({}))),
        &[&first, "column xpos has unit pix, expected rad"],
    );
}

#[test]
fn a_missing_key_is_named() {
    for (key, changes) in [
        ("EXPTIME", json!({})),
        ("DATE-OBS", json!({})),
        ("RA", json!({})),
        ("ESO.DRS.MUSE.PIXTABLE.TYPE", json!({})),
        ("ESO.DRS.MUSE.WEIGHT", json!({"weight": "header"})),
    ] {
        let mut products = tables(2);
        products[0].header.set("DRS.MUSE.WEIGHT", 1.0, "");
        products[1].header.remove(key);
        assert_names(
            &fault(combine(products, &changes)),
            &[&second_name(), &format!("key {key} is missing")],
        );
    }
}

#[test]
fn an_exposure_time_of_zero_is_an_error() {
    let mut products = tables(2);
    products[1].header.set("EXPTIME", 0.0, "");
    assert_names(
        &fault(combine(products, &json!({}))),
        &[&second_name(), "key EXPTIME is 0"],
    );
}

#[test]
fn an_exposure_of_nothing_but_nan_is_an_error() {
    for column in ["data", "xpos"] {
        let mut products = tables(2);
        let hdu = products[1].hdus.iter_mut().find(|hdu| hdu.name == column).unwrap();
        let HduData::Image(Pixels::F32(planes)) = &hdu.data else {
            panic!("a column of reals")
        };
        let [_, n_y, n_x] = planes.shape();
        hdu.data = HduData::Image(Pixels::F32(Arc::new(Array2::from_elem((n_y, n_x), f32::NAN))));
        assert_names(&fault(combine(products, &json!({}))), &[&second_name(), column]);
    }
}

#[test]
fn the_same_exposure_twice_is_an_error() {
    let mut products = tables(2);
    let date: Value = products[0].header.get("DATE-OBS").unwrap().clone();
    products[1].header.set("DATE-OBS", date, "");
    let names = [products[0].name.trim_end_matches(".fits").to_owned(), second_name()];
    assert_names(
        &fault(combine(products, &json!({}))),
        &["key DATE-OBS is", &names[0], &names[1]],
    );
}

#[test]
fn an_offset_list_that_matches_nothing_is_an_error() {
    let made = observations(2);
    let mut list = offsets::list(&made, 0.0, 1);
    if let HduData::Table(table) = &mut list.hdus[0].data {
        let dates = table
            .columns
            .iter_mut()
            .find(|column| column.name == "DATE_OBS")
            .unwrap();
        dates.data = ColumnData::Text(vec!["1999-01-01T00:00:00.000".into(); 2]);
    }
    let mut products = tables(2);
    products.push(list);
    assert_names(
        &fault(combine(products, &json!({}))),
        &["OFFSET_LIST", "column DATE_OBS matches no exposure", "1999-01-01"],
    );
}

#[test]
fn a_column_of_another_length_is_an_error() {
    let mut products = tables(2);
    let hdu = products[1].hdus.iter_mut().find(|hdu| hdu.name == "stat").unwrap();
    hdu.data = HduData::Image(Pixels::F32(Arc::new(Array2::from_elem((7, 1), 1.0))));
    assert_names(
        &fault(combine(products, &json!({}))),
        &[&second_name(), "column stat has 7 rows"],
    );
}

#[test]
fn a_budget_below_the_floor_names_the_floor() {
    let mut reader = FakeReader::new();
    let frames: Vec<FrameRef> = tables(2).into_iter().map(|product| reader.add(product)).collect();
    let text = fault(run_on(EXP_COMBINE, &frames, &json!({}), &reader, (1, 1000)));
    assert_names(&text, &["memory budget of 1000 bytes", "floor of"]);
}

#[test]
fn a_truncated_file_is_an_error_that_names_it() {
    let Some(folder) = support::reference() else { return };
    let whole = folder.join("PIXTABLE_REDUCED_0001.fits");
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("PIXTABLE_REDUCED_0002.fits");
    let bytes = std::fs::read(folder.join("PIXTABLE_REDUCED_0002.fits")).unwrap();
    std::fs::write(&cut, &bytes[..3_000_000]).unwrap();
    let frames = [
        support::frame(&whole, "PIXTABLE_REDUCED"),
        support::frame(&cut, "PIXTABLE_REDUCED"),
    ];
    assert_names(
        &fault(support::run(EXP_COMBINE, &frames, &json!({}))),
        &["PIXTABLE_REDUCED_0002"],
    );
}
