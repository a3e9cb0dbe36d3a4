//! `muse_exp_align`: its products, what it says of exposures that cannot be aligned, and ESO's recipe on the same files.

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

use std::path::{Path, PathBuf};
use std::process::Command;

use fields::Field;
use phoenix_core::caveat::Caveat;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Product, Table};
use phoenix_core::traits::FrameReader;
use phoenix_io::FitsReader;
use phoenix_kernels::align::SkyImage;
use phoenix_muse::align::ALIGN;
use phoenix_testkit::peers;
use serde_json::json;
use support::fov::{date, fov};
use support::{figure, frame, product, run, values};

/// Writes images as `muse_scipost` does.
fn write(folder: &Path, images: &[SkyImage]) -> Vec<FrameRef> {
    let of = |(k, image): (usize, &SkyImage)| {
        let product = fov(k, image);
        let path = folder.join(&product.name);
        phoenix_io::write_product(&path, product).unwrap();
        frame(&path, "IMAGE_FOV")
    };
    images.iter().enumerate().map(of).collect()
}

/// Offsets on the sky in arcsec, by `DATE_OBS`.
fn offsets(table: &Table, field: &Field) -> Vec<[f64; 2]> {
    let ColumnData::Text(dates) = &table.column("DATE_OBS").unwrap().data else {
        panic!("DATE_OBS is no text");
    };
    let reals = |name: &str| table.column(name).unwrap().data.to_f64().unwrap();
    let (ra, dec) = (reals("RA_OFFSET"), reals("DEC_OFFSET"));
    (0..field.images.len())
        .map(|k| {
            let row = dates.iter().position(|found| *found == date(k)).unwrap();
            let cos = field.images[0].wcs().crval[1].to_radians().cos();
            [ra[row] * 3600.0 * cos, dec[row] * 3600.0]
        })
        .collect()
}

/// Rms per axis against the truth, about the mean of the field.
fn rms(found: &[[f64; 2]], field: &Field) -> f64 {
    let n = found.len() as f64;
    let mut sum = 0.0;
    for axis in 0..2 {
        let misses: Vec<f64> = found
            .iter()
            .zip(&field.offsets)
            .map(|(f, t)| f[axis] - t[axis])
            .collect();
        let mean = misses.iter().sum::<f64>() / n;
        sum += misses.iter().map(|miss| (miss - mean).powi(2)).sum::<f64>();
    }
    (sum / (2.0 * (n - 1.0))).sqrt()
}

/// Runs ESO's recipe; `None` if it ended without a list.
fn esorex(folder: &Path, frames: &[FrameRef]) -> Option<Table> {
    let out = folder.join("eso");
    std::fs::create_dir_all(&out).unwrap();
    let lines = frames.iter().map(|frame| format!("{} IMAGE_FOV\n", frame.location));
    std::fs::write(out.join("align.sof"), lines.collect::<String>()).unwrap();
    Command::new("esorex")
        .args(["--suppress-prefix=TRUE", "--log-file=run.log", ALIGN, "align.sof"])
        .current_dir(&out)
        .output()
        .unwrap();
    let list: PathBuf = out.join("OFFSET_LIST.fits");
    list.exists()
        .then(|| FitsReader::new().table(&frame(&list, "OFFSET_LIST"), 1).unwrap())
}

