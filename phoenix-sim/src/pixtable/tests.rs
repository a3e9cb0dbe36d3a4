use std::sync::Arc;

use phoenix_core::header::{HeaderError, Value};
use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::unit::Mjd;

use super::{CoordinateState, Form};
use crate::conditions::Conditions;
use crate::exposure::Exposure;
use crate::geometry::{Instrument, Size};
use crate::observation::{Block, Observation};
use crate::projection::SkyPoint;
use crate::scene::Scene;

fn observation(conditions: Conditions) -> Observation {
    let size = Size {
        n_ifu: 2,
        n_slices: 12,
        width: 8,
        n_lambda: 20,
    };
    let instrument = Instrument::new(size, 6290.0, 3);
    let centre = SkyPoint {
        ra_deg: 201.0,
        dec_deg: -29.0,
    };
    Observation {
        block: Arc::new(Block::science(7, "SIM", Mjd(57_510.1), 3)),
        number: 2,
        exposure: Exposure::new(instrument, Arc::new(Scene::field(&instrument, centre, 3)), conditions),
    }
}

fn column(product: &Product, name: &str) -> Vec<f32> {
    let planes = product.planes(name).unwrap();
    let mut values = vec![0.0; planes.shape().iter().product()];
    planes.read(0..planes.shape()[0], &mut values).unwrap();
    values
}

#[test]
fn the_header_has_every_key_that_recipes_and_the_archive_ask_for() -> Result<(), HeaderError> {
    let product = observation(Conditions::default()).product(Form::Images, CoordinateState::Native);
    let header = &product.header;
    for key in [
        "ORIGIN",
        "TELESCOP",
        "INSTRUME",
        "OBJECT",
        "ARCFILE",
        "ORIGFILE",
        "DATE-OBS",
        "OBS.NAME",
        "OBS.PROG.ID",
        "OBS.TARG.NAME",
        "OBS.START",
        "TPL.ID",
        "TPL.NAME",
        "TPL.START",
        "DPR.CATG",
        "DPR.TYPE",
        "DPR.TECH",
        "INS.MODE",
        "INS.DROT.MODE",
        "PRO.CATG",
        "PRO.TECH",
        "PRO.TYPE",
        "PRO.REC1.ID",
        "PRO.REC1.PIPE.ID",
        "PRO.REC1.RAW1.NAME",
        "PRO.REC2.ID",
        "DRS.MUSE.PIXTABLE.TYPE",
        "DRS.MUSE.PIXTABLE.WCS",
        "CTYPE1",
        "CUNIT2",
    ] {
        assert!(!header.str(key)?.is_empty() || key == "INS.PATH", "{key}");
    }
    for key in [
        "RA",
        "DEC",
        "EXPTIME",
        "MJD-OBS",
        "EQUINOX",
        "UTC",
        "LST",
        "OBS.ID",
        "TPL.NEXP",
        "TPL.EXPNO",
        "TEL.AIRM.START",
        "TEL.AIRM.END",
        "TEL.IA.FWHM",
        "TEL.AMBI.FWHM.START",
        "INS.DROT.POSANG",
        "PRO.DATANCOM",
        "QC.SCIBASIC.NSATURATED",
        "QC.SCIBASIC.LAMBDA.SHIFT",
        "CD1_1",
        "CD2_1",
        "CRPIX1",
        "DRS.MUSE.PIXTABLE.LIMITS.LAMBDA.LOW",
        "DRS.MUSE.PIXTABLE.LIMITS.SLICE.HIGH",
        "DRS.MUSE.PIXTABLE.MERGED",
        "DRS.MUSE.PIXTABLE.EXP0.IFU02.SLICE12.XOFFSET",
    ] {
        assert!(header.f64(key)?.is_finite(), "{key}");
    }
    assert!(!header.contains("EXTNAME"));
    assert_eq!(product.tag.as_str(), "PIXTABLE_REDUCED");
    assert_eq!(header.str("ARCFILE")?, product.name);
    Ok(())
}

