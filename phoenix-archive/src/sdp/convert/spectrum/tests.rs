//! Spectra as ESO's recipes write them, on their way to the archive.

use std::sync::Arc;

use ndarray::{Array2, ArrayD};
use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Pixels, Product, Table};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{DeliverySpec, HduInfo, HduKind};

use super::super::{ConvertError, ConvertInput, Converted, InputHeader, convert, curve};
use crate::sdp::check::tests::good::header;
use crate::sdp::check::{Profile, SdpFile, SpectrumFacts, check};

const PRIMARY: &str = "
    DATE = '2016-05-03T00:00:00'
    ORIGIN = 'ESO-PARANAL'
    TELESCOP = 'ESO-VLT-U2'
    INSTRUME = 'UVES'
    OBJECT = 'HD 1'
    RA = 83.8
    DEC = -5.4
    RADECSYS = 'FK5'
    EXPTIME = 1800.0
    MJD-OBS = 57510.1
    DATE-OBS = '2016-05-02T02:24:00.000'
    ARCFILE = 'UVES.2016-05-02T02:24:00.000.fits'
    CTYPE1 = 'AWAV'
    CUNIT1 = 'Angstrom'
    CRVAL1 = 5000.0
    CRPIX1 = 1.0
    CDELT1 = 0.02
    CRDER1 = 0.001
    CSYER1 = 0.002
    LAMRMS = 0.01
    LAMNLIN = 1351
    BUNIT = '10^-16 erg/cm^2/Angstrom/s'
    DATAMIN = 0.0
    ESO TEL TARG ALPHA = 53513.0
    ESO TEL TARG DELTA = -52400.0
    ESO OBS ID = 1000
    ESO OBS PROG ID = '60.A-9022(A)'
    ESO PRO TECH = 'ECHELLE'
    ESO DET OUT1 CONAD = 1.87
    ESO DET OUT1 RON = 3.8
";

/// Six elements: the first and last are padding.
const FLUX: [f32; 6] = [0.0, 10.0, 20.0, 30.0, 40.0, 0.0];
const ERROR: [f32; 6] = [0.0, 1.0, 1.0, 1.0, 2.0, 0.0];

fn line(tag: &str, values: [f32; 6], unit: &str) -> Product {
    let mut header = header(PRIMARY);
    header.set("BUNIT", unit, "");
    let pixels = Array2::from_shape_vec((1, 6), values.to_vec()).unwrap();
    Product {
        tag: tag.into(),
        name: format!("{}.fits", tag.to_lowercase()),
        hdus: vec![Hdu {
            name: "PRIMARY".into(),
            header: header.clone(),
            data: HduData::Image(Pixels::F32(Arc::new(pixels))),
        }],
        header,
    }
}

const SCALE: &str = "10^-16 erg/cm^2/Angstrom/s";

struct Case {
    product: Product,
    others: Vec<Product>,
    inputs: Vec<InputHeader>,
    delivery: DeliverySpec,
}

impl Case {
    /// A calibrated spectrum of UVES with errors and counts in files of their own.
    fn usual() -> Self {
        let delivery = serde_json::json!({
            "category": "SCIENCE.SPECTRUM", "name_code": "UV_SFLX", "setup_keys": [], "name_suffix": "BLUE437_1x1_08",
            "columns": [
                {"name": "ERR", "tag": "ERRORBAR", "is_required": true},
                {"name": "FLUX_REDUCED", "tag": "REDUCED"},
                {"name": "ERR_REDUCED", "tag": "NOT_MADE"},
            ],
            "keywords": {"FLUXCAL": "ABSOLUTE", "APERTURE": 2.2e-4, "SPEC_RES": 50000, "DISPELEM": "CD#2"},
        });
        Self {
            product: line("FLUXCAL", FLUX, SCALE),
            others: vec![line("ERRORBAR", ERROR, SCALE), line("REDUCED", FLUX, "ADU")],
            inputs: Vec::new(),
            delivery: serde_json::from_value(delivery).unwrap(),
        }
    }

