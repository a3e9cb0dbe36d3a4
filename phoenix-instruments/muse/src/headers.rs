//! Headers of the products, with the keywords that the pipeline writes.

use phoenix_core::header::{Header, Value};
use phoenix_core::provenance::Record;
use phoenix_core::unit::Mjd;
use phoenix_kernels::ifu::CubeGrid;
use phoenix_kit::inherit::inherit;
use phoenix_kit::{stamp, units, wcs};

use crate::exposure::ExposureFile;
use crate::params::NumericsChoice;

/// Cards of an exposure that say nothing about the product.
const NOT_INHERITED: [&str; 16] = [
    "ORIGFILE",
    "PIPEFILE",
    "ESO.DPR.",
    "ESO.QC.",
    "ESO.DRS.MUSE.PIXTABLE.",
    "ESO.DRS.MUSE.FILTER.",
    "ESO.DRS.MUSE.OVSC",
    "ESO.PRO.CATG",
    "ESO.PRO.TYPE",
    "ESO.PRO.TECH",
    "ESO.PRO.SCIENCE",
    "ESO.PRO.DATANCOM",
    "ESO.PRO.ANCESTOR",
    "ESO.PRO.DID",
    "HDUCLAS",
    "PHX.",
];

/// Returns the primary header of a product before quality keywords.
///
/// # Numerics
/// `EXPTIME` is that of the first exposure in `eso`, the sum over all exposures in `phoenix`, with `TEXPTIME` and
/// `MJD-END`.
pub fn primary(tag: &str, name: &str, exposures: &[ExposureFile], numerics: NumericsChoice) -> Header {
    let Some(first) = exposures.first() else {
        return Header::new();
    };
    let mut header = inherit(&first.header, &NOT_INHERITED);
    header.set("PIPEFILE", name, "Filename of data product");
    if numerics == NumericsChoice::Phoenix {
        set_times(&mut header, exposures);
    }
    let ancestor = first
        .header
        .get("PRO.ANCESTOR")
        .or_else(|| first.header.get("ARCFILE"))
        .map(Value::display);
    if let Some(ancestor) = ancestor {
        header.set("PRO.ANCESTOR", ancestor, "");
    }
    header.set("PRO.DID", "PRO-1.16", "Data dictionary for PRO");
    header.set("PRO.CATG", tag, "Category of pipeline product frame");
    header.set("PRO.TYPE", "REDUCED", "Product type");
    header.set("PRO.TECH", "IFU", "Observation technique");
    header.set("PRO.SCIENCE", true, "Scientific product if T");
    header.set("PHX.NUMERICS", numerics.as_str(), "numbers: phoenix or eso");
    set_facts(&mut header, exposures);
    header
}

fn set_times(header: &mut Header, exposures: &[ExposureFile]) {
    let seconds: Option<Vec<f64>> = exposures.iter().map(|exposure| exposure.exptime_s().ok()).collect();
    let Some(seconds) = seconds else { return };
    let total: f64 = seconds.iter().sum();
    header.set("EXPTIME", total, "[s] Sum of the exposure times combined");
    header.set("TEXPTIME", total, "[s] Total integration time of all exposures");
    let ends = exposures.iter().zip(&seconds).filter_map(|(exposure, seconds)| {
        let start = exposure
            .header
            .f64("MJD-OBS")
            .ok()
            .or_else(|| Mjd::from_iso(&exposure.date_obs).ok().map(|t| t.0))?;
        Some(start + seconds / 86_400.0)
    });
    if let Some(end) = ends.max_by(f64::total_cmp) {
        header.set("MJD-END", (end * 1e8).round() / 1e8, "[d] End of the last exposure");
    }
}

/// Facts of the inputs that scoring needs and that the pipeline's headers lose.
fn set_facts(header: &mut Header, exposures: &[ExposureFile]) {
    let Some(first) = exposures.first() else { return };
    if let Ok(kind) = first.header.str("DPR.TYPE") {
        header.set("PHX.OBSTYPE", kind, "DPR TYPE of the first exposure");
    }
    if let Ok(merged) = first.header.i64("DRS.MUSE.PIXTABLE.MERGED") {
        header.set("PHX.NIFU", merged, "IFUs in the first exposure");
    }
    let mut templates: Vec<String> = exposures
        .iter()
        .filter_map(|exposure| exposure.header.get("TPL.START").map(Value::display))
        .collect();
    templates.sort();
    templates.dedup();
    let mut blocks: Vec<String> = exposures
        .iter()
        .filter_map(|exposure| exposure.header.get("OBS.ID").map(Value::display))
        .collect();
    blocks.sort();
    blocks.dedup();
    header.set("PHX.NOB", blocks.len(), "observing blocks that the exposures come from");
    header.set("PHX.NTPL", templates.len(), "templates that the exposures come from");
}

/// Returns the largest wavelength shift that the basic reduction wrote into any exposure's header, Angstrom.
pub fn largest_shift_aa(exposures: &[ExposureFile]) -> Option<f64> {
    let is_shift = |key: &str| key.starts_with("ESO.QC.SCIBASIC") && key.contains("LAMBDA.SHIFT");
    exposures
        .iter()
        .flat_map(|exposure| exposure.header.cards())
        .filter(|card| is_shift(card.key.as_str()))
        .filter_map(|card| card.value.as_f64())
        .map(f64::abs)
        .max_by(f64::total_cmp)
}

/// Writes the provenance record.
pub fn set_record(header: &mut Header, record: &Record) {
    stamp::stamp(header, record);
}

fn object(primary: &Header) -> &str {
    primary.str("OBJECT").unwrap_or("UNKNOWN")
}

pub(crate) fn set_class(header: &mut Header, class: &str) {
    header.set("HDUCLASS", "ESO", "class name (ESO format)");
    header.set("HDUDOC", "DICD", "document with class description");
    header.set("HDUVERS", "DICD version 6", "version number (according to spec v2.5.1)");
    header.set("HDUCLAS1", "IMAGE", "Image data format");
    header.set(
        "HDUCLAS2",
        class,
        if class == "DATA" {
            "this extension contains the data itself"
        } else {
            "this extension contains variance"
        },
    );
}

/// Returns the header of a cube's `DATA` extension.
pub fn cube_data(primary: &Header, grid: &CubeGrid, unit: &str) -> Header {
    let mut header = Header::new();
    header.set("OBJECT", format!("{} (DATA)", object(primary)), "");
    wcs::set_spatial(&mut header, grid);
    wcs::set_spectral(&mut header, grid);
    set_class(&mut header, "DATA");
    header.set("ERRDATA", "STAT", "pointer to the variance extension");
    header.set("BUNIT", unit, "");
    header
}

/// Returns the header of a cube's `STAT` extension.
pub fn cube_stat(primary: &Header, grid: &CubeGrid, unit: &str) -> Header {
    let mut header = Header::new();
    header.set("OBJECT", format!("{} (STAT)", object(primary)), "");
    wcs::set_spatial(&mut header, grid);
    wcs::set_spectral(&mut header, grid);
    set_class(&mut header, "ERROR");
    header.set("HDUCLAS3", "MSE", "the extension contains variances (sigma**2)");
    header.set("SCIDATA", "DATA", "pointer to the data extension");
    header.set("BUNIT", units::variance(unit), "");
    header
}

/// Returns the header of an image's `DATA` extension.
pub fn image_data(grid: &CubeGrid, unit: &str) -> Header {
    let mut header = Header::new();
    wcs::set_spatial(&mut header, grid);
    header.set("INHERIT", true, "");
    set_class(&mut header, "DATA");
    header.set("BUNIT", unit, "");
    header
}
