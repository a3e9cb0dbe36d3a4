//! The list of pointing errors and flux scales, as `muse_exp_align` makes it.

use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Product, Table};

use crate::observation::Observation;
use crate::random::{Purpose, Stream};

/// One row: what is to be subtracted from the header's pointing, and what the flux is to be multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Offset {
    /// Right ascension in the header minus the true one, in degrees of the coordinate.
    pub ra_deg: f64,
    /// Declination in the header minus the true one, in degrees.
    pub dec_deg: f64,
    /// One over the exposure's flux scale.
    pub flux_scale: f64,
}

impl Offset {
    /// Returns the true offset of an observation.
    pub fn of(observation: &Observation) -> Self {
        let exposure = &observation.exposure;
        let (header, truth) = (exposure.header_pointing(), exposure.true_pointing());
        Self {
            ra_deg: header.ra_deg - truth.ra_deg,
            dec_deg: header.dec_deg - truth.dec_deg,
            flux_scale: 1.0 / exposure.conditions.flux_scale,
        }
    }
}

/// Makes an `OFFSET_LIST` for the exposures of a block.
///
/// Each position gets a normal error of `noise_arcsec` per axis, 0 for the truth itself; flux scales stay exact.
/// The primary header names the block and the exposures, as the associator needs it.
pub fn list(observations: &[Observation], noise_arcsec: f64, seed: u64) -> Product {
    let rows: Vec<Offset> = (0_u64..)
        .zip(observations)
        .map(|(i, observation)| {
            let mut random = Stream::new(seed, Purpose::Offsets, i);
            let cos_dec = libm::cos(observation.exposure.header_pointing().dec_deg.to_radians());
            let truth = Offset::of(observation);
            Offset {
                ra_deg: truth.ra_deg + noise_arcsec / 3600.0 / cos_dec * random.normal(),
                dec_deg: truth.dec_deg + noise_arcsec / 3600.0 * random.normal(),
                flux_scale: truth.flux_scale,
            }
        })
        .collect();
    Product {
        tag: "OFFSET_LIST".into(),
        name: "OFFSET_LIST.fits".to_owned(),
        header: header(observations),
        hdus: vec![Hdu {
            name: "OFFSET_LIST".to_owned(),
            header: Header::new(),
            data: HduData::Table(table(observations, &rows)),
        }],
    }
}

fn header(observations: &[Observation]) -> Header {
    let mut header = Header::new();
    header.set("ORIGIN", "ESO-PARANAL", "European Southern Observatory");
    header.set("TELESCOP", "ESO-VLT-U4", "ESO <TEL>");
    header.set("INSTRUME", "MUSE", "Instrument used.");
    if let Some(first) = observations.first() {
        let (block, start) = (&first.block, first.exposure.conditions.start);
        header.set("OBJECT", block.target.as_str(), "Original target.");
        header.set(
            "MJD-OBS",
            (start.0 * 1e8).round() / 1e8,
            "Obs start of the first exposure",
        );
        header.set("DATE-OBS", first.date_obs(), "Observing date of the first exposure");
        header.set("OBS.ID", block.obs_id, "Observation block ID");
        header.set("OBS.NAME", block.obs_name.as_str(), "OB name");
        header.set("OBS.PROG.ID", block.prog_id.as_str(), "ESO program identification");
        header.set("OBS.TARG.NAME", block.target.as_str(), "OB target name");
        header.set("TPL.ID", block.template_id.as_str(), "Template signature ID");
        header.set("TPL.START", block.template_start.to_iso(), "TPL start time");
        header.set("INS.MODE", block.ins_mode.as_str(), "Instrument mode used");
    }
    header.set("PRO.CATG", "OFFSET_LIST", "Category of pipeline product frame");
    header.set("PRO.TYPE", "REDUCED", "Product type");
    header.set("PRO.TECH", "IFU", "Observation technique");
    header.set("PRO.SCIENCE", false, "Scientific product if T");
    header.set("PRO.REC1.ID", "muse_exp_align", "Pipeline recipe (unique) identifier");
    for (n, observation) in (1..).zip(observations) {
        let name = format!("IMAGE_FOV_{:04}.fits", observation.number);
        header.set(format!("PRO.REC1.RAW{n}.NAME"), name, "File name");
        header.set(format!("PRO.REC1.RAW{n}.CATG"), "IMAGE_FOV", "Category");
    }
    header
}

fn table(observations: &[Observation], rows: &[Offset]) -> Table {
    let starts = observations
        .iter()
        .map(|observation| observation.exposure.conditions.start.0);
    let column = |name: &str, unit: Option<&str>, data| Column {
        name: name.to_owned(),
        unit: unit.map(str::to_owned),
        repeat: 1,
        data,
    };
    let reals = |value: fn(&Offset) -> f64| ColumnData::F64(rows.iter().map(value).collect());
    Table {
        columns: vec![
            column(
                "DATE_OBS",
                None,
                ColumnData::Text(observations.iter().map(Observation::date_obs).collect()),
            ),
            column("MJD_OBS", Some("d"), ColumnData::F64(starts.collect())),
            column("RA_OFFSET", Some("deg"), reals(|row| row.ra_deg)),
            column("DEC_OFFSET", Some("deg"), reals(|row| row.dec_deg)),
            column("FLUX_SCALE", None, reals(|row| row.flux_scale)),
        ],
    }
}