#[test]
fn products_have_the_pipelines_layout_and_the_offsets_their_errors() {
    let folder = tempfile::tempdir().unwrap();
    let field = Field::new(900, 4, 10);
    let (outcome, products) = run(ALIGN, &write(folder.path(), &field.images), &json!({})).unwrap();
    assert!(outcome.caveats.is_empty(), "{:?}", outcome.caveats);
    assert!((figure(&outcome, "aligned_exposures") - 4.0).abs() < 1e-9);
    let list = product(&products, "OFFSET_LIST");
    let table = list.table("OFFSET_LIST").unwrap();
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["DATE_OBS", "MJD_OBS", "RA_OFFSET", "DEC_OFFSET", "FLUX_SCALE"]);
    assert!(rms(&offsets(table, &field), &field) < 0.05);
    let scales = table.column("FLUX_SCALE").unwrap().data.to_f64().unwrap();
    for (scale, transparency) in scales.iter().zip(&field.transparency) {
        let truth = field.transparency[0] / transparency;
        assert!((scale / truth - 1.0).abs() < 0.06, "{scale} for {truth}");
    }
    for key in [
        "QC.EXPALIGN.NDET4",
        "QC.EXPALIGN.NMATCH.MIN",
        "QC.EXPALIGN.OFFSET.RA.STDEV",
        "PHX.ALIGN2.RAERR",
    ] {
        assert!(list.header.f64(key).is_ok_and(|value| value > 0.0), "{key}");
    }
    // One sky of 20 counts under all exposures: what scales fluxes scales it too, and leaves steps.
    let real = |key: &str| list.header.f64(format!("QC.EXPALIGN.{key}")).unwrap();
    for (n, scale) in (1..).zip(&scales) {
        let others = (scales.iter().sum::<f64>() - scale) / (scales.len() - 1) as f64;
        let (step, error) = (real(&format!("SEAM{n}")), real(&format!("SEAM{n}.ERR")));
        let expected = 20.0 * (scale - others);
        assert!(
            (step - expected).abs() < 5.0 * error + 0.05,
            "{step} +- {error} for {expected}"
        );
    }
    assert!(real("SEAM.MAX") > 1.0 && real("SEAM.SIGMA") > 0.5);
    // Seeing between 0.6 and 1.1 arcsec.
    assert!((0.5..1.3).contains(&real("FWHM.MEDIAN")) && (0.01..0.5).contains(&real("FWHM.SCATTER")));
    assert_eq!(list.header.i64("QC.EXPALIGN.NOMATCH"), Ok(0));
    assert_eq!(list.header.i64("OBS.ID"), Ok(4711));
    assert_eq!(products.iter().filter(|p| p.tag.as_str() == "SOURCE_LIST").count(), 4);
    let longest = values(product(&products, "EXPOSURE_MAP"), "DATA")
        .into_iter()
        .fold(0.0, f32::max);
    assert!((longest - 2400.0).abs() < 1e-3, "{longest}");
    let preview = product(&products, "PREVIEW_FOV").planes("DATA").unwrap().shape();
    assert!(preview[1] >= 300 && preview[1] < 400, "{preview:?}");
}

#[test]
fn the_recipe_says_which_exposure_cannot_be_aligned() {
    let folder = tempfile::tempdir().unwrap();
    let mut images = Field::new(910, 3, 10).images;
    images.push(Field::new(911, 1, 0).images.remove(0));
    let frames = write(folder.path(), &images);
    let (outcome, products) = run(ALIGN, &frames, &json!({})).unwrap();
    let [Caveat::Partial { reason }] = &outcome.caveats[..] else {
        panic!("{:?}", outcome.caveats);
    };
    assert!(reason.contains("IMAGE_FOV_0003"), "{reason}");
    let list = product(&products, "OFFSET_LIST");
    assert_eq!(list.header.i64("QC.EXPALIGN.NOMATCH"), Ok(1));
    assert_eq!(list.header.str("PHX.ALIGN4.METHOD"), Ok("none"));
    let twice = [frames[0].clone(), frames[0].clone()];
    assert!(
        run(ALIGN, &twice, &json!({}))
            .unwrap_err()
            .to_string()
            .contains("DATE-OBS")
    );
    let text = run(ALIGN, &frames, &json!({"threshold": 15})).unwrap_err().to_string();
    assert!(text.contains("threshold"), "{text}");
}

/// Writes places of stars as a catalogue.
fn write_catalogue(path: &Path, places: &[[f64; 2]], fluxes: &[f64]) -> FrameRef {
    let column = |name: &str, values: Vec<f64>| Column {
        name: name.into(),
        unit: None,
        repeat: 1,
        data: ColumnData::F64(values),
    };
    let along = |axis: usize| places.iter().map(|place| place[axis]).collect();
    let table = Table {
        columns: vec![
            column("RA", along(0)),
            column("DEC", along(1)),
            column("MAG", fluxes.iter().map(|flux| 30.0 - 2.5 * flux.log10()).collect()),
            column("RA_ERR", vec![0.02; places.len()]),
            column("DEC_ERR", vec![0.02; places.len()]),
        ],
    };
    let product = Product {
        tag: "REFERENCE_CATALOG".into(),
        name: "stars.fits".into(),
        header: Header::new(),
        hdus: vec![Hdu {
            name: "STARS".into(),
            header: Header::new(),
            data: HduData::Table(table),
        }],
    };
    phoenix_io::write_product(path, product).unwrap();
    frame(path, "REFERENCE_CATALOG")
}

