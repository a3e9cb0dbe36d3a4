//! The esorex backend with the real `esorex` and the UVES pipeline, on small frames.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod esorex_support;

use std::path::{Path, PathBuf};

use esorex_support::{Bench, outline};
use phoenix_core::header::Header;
use phoenix_core::traits::RecipeError;
use phoenix_io::fits::{ElementType, FitsFile, FitsWriter, ImageSpec, UnitSums, WriteOptions};
use phoenix_io::{EsorexRecipe, Installation};
use phoenix_testkit::peers;

const NX: usize = 648;
const NY: usize = 600;

/// Writes a UVES blue bias of 150 counts with a little noise, as small as the recipe takes it.
fn write_bias(path: &Path, seed: u32) {
    let mut header = Header::new();
    for (key, text) in [
        ("ORIGIN", "ESO"),
        ("TELESCOP", "ESO-VLT-U2"),
        ("INSTRUME", "UVES"),
        ("RADECSYS", "FK5"),
        ("ESO.OBS.TARG.NAME", "BIAS"),
        ("ESO.OBS.NAME", "SIM"),
        ("ESO.OBS.PROG.ID", "60.A-9999(A)"),
        ("ESO.TPL.ID", "UVES_cal"),
        ("ESO.TPL.START", "2017-09-04T02:24:00"),
        ("ESO.DET.ID", "CCD FIERA - Rev 2.92"),
        ("ESO.DET.NAME", "sim"),
        ("ESO.INS.SLIT1.NAME", "FREE"),
        ("BUNIT", "ADU"),
        ("OBJECT", "BIAS"),
        ("DATE-OBS", "2017-09-04T02:24:00.000"),
        ("ESO.DPR.CATG", "CALIB"),
        ("ESO.DPR.TYPE", "BIAS"),
        ("ESO.DPR.TECH", "IMAGE"),
        ("ESO.INS.MODE", "DICHR#2"),
        ("ESO.INS.PATH", "BLUE"),
        ("ESO.DET.CHIP1.ID", "CCD44-82"),
        ("ESO.DET.CHIP1.NAME", "EEV"),
        ("ESO.DET.READ.SPEED", "225kHz,1x1,low"),
        ("ESO.DET.READ.CLOCK", "225kHz,1x1,low"),
        ("ESO.INS.GRAT1.ID", "CD#2"),
        ("ESO.INS.GRAT1.NAME", "CD#2"),
        ("CTYPE1", "PIXEL"),
        ("CTYPE2", "PIXEL"),
        ("ARCFILE", "UVES.2017-09-04T02:24:00.000.fits"),
        ("ORIGFILE", "UVES_BIAS.fits"),
    ] {
        header.set(key, text, "");
    }
    for (key, number) in [
        ("RA", 83.8),
        ("DEC", -5.4),
        ("EQUINOX", 2000.0),
        ("UTC", 8640.0),
        ("LST", 1234.5),
        ("ESO.TEL.AIRM.START", 1.1),
        ("ESO.TEL.AIRM.END", 1.12),
        ("ESO.INS.SLIT2.WID", 1.0),
        ("ESO.INS.SLIT2.LEN", 8.0),
        ("EXPTIME", 0.0),
        ("MJD-OBS", 58000.1),
        ("CRVAL1", 1.0),
        ("CRVAL2", 1.0),
        ("CRPIX1", 1.0),
        ("CRPIX2", 1.0),
        ("CDELT1", 1.0),
        ("CDELT2", 1.0),
        ("ESO.DET.OUT1.RON", 3.8),
        ("ESO.DET.OUT1.GAIN", 0.5348),
        ("ESO.DET.OUT1.CONAD", 1.87),
        ("ESO.DET.WIN1.UIT1", 0.0),
        ("ESO.DET.WIN1.DIT1", 0.0),
        ("ESO.INS.GRAT1.WLEN", 437.0),
        ("ESO.INS.PIXSCALE", 0.246),
        ("ESO.INS.TEMP1.MEAN", 12.0),
        ("ESO.INS.TEMP2.MEAN", 12.0),
        ("ESO.INS.SENS26.MEAN", 744.0),
    ] {
        header.set(key, number, "");
    }
    for (key, number) in [
        ("ESO.OBS.ID", 1_i64),
        ("ESO.TPL.NEXP", 3),
        ("ESO.TPL.EXPNO", 1),
        ("ESO.OCS.SIMCAL", 0),
        ("ESO.INS.SLIT3.X1ENC", 5300),
        ("ESO.INS.SLIT3.X2ENC", 5300),
        ("ESO.DET.WIN1.BINX", 1),
        ("ESO.DET.WIN1.BINY", 1),
        ("ESO.DET.OUT1.PRSCX", 24),
        ("ESO.DET.OUT1.OVSCX", 24),
        ("ESO.DET.OUT1.PRSCY", 0),
        ("ESO.DET.OUT1.OVSCY", 0),
        ("ESO.DET.OUT1.NX", NX as i64 - 48),
        ("ESO.DET.OUT1.NY", NY as i64),
        ("ESO.DET.CHIP1.NX", 2048),
        ("ESO.DET.CHIP1.NY", 4096),
    ] {
        header.set(key, number, "");
    }
    let mut state = seed;
    let pixels: Vec<u16> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        150 + (state >> 30) as u16
    })
    .take(NX * NY)
    .collect();
    let mut file = FitsWriter::create(path, &WriteOptions::default()).unwrap();
    let image = file
        .append_image(ImageSpec::new(ElementType::U16, &[NY, NX], header))
        .unwrap();
    file.write_pixels(image, 0, &pixels).unwrap();
    file.finish().unwrap();
}

