//! Headers of the combined cube and the table of what became of each input.

use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Product, Table};
use phoenix_kernels::cubes::CubeStats;
use phoenix_kit::inherit::{inherit, is_world};
use phoenix_kit::units;

use super::list::CubeFiles;
use crate::headers;

/// Cards of an input that say nothing about the product.
const NOT_INHERITED: [&str; 13] = [
    "ORIGFILE",
    "PIPEFILE",
    "ESO.DPR.",
    "ESO.QC.",
    "ESO.DRS.MUSE.PIXTABLE.",
    "ESO.PRO.CATG",
    "ESO.PRO.TYPE",
    "ESO.PRO.TECH",
    "ESO.PRO.SCIENCE",
    "ESO.PRO.DATANCOM",
    "ESO.PRO.DID",
    "HDUCLAS",
    "PHX.",
];

/// Returns the primary header before quality keywords.
///
/// # Numerics
/// `EXPTIME` and `TEXPTIME` are sums over the cubes, where all of them tell; `MJD-END` is the latest.
pub(super) fn primary(tag: &str, name: &str, files: &CubeFiles) -> Header {
    let mut header = inherit(&files.primary, &NOT_INHERITED);
    header.set("PIPEFILE", name, "Filename of data product");
    let seconds: Option<Vec<f64>> = files.cubes.iter().map(|cube| cube.exptime_s).collect();
    if let Some(seconds) = seconds {
        let total: f64 = seconds.iter().sum();
        header.set("EXPTIME", total, "[s] Sum of the exposure times combined");
        header.set("TEXPTIME", total, "[s] Total integration time of all exposures");
    }
    if let Some(end) = files
        .cubes
        .iter()
        .filter_map(|cube| cube.mjd_end)
        .max_by(f64::total_cmp)
    {
        header.set("MJD-END", end, "[d] End of the last exposure");
    }
    header.set("PRO.DID", "PRO-1.16", "Data dictionary for PRO");
    header.set("PRO.CATG", tag, "Category of pipeline product frame");
    header.set("PRO.TYPE", "REDUCED", "Product type");
    header.set("PRO.TECH", "IFU", "Observation technique");
    header.set("PRO.SCIENCE", true, "Scientific product if T");
    header.set("PHX.NCUBES", files.cubes.len(), "resampled cubes combined");
    header
}

/// Returns the header of one extension: the grid of the inputs, its own class and unit.
pub(super) fn extension(primary: &Header, files: &CubeFiles, name: &str) -> Header {
    let mut header = Header::new();
    let object = primary.str("OBJECT").unwrap_or("UNKNOWN");
    header.set("OBJECT", format!("{object} ({name})"), "");
    for card in files.grid.cards().iter().filter(|card| is_world(card)) {
        header.push(card.clone());
    }
    let unit = files.grid.str("BUNIT").ok();
    match name {
        "DATA" => {
            headers::set_class(&mut header, "DATA");
            header.set("ERRDATA", "STAT", "pointer to the variance extension");
            if let Some(unit) = unit {
                header.set("BUNIT", unit, "");
            }
        }
        "STAT" => {
            headers::set_class(&mut header, "ERROR");
            header.set("HDUCLAS3", "MSE", "the extension contains variances (sigma**2)");
            header.set("SCIDATA", "DATA", "pointer to the data extension");
            if let Some(unit) = unit {
                header.set("BUNIT", units::variance(unit), "");
            }
        }
        _ => header.set("SCIDATA", "DATA", "pointer to the data extension"),
    }
    header
}

/// Writes what became of the values of all cubes together.
pub(super) fn set_quality(header: &mut Header, stats: &CubeStats) {
    let total = |counts: &[u64]| counts.iter().sum::<u64>() as i64;
    header.set(
        "QC.CUBECOMB.NREJECTED",
        total(&stats.rejected),
        "Number of values clipped",
    );
    header.set(
        "QC.CUBECOMB.NNAN",
        total(&stats.not_finite),
        "Number of values that are not finite",
    );
    if let Some(most) = usual_depth(stats) {
        header.set("QC.CUBECOMB.EXPNB", most, "Most frequent number of cubes in a voxel");
    }
}

/// Returns the most frequent number of values of a voxel that has any; the smallest of equals.
pub(super) fn usual_depth(stats: &CubeStats) -> Option<usize> {
    let depths = stats.used.iter().enumerate().skip(1).rev();
    let (depth, n_voxels) = depths.max_by_key(|(_, n)| **n)?;
    (*n_voxels > 0).then_some(depth)
}

/// Returns the table of missing and clipped values, a row for each cube.
pub(super) fn statistics(mut header: Header, files: &CubeFiles, stats: &CubeStats) -> Product {
    let name = "CUBE_STATISTICS.fits";
    header.set("PIPEFILE", name, "");
    header.set("PRO.CATG", "CUBE_STATISTICS", "");
    header.set("PRO.SCIENCE", false, "");
    let counts = |name: &str, counts: &[u64]| Column {
        name: name.into(),
        unit: None,
        repeat: 1,
        data: ColumnData::I64(counts.iter().map(|n| *n as i64).collect()),
    };
    let names = files.cubes.iter().map(|cube| cube.frame.id.to_string()).collect();
    let columns = vec![
        Column {
            name: "FILENAME".into(),
            unit: None,
            repeat: 1,
            data: ColumnData::Text(names),
        },
        counts("NPIX_NAN", &stats.not_finite),
        counts("NPIX_REJECTED", &stats.rejected),
    ];
    Product {
        tag: "CUBE_STATISTICS".into(),
        name: name.into(),
        header,
        hdus: vec![Hdu {
            name: "STATPIX".into(),
            header: Header::new(),
            data: HduData::Table(Table { columns }),
        }],
    }
}
