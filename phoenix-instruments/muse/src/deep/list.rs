//! The list of offsets with quality and weights: ESO's layout, and columns of our own behind it.

use phoenix_core::caveat::Caveat;
use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Product, Table};
use phoenix_core::provenance::Record;
use phoenix_kit::inherit::inherit;

use super::weights::WeightParams;
use crate::align::Fovs;
use crate::align::NOT_INHERITED;
use crate::headers;
use crate::offsets::Offset;

/// What was found out about one exposure.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) offset: Option<Offset>,
    pub(super) is_tied: bool,
    pub(super) fwhm_arcsec: f64,
    pub(super) noise: f64,
    pub(super) level: f64,
    pub(super) n_stars: usize,
    pub(super) transparency: Option<f64>,
    pub(super) weight: f64,
    /// Why it is left out.
    pub(super) left_out: Option<String>,
}

/// What was found out about all of them.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) rows: Vec<Judged>,
    /// Where the seeing comes from.
    pub(super) fwhm_origin: &'static str,
    /// Where the noise comes from.
    pub(super) noise_origin: &'static str,
}

fn column(name: &str, unit: Option<&str>, data: ColumnData) -> Column {
    Column {
        name: name.to_owned(),
        unit: unit.map(str::to_owned),
        repeat: 1,
        data,
    }
}

/// Makes the list.
pub(super) fn product(fovs: &Fovs, list: &List, params: &WeightParams, caveats: &[Caveat], record: &Record) -> Product {
    let name = "OFFSET_LIST.fits";
    let fovs = &fovs.fovs;
    let mut header = fovs
        .first()
        .map(|fov| inherit(&fov.header, &NOT_INHERITED))
        .unwrap_or_default();
    header.set("PIPEFILE", name, "Filename of data product");
    header.set("PRO.DID", "PRO-1.16", "Data dictionary for PRO");
    header.set("PRO.CATG", "OFFSET_LIST", "Category of pipeline product frame");
    header.set("PRO.TYPE", "REDUCED", "Product type");
    header.set("PRO.TECH", "IFU", "Observation technique");
    header.set("PRO.SCIENCE", false, "Scientific product if T");
    header.set("PRO.DATANCOM", fovs.len(), "Number of combined frames");
    let mut record = record.clone();
    record.caveats.extend_from_slice(caveats);
    headers::set_record(&mut header, &record);
    let rows = &list.rows;
    let used = rows.iter().filter(|row| row.left_out.is_none()).count();
    header.set("PHX.DEEP.NUSED", used, "exposures that are used");
    header.set("PHX.DEEP.NLEFTOUT", rows.len() - used, "exposures that are left out");
    header.set("PHX.DEEP.FWHM", list.fwhm_origin, "origin of the seeing");
    header.set("PHX.DEEP.NOISE", list.noise_origin, "origin of the noise");
    header.set("PHX.DEEP.POWER", params.fwhmpower, "power of the seeing in the weight");

    let reals = |of: &dyn Fn(&Judged) -> f64| ColumnData::F64(rows.iter().map(of).collect());
    let offset = |row: &Judged, of: fn(&Offset) -> f64| row.offset.as_ref().map_or(0.0, of);
    let unit = fovs
        .first()
        .map(|fov| fov.unit.as_str())
        .filter(|unit| !unit.is_empty());
    let texts = |of: &dyn Fn(&Judged) -> String| ColumnData::Text(rows.iter().map(of).collect());
    let columns = vec![
        column(
            "DATE_OBS",
            None,
            ColumnData::Text(fovs.iter().map(|fov| fov.date_obs.clone()).collect()),
        ),
        column(
            "MJD_OBS",
            Some("d"),
            ColumnData::F64(fovs.iter().map(|fov| fov.mjd).collect()),
        ),
        column("RA_OFFSET", Some("deg"), reals(&|row| offset(row, |o| o.ra_deg))),
        column("DEC_OFFSET", Some("deg"), reals(&|row| offset(row, |o| o.dec_deg))),
        column(
            "FLUX_SCALE",
            None,
            reals(&|row| row.offset.as_ref().and_then(|o| o.flux_scale).unwrap_or(f64::NAN)),
        ),
        column("WEIGHT", None, reals(&|row| row.weight)),
        column(
            "USED",
            None,
            ColumnData::I32(rows.iter().map(|row| i32::from(row.left_out.is_none())).collect()),
        ),
        column("FWHM", Some("arcsec"), reals(&|row| row.fwhm_arcsec)),
        column("NOISE", unit, reals(&|row| row.noise)),
        column("BACKGROUND", unit, reals(&|row| row.level)),
        column("TRANSPARENCY", None, reals(&|row| row.transparency.unwrap_or(f64::NAN))),
        column(
            "STARS",
            None,
            ColumnData::I32(
                rows.iter()
                    .map(|row| i32::try_from(row.n_stars).unwrap_or(i32::MAX))
                    .collect(),
            ),
        ),
        column(
            "TIED",
            None,
            ColumnData::I32(rows.iter().map(|row| i32::from(row.is_tied)).collect()),
        ),
        // A column of empty texts has no width.
        column(
            "REASON",
            None,
            texts(&|row| row.left_out.clone().unwrap_or_else(|| "-".to_owned())),
        ),
    ];
    Product {
        tag: "OFFSET_LIST".into(),
        name: name.into(),
        header,
        hdus: vec![Hdu {
            name: "OFFSET_LIST".into(),
            header: Header::new(),
            data: HduData::Table(Table { columns }),
        }],
    }
}