#[test]
fn the_provenance_names_an_arc_with_its_time() -> Result<(), Box<dyn std::error::Error>> {
    let header = observation(Conditions::default())
        .product(Form::Images, CoordinateState::Native)
        .header;
    let number = (1..20)
        .find(|n| header.str(format!("PRO.REC1.CAL{n}.CATG")) == Ok("WAVECAL_TABLE"))
        .ok_or("no arc")?;
    let name = header.str(format!("PRO.REC1.CAL{number}.NAME"))?;
    let time = name
        .strip_prefix("M.MUSE.")
        .and_then(|rest| rest.strip_suffix(".fits"))
        .ok_or("no time")?;
    let days = Mjd::from_iso(time)?.0 - header.f64("MJD-OBS")?;
    assert!(days.abs() < 1.0, "{days}");
    Ok(())
}

#[test]
fn no_card_comes_twice_and_reals_stay_reals() {
    let header = observation(Conditions::default())
        .product(Form::Images, CoordinateState::Native)
        .header;
    let mut keys: Vec<_> = header.cards().iter().map(|card| card.key.as_str()).collect();
    keys.sort_unstable();
    let n = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), n);
    assert!(matches!(header.get("EXPTIME"), Some(Value::Real(..))));
    assert!(matches!(header.get("OBS.ID"), Some(Value::Integer(_))));
}

#[test]
fn both_forms_hold_the_same_columns_with_units() {
    let observation = observation(Conditions::default());
    let images = observation.product(Form::Images, CoordinateState::Native);
    let table = observation.product(Form::Table, CoordinateState::Native);
    let table = table.table("PIXTABLE").unwrap();
    assert_eq!(images.hdus.len(), 7);
    for (hdu, column) in images.hdus.iter().zip(&table.columns) {
        assert_eq!(hdu.name, column.name);
        assert_eq!(hdu.header.str("BUNIT").ok(), column.unit.as_deref());
        let n = match &hdu.data {
            HduData::Image(Pixels::F32(planes)) => planes.shape().iter().product(),
            HduData::Image(Pixels::I32(array)) => array.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(n, column.data.len());
    }
}

#[test]
fn limits_in_the_header_are_those_of_the_columns() -> Result<(), HeaderError> {
    let product = observation(Conditions::default()).product(Form::Images, CoordinateState::Native);
    for (axis, name) in [("X", "xpos"), ("Y", "ypos"), ("LAMBDA", "lambda")] {
        let values = column(&product, name);
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let stated = product.header.f64(format!("DRS.MUSE.PIXTABLE.LIMITS.{axis}.LOW"))?;
        assert!((stated - f64::from(low)).abs() < 1e-12, "{axis}");
    }
    Ok(())
}

#[test]
fn all_states_tell_the_same_place() -> Result<(), HeaderError> {
    let observation = observation(Conditions {
        posang_deg: 90.0,
        pointing_error_arcsec: [0.3, 0.1],
        ..Conditions::default()
    });
    let degrees = observation.product(Form::Images, CoordinateState::Positioned);
    let spaxels = observation.product(Form::Images, CoordinateState::Pixel);
    let pointing = observation.exposure.header_pointing();
    let cd = observation.exposure.cd_deg();
    let (d_ra, d_dec) = (column(&degrees, "xpos"), column(&degrees, "ypos"));
    let (x, y) = (column(&spaxels, "xpos"), column(&spaxels, "ypos"));
    for i in (0..x.len()).step_by(101) {
        let (px, py) = (f64::from(x[i]), f64::from(y[i]));
        let sky = pointing.offset(
            3600.0 * (cd[0][0] * px + cd[0][1] * py),
            3600.0 * (cd[1][0] * px + cd[1][1] * py),
        );
        let error = (sky.ra_deg - pointing.ra_deg - f64::from(d_ra[i]))
            .abs()
            .max((sky.dec_deg - pointing.dec_deg - f64::from(d_dec[i])).abs());
        assert!(error < 0.002 / 3600.0, "{error}");
    }
    let centre = degrees.header.f64("DRS.MUSE.PIXTABLE.LIMITS.Y.LOW")?;
    assert!((centre - pointing.dec_deg).abs() < 0.01);
    Ok(())
}
