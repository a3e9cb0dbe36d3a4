//! Which XSHOOTER spectra go to the archive, and how they are called there.

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::traits::DeliverySpec;
use phoenix_kit::delivery::DeliveryBook;
use phoenix_kit::policy::Policy;
use phoenix_kit::spectra;

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

/// What goes to the archive.
pub(crate) fn policy() -> Policy {
    Policy {
        instrument: "XSHOOTER".into(),
        name_prefix: "XS_".into(),
        categories: vec![("SCIENCE.SPECTRUM".into(), Vec::new())],
    }
}
