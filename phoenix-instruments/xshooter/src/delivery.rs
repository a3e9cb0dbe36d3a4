//! Which XSHOOTER spectra go to the archive, and how they are called there.

use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::traits::{DeliverySpec, Ingestor};
use phoenix_kit::delivery::{BuildError, DeliveryBook};
use phoenix_kit::policy::{Policy, PolicyIngestor};
use phoenix_kit::spectra;

/// Reads the delivery of XSHOOTER from `products/delivery.toml`.
///
/// # Errors
/// If it is wrong.
pub(crate) fn book() -> Result<DeliveryBook, BuildError> {
    DeliveryBook::from_toml(include_str!("../products/delivery.toml"))
}

/// Tells how a product is delivered: the spectrum that the recipe wrote in the archive's layout, with its rectified
/// image.
pub(crate) fn spec(book: &DeliveryBook, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
    let arm = tag.as_str().strip_prefix("SCI_SLIT_FLUX_IDP_")?;
    let slit = match arm {
        "UVB" => "INS.OPTI3.NAME",
        "VIS" => "INS.OPTI4.NAME",
        _ => "INS.OPTI5.NAME",
    };
    let mut spec = book.spec("fluxed", "")?;
    spec.name_suffix = format!("{arm}_{}", spectra::text(header, slit));
    let technique = header.str("DPR.TECH").or_else(|_| header.str("PRO.TECH"));
    if let Ok(technique) = technique {
        spec.keywords.insert("OBSTECH".into(), technique.into());
    }
    for companion in &mut spec.companions {
        companion.tag = format!("{}_{arm}", companion.tag).into();
    }
    Some(spec)
}

/// Puts the policy of XSHOOTER in front of a transport.
pub(crate) fn ingestor(transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
    let policy = Policy {
        instrument: "XSHOOTER".into(),
        name_prefix: "XS_".into(),
        categories: vec![("SCIENCE.SPECTRUM".into(), Vec::new())],
    };
    Box::new(PolicyIngestor::new(policy, transport))
}
