//! Conversions of a small cube of two exposures.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, Array3};
use phoenix_core::header::{Header, Value};
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{CompanionSpec, DeliveryForm, DeliverySpec, HduInfo, HduKind};

use super::{Attachment, ConvertError, ConvertInput, Converted, InputHeader, convert};
use crate::info::{BlockInfo, Grade};
use crate::sdp::batch::check_batch;
use crate::sdp::check::tests::good::header;
use crate::sdp::check::{Profile, SdpFile};

const WCS: &str = "
    CTYPE1 = 'RA---TAN'
    CTYPE2 = 'DEC--TAN'
    CTYPE3 = 'AWAV'
    CUNIT1 = 'deg'
    CUNIT2 = 'deg'
    CUNIT3 = 'Angstrom'
    CRVAL1 = 150.1
    CRVAL2 = -27
    CRVAL3 = 4750.0
    CRPIX1 = 5.5
    CRPIX2 = 4.5
    CRPIX3 = 1
    CDELT1 = 1.0
    CD1_1 = -5.5555555555556e-05
    CD1_2 = 0.0
    CD2_1 = 0.0
    CD2_2 = 5.5555555555556e-05
    CD3_3 = 1.25
    BUNIT = '10**(-20)*erg/s/cm**2/Angstrom'
    FSCALE = 1.0
";

const PRIMARY: &str = "
    DATE = '2016-05-03T00:00:00'
    ORIGIN = 'ESO-PARANAL'
    TELESCOP = 'ESO-VLT-U4'
    INSTRUME = 'MUSE'
    OBJECT = 'HDFS'
    RA = 150.2
    DEC = -27.1
    RADECSYS = 'FK5'
    EQUINOX = 2000.0
    EXPTIME = 900.0
    MJD-OBS = 57510.0
    ARCFILE = 'MUSE.2016-05-02T00:00:00.000.fits'
    PIPEFILE = 'DATACUBE_FINAL.fits'
    FILTER = 'white'
    DATAMD5 = '21d999e7f42f04288b517b8820a1c3ed'
    ESO INS MODE = 'WFM-NOAO-N'
    ESO OBS ID = 1000
    ESO OBS PROG ID = '60.A-9100(C)'
    ESO PRO TECH = 'IFU'
    ESO PRO CATG = 'DATACUBE_FINAL'
    ESO PRO DATANCOM = 2
    ESO PRO REC1 ID = 'muse_exp_combine'
";

fn image(name: &str, text: &str, data: Pixels) -> Hdu {
    Hdu {
        name: name.into(),
        header: header(text),
        data: HduData::Image(data),
    }
}

fn cube() -> Product {
    let planes = || Pixels::F32(Arc::new(Array3::<f32>::ones((20, 8, 10))));
    Product {
        tag: "DATACUBE_FINAL".into(),
        name: "DATACUBE_FINAL.fits".into(),
        header: header(PRIMARY),
        hdus: vec![
            image("DATA", WCS, planes()),
            image("STAT", "BUNIT = '10**(-20)*erg/s/cm**2/Angstrom**2'", planes()),
        ],
    }
}

fn white() -> Product {
    let planes = Pixels::F32(Arc::new(Array2::<f32>::ones((8, 10))));
    Product {
        tag: "IMAGE_FOV".into(),
        name: "IMAGE_FOV_0001.fits".into(),
        header: header(PRIMARY),
        hdus: vec![image("DATA", WCS, planes)],
    }
}

fn exposure(start: &str, mjd: f64) -> InputHeader {
    let mut found = header(PRIMARY);
    found.set("DATE-OBS", start, "");
    found.set("MJD-OBS", mjd, "");
    found.set("ARCFILE", format!("MUSE.{start}.fits"), "");
    found.set("DPR.TECH", "IFU", "");
    InputHeader {
        id: "PIXTABLE_REDUCED_0001".into(),
        header: found,
    }
}

