//! Scores of UVES products, with limits from `rules/qc.toml`.

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
        facts: &[("fluxcal", is_fluxed)],
    };
    KeywordScores::from_toml(include_str!("../rules/qc.toml"), readings)
}

fn heading(header: &Header) -> QcHeading {
    let grating = if header.f64("INS.GRAT1.WLEN").is_ok() {
        "INS.GRAT1.WLEN"
    } else {
        "INS.GRAT2.WLEN"
    };
    let setup = format!(
        "{}{}",
        spectra::text(header, "INS.PATH"),
        spectra::whole_nm(header, grating).unwrap_or_default()
    );
    spectra::heading(header, "UVES", setup)
}

fn is_fluxed(header: &Header) -> Option<String> {
    let has_response = spectra::used(header, &["INSTR_RESPONSE_FINE", "MASTER_RESPONSE"]);
    Some(if has_response { "yes" } else { "no" }.into())
}
