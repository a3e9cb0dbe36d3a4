//! What exposures are worth: `muse_exp_image`, `muse_exp_weights`, and what `muse_exp_combine` makes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

#[path = "../../../phoenix-kernels/tests/fields/mod.rs"]
#[allow(dead_code, reason = "each test uses its share")]
mod fields;
mod support;

use fields::Field;
use phoenix_core::caveat::Caveat;
use phoenix_core::frame::FrameRef;
use phoenix_core::product::{ColumnData, HduData, Product, Table};
use phoenix_kernels::align::SkyImage;
use phoenix_muse::align::ALIGN;
use phoenix_muse::deep::{IMAGE, WEIGHTS};
use phoenix_sim::night::{self, Content};
use phoenix_testkit::fake::FakeReader;
use serde_json::{Value, json};
use support::fov::fov;
use support::{product, run_on, values};

const BUDGET: (usize, u64) = (2, 1 << 30);

/// The same field through clouds: the sky keeps its level of 20.
fn clouded(image: &SkyImage, share: f32) -> SkyImage {
    let pixels = image.pixels().mapv(|level| (level - 20.0) * share + 20.0);
    SkyImage::new(pixels, *image.wcs()).unwrap()
}

/// Aligns and weighs images.
fn weighed(images: &[SkyImage], params: &Value) -> (Vec<Caveat>, Product) {
    let mut reader = FakeReader::new();
    let mut frames: Vec<FrameRef> = images
        .iter()
        .enumerate()
        .map(|(k, image)| reader.add(fov(k, image)))
        .collect();
    let (_, products) = run_on(ALIGN, &frames, &json!({}), &reader, BUDGET).unwrap();
    let list = products
        .into_iter()
        .find(|made| made.tag.as_str() == "OFFSET_LIST")
        .unwrap();
    frames.push(reader.add(list));
    let (outcome, products) = run_on(WEIGHTS, &frames, params, &reader, BUDGET).unwrap();
    (outcome.caveats, products.into_iter().next().unwrap())
}

fn table(list: &Product) -> &Table {
    match &list.hdu("OFFSET_LIST").unwrap().data {
        HduData::Table(table) => table,
        _ => panic!("no table"),
    }
}

fn reals(list: &Product, name: &str) -> Vec<f64> {
    table(list).column(name).unwrap().data.to_f64().unwrap()
}

fn reason(list: &Product, k: usize) -> String {
    match &table(list).column("REASON").unwrap().data {
        ColumnData::Text(reasons) => reasons[k].clone(),
        _ => panic!("no text"),
    }
}