fn biases(bench: &Bench) -> Vec<PathBuf> {
    let frames: Vec<PathBuf> = (0..3).map(|n| bench.path(&format!("UVES bias {n}.fits"))).collect();
    for (seed, frame) in (1..).zip(&frames) {
        write_bias(frame, seed);
    }
    frames
}

#[test]
fn a_real_master_bias_is_made_and_its_own_record_stays() {
    if peers::esorex("uves_cal_mbias").is_none() {
        return;
    }
    let mut bench = Bench::new();
    bench.params = serde_json::json!({"stack_method": "mean"});
    let frames = biases(&bench);
    let outline = outline("uves_cal_mbias", "BIAS_BLUE", &["MASTER_BIAS_BLUE"]);
    let ran = bench.run_on(&outline, &frames);
    let products = ran.result.unwrap();
    assert_eq!(products.len(), 1);
    assert_eq!(products[0].name, "masterbias_blue.fits");
    assert_eq!(products[0].tag.as_str(), "MASTER_BIAS_BLUE");
    let file = FitsFile::open(&products[0].location).unwrap();
    let header = &file.primary().unwrap().header;
    assert_eq!(header.str("PRO.REC1.ID").unwrap(), "uves_cal_mbias");
    assert!(header.str("PRO.REC1.PIPE.ID").unwrap().starts_with("uves/"));
    assert_eq!(header.str("PRO.REC1.RAW1.NAME").unwrap(), "UVES_bias_0.fits");
    assert!(!file.checksums().unwrap().iter().any(UnitSums::is_stale));
    assert_eq!(
        bench.left_behind(),
        ["masterbias_blue.fits", "masterbias_blue.provenance.json"]
    );
    assert!(ran.usage.cpu_s.unwrap() > 0.0 && ran.usage.peak_bytes.unwrap() > 1 << 20);
}

#[test]
fn a_real_failure_carries_the_recipe_s_error_trace() {
    if peers::esorex("uves_cal_orderpos").is_none() {
        return;
    }
    let bench = Bench::new();
    let frames = biases(&bench);
    let ran = bench.run_on(
        &outline("uves_cal_orderpos", "BIAS_BLUE", &["ORDER_TABLE_BLUE"]),
        &frames,
    );
    match ran.result {
        Err(RecipeError::Program { program, reason }) => {
            assert_eq!(program, "esorex uves_cal_orderpos");
            assert!(
                reason.contains("Could not find raw frame") && reason.contains("exit status"),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(bench.left_behind().is_empty());
}

#[test]
fn parameters_and_version_of_installed_recipes_can_be_read() {
    let Some(_) = peers::esorex("muse_bias") else { return };
    let bench = Bench::new();
    let installation = Installation::find(bench.settings.clone()).unwrap();
    assert!(installation.recipes().len() > 5);
    for id in installation.recipes().keys().step_by(9) {
        let recipe = EsorexRecipe::new(&installation, &outline(id.as_str(), "X", &["Y"])).unwrap();
        let params = phoenix_core::traits::RecipeDyn::default_params_dyn(&recipe);
        assert!(params.is_object(), "{id}");
        let pipeline = &installation.recipe(id).unwrap().pipeline;
        assert!(!pipeline.ends_with("/unknown"), "{id} {pipeline}");
    }
}
