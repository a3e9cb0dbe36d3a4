//! Which UVES spectra go to the archive, and how they are called there.

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::traits::DeliverySpec;
use phoenix_kit::delivery::{DeliveryBook, fill};
use phoenix_kit::policy::Policy;
use phoenix_kit::spectra;

/// Resolving power times slit width in arcsec, of the blue and of the red arm.
///
/// Source: the description of the UVES pipeline 6.1.8 gives about 40,000 for a slit of 1 arcsec in either arm. The exact
/// figures are quoted from memory of the UVES User Manual: to be compared with it before a release.
const SLIT_PRODUCT: [f64; 2] = [41_400.0, 38_700.0];
/// Highest resolving power of either arm, sampled by two pixels: narrower slits gain nothing.
///
/// Source: description of the UVES pipeline 6.1.8.
const HIGHEST_POWER: [f64; 2] = [80_000.0, 110_000.0];
/// Entrance widths of the image slicers in arcsec by their number. Source: quoted from memory of the UVES User Manual; no
/// public text at hand confirms them: to be compared with the manual before a release.
const SLICERS_ARCSEC: [f64; 3] = [0.68, 0.44, 0.30];

/// Kinds of science frame, with which the recipe begins its products' names. Source: recipe help of `uves_obs_scired` 6.1.8.
const SOURCES: [&str; 4] = ["SCIENCE", "SCI_POINT", "SCI_EXTND", "SCI_SLICER"];

/// Tells how a product is delivered: the flux-calibrated spectrum, and the one in counts only if there is no other.
pub(crate) fn spec(book: &DeliveryBook, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
    let (kind, source) = if let Some(source) = tag.as_str().strip_prefix("FLUXCAL_") {
        ("fluxed", source)
    } else {
        ("reduced", tag.as_str().strip_prefix("RED_")?)
    };
    // Errors have names of their own (ERRORBAR_SCI_POINT_BLUE), which no kind of raw frame begins with.
    let (raw, chip) = source.rsplit_once('_').filter(|(raw, _)| SOURCES.contains(raw))?;
    let mut spec = book.spec(kind, "")?;
    spec.name_suffix = setup(header, chip);
    fill(&mut spec, "raw", raw);
    fill(&mut spec, "chip", chip);
    let arm = usize::from(chip != "BLUE");
    if let Some(width_arcsec) = width_arcsec(header, arm) {
        let power = (SLIT_PRODUCT[arm] / width_arcsec).min(HIGHEST_POWER[arm]);
        spec.keywords.insert("APERTURE".into(), (width_arcsec / 3600.0).into());
        spec.keywords.insert("SPEC_RES".into(), power.round().into());
    }
    let grating = spectra::text(header, ["INS.GRAT1.NAME", "INS.GRAT2.NAME"][arm]);
    if !grating.is_empty() {
        spec.keywords.insert("DISPELEM".into(), grating.into());
    }
    Some(spec)
}

/// The width of the entrance: that of the slit, or of the slicer's slices.
fn width_arcsec(header: &Header, arm: usize) -> Option<f64> {
    let slicer = spectra::text(header, "INS.SLIT1.NAME");
    let number = slicer
        .strip_prefix("SLIC#")
        .and_then(|number| number.parse::<usize>().ok());
    match number.and_then(|number| SLICERS_ARCSEC.get(number.checked_sub(1)?)) {
        Some(width_arcsec) => Some(*width_arcsec),
        None => header
            .f64(["INS.SLIT2.WID", "INS.SLIT3.WID"][arm])
            .ok()
            .filter(|width| *width > 0.0),
    }
}

/// The setup as names spell it: `RED564d1_1x1_08` is 564 nm with the first dichroic, unbinned, slit of 0.8 arcsec.
fn setup(header: &Header, chip: &str) -> String {
    let (grating, slit) = if chip == "BLUE" {
        ("INS.GRAT1.WLEN", "INS.SLIT2.WID")
    } else {
        ("INS.GRAT2.WLEN", "INS.SLIT3.WID")
    };
    let dichroic = match spectra::text(header, "INS.MODE").as_str() {
        "DICHR#1" => "d1",
        "DICHR#2" => "d2",
        _ => "",
    };
    let binning = |key| header.i64(key).unwrap_or(1);
    let slicer = spectra::text(header, "INS.SLIT1.NAME");
    let slit = match slicer.strip_prefix("SLIC#") {
        Some(number) => format!("SL{number}"),
        None => spectra::tenths(header, slit).unwrap_or_default(),
    };
    format!(
        "{chip}{}{dichroic}_{}x{}_{slit}",
        spectra::whole_nm(header, grating).unwrap_or_default(),
        binning("DET.WIN1.BINX"),
        binning("DET.WIN1.BINY"),
    )
}

/// What goes to the archive.
pub(crate) fn policy() -> Policy {
    Policy {
        instrument: "UVES".into(),
        name_prefix: "UV_".into(),
        categories: vec![("SCIENCE.SPECTRUM".into(), Vec::new())],
    }
}
