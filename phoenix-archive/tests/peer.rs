//! Our conversion beside that of ESO's pipeline, on the same exposures.

#![expect(clippy::expect_used, reason = "a test cannot go on without its material")]

use std::path::Path;
use std::process::{Command, Stdio};

use phoenix_archive::sdp::convert::{ConvertInput, InputHeader, convert};
use phoenix_archive::sdp::wcs::SkyWcs;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{DeliveryForm, DeliverySpec, FrameReader};
use phoenix_io::{FitsReader, read_product};
use phoenix_testkit::peers;

fn headers(path: &Path) -> Vec<Header> {
    let frame = FrameRef {
        id: "file".into(),
        tag: "PRODUCT".into(),
        location: path.display().to_string(),
        size_bytes: None,
        digest: None,
    };
    let hdus = FitsReader::new().hdus(&frame).expect("readable");
    hdus.into_iter().map(|hdu| hdu.header).collect()
}

/// Runs the pipeline with its own conversion; the reference data are linked, since the recipe writes where it runs.
fn esos_cube(esorex: &Path, data: &Path, folder: &Path) {
    for entry in std::fs::read_dir(data).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("PIXTABLE") || name == "OFFSET_LIST.fits" || name == "combine_off.sof" {
            std::fs::copy(&path, folder.join(&name)).expect("copied");
        }
    }
    let status = Command::new(esorex)
        .args([
            "--suppress-prefix=TRUE",
            "muse_exp_combine",
            "--format=sdpCube",
            "combine_off.sof",
        ])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("esorex runs");
    assert!(status.success());
}

#[test]
fn what_follows_from_the_exposures_is_what_esos_pipeline_finds() {
    let Some(esorex) = peers::esorex("muse_exp_combine") else {
        return;
    };
    let Some(data) = peers::data("muse-combine-reference") else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    esos_cube(&esorex, &data, folder.path());
    let theirs = headers(&folder.path().join("DATACUBE_FINAL.fits"));

    let cube = read_product(data.join("cube_drizzle.fits")).expect("readable");
    let inputs: Vec<InputHeader> = (1..=3)
        .map(|n| InputHeader {
            id: format!("PIXTABLE_REDUCED_{n:04}").into(),
            header: headers(&data.join(format!("PIXTABLE_REDUCED_{n:04}.fits"))).swap_remove(0),
        })
        .collect();
    let record = Record {
        job: "job".into(),
        recipe: "muse_exp_combine".into(),
        pipeline: "phoenix/0.1.0".into(),
        raw: Vec::new(),
        calib: Vec::new(),
        params: serde_json::Value::Null,
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let delivery = DeliverySpec {
        form: DeliveryForm::Standard,
        category: "SCIENCE.CUBE.IFS".into(),
        name_code: "MU_SCBC".into(),
        setup_keys: vec!["INS.MODE".into()],
        marks_exposures: false,
        name_suffix: "OBJ".into(),
        unless: None,
        columns: Vec::new(),
        companions: Vec::new(),
        keywords: std::collections::BTreeMap::new(),
    };
    let facts = ["WAVELMIN", "WAVELMAX", "SPEC_RES", "ABMAGLIM", "PIXNOISE", "SKY_RES"];
    let converted = convert(&ConvertInput {
        product: &cube,
        others: &[],
        record: &record,
        inputs: &inputs,
        facts: &facts.map(|key| (key.to_owned(), 1.0)).into(),
        delivery: &delivery,
        block: None,
        date: "2016-06-01",
        attachments: &[],
    })
    .expect("converted");

    let ours = &converted.product.header;
    for key in ["TEXPTIME", "MJD-OBS", "MJD-END", "NCOMBINE", "OBID1", "EQUINOX"] {
        let (a, b) = (ours.f64(key).expect("ours"), theirs[0].f64(key).expect("theirs"));
        assert!((a - b).abs() <= 1e-8 * b.abs().max(1.0), "{key}: {a} and {b}");
    }
    // ESO's pipeline takes 0.5 NAXIS for the centre, the standard 0.5 NAXIS + 0.5: half a pixel apart.
    let wcs = SkyWcs::from_header(&converted.product.hdus[0].header).expect("a projection");
    let [nx, ny] = ["NAXIS1", "NAXIS2"].map(|key| theirs[1].i64(key).expect("theirs") as f64);
    for (offset, header) in [(0.5, ours), (0.0, &theirs[0])] {
        let [ra, dec] = wcs.sky_of(0.5 * nx + offset, 0.5 * ny + offset);
        for (key, expected) in [("RA", ra), ("DEC", dec)] {
            let found = header.f64(key).expect("there");
            assert!((found - expected).abs() < 1e-9, "{key}: {found} and {expected}");
        }
    }
    for key in [
        "PROG_ID", "OBSTECH", "FLUXCAL", "PRODCATG", "RADESYS", "OBJECT", "DATE-OBS",
    ] {
        assert_eq!(ours.str(key).ok(), theirs[0].str(key).ok(), "{key}");
    }
    for n in 1..=3 {
        let key = format!("PROV{n}");
        let name = theirs[0].str(key.as_str()).expect("theirs").trim_end_matches(".fits");
        assert_eq!(ours.str(key.as_str()).ok(), Some(name));
    }
    for (hdu, theirs) in converted.product.hdus.iter().zip(&theirs[1..]) {
        for key in [
            "BUNIT", "CUNIT3", "CTYPE3", "OBJECT", "HDUCLASS", "HDUCLAS1", "HDUCLAS2",
        ] {
            assert_eq!(hdu.header.str(key).ok(), theirs.str(key).ok(), "{} {key}", hdu.name);
        }
        for key in ["CRVAL1", "CRPIX2", "CD1_1", "CRVAL3", "CD3_3", "CSYER1"] {
            let (a, b) = (hdu.header.f64(key).expect("ours"), theirs.f64(key).expect("theirs"));
            assert!(
                (a - b).abs() <= 1e-12 * b.abs().max(1.0),
                "{} {key}: {a} and {b}",
                hdu.name
            );
        }
    }
}