fn exposure_map() -> Product {
    let seconds = Pixels::F32(Arc::new(Array2::<f32>::from_elem((8, 10), 1800.0)));
    Product {
        tag: "EXPOSURE_MAP".into(),
        name: "EXPOSURE_MAP.fits".into(),
        header: header(PRIMARY),
        hdus: vec![image(
            "DATA",
            &WCS.replace("10**(-20)*erg/s/cm**2/Angstrom", "s"),
            seconds,
        )],
    }
}

struct Case {
    product: Product,
    others: Vec<Product>,
    inputs: Vec<InputHeader>,
    facts: BTreeMap<String, f64>,
    block: Option<BlockInfo>,
    attachments: Vec<Attachment>,
}

impl Case {
    fn usual() -> Self {
        let facts = [
            ("WAVELMIN", 475.0),
            ("WAVELMAX", 477.3),
            ("ABMAGLIM", 24.5),
            ("PIXNOISE", 1.5e-19),
            ("SKY_RES", 0.8),
            ("SKY_RERR", 0.1),
        ];
        Self {
            product: cube(),
            others: vec![exposure_map(), white()],
            // In the wrong order of time on purpose.
            inputs: vec![
                exposure("2016-05-02T00:17:16.800", 57510.012),
                exposure("2016-05-02T00:00:00.000", 57510.0),
            ],
            facts: facts.map(|(key, value)| (key.to_owned(), value)).into(),
            block: Some(BlockInfo {
                ob_id: 1000,
                ob_name: "HDFS-1".into(),
                prog_id: "60.A-9100(C)".into(),
                grade: Grade::A,
                comments: Vec::new(),
            }),
            attachments: vec![Attachment {
                name: "MU_SCBC_1000_2016-05-02T00:00:00.000_WFM-NOAO-N_OBJ.png".into(),
                category: "ANCILLARY.PREVIEW".into(),
                md5: "0123456789abcdef0123456789abcdef".into(),
            }],
        }
    }

    fn convert(&self) -> Result<Converted, ConvertError> {
        self.convert_as(false)
    }

    fn convert_as(&self, marks_exposures: bool) -> Result<Converted, ConvertError> {
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
            marks_exposures,
            name_suffix: "OBJ".into(),
            unless: None,
            columns: Vec::new(),
            companions: vec![
                CompanionSpec {
                    tag: "EXPOSURE_MAP".into(),
                    category: "ANCILLARY.EXPMAP".into(),
                    name_code: "MU_SXPM".into(),
                    is_required: false,
                    is_shared: false,
                },
                CompanionSpec {
                    tag: "IMAGE_FOV".into(),
                    category: "ANCILLARY.IMAGE.WHITELIGHT".into(),
                    name_code: "MU_SIMC".into(),
                    is_required: true,
                    is_shared: false,
                },
            ],
            keywords: [
                ("SPEC_RES".to_owned(), serde_json::json!(3027)),
                ("CRDER3".to_owned(), serde_json::json!(0.026)),
            ]
            .into(),
        };
        convert(&ConvertInput {
            product: &self.product,
            others: &self.others,
            record: &record,
            inputs: &self.inputs,
            facts: &self.facts,
            delivery: &delivery,
            block: self.block.as_ref(),
            date: "2016-05-03",
            attachments: &self.attachments,
        })
    }
}

/// The file that a writer would make of a product, as the check sees it.
fn written(product: &Product) -> SdpFile {
    let info = |index: usize, name: &str, header: &Header, shape: &[usize]| {
        let mut header = header.clone();
        header.set("SIMPLE", true, "");
        header.set("CHECKSUM", "0", "");
        header.set("DATASUM", "0", "");
        if index > 0 {
            header.set("EXTNAME", name, "");
            header.set("BITPIX", -32_i64, "");
        }
        HduInfo {
            index,
            name: name.to_owned(),
            kind: HduKind::Image,
            shape: shape.to_vec(),
            header,
        }
    };
    let mut hdus = vec![info(0, "", &product.header, &[])];
    for (index, hdu) in (1..).zip(&product.hdus) {
        let shape = match &hdu.data {
            HduData::Image(Pixels::F32(planes)) => planes.shape().to_vec(),
            HduData::Image(Pixels::U8(array)) => array.shape().to_vec(),
            other => panic!("{other:?}"),
        };
        let first = usize::from(shape[0] == 1);
        hdus.push(info(index, &hdu.name, &hdu.header, &shape[first..]));
    }
    SdpFile::new(&product.name, hdus)
}

