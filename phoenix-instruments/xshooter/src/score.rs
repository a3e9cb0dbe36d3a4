//! Scores of XSHOOTER products; the limits stand in `rules/qc.toml`.

use phoenix_core::header::Header;
use phoenix_core::traits::QcHeading;
use phoenix_kit::keyword_scores::Readings;
use phoenix_kit::spectra;

/// What the scores read off a header beside their parameters.
pub(crate) const READINGS: Readings = Readings {
    heading,
    facts: &[("slit_arcsec", slit_arcsec)],
};

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
