//! The standard held against real files: spectra from the archive, and a real MUSE cube on its way there.

#![expect(clippy::expect_used, reason = "a test cannot go on without its material")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array2;
use phoenix_archive::frames::HeaderState;
use phoenix_archive::sdp::batch::check_batch;
use phoenix_archive::sdp::check::{Finding, Profile, SdpFile, Severity, SpectrumFacts, check};
use phoenix_archive::sdp::convert::{ConvertInput, convert};
use phoenix_archive::{FrameQuery, Span, Store, StoreOptions, list_frames};
use phoenix_core::frame::FrameRef;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{CompanionSpec, DeliveryForm, DeliverySpec, FrameReader};
use phoenix_io::fits::card::parse_header;
use phoenix_io::{FitsReader, read_product, write_product};
use phoenix_testkit::peers;

fn frame(path: &Path) -> FrameRef {
    FrameRef {
        id: "file".into(),
        tag: "PRODUCT".into(),
        location: path.display().to_string(),
        size_bytes: None,
        digest: None,
    }
}

fn file(path: &Path, name: &str) -> SdpFile {
    SdpFile::new(name, FitsReader::new().hdus(&frame(path)).expect("readable"))
}

fn errors(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(ToString::to_string)
        .collect()
}

fn spectrum_facts(path: &Path) -> SpectrumFacts {
    let table = FitsReader::new().table(&frame(path), 1).expect("a table");
    SpectrumFacts::of(&table).expect("wavelengths")
}

#[test]
fn real_spectra_of_the_archive_are_accepted_when_read() {
    for relative in ["xshooter-sdp/qso_vis.fits", "xshooter-sdp/XShooter_XQ100.fits.gz"] {
        let Some(path) = peers::data(relative) else { return };
        // The folder holds it under a name of its own; this is the kind of name that the archive gives.
        let mut sdp = file(&path, "ADP.2016-07-15T08:22:40.217.fits");
        sdp.spectrum = Some(spectrum_facts(&path));
        assert_eq!(
            errors(&check(&sdp, Profile::Tolerant)),
            Vec::<String>::new(),
            "{relative}"
        );
    }
}

#[test]
fn a_real_spectrum_that_was_spoilt_is_told_from_a_good_one() {
    let Some(path) = peers::data("xshooter-sdp/qso_vis.fits") else {
        return;
    };
    let mut sdp = file(&path, "ADP.2016-07-15T08:22:40.217.fits");
    sdp.hdus[0].header.set("EXPTIME", 4000.0, "");
    sdp.hdus[1].header.set("NELEM", 100_i64, "");
    let rules: Vec<String> = check(&sdp, Profile::Tolerant)
        .into_iter()
        .map(|finding| finding.rule)
        .collect();
    assert!(
        rules.contains(&"R1".to_owned()) && rules.contains(&"T3".to_owned()),
        "{rules:?}"
    );
}

/// The mean of a cube over wavelength, voxels without value left out.
fn white_light(cube: &Product) -> Product {
    let planes = cube.planes("DATA").expect("planes");
    let [n_wave, n_y, n_x] = planes.shape();
    let (mut sum, mut count) = (vec![0.0_f64; n_y * n_x], vec![0.0_f64; n_y * n_x]);
    let mut plane = vec![0.0_f32; n_y * n_x];
    for iw in 0..n_wave {
        planes.read(iw..iw + 1, &mut plane).expect("a plane");
        for (i, value) in plane.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            sum[i] += f64::from(*value);
            count[i] += 1.0;
        }
    }
    let mean = sum
        .iter()
        .zip(&count)
        .map(|(sum, count)| (sum / count) as f32)
        .collect();
    let image = Array2::from_shape_vec((n_y, n_x), mean).expect("the shape of a plane");
    Product {
        tag: "IMAGE_FOV".into(),
        name: "IMAGE_FOV_0001.fits".into(),
        header: cube.header.clone(),
        hdus: vec![Hdu {
            name: "DATA".into(),
            header: cube.hdu("DATA").expect("the extension").header.clone(),
            data: HduData::Image(Pixels::F32(Arc::new(image))),
        }],
    }
}