#[test]
fn a_catalogue_or_an_image_of_reference_makes_offsets_absolute() {
    let folder = tempfile::tempdir().unwrap();
    let field = Field::new(920, 3, 8);
    let frames = write(folder.path(), &field.images);
    let fluxes: Vec<f64> = field.stars.iter().map(|star| star[2]).collect();
    let stars = write_catalogue(&folder.path().join("stars.fits"), &field.places(920, 0.02), &fluxes);
    let beside = tempfile::tempdir().unwrap();
    let image = FrameRef {
        tag: "REFERENCE_IMAGE".into(),
        id: "deep".into(),
        ..write(beside.path(), &[field.true_image(920)]).remove(0)
    };
    for (anchor, kind) in [(&stars, "catalogue"), (&image, "image")] {
        let all: Vec<FrameRef> = frames.iter().chain([anchor]).cloned().collect();
        let (outcome, products) = run(ALIGN, &all, &json!({})).unwrap();
        assert!(outcome.caveats.is_empty(), "{:?}", outcome.caveats);
        let list = product(&products, "OFFSET_LIST");
        assert_eq!(list.header.str("PHX.ALIGN.FRAME"), Ok(kind));
        assert_eq!(list.header.str("PHX.ALIGN.ANCHOR"), Ok(anchor.id.to_string().as_str()));
        assert_eq!(list.header.str("PHX.ALIGN1.METHOD"), Ok("sources"));
        for (n, (found, truth)) in (1..).zip(
            offsets(list.table("OFFSET_LIST").unwrap(), &field)
                .iter()
                .zip(&field.offsets),
        ) {
            assert!(list.header.i64(format!("PHX.ALIGN{n}.NANCHOR")).unwrap() >= 4);
            for (axis, key) in ["RAERR", "DECERR"].into_iter().enumerate() {
                let error = list.header.f64(format!("PHX.ALIGN{n}.{key}")).unwrap();
                let miss = found[axis] - truth[axis];
                assert!(
                    miss.abs() < 5.0 * error && error < 0.02,
                    "{kind}, exposure {n}: {miss} +- {error}"
                );
            }
        }
    }
    let both: Vec<FrameRef> = frames.iter().chain([&stars, &image]).cloned().collect();
    let text = run(ALIGN, &both, &json!({})).unwrap_err().to_string();
    assert!(
        text.contains("REFERENCE_CATALOG") && text.contains("REFERENCE_IMAGE"),
        "{text}"
    );
    let empty = write_catalogue(&folder.path().join("none.fits"), &[], &[]);
    let all: Vec<FrameRef> = frames.iter().chain([&empty]).cloned().collect();
    let (outcome, products) = run(ALIGN, &all, &json!({})).unwrap();
    assert_eq!(outcome.caveats.len(), 1, "{:?}", outcome.caveats);
    assert_eq!(
        product(&products, "OFFSET_LIST").header.str("PHX.ALIGN.FRAME"),
        Ok("exposure")
    );
}

/// Thirty seeds in the nightly, four in the gate.
#[test]
fn offsets_are_no_worse_than_the_pipelines_in_two_thirds_of_the_fields() {
    if peers::esorex(ALIGN).is_none() {
        return;
    }
    let seeds = if std::env::var_os("PHOENIX_NIGHTLY").is_some() {
        30
    } else {
        4
    };
    let mut better = 0;
    for seed in 0..seeds {
        let folder = tempfile::tempdir().unwrap();
        let field = Field::new(1000 + seed, 4 + (seed as usize * 5) % 13, 12);
        let frames = write(folder.path(), &field.images);
        let (_, products) = run(ALIGN, &frames, &json!({})).unwrap();
        let table = product(&products, "OFFSET_LIST").table("OFFSET_LIST").unwrap();
        let ours = rms(&offsets(table, &field), &field);
        let theirs =
            esorex(folder.path(), &frames).map_or(f64::INFINITY, |table| rms(&offsets(&table, &field), &field));
        println!(
            "seed {seed}: {} exposures, rms {ours:.4}, the pipeline's {theirs:.4} arcsec",
            frames.len()
        );
        assert!(ours <= 0.05, "seed {seed}: {ours}");
        better += u64::from(ours <= theirs);
    }
    assert!(3 * better >= 2 * seeds, "{better} of {seeds}");
}
