//! Which GIRAFFE spectra go to the archive, and how they are called there.

use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::traits::{DeliverySpec, Ingestor};
use phoenix_kit::delivery::{BuildError, DeliveryBook};
use phoenix_kit::policy::{Policy, PolicyIngestor};
use phoenix_kit::spectra;

/// Reads the delivery of GIRAFFE from `products/delivery.toml`.
///
/// # Errors
/// If it is wrong.
pub(crate) fn book() -> Result<DeliveryBook, BuildError> {
    DeliveryBook::from_toml(include_str!("../products/delivery.toml"))
}

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

/// Puts the policy of GIRAFFE in front of a transport.
pub(crate) fn ingestor(transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
    let policy = Policy {
        instrument: "GIRAFFE".into(),
        name_prefix: "GI_".into(),
        categories: vec![("SCIENCE.SPECTRUM".into(), Vec::new())],
    };
    Box::new(PolicyIngestor::new(policy, transport))
}
