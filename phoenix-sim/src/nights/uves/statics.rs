//! Static calibrations of UVES: arc lines, extinction, the standard star's fluxes and the response's nodes.

use phoenix_core::product::{Column, ColumnData, Product};

use super::super::cards::Cards;
use super::super::extinction::PARANAL;
use super::super::frame::{column, file, table, vectors};
use super::plan::{STANDARD, standard_star};
use crate::night::{ArchiveFile, Content};
use crate::thar;

/// Faintest arc line that the catalogue lists.
const FAINTEST: f64 = 150.0;
/// Resolution that decides what is a blend: the lower of the two arms' through a slit of 1 arcsec.
const RESOLUTION: f64 = 38_700.0;
/// Step of the standard star's table.
const FLUX_STEP_NM: f64 = 0.5;

/// Makes the static calibrations; both arms have the same.
pub(crate) fn files() -> Vec<ArchiveFile> {
    let products = [lines(), extinction(), fluxes(), nodes()];
    products
        .into_iter()
        .map(|product| ArchiveFile {
            path: format!("calib/UVES/{}", product.name),
            content: Content::Product(product),
        })
        .collect()
}

fn product(name: &str, tag: &str, hdus: Vec<phoenix_core::product::Hdu>) -> Product {
    let mut cards = Cards::new();
    cards.push("ORIGIN", "ESO-PARANAL", "European Southern Observatory");
    cards.push("TELESCOP", "ESO-VLT-U2", "ESO <TEL>");
    cards.push("INSTRUME", "UVES", "Instrument used");
    cards.push("MJD-OBS", 53_096.0, "Start of validity");
    cards.push("DATE-OBS", "2004-04-01T00:00:00.000", "Start of validity");
    cards.push("PRO.CATG", tag, "Category of pipeline product");
    file(name, tag, cards.0, hdus)
}

fn lines() -> Product {
    let list = thar::catalogue(360.0, 720.0, FAINTEST, RESOLUTION);
    let wave = list.iter().map(|line| line.lambda_nm * 10.0).collect();
    let columns = vec![column("WAVE", Some("Angstrom"), ColumnData::F64(wave))];
    product(
        "thargood.fits",
        "LINE_REFER_TABLE",
        vec![table("LINE_REFER_TABLE", columns)],
    )
}

fn extinction() -> Product {
    let magnitudes = || ColumnData::F64(PARANAL.iter().map(|node| node.1).collect());
    let lambda_aa = ColumnData::F64(PARANAL.iter().map(|node| node.0 * 10.0).collect());
    let columns = vec![
        column("LAMBDA", Some("Angstrom"), lambda_aa),
        // The recipe reads the column of the other observatory.
        column("LA_SILLA", Some("mag"), magnitudes()),
        column("PARANAL", Some("mag"), magnitudes()),
    ];
    product(
        "extcoeff_paranal.fits",
        "EXTCOEFF_TABLE",
        vec![table("EXTCOEFF_TABLE", columns)],
    )
}

/// The index of stars that the newer catalogues begin with.
fn index() -> Vec<Column> {
    vec![
        column("ext_id", None, ColumnData::I32(vec![2])),
        column("name", None, ColumnData::Text(vec![STANDARD.0.to_owned()])),
        column("ra", Some("deg"), ColumnData::F64(vec![STANDARD.1.ra_deg])),
        column("dec", Some("deg"), ColumnData::F64(vec![STANDARD.1.dec_deg])),
    ]
}

/// The catalogue of flux standards: the recipe reads its first extension both as an index and as vectors.
fn fluxes() -> Product {
    let n = ((1090.0 - 300.0) / FLUX_STEP_NM) as usize;
    let lambda_nm: Vec<f64> = (0..n).map(|i| 300.0 + FLUX_STEP_NM * i as f64).collect();
    let star = standard_star();
    // Seen by a low-resolution spectrograph, as such tables are.
    let flux: Vec<f64> = lambda_nm
        .iter()
        .map(|lambda_nm| star.flux(*lambda_nm, 4000.0))
        .collect();
    let single =
        |values: &[f64], factor: f64| ColumnData::F32(values.iter().map(|value| (value * factor) as f32).collect());
    let mut first = index();
    first.extend([
        column("OBJECT", None, ColumnData::Text(vec![STANDARD.0.to_owned()])),
        column("RA_DEG", Some("deg"), ColumnData::F64(vec![STANDARD.1.ra_deg])),
        column("DEC_DEG", Some("deg"), ColumnData::F64(vec![STANDARD.1.dec_deg])),
        column("TYPE", None, ColumnData::Text(vec!["DA".to_owned()])),
        column("NDATA", None, ColumnData::I32(vec![n as i32])),
        vectors("LAMBDA", Some("Angstrom"), n, single(&lambda_nm, 10.0)),
        vectors(
            "BIN_WIDTH",
            Some("Angstrom"),
            n,
            ColumnData::F32(vec![10.0 * FLUX_STEP_NM as f32; n]),
        ),
        vectors("F_LAMBDA", None, n, single(&flux, 1e16)),
    ]);
    let second = vec![
        column("LAMBDA", Some("nm"), ColumnData::F64(lambda_nm)),
        column("FLUX", None, ColumnData::F64(flux)),
        column("BIN_WIDTH", Some("nm"), ColumnData::F64(vec![FLUX_STEP_NM; n])),
    ];
    product(
        "flxstd.fits",
        "FLUX_STD_TABLE",
        vec![table("INDEX", first), table(STANDARD.0, second)],
    )
}

/// Where the response is fitted: every 2 nm off the Balmer lines.
fn nodes() -> Product {
    let (low_nm, high_nm) = (360.0, 720.0);
    let star = standard_star();
    let is_smooth = |lambda_nm: &f64| star.lines.iter().all(|line| (line.lambda_nm - lambda_nm).abs() > 2.5);
    let n = ((high_nm - low_nm) / 2.0) as usize;
    let lambda_nm: Vec<f64> = (0..n).map(|i| low_nm + 2.0 * i as f64).filter(is_smooth).collect();
    let columns = vec![column("LAMBDA", Some("nm"), ColumnData::F64(lambda_nm))];
    product(
        "resp_fit_points.fits",
        "RESP_FIT_POINTS_CATALOG",
        vec![table("INDEX", index()), table(STANDARD.0, columns)],
    )
}
