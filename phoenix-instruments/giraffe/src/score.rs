//! Scores and flags of GIRAFFE products; the limits stand in `rules/qc.toml`.

use phoenix_core::header::Header;
use phoenix_core::traits::QcHeading;
use phoenix_core::unit::Mjd;
use phoenix_kit::keyword_scores::Readings;
use phoenix_kit::spectra;

/// The day from which the new detector counts in the flags. Source: list of score bits of PHOENIX GIRAFFE.
const NEW_DETECTOR: &str = "2008-04-01T00:00:00.000";

/// What the scores read off a header beside their parameters.
pub(crate) const READINGS: Readings = Readings {
    heading,
    facts: &[
        ("deltatemp", |header| number(header, "PHX.DELTATEMP")),
        ("deltatime", delta_time),
        ("numsat", |header| number(header, "QC.OUT1.NSAT.RAW")),
        ("nsci", |header| number(header, "PHX.NSCI")),
        ("nsky", |header| number(header, "PHX.NSKY")),
        ("simatt", has_lamp),
        ("simcal", |header| number(header, "FPS").map(|_| "no".into())),
        ("badcol", |header| old_detector(header, |fps| fps == 23 || fps == 24)),
        ("glow", |header| old_detector(header, |fps| (109..=124).contains(&fps))),
    ],
};

fn heading(header: &Header) -> QcHeading {
    let setup = format!(
        "{}_{}",
        spectra::text(header, "INS.SLIT.NAME"),
        spectra::text(header, "INS.EXP.MODE")
    );
    spectra::heading(header, "GIRAFFE", setup)
}

fn number(header: &Header, key: &str) -> Option<String> {
    header.f64(key).ok().map(|number| number.to_string())
}

fn start(header: &Header) -> Option<Mjd> {
    header.f64("MJD-OBS").ok().map(Mjd)
}

/// Days from the arc to the science exposure.
fn delta_time(header: &Header) -> Option<String> {
    let arc = spectra::time_of_used(header, "DISPERSION_SOLUTION")?;
    Some((start(header)?.0 - arc.0).to_string())
}

fn has_lamp(header: &Header) -> Option<String> {
    let kind = header.str("DPR.TYPE").ok()?;
    Some(if kind.contains("SimCal") { "yes" } else { "no" }.into())
}

/// Tells whether a fault of the old detector touches the fibre.
fn old_detector(header: &Header, touches: fn(i64) -> bool) -> Option<String> {
    let is_old = start(header)?.0 < Mjd::from_iso(NEW_DETECTOR).ok()?.0;
    let is_touched = is_old && touches(header.i64("FPS").ok()?);
    Some(if is_touched { "yes" } else { "no" }.into())
}
