//! A file that goes along with a spectrum: a rectified image, the fibres on the sky.

use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Product};
use phoenix_core::traits::CompanionSpec;

use super::carried;
use super::units::to_dicd;

/// Brings a file into the form that the archive takes beside a spectrum: its own header and data, its axes as `CDi_j`.
///
/// # Contract
/// * Nothing in it depends on the spectrum, so that several can share it.
pub(super) fn convert(product: &Product, spec: &CompanionSpec, name: &str, date: &str) -> Product {
    let mut header = Header::new();
    header.set("PRODCATG", spec.category.as_str(), "Data product category");
    header.set("DATE", date, "File creation date");
    header.set("ORIGFILE", name, "Original file name");
    carried::carry(&product.header, &mut header);
    let hdus = product.hdus.iter().map(|hdu| {
        let mut header = Header::new();
        if matches!(hdu.data, HduData::Image(_)) {
            axes(&hdu.header, &mut header);
        }
        // The cards of an image in the primary HDU are those of the primary header.
        if hdu.name != "PRIMARY" {
            carried::carry(&hdu.header, &mut header);
        }
        Hdu {
            name: hdu.name.clone(),
            header,
            data: hdu.data.clone(),
        }
    });
    Product {
        tag: product.tag.clone(),
        name: name.to_owned(),
        hdus: hdus.collect(),
        header,
    }
}

/// Copies unit and axes; a step becomes an element of the matrix, the only form that the archive takes.
fn axes(from: &Header, to: &mut Header) {
    if let Ok(unit) = from.str("BUNIT") {
        to.set(
            "BUNIT",
            to_dicd(unit).unwrap_or_else(|| unit.to_owned()),
            "Unit of the data",
        );
    }
    for n in 1..=3 {
        for stem in ["CTYPE", "CUNIT", "CRVAL", "CRPIX"] {
            if let Some(value) = from.get(format!("{stem}{n}")) {
                to.set(format!("{stem}{n}"), value.clone(), "");
            }
        }
        for other in 1..=3 {
            let key = format!("CD{n}_{other}");
            let own = from.f64(key.as_str()).ok();
            let step = (n == other).then(|| from.f64(format!("CDELT{n}")).ok()).flatten();
            if let Some(value) = own.or(step) {
                to.set(key, value, "Transformation matrix element");
            }
        }
    }
}
