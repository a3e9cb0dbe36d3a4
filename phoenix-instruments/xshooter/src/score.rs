//! Scores of XSHOOTER products, with limits from `rules/qc.toml`.

use phoenix_core::header::Header;
use phoenix_core::traits::QcHeading;
use phoenix_kit::delivery::BuildError;
use phoenix_kit::keyword_scores::{KeywordScores, Readings};
use phoenix_kit::spectra;

/// Reads the scores.
///
/// # Errors
/// If `rules/qc.toml` is wrong.
pub(crate) fn scores() -> Result<KeywordScores, BuildError> {
    let readings = Readings {
        heading,
        facts: &[("slit_arcsec", slit_arcsec)],
    };
    KeywordScores::from_toml(include_str!("../rules/qc.toml"), readings)
}

/// The slit of the arm, e.g. `0.9x11`.
fn slit(header: &Header) -> String {
    let key = match header.str("SEQ.ARM") {
        Ok("UVB") => "INS.OPTI3.NAME",
        Ok("VIS") => "INS.OPTI4.NAME",
        _ => "INS.OPTI5.NAME",
    };
    spectra::text(header, key)
}

fn heading(header: &Header) -> QcHeading {
    let setup = format!("{}_{}", spectra::text(header, "SEQ.ARM"), slit(header));
    spectra::heading(header, "XSHOOTER", setup)
}

fn slit_arcsec(header: &Header) -> Option<String> {
    let slit = slit(header);
    let width = slit.split('x').next()?;
    width.parse::<f64>().ok().map(|_| width.to_owned())
}
