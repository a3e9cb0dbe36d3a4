//! A real MUSE cube through quality control, preview, conversion, check and ingestion; its stale checksum is told.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use phoenix::archive::sdp::check::{Profile, Severity, check};
use phoenix::archive::sdp::convert::InputHeader;
use phoenix::archive::store::{Store, StoreOptions};
use phoenix::archive::{DeliverOptions, ObjectTransport, deliver_blocking};
use phoenix::core::frame::FrameRef;
use phoenix::core::header::Header;
use phoenix::core::product::{Companion, Hdu, HduData, Pixels, Product, SealedProduct};
use phoenix::core::provenance::Record;
use phoenix::core::traits::{IngestStatus, Instrument};
use phoenix::io::{digest, read_product, write_product};
use phoenix::line::{ConvertSource, convert_product, examine, sdp_file, stale_checksums};
use phoenix::qc::measure::{CubeSurvey, SurveyOptions};
use phoenix_testkit::peers;

fn frame(path: &Path) -> FrameRef {
    FrameRef {
        id: "MUSE.2014-12-08T02:48:56.798".into(),
        tag: "DATACUBE_FINAL".into(),
        location: path.display().to_string(),
        size_bytes: None,
        digest: None,
    }
}

/// The white-light image of a cube, as the recipe makes one beside each cube.
fn white_of(cube: &Product) -> Product {
    let survey = CubeSurvey::of(cube, &SurveyOptions::default()).expect("a survey");
    let mut header = cube.hdu("DATA").expect("data").header.clone();
    header.retain(|card| {
        let key = card.key.as_str();
        !key.ends_with('3') && !key.contains("3_") && !key.contains("_3") && key != "WCSAXES"
    });
    header.set("WCSAXES", 2_i64, "");
    Product {
        tag: "IMAGE_FOV".into(),
        name: "IMAGE_FOV_0001.fits".into(),
        header: cube.header.clone(),
        hdus: vec![Hdu {
            name: "DATA".into(),
            header,
            data: HduData::Image(Pixels::F32(Arc::new(survey.white))),
        }],
    }
}

fn seal(folder: &Path, products: Vec<(Product, String)>, preview: (String, Vec<u8>)) -> SealedProduct {
    let mut sealed: Option<SealedProduct> = None;
    for (product, category) in products {
        let path = folder.join(&product.name);
        let name = product.name.clone();
        write_product(&path, product).expect("written");
        let file = sdp_file(&path, &name).expect("reads back");
        let errors: Vec<String> = (check(&file, Profile::Strict).into_iter())
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
        let digest = digest::content_of_file(&path).expect("a digest");
        let size_bytes = path.metadata().expect("metadata").len();
        match &mut sealed {
            None => {
                sealed = Some(SealedProduct {
                    header: file.primary().cloned().unwrap_or_default(),
                    location: path.display().to_string(),
                    companions: Vec::new(),
                    caveats: Vec::new(),
                    name,
                    category,
                    digest,
                    size_bytes,
                });
            }
            Some(main) => main.companions.push(Companion {
                name,
                location: path.display().to_string(),
                category,
                digest,
                size_bytes,
            }),
        }
    }
    let mut sealed = sealed.expect("a main product");
    let path = folder.join(&preview.0);
    std::fs::write(&path, &preview.1).expect("written");
    sealed.companions.push(Companion {
        name: preview.0,
        location: path.display().to_string(),
        category: "ANCILLARY.PREVIEW".into(),
        digest: digest::content_of_bytes(&preview.1),
        size_bytes: preview.1.len() as u64,
    });
    sealed
}

#[test]
fn a_real_cube_reaches_the_archive_and_its_stale_checksum_is_told() {
    let Some(path) = peers::data("muse-cube/minicube.fits") else {
        return;
    };
    let muse = phoenix::muse::instrument().expect("the instrument");
    let frame = frame(&path);
    let caveats = stale_checksums(std::slice::from_ref(&frame)).expect("checked");
    assert!(!caveats.is_empty(), "the stale checksum of the real file is not told");
    assert_eq!(caveats[0].code(), "SC");

    let cube = read_product(&path).expect("reads");
    let scorer = muse.scorer(&cube.tag).expect("a scorer");
    let examination = examine(&cube, scorer, &()).expect("examined");
    let (_, of) = examination.report.result();
    assert_eq!(of, 10);
    let png = examination.preview.expect("a preview");
    assert!(png.starts_with(b"\x89PNG"));
    for key in ["WAVELMIN", "WAVELMAX", "PIXNOISE", "ABMAGLIM", "SKY_RES"] {
        assert!(
            examination.facts.contains_key(key),
            "{key} is not among {:?}",
            examination.facts
        );
    }

    let white = white_of(&cube);
    let delivery = muse.delivery(&cube.tag, &cube.header).expect("it is delivered");
    let record = Record {
        job: "minicube".into(),
        recipe: "muse_exp_combine".into(),
        pipeline: "muse/2.8".into(),
        raw: vec![frame.clone()],
        calib: Vec::new(),
        params: serde_json::json!({}),
        rules: None,
        overlays: Vec::new(),
        caveats,
    };
    let inputs: Vec<InputHeader> = vec![InputHeader {
        id: frame.id.clone(),
        header: Header::clone(&cube.header),
    }];
    let conversion = convert_product(ConvertSource {
        product: &cube,
        others: std::slice::from_ref(&white),
        record: &record,
        inputs: &inputs,
        facts: &examination.facts,
        delivery: &delivery,
        block: None,
        date: "2016-05-02T12:00:00.000",
        preview: Some(png),
    })
    .expect("converted");
    assert!(
        conversion.product.name.starts_with("MU_SCB"),
        "{}",
        conversion.product.name
    );

    let dir = tempfile::tempdir().expect("a folder");
    let products = vec![
        (conversion.product, delivery.category.clone()),
        (
            conversion.companions.into_iter().next().expect("a white image"),
            delivery.companions[0].category.clone(),
        ),
    ];
    let sealed = seal(dir.path(), products, conversion.preview.expect("a preview"));
    let store = dir.path().join("store");
    std::fs::create_dir(&store).expect("made");
    let open = || Store::open(&store.display().to_string(), &StoreOptions::new()).expect("opens");
    let ingestor = muse.ingestor(Arc::new(ObjectTransport::new(Arc::new(open()))));
    for status in [IngestStatus::Stored, IngestStatus::AlreadyPresent] {
        let deliveries =
            deliver_blocking(vec![sealed.clone()], &*ingestor, &DeliverOptions::new(), &mut |_| {}).expect("delivered");
        let receipt = deliveries[0].outcome.as_ref().expect("accepted");
        assert_eq!(receipt.status, status);
    }
}
