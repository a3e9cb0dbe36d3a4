//! Which GIRAFFE spectra go to the archive, and how they are called there.

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::traits::DeliverySpec;
use phoenix_kit::delivery::DeliveryBook;
use phoenix_kit::policy::Policy;
use phoenix_kit::spectra;

/// Tells how a product is delivered: one spectrum per fibre.
pub(crate) fn spec(book: &DeliveryBook, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
    if tag.as_str() != "SCIENCE_RBNSPEC_IDP" {
        return None;
    }
    let mut spec = book.spec("fibre", "")?;
    spec.name_suffix = fibre(header);
    Some(spec)
}

/// The fibre as names spell it; the target's name if the header counts no fibres.
fn fibre(header: &Header) -> String {
    match header.i64("FPS") {
        Ok(position) => format!("F{position:03}"),
        Err(_) => spectra::text(header, "OBJECT").chars().take(12).collect(),
    }
}

/// What goes to the archive.
pub(crate) fn policy() -> Policy {
    Policy {
        instrument: "GIRAFFE".into(),
        name_prefix: "GI_".into(),
        categories: vec![("SCIENCE.SPECTRUM".into(), Vec::new())],
    }
}
