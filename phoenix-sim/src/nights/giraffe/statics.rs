//! Static calibrations of GIRAFFE: grating, slit geometry and arc lines.

use phoenix_core::product::{ColumnData, Hdu, Product};

use super::super::cards::Cards;
use super::super::frame::{column, file, table};
use super::{RESOLUTION, fibres};
use crate::fibre::Optics;
use crate::fibre::slit::FibreOnSlit;
use crate::night::{ArchiveFile, Content};
use crate::thar;

/// Faintest arc line that the catalogue lists.
const FAINTEST: f64 = 150.0;

/// Makes the static calibrations of the setup.
pub(crate) fn files(optics: &Optics, slit: &[FibreOnSlit]) -> Vec<ArchiveFile> {
    let files = [
        ("grating.fits", "GRATING_DATA", grating(optics)),
        ("slit_geometry_master.fits", "SLIT_GEOMETRY_MASTER", geometry(slit)),
        ("slit_geometry_setup.fits", "SLIT_GEOMETRY_SETUP", geometry(slit)),
        ("lines.fits", "LINE_CATALOG", lines(optics)),
    ];
    files
        .into_iter()
        .map(|(name, tag, hdu)| ArchiveFile {
            path: format!("calib/GIRAFFE/{name}"),
            content: Content::Product(product(name, tag, hdu)),
        })
        .collect()
}

fn product(name: &str, tag: &str, hdu: Hdu) -> Product {
    let mut cards = Cards::new();
    cards.push("ORIGIN", "ESO-PARANAL", "European Southern Observatory");
    cards.push("TELESCOP", "ESO-VLT-U2", "ESO <TEL>");
    cards.push("INSTRUME", "GIRAFFE", "Instrument used");
    cards.push("MJD-OBS", 53_096.0, "Start of validity");
    cards.push("DATE-OBS", "2004-04-01T00:00:00.000", "Start of validity");
    cards.push("PRO.CATG", tag, "Category of pipeline product");
    cards.push("INS.MODE", "MED", "Instrument mode used");
    cards.push("INS.SLIT.NAME", "Medusa1", "Slit name");
    cards.push("INS.EXP.MODE", "H572.8", "Exposure mode");
    cards.push("INS.GRAT.ID", "HR", "Grating unique ID");
    file(name, tag, cards.0, vec![hdu])
}

fn grating(optics: &Optics) -> Hdu {
    let real = |name: &str, unit: Option<&str>, value: f64| column(name, unit, ColumnData::F64(vec![value]));
    let integer = |name: &str, value: i32| column(name, None, ColumnData::I32(vec![value]));
    let text = |name: &str, value: &str| column(name, None, ColumnData::Text(vec![value.to_owned()]));
    let (low_nm, high_nm) = optics.range_nm;
    table(
        "GRATING_DATA",
        vec![
            text("GRATING", "HR"),
            text("SETUP", "H572.8"),
            text("FILTER", "H572.8"),
            integer("ORDER", optics.order as i32),
            real("WLEN0", Some("nm"), 572.8),
            real("WLMIN", Some("nm"), low_nm),
            real("WLMAX", Some("nm"), high_nm),
            real("BAND", Some("nm"), high_nm - low_nm),
            integer("RMED", RESOLUTION as i32),
            integer("RIFA", 30_000),
            integer("RESOL", RESOLUTION as i32),
            real("SPACE", Some("mm"), 1.0 / optics.grooves_per_mm),
            real("THETA", Some("rad"), optics.grating_rad),
            real("FCOLL", Some("mm"), optics.collimator_mm),
            real("GCAM", None, optics.magnification),
            real("SDX", Some("mm"), 0.0),
            real("SDY", Some("mm"), 0.0),
            real("SPHI", Some("rad"), 0.0),
        ],
    )
}

fn geometry(slit: &[FibreOnSlit]) -> Hdu {
    let n = slit.len();
    let numbers = || ColumnData::I32(slit.iter().map(|fibre| fibre.fps as i32).collect());
    table(
        "SLIT_GEOMETRY",
        vec![
            column("INDEX", None, numbers()),
            column("FPS", None, numbers()),
            column("SSN", None, ColumnData::I32(vec![1; n])),
            column("PSSN", None, numbers()),
            column("Retractor", None, ColumnData::Text(fibres::retractors())),
            column("Slit", None, ColumnData::Text(vec!["Medusa1".to_owned(); n])),
            column("FPD", None, numbers()),
            column(
                "XF",
                Some("mm"),
                ColumnData::F64(slit.iter().map(|fibre| fibre.x_mm).collect()),
            ),
            column(
                "YF",
                Some("mm"),
                ColumnData::F64(slit.iter().map(|fibre| fibre.y_mm).collect()),
            ),
            column("ZF", Some("mm"), ColumnData::F64(vec![0.0; n])),
            column("ZDEFOCUS", Some("mm"), ColumnData::F64(vec![0.0; n])),
        ],
    )
}

fn lines(optics: &Optics) -> Hdu {
    let (low_nm, high_nm) = optics.range_nm;
    let list = thar::catalogue(low_nm - 1.0, high_nm + 1.0, FAINTEST, RESOLUTION);
    let n = list.len();
    table(
        "LINE_CATALOG",
        vec![
            column(
                "WLEN",
                Some("nm"),
                ColumnData::F64(list.iter().map(|line| line.lambda_nm).collect()),
            ),
            column(
                "FLUX",
                None,
                ColumnData::F64(list.iter().map(|line| line.intensity).collect()),
            ),
            column("FLAGS", None, ColumnData::I32(vec![0; n])),
            column("COMMENT", None, ColumnData::Text(vec!["ThAr".to_owned(); n])),
        ],
    )
}