#[test]
fn transparency_is_measured_and_a_clouded_exposure_is_left_out() {
    let mut field = Field::new(930, 6, 12);
    field.images[3] = clouded(&field.images[3], 0.15);
    field.transparency[3] *= 0.15;
    let (caveats, list) = weighed(&field.images, &json!({}));
    let (found, used) = (reals(&list, "TRANSPARENCY"), reals(&list, "USED"));
    for k in 1..6 {
        let (ratio, truth) = (found[k] / found[0], field.transparency[k] / field.transparency[0]);
        assert!((ratio / truth - 1.0).abs() < 0.06, "{k}: {ratio} for {truth}");
    }
    assert_eq!(used, [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    assert!(
        reason(&list, 3).starts_with("its transparency is 0."),
        "{}",
        reason(&list, 3)
    );
    assert!(
        matches!(&caveats[..], [Caveat::InputLeftOut { frame, .. }] if frame.as_str().contains("0003")),
        "{caveats:?}"
    );
    assert_eq!(list.header.i64("PHX.DEEP.NLEFTOUT"), Ok(1));
    let seam = list.header.f64("QC.EXPALIGN.SEAM.MAX");
    assert!(
        seam.is_ok_and(|step| step > 0.0),
        "what the alignment measured of the exposures is lost"
    );

    let weights = reals(&list, "WEIGHT");
    let (fwhm, noise) = (reals(&list, "FWHM"), reals(&list, "NOISE"));
    let expected = |k: usize| (found[k] / noise[k]).powi(2) / fwhm[k];
    for k in [1, 2, 4, 5] {
        let (ratio, truth) = (weights[k] / weights[0], expected(k) / expected(0));
        assert!((ratio / truth - 1.0).abs() < 1e-9, "{k}: {ratio} for {truth}");
        assert!((0.5..1.2).contains(&fwhm[k]), "{fwhm:?}");
    }
}

#[test]
fn nothing_is_left_out_if_nobody_asks_and_a_share_always_stays() {
    let mut images = Field::new(931, 5, 12).images;
    images[1] = clouded(&images[1], 0.15);
    images[4] = clouded(&images[4], 0.15);
    let (caveats, list) = weighed(&images, &json!({"clip": 0}));
    assert!(
        caveats.is_empty() && reals(&list, "USED").iter().all(|used| *used > 0.0),
        "{caveats:?}"
    );
    let (caveats, list) = weighed(&images, &json!({"keep": 1}));
    assert!(reals(&list, "USED").iter().all(|used| *used > 0.0));
    for caveat in &caveats {
        assert!(
            caveat.to_string().contains("at least 100 % of the exposures are kept"),
            "{caveat}"
        );
    }
}

#[test]
fn an_exposure_that_nothing_ties_goes_where_most_are_tied_and_stays_where_none_is() {
    let mut images = Field::new(932, 4, 10).images;
    images.push(Field::new(933, 1, 0).images.remove(0));
    let (_, list) = weighed(&images, &json!({}));
    assert_eq!(reals(&list, "USED"), [1.0, 1.0, 1.0, 1.0, 0.0]);
    assert!(
        reason(&list, 4).starts_with("nothing ties it to the others"),
        "{}",
        reason(&list, 4)
    );
    let blank: Vec<SkyImage> = (0..4).map(|k| Field::new(940 + k, 1, 0).images.remove(0)).collect();
    let (_, list) = weighed(&blank, &json!({}));
    assert_eq!(reals(&list, "USED"), [1.0; 4]);
    assert_eq!(list.header.str("PHX.DEEP.FWHM"), Ok("none"));
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let mut reader = FakeReader::new();
    let images = Field::new(934, 2, 6).images;
    let mut frames: Vec<FrameRef> = images
        .iter()
        .enumerate()
        .map(|(k, image)| reader.add(fov(k, image)))
        .collect();
    let (_, products) = run_on(ALIGN, &frames, &json!({}), &reader, BUDGET).unwrap();
    let list = products
        .into_iter()
        .find(|made| made.tag.as_str() == "OFFSET_LIST")
        .unwrap();
    frames.push(reader.add(list));
    for (name, value) in [("clip", -1.0), ("keep", 1.5), ("fwhmpower", 9.0), ("doffset", -3.0)] {
        let told = run_on(WEIGHTS, &frames, &json!({name: value}), &reader, BUDGET)
            .unwrap_err()
            .to_string();
        assert!(told.contains(name), "{told}");
    }
}

/// The block of four of the simulated night.
fn block() -> (FakeReader, Vec<FrameRef>) {
    let mut reader = FakeReader::new();
    let mut frames = Vec::new();
    for file in night::demo(1).files {
        let Content::Product(made) = file.content else { continue };
        let is_block = made.header.i64("OBS.ID") == Ok(night::COMBINED_OBS_ID);
        if is_block && made.tag.as_str() == "PIXTABLE_REDUCED" {
            frames.push(reader.add(made));
        }
    }
    (reader, frames)
}

#[test]
fn the_white_image_is_that_of_the_cube_without_the_cube() {
    let (reader, frames) = block();
    let table = &frames[..1];
    let (_, image) = run_on(IMAGE, table, &json!({}), &reader, BUDGET).unwrap();
    let (_, cube) = run_on("muse_scipost_make_cube", table, &json!({}), &reader, BUDGET).unwrap();
    assert_eq!(image.len(), 1);
    let (ours, theirs) = (values(&image[0], "DATA"), values(product(&cube, "IMAGE_FOV"), "DATA"));
    assert_eq!(ours.len(), theirs.len());
    let noise = values(&image[0], "STAT");
    let both: Vec<(f64, f64, f64)> = (ours.iter().zip(&theirs).zip(&noise))
        .map(|((a, b), v)| (f64::from(*a), f64::from(*b), f64::from(*v)))
        .filter(|(a, b, _)| a.is_finite() && b.is_finite())
        .collect();
    assert!(both.len() * 10 > ours.len() * 7, "{} of {}", both.len(), ours.len());
    let sum = |of: fn(&(f64, f64, f64)) -> f64| both.iter().map(of).sum::<f64>();
    let ratio = sum(|p| p.0) / sum(|p| p.1);
    assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    // The two differ by how pixels are shared out between voxels, which is little beside the noise of a pixel.
    let mut misses: Vec<f64> = both.iter().map(|p| (p.0 - p.1).abs() / p.2.sqrt()).collect();
    misses.sort_by(f64::total_cmp);
    assert!(misses[misses.len() / 2] < 1.0, "{}", misses[misses.len() / 2]);
    assert!(both.iter().all(|p| p.2 > 0.0));
}

#[test]
fn the_list_decides_who_is_combined_and_what_each_weighs() {
    let (mut reader, tables) = block();
    let mut images = Vec::new();
    for (k, table) in tables.iter().enumerate() {
        let (_, made) = run_on(IMAGE, std::slice::from_ref(table), &json!({}), &reader, BUDGET).unwrap();
        let mut image = made.into_iter().next().unwrap();
        image.name = format!("IMAGE_{k}.fits");
        images.push(reader.add(image));
    }
    let (_, aligned) = run_on(ALIGN, &images, &json!({}), &reader, BUDGET).unwrap();
    let plain = aligned
        .into_iter()
        .find(|made| made.tag.as_str() == "OFFSET_LIST")
        .unwrap();
    let plain = reader.add(plain);
    let measured = [images, vec![plain.clone()]].concat();
    let (_, weighed) = run_on(WEIGHTS, &measured, &json!({}), &reader, BUDGET).unwrap();
    let mut list = weighed.into_iter().next().unwrap();
    list.name = "WEIGHED.fits".into();
    let combine = |reader: &FakeReader, list: &FrameRef| {
        let frames = [tables.clone(), vec![list.clone()]].concat();
        run_on(
            "muse_exp_combine",
            &frames,
            &json!({"weight": "quality"}),
            reader,
            BUDGET,
        )
        .unwrap()
    };
    let (outcome, _) = combine(&reader, &plain);
    assert!(
        outcome
            .caveats
            .iter()
            .any(|caveat| caveat.to_string().contains("does not weigh every exposure"))
    );

    let whole = reader.add(list.clone());
    let (outcome, products) = combine(&reader, &whole);
    assert!(outcome.caveats.is_empty(), "{:?}", outcome.caveats);
    let all = values(product(&products, "DATACUBE_FINAL"), "DATA");

    let HduData::Table(table) = &mut list.hdus[0].data else {
        panic!("no table")
    };
    let column = |table: &mut Table, name: &str| table.columns.iter().position(|column| column.name == name).unwrap();
    let (used, reasons) = (column(table, "USED"), column(table, "REASON"));
    table.columns[used].data = ColumnData::I32(vec![1, 0, 1, 1]);
    let texts = ["-", "a satellite", "-", "-"].map(str::to_owned);
    table.columns[reasons].data = ColumnData::Text(texts.to_vec());
    list.name = "SHORTENED.fits".into();
    let fewer = reader.add(list);
    let (outcome, products) = combine(&reader, &fewer);
    let left: Vec<String> = outcome.caveats.iter().map(ToString::to_string).collect();
    assert_eq!(left, [format!("input {} was left out: a satellite", tables[1].id)]);
    let cube = product(&products, "DATACUBE_FINAL");
    assert_eq!(cube.header.i64("PRO.DATANCOM"), Ok(3));
    assert_ne!(values(cube, "DATA"), all);
}