fn delivery() -> DeliverySpec {
    DeliverySpec {
        form: DeliveryForm::Standard,
        category: "SCIENCE.CUBE.IFS".into(),
        name_code: "MU_SCBC".into(),
        setup_keys: vec!["INS.MODE".into()],
        marks_exposures: false,
        name_suffix: "OBJ".into(),
        unless: None,
        columns: Vec::new(),
        companions: vec![CompanionSpec {
            tag: "IMAGE_FOV".into(),
            category: "ANCILLARY.IMAGE.WHITELIGHT".into(),
            name_code: "MU_SIMC".into(),
            is_required: true,
            is_shared: false,
        }],
        keywords: BTreeMap::from([("SPEC_RES".to_owned(), serde_json::json!(3027.0))]),
    }
}

#[test]
fn a_real_cube_becomes_a_science_data_product() {
    let Some(path) = peers::data("muse-cube/minicube.fits") else {
        return;
    };
    let cube = read_product(&path).expect("readable");
    let white = white_light(&cube);
    let facts = [
        ("WAVELMIN", 475.0),
        ("WAVELMAX", 934.9),
        ("ABMAGLIM", 24.0),
        ("PIXNOISE", 1.0e-19),
        ("SKY_RES", 0.85),
    ];
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
    let converted = convert(&ConvertInput {
        product: &cube,
        others: std::slice::from_ref(&white),
        record: &record,
        inputs: &[],
        facts: &facts.map(|(key, value)| (key.to_owned(), value)).into(),
        delivery: &delivery(),
        block: None,
        date: "2016-06-01",
        attachments: &[],
    })
    .expect("converted");
    let folder = tempfile::tempdir().expect("folder");
    let products = [
        converted.product,
        converted.companions.into_iter().next().expect("white"),
    ];
    let mut files: Vec<SdpFile> = Vec::new();
    let mut paths: Vec<PathBuf> = Vec::new();
    for product in products {
        let name = product.name.clone();
        let path = folder.path().join(&name);
        write_product(&path, product).expect("written");
        files.push(file(&path, &name));
        paths.push(path);
    }
    assert_eq!(
        files[0].name,
        "MU_SCBC_1135706_2014-12-08T02:48:56.798_WFM-NOAO-N_OBJ.fits"
    );
    let findings = check_batch(&files, &[], Profile::Strict);
    let text: Vec<String> = findings
        .iter()
        .map(|(file, finding)| format!("{file}:{finding}"))
        .collect();
    let errors: Vec<&String> = text.iter().filter(|line| line.contains(": error: ")).collect();
    assert_eq!(errors, Vec::<&String>::new());
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    if let Some(complaints) = peers::fitsverify(&paths) {
        assert_eq!(complaints, Vec::<String>::new());
    }
    let header = files[0].primary().expect("a header");
    assert_eq!(
        (header.i64("NCOMBINE").ok(), header.f64("TEXPTIME").ok()),
        (Some(3), Some(2700.0))
    );
    assert_eq!(header.str("PROV1").ok(), Some("MUSE.2014-12-08T02:48:56.798"));
}

#[test]
fn a_folder_of_real_files_is_listed_by_their_headers() {
    let Some(folder) = peers::data("muse-combine-reference") else {
        return;
    };
    let decode = |_: &str, bytes: &[u8], _: bool| match parse_header(bytes) {
        Some(header) => HeaderState::Read(header),
        None => HeaderState::NeedsMore,
    };
    let store = Store::open(&folder.display().to_string(), &StoreOptions::new()).expect("store");
    let query = FrameQuery::new(Span::night("2014-12-08".parse().expect("a night"))).with_instrument("MUSE".into());
    let listing = phoenix_archive::wait(list_frames(&store, &decode, &query))
        .expect("a runtime")
        .expect("listed");
    let ids: Vec<&str> = listing.frames.iter().map(|frame| frame.id.as_str()).collect();
    for table in [
        "PIXTABLE_REDUCED_0001",
        "PIXTABLE_REDUCED_0002",
        "PIXTABLE_REDUCED_0003",
    ] {
        assert!(ids.contains(&table), "{ids:?}");
    }
}