    fn convert(&self) -> Result<Converted, ConvertError> {
        let record = Record {
            job: "job".into(),
            recipe: "uves_obs_scired".into(),
            pipeline: "uves/6.1.8".into(),
            raw: Vec::new(),
            calib: Vec::new(),
            params: serde_json::Value::Null,
            rules: None,
            overlays: Vec::new(),
            caveats: Vec::new(),
        };
        convert(&ConvertInput {
            product: &self.product,
            others: &self.others,
            record: &record,
            inputs: &self.inputs,
            facts: &[].into(),
            delivery: &self.delivery,
            block: None,
            date: "2016-05-03",
            attachments: &[],
        })
    }

    fn converted(&self) -> Product {
        self.convert().expect("converted").product
    }
}

/// The structural cards that a writer adds to the table.
fn structure(header: &mut Header, table: &Table) {
    for (key, value) in [
        ("NAXIS2", 1),
        ("PCOUNT", 0),
        ("GCOUNT", 1),
        ("TFIELDS", table.columns.len() as i64),
    ] {
        header.set(key, value, "");
    }
    for (n, column) in (1..).zip(&table.columns) {
        let letter = match column.data {
            ColumnData::F32(_) => 'E',
            ColumnData::F64(_) => 'D',
            _ => 'J',
        };
        header.set(format!("TTYPE{n}"), column.name.as_str(), "");
        header.set(format!("TFORM{n}"), format!("{}{letter}", column.repeat), "");
        header.set(format!("TUNIT{n}"), column.unit.clone().unwrap_or_default(), "");
    }
}

fn findings(product: &Product) -> Vec<String> {
    let table = product.table("SPECTRUM").expect("a table");
    let info = |index: usize, name: &str, kind: HduKind, header: &Header| {
        let mut header = header.clone();
        header.set("SIMPLE", true, "");
        header.set("EXTEND", true, "");
        header.set("CHECKSUM", "0", "");
        header.set("DATASUM", "0", "");
        if index > 0 {
            header.set("EXTNAME", name, "");
            structure(&mut header, table);
        }
        HduInfo {
            index,
            name: name.to_owned(),
            kind,
            shape: Vec::new(),
            header,
        }
    };
    let hdus = vec![
        info(0, "", HduKind::Image, &product.header),
        info(1, "SPECTRUM", HduKind::Table, &product.hdus[0].header),
    ];
    let mut file = SdpFile::new(&product.name, hdus);
    file.spectrum = SpectrumFacts::of(table);
    check(&file, Profile::Strict).iter().map(ToString::to_string).collect()
}

fn cards(header: &Header) -> String {
    let line = |card: &phoenix_core::header::Card| format!("{} = {}", card.key.short(), card.value.display());
    header.cards().iter().map(line).collect::<Vec<_>>().join("\n")
}

fn column<'a>(product: &'a Product, name: &str) -> &'a Column {
    product
        .table("SPECTRUM")
        .and_then(|table| table.column(name))
        .expect("a column")
}

#[test]
fn a_spectrum_of_images_keeps_the_standard() {
    let found = findings(&Case::usual().converted());
    assert_eq!(found, ["SPECTRUM[1]: warning: T4: TFORM2: type E, column 1 has D"]);
}

#[test]
fn both_headers_say_what_the_standard_asks() {
    let product = Case::usual().converted();
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        cards(&product.header),
        cards(&product.hdus[0].header)
    ));
}

#[test]
fn flux_and_error_stand_first_and_pixels_are_not_changed() {
    let product = Case::usual().converted();
    let names: Vec<&str> = product
        .table("SPECTRUM")
        .unwrap()
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["WAVE", "FLUX", "ERR", "FLUX_REDUCED", "QUAL"]);
    assert_eq!(column(&product, "FLUX").data, ColumnData::F32(FLUX.to_vec()));
    assert_eq!(column(&product, "ERR").data, ColumnData::F32(ERROR.to_vec()));
    assert_eq!(column(&product, "FLUX_REDUCED").unit.as_deref(), Some("adu"));
}

#[test]
fn padding_is_marked_and_counts_neither_for_the_range_nor_for_the_noise() {
    let product = Case::usual().converted();
    assert_eq!(column(&product, "QUAL").data, ColumnData::I32(vec![1, 0, 0, 0, 0, 1]));
    let at = |key: &str| product.header.f64(key).expect("a number");
    assert!((at("WAVELMIN") - 500.002).abs() < 1e-9 && (at("WAVELMAX") - 500.008).abs() < 1e-9);
    assert!((at("SNR") - 20.0).abs() < 1e-9, "the median of 10, 20, 30, 20");
    assert!((at("SPEC_BIN") - 0.002).abs() < 1e-12);
}