fn cards(header: &Header) -> String {
    let line = |card: &phoenix_core::header::Card| format!("{} = {}", card.key.short(), card.value.display());
    header.cards().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_converted_cube_and_its_images_keep_the_standard() {
    let case = Case::usual();
    let converted = case.convert().expect("converted");
    let files: Vec<SdpFile> = (std::iter::once(&converted.product).chain(&converted.companions))
        .map(written)
        .collect();
    assert_eq!(files.len(), 3);
    let findings = check_batch(&files, &[case.attachments[0].name.clone()], Profile::Strict);
    let text: Vec<String> = findings
        .iter()
        .map(|(file, finding)| format!("{file}:{finding}"))
        .collect();
    assert_eq!(text, Vec::<String>::new());
}

#[test]
fn an_exposure_map_goes_behind_the_white_light_in_seconds_and_without_flux() {
    let converted = Case::usual().convert().expect("converted");
    let header = &converted.product.header;
    let [white, map] = converted.companions.as_slice() else {
        panic!("two companions")
    };
    assert_eq!(
        (header.str("ASSON1"), header.str("ASSON2")),
        (Ok(&*white.name), Ok(&*map.name))
    );
    assert!(
        !header.contains("ASSOC1") && !header.contains("ASSOC2"),
        "FITS files tell their category themselves"
    );
    assert_eq!(map.name, "MU_SXPM_1000_2016-05-02T00:00:00.000_WFM-NOAO-N_OBJ.fits");
    assert_eq!(map.header.str("PRODCATG"), Ok("ANCILLARY.EXPMAP"));
    assert_eq!(map.hdus[0].header.str("BUNIT"), Ok("s"));
    for key in ["ASSON1", "FLUXCAL", "ABMAGLIM", "SPEC_RES"] {
        assert!(!map.header.contains(key), "{key}");
    }
}

#[test]
fn a_map_of_no_exposure_times_is_a_fault() {
    let mut case = Case::usual();
    let nowhere = Array2::<f32>::from_elem((8, 9), f32::NAN);
    case.others[0].hdus[0].data = HduData::Image(Pixels::F32(Arc::new(nowhere)));
    let error = case.convert().expect_err("faults");
    assert_eq!(
        error.faults,
        [
            "EXPOSURE_MAP.fits has axes Some([8, 9]), the cube Some([8, 10])",
            "EXPOSURE_MAP.fits holds NaN, which is no exposure time"
        ]
    );
}

#[test]
fn deep_sets_of_equal_size_have_names_of_their_own() {
    let name = |case: &Case| case.convert_as(true).expect("converted").product.name;
    let (mut case, mut turned) = (Case::usual(), Case::usual());
    turned.inputs.reverse();
    assert_eq!(name(&case), name(&turned));
    let first = name(&case);
    case.inputs[0] = exposure("2016-05-02T00:34:33.600", 57510.024);
    let second = name(&case);
    assert_ne!(first, second);
    assert_eq!(
        first.split('_').take(5).collect::<Vec<_>>(),
        second.split('_').take(5).collect::<Vec<_>>()
    );
}

#[test]
fn the_primary_header_is_computed_from_the_exposures() {
    let converted = Case::usual().convert().expect("converted");
    insta::assert_snapshot!(cards(&converted.product.header));
}

#[test]
fn the_extensions_say_what_they_are_and_where_they_lie() {
    let converted = Case::usual().convert().expect("converted");
    insta::assert_snapshot!(cards(&converted.product.hdus[1].header));
}

#[test]
fn numbers_of_the_standard_are_reals_wherever_they_come_from() {
    let converted = Case::usual().convert().expect("converted");
    for (header, keys) in [
        (
            &converted.product.header,
            vec!["SPEC_RES", "EXPTIME", "RA", "MJD-END", "EQUINOX"],
        ),
        (
            &converted.product.hdus[0].header,
            vec!["CRVAL2", "CRPIX3", "CSYER1", "CD3_3"],
        ),
    ] {
        for key in keys {
            assert!(
                matches!(header.get(key), Some(Value::Real(..))),
                "{key}: {:?}",
                header.get(key)
            );
        }
    }
}

#[test]
fn exposures_of_two_blocks_and_programmes_are_listed() {
    let mut case = Case::usual();
    case.inputs[0].header.set("OBS.ID", 1001_i64, "");
    case.inputs[0].header.set("OBS.PROG.ID", "099.A-0001(A)", "");
    case.inputs[0].header.set("MJD-END", 57510.03, "");
    let header = case.convert().expect("converted").product.header;
    assert_eq!(header.str("PROG_ID"), Ok("MULTI"));
    assert_eq!(header.str("PROGID2"), Ok("099.A-0001(A)"));
    assert_eq!((header.i64("OBID1"), header.i64("OBID2")), (Ok(1000), Ok(1001)));
    assert_eq!(header.f64("MJD-END"), Ok(57510.03), "overheads count");
}

#[test]
fn partly_overlapping_exposures_have_the_median_of_the_exposure_map() {
    let mut case = Case::usual();
    case.facts.insert("EXPTIME".into(), 900.0);
    let header = case.convert().expect("converted").product.header;
    assert_eq!((header.f64("EXPTIME"), header.f64("TEXPTIME")), (Ok(900.0), Ok(1800.0)));
}

#[test]
fn a_cube_without_its_exposures_speaks_for_them() {
    let mut case = Case::usual();
    case.inputs.clear();
    case.product
        .header
        .set("PRO.REC1.RAW1.NAME", "MUSE.2014-12-08T02:48:56.798.fits.fz", "");
    case.product.header.set("PRO.REC1.RAW1.CATG", "OBJECT", "");
    case.product
        .header
        .set("PRO.REC1.RAW2.NAME", "MUSE.2014-12-08T02:00:00.000.fits.fz", "");
    case.product.header.set("PRO.REC1.RAW2.CATG", "ILLUM", "");
    let header = case.convert().expect("converted").product.header;
    assert_eq!((header.i64("NCOMBINE"), header.f64("TEXPTIME")), (Ok(2), Ok(1800.0)));
    assert_eq!(header.str("PROV1"), Ok("MUSE.2014-12-08T02:48:56.798"));
    assert!(!header.contains("PROV2"), "calibrations are no provenance");
}

#[test]
fn a_quality_extension_shares_the_axes_and_is_pointed_at() {
    let mut case = Case::usual();
    let flags = Pixels::U8(ndarray::ArrayD::zeros(vec![20, 8, 10]));
    case.product.hdus.push(image("DQ", "", flags));
    let converted = case.convert().expect("converted");
    let [data, stat, quality] = converted.product.hdus.as_slice() else {
        panic!("three extensions")
    };
    assert_eq!(data.header.str("QUALDATA"), Ok("DQ"));
    assert_eq!(stat.header.str("QUALDATA"), Ok("DQ"));
    assert_eq!(quality.header.str("HDUCLAS3"), Ok("MASKZERO"));
    assert_eq!(quality.header.str("ERRDATA"), Ok("STAT"));
    assert_eq!(quality.header.get("CD1_1"), data.header.get("CD1_1"));
    assert!(!quality.header.contains("BUNIT"));
}

#[test]
fn data_that_are_not_esos_say_so() {
    let mut case = Case::usual();
    case.product.header.set("ORIGIN", "SIMULATED", "");
    let header = case.convert().expect("converted").product.header;
    assert_eq!(header.bool("NOESODAT"), Ok(true));
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let mut case = Case::usual();
    case.facts.remove("ABMAGLIM");
    case.others.clear();
    case.product.header.remove("INS.MODE");
    case.product.hdus[0].header.set("BUNIT", "counts per something", "");
    case.product.hdus[0].header.remove("CRVAL3");
    case.inputs[1].header.remove("EXPTIME");
    let error = case.convert().expect_err("faults");
    insta::assert_snapshot!(error.faults.join("\n"));
}
