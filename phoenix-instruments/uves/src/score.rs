//! Scores of UVES products; the limits stand in `rules/qc.toml`.

use phoenix_core::header::Header;
use phoenix_core::traits::QcHeading;
use phoenix_kit::keyword_scores::Readings;
use phoenix_kit::spectra;

/// What the scores read off a header beside their parameters.
pub(crate) const READINGS: Readings = Readings {
    heading,
    facts: &[("fluxcal", is_fluxed)],
};

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

#[expect(clippy::unnecessary_wraps, reason = "facts may be absent; this one never is")]
fn is_fluxed(header: &Header) -> Option<String> {
    let has_response = spectra::used(header, &["INSTR_RESPONSE_FINE", "MASTER_RESPONSE"]);
    Some(if has_response { "yes" } else { "no" }.into())
}