#[test]
fn accuracies_in_angstrom_become_nanometres() {
    let header = Case::usual().converted().header;
    for (key, expected) in [("LAMRMS", 1e-3), ("SPEC_ERR", 1e-4), ("SPEC_SYE", 2e-4)] {
        assert!((header.f64(key).unwrap() - expected).abs() < 1e-12, "{key}");
    }
}

#[test]
fn the_position_is_that_of_the_block_unless_the_telescope_looks_elsewhere() {
    let mut case = Case::usual();
    let ra = case.converted().header.f64("RA").unwrap();
    assert!((ra - 15.0 * (5.0 + 35.0 / 60.0 + 13.0 / 3600.0)).abs() < 1e-9, "{ra}");
    case.product.header.set("TEL.TARG.ALPHA", 120_000.0, "");
    assert_eq!(case.converted().header.f64("RA"), Ok(83.8));
}

#[test]
fn a_flux_and_its_error_and_quality_may_be_images_of_one_file() {
    let mut case = Case::usual();
    case.product.hdus[0].name = "FLUX".into();
    let image = |name: &str, data: Pixels| Hdu {
        name: name.into(),
        header: Header::new(),
        data: HduData::Image(data),
    };
    case.product
        .hdus
        .push(image("ERRS", Pixels::F64(ArrayD::from_elem(vec![6], 2.0))));
    let bits = ArrayD::from_shape_vec(vec![6], vec![4, 0, 0, 0, 0, 8]).unwrap();
    case.product.hdus.push(image("QUAL", Pixels::I32(bits)));
    case.delivery.columns.clear();
    let product = case.converted();
    assert_eq!(
        column(&product, "QUAL").data,
        ColumnData::I32(vec![4, 0, 0, 0, 0, 8]),
        "bits are kept"
    );
    assert_eq!(product.hdus[0].header.str("VOCLASS"), Ok("SPECTRUM v1.0"));
    assert!((product.header.f64("WAVELMIN").unwrap() - 500.002).abs() < 1e-9);
}

/// A fibre as GIRAFFE's recipe writes it, in counts.
fn fibre() -> Case {
    let mut case = Case::usual();
    let vector = |name: &str, unit: &str, data: ColumnData| Column {
        name: name.into(),
        unit: Some(unit.into()),
        repeat: 6,
        data,
    };
    let wave = (0..6).map(|i| 561.0 + 0.005 * i as f32).collect();
    let doubles = |values: [f32; 6]| ColumnData::F64(values.map(f64::from).to_vec());
    let primary = "PRODCATG = 'SCIENCE.SPECTRUM'\nFLUXCAL = 'UNCALIBRATED'\nSPECSYS = 'HELIOCEN'\nLAMRMS = 0.001\nSPEC_ERR = 0.0002\nSPEC_SYE = 0.002\nSPEC_RES = 27000.0";
    case.product.header.merge(&header(primary));
    case.product
        .header
        .retain(|card| !["CRVAL1", "CTYPE1", "CUNIT1", "CDELT1", "CRPIX1"].contains(&card.key.as_str()));
    case.product.hdus = vec![Hdu {
        name: "SPECTRUM".into(),
        header: header("TUCD1 = 'em.wl;obs.atmos'\nAPERTURE = 0.000334"),
        data: HduData::Table(Table {
            columns: vec![
                vector("WAVE", "nm", ColumnData::F32(wave)),
                vector("FLUX_REDUCED", "adu", doubles(FLUX)),
                vector("ERR_REDUCED", "adu", doubles(ERROR)),
                vector("SNR", "", doubles(FLUX)),
            ],
        }),
    }];
    case.delivery.columns.clear();
    case.delivery.keywords.clear();
    case
}

