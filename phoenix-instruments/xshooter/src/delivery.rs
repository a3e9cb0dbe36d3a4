//! Which XSHOOTER spectra go to the archive, and how they are called there.

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::traits::DeliverySpec;
use phoenix_kit::delivery::{DeliveryBook, fill};
use phoenix_kit::policy::Policy;
use phoenix_kit::spectra;

/// Resolving power times slit width in arcsec, per arm. Source: XSHOOTER User Manual, table of resolving powers: 5400,
/// 8900 and 5600 for slits of 1.0, 0.9 and 0.9 arcsec.
const SLIT_PRODUCT: [f64; 3] = [5_400.0, 8_010.0, 5_040.0];

/// Tells how a product is delivered: the spectrum that the recipe wrote in the archive's layout, with its rectified
/// image; the merged spectrum, if the recipe was not asked for that layout.
pub(crate) fn spec(book: &DeliveryBook, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
    let has_layout = spectra::parameter(header, "generate-SDP-format") == Some("true");
    let start = if has_layout {
        "SCI_SLIT_FLUX_IDP_"
    } else {
        "SCI_SLIT_FLUX_MERGE1D_"
    };
    let arm = tag
        .as_str()
        .strip_prefix("SCI_SLIT_FLUX_IDP_")
        .or_else(|| tag.as_str().strip_prefix(start))?;
    let (slit, product) = match arm {
        "UVB" => ("INS.OPTI3.NAME", SLIT_PRODUCT[0]),
        "VIS" => ("INS.OPTI4.NAME", SLIT_PRODUCT[1]),
        _ => ("INS.OPTI5.NAME", SLIT_PRODUCT[2]),
    };
    let slit = spectra::text(header, slit);
    let mut spec = book.spec("fluxed", "")?;
    spec.name_suffix = format!("{arm}_{slit}");
    fill(&mut spec, "arm", arm);
    let technique = header.str("DPR.TECH").or_else(|_| header.str("PRO.TECH"));
    if let Ok(technique) = technique {
        spec.keywords.insert("OBSTECH".into(), technique.into());
    }
    spec.keywords.insert("DISPELEM".into(), arm.into());
    // A slit is called by its width and length, `0.9x11`.
    let width_arcsec = slit.split('x').next().and_then(|width| width.parse::<f64>().ok());
    if let Some(width_arcsec) = width_arcsec.filter(|width| *width > 0.0) {
        spec.keywords.insert("APERTURE".into(), (width_arcsec / 3600.0).into());
        if !has_layout {
            spec.keywords
                .insert("SPEC_RES".into(), (product / width_arcsec).round().into());
        }
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