#[test]
fn a_table_in_the_archives_layout_keeps_what_only_the_recipe_knows() {
    let product = fibre().converted();
    assert_eq!(
        findings(&product),
        ["SPECTRUM[1]: warning: T4: TFORM2: type D, column 1 has E"]
    );
    let (primary, table) = (&product.header, &product.hdus[0].header);
    assert_eq!(
        (primary.str("SPECSYS"), primary.f64("SPEC_RES")),
        (Ok("HELIOCEN"), Ok(27000.0))
    );
    assert_eq!((primary.f64("FLUXERR"), primary.f64("LAMRMS")), (Ok(-1.0), Ok(0.001)));
    assert_eq!((table.f64("APERTURE"), primary.f64("RA")), (Ok(0.000_334), Ok(83.8)));
    assert_eq!(table.str("TUCD2"), Ok("phot.flux.density;em.wl;stat.uncalib"));
}

#[test]
fn companions_keep_their_data_and_those_that_are_shared_lack_the_suffix() {
    let mut case = fibre();
    let companion = serde_json::json!({"tag": "SKY", "category": "ANCILLARY.MOSSPECTRA.SKY", "name_code": "GI_SMSK",
        "is_required": true, "is_shared": true});
    case.delivery.companions = vec![serde_json::from_value(companion).unwrap()];
    case.delivery.name_code = "GI_SRBS".into();
    case.others.push(line("SKY", FLUX, "adu"));
    let first = case.convert().expect("converted");
    case.delivery.name_suffix = "F002".into();
    case.product.header.set("OBJECT", "HD 2", "");
    let second = case.convert().expect("converted");
    let (one, other) = (&first.companions[0], &second.companions[0]);
    assert_eq!(one.name, "GI_SMSK_1000_2016-05-02T02:24:00.000.fits");
    assert_eq!(
        (&one.name, &one.header),
        (&other.name, &other.header),
        "nothing of the fibre is in it"
    );
    assert_eq!(one.header.str("PRODCATG"), Ok("ANCILLARY.MOSSPECTRA.SKY"));
    let image = &one.hdus[0].header;
    assert_eq!((image.f64("CD1_1"), image.contains("CDELT1")), (Ok(0.02), false));
    assert_eq!(first.product.header.str("ASSON1"), Ok(one.name.as_str()));
}

#[test]
fn sub_integrations_count_and_frames_of_the_sky_do_not() {
    let mut case = Case::usual();
    let frame = |start: &str, mjd: f64, kind: &str| {
        let mut header = header(PRIMARY);
        header.set("ARCFILE", format!("XSHOO.{start}.fits"), "");
        header.set("DATE-OBS", start, "");
        header.set("MJD-OBS", mjd, "");
        header.set("DPR.TYPE", kind, "");
        header.set("DET.DIT", 300.0, "");
        header.set("DET.NDIT", 2_i64, "");
        InputHeader {
            id: start.into(),
            header,
        }
    };
    case.inputs = vec![
        frame("2016-05-02T02:24:00.000", 57510.1, "OBJECT"),
        frame("2016-05-02T02:38:24.000", 57510.11, "SKY"),
    ];
    let header = case.converted().header;
    assert_eq!((header.i64("NCOMBINE"), header.f64("TEXPTIME")), (Ok(1), Ok(600.0)));
    assert!(!header.contains("PROV2"));
}

#[test]
fn a_curve_can_be_had_without_a_conversion() {
    let case = Case::usual();
    let curve = curve(&case.product, &case.others, &case.delivery).expect("a curve");
    assert!((curve.wave_nm[5] - 500.01).abs() < 1e-9);
    assert_eq!(curve.is_good, [false, true, true, true, true, false]);
    assert!(
        super::super::curve(&case.product, &[], &case.delivery).is_none(),
        "without its error it is no spectrum"
    );
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let mut case = Case::usual();
    case.others[0].header.set("CRVAL1", 5001.0, "");
    case.others[0].hdus[0].header.set("CRVAL1", 5001.0, "");
    case.others.remove(1);
    case.delivery.columns[1].is_required = true;
    case.product.header.remove("OBS.ID");
    let error = case.convert().expect_err("faults");
    insta::assert_snapshot!(error.faults.join("\n"));
}

#[test]
fn counts_are_not_taken_for_a_calibrated_flux() {
    let mut case = Case::usual();
    case.product = line("FLUXCAL", FLUX, "ADU");
    case.others[0] = line("ERRORBAR", ERROR, "ADU");
    case.delivery.keywords.remove("APERTURE");
    let error = case.convert().expect_err("faults");
    assert_eq!(error.faults.len(), 2, "{error}");
}
