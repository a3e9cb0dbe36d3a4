//! The headers of the extensions.

use phoenix_core::header::{Header, Value};
use phoenix_core::product::{Hdu, HduData, Pixels, Product};

use super::units::{squared, to_dicd};
use super::{ConvertInput, Faults, carried, number};
use crate::sdp::standard::{DOCUMENT, VERSION};
use crate::sdp::wcs;

/// What the archive cannot know: ESO's MUSE pipeline writes -1 for a systematic error that nobody measured.
const UNKNOWN_ERROR: f64 = -1.0;

/// What an extension is, by the names that ESO's pipelines use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Data,
    Error,
    Quality,
}

fn role(hdu: &Hdu) -> Option<Role> {
    if !matches!(hdu.data, HduData::Image(_)) {
        return None;
    }
    match hdu.name.as_str() {
        "DATA" => Some(Role::Data),
        "STAT" => Some(Role::Error),
        "DQ" => Some(Role::Quality),
        _ => None,
    }
}

/// Returns the science extension.
pub(super) fn science<'a>(product: &'a Product, faults: &mut Faults) -> Option<&'a Hdu> {
    let found = product.hdus.iter().find(|hdu| role(hdu) == Some(Role::Data));
    if found.is_none() {
        faults.add(format!("{} has no image extension DATA", product.name));
    }
    found
}

/// Converts the extensions of a product; tables and images of other names stay at home.
pub(super) fn all(
    product: &Product,
    input: &ConvertInput<'_>,
    object: &str,
    reference: Option<&Hdu>,
    faults: &mut Faults,
) -> Vec<Hdu> {
    let present: Vec<(Role, &Hdu)> = product.hdus.iter().filter_map(|hdu| Some((role(hdu)?, hdu))).collect();
    let unit = present
        .iter()
        .find(|(role, _)| *role == Role::Data)
        .and_then(|(_, hdu)| unit_of(product, hdu, faults));
    present
        .iter()
        .map(|(role, hdu)| {
            let mut header = Header::new();
            classes(*role, hdu, &present, &mut header);
            match (role, &unit) {
                (Role::Data, Some(unit)) => header.set("BUNIT", unit.as_str(), "Unit of the data"),
                (Role::Error, Some(unit)) => {
                    if let Some(square) = squared(unit) {
                        header.set("BUNIT", square, "Unit of the variance");
                    }
                }
                _ => {}
            }
            header.set("OBJECT", format!("{object} ({})", hdu.name), "Target designation");
            if let Some(reference) = reference {
                axes(&reference.header, is_cube(hdu), input, &mut header, faults);
            }
            carried::carry(&hdu.header, &mut header);
            Hdu {
                name: hdu.name.clone(),
                header,
                data: hdu.data.clone(),
            }
        })
        .collect()
}

fn is_cube(hdu: &Hdu) -> bool {
    match &hdu.data {
        HduData::Image(Pixels::F32(planes)) => planes.shape()[0] > 1,
        HduData::Image(Pixels::F64(array)) => array.ndim() == 3,
        HduData::Image(Pixels::I32(array)) => array.ndim() == 3,
        HduData::Image(Pixels::I16(array)) => array.ndim() == 3,
        HduData::Image(Pixels::U8(array)) => array.ndim() == 3,
        _ => false,
    }
}

fn unit_of(product: &Product, hdu: &Hdu, faults: &mut Faults) -> Option<String> {
    let stated = hdu.header.str("BUNIT").or_else(|_| product.header.str("BUNIT"));
    match stated {
        Ok(text) => {
            let unit = to_dicd(text);
            if unit.is_none() {
                faults.add(format!("{}: BUNIT {text} is no unit", product.name));
            }
            unit
        }
        Err(error) => {
            faults.add(format!("{}: {error}", product.name));
            None
        }
    }
}

fn classes(role: Role, hdu: &Hdu, present: &[(Role, &Hdu)], header: &mut Header) {
    header.set("HDUCLASS", "ESO", "Class name (ESO format)");
    header.set("HDUDOC", DOCUMENT, "ESO Science Data Products Standard");
    header.set("HDUVERS", VERSION, "Version number");
    header.set("HDUCLAS1", "IMAGE", "Image data format");
    let class = match role {
        Role::Data => "DATA",
        Role::Error => "ERROR",
        Role::Quality => "QUALITY",
    };
    header.set("HDUCLAS2", class, "What this extension contains");
    let kind = match (role, &hdu.data) {
        (Role::Data, _) => None,
        (Role::Error, _) => Some("MSE"),
        (Role::Quality, HduData::Image(Pixels::U8(_))) => Some("MASKZERO"),
        (Role::Quality, HduData::Image(Pixels::I16(_))) => Some("FLAG16BIT"),
        (Role::Quality, _) => Some("FLAG32BIT"),
    };
    if let Some(kind) = kind {
        header.set("HDUCLAS3", kind, "How it is expressed");
    }
    for (partner, key, comment) in [
        (Role::Data, "SCIDATA", "Pointer to the science extension"),
        (Role::Error, "ERRDATA", "Pointer to the variance extension"),
        (Role::Quality, "QUALDATA", "Pointer to the quality extension"),
    ] {
        if let Some((_, other)) = present.iter().find(|(other, _)| *other == partner && partner != role) {
            header.set(key, other.name.as_str(), comment);
        }
    }
}

/// Writes the axes: the celestial ones of the cube's science extension into all extensions and its image, so that they
/// are the same to the last digit.
fn axes(from: &Header, is_cube: bool, input: &ConvertInput<'_>, to: &mut Header, faults: &mut Faults) {
    let n_axes = if is_cube { 3 } else { 2 };
    for n in 1..=n_axes {
        for (stem, comment) in [
            ("CTYPE", "Coordinate and projection"),
            ("CUNIT", "Unit of the coordinate"),
            ("CRVAL", "Coordinate at the reference pixel"),
            ("CRPIX", "Reference pixel"),
        ] {
            let key = format!("{stem}{n}");
            if let Some(value) = from.get(key.as_str()) {
                to.set(key.as_str(), axis_value(stem, value), comment);
                continue;
            }
            let fault = format!("extension DATA: key {key} is missing");
            if !faults.0.contains(&fault) {
                faults.add(fault);
            }
        }
    }
    if let Some(matrix) = wcs::matrix(from) {
        for (i, row) in (1..).zip(matrix) {
            for (j, value) in (1..).zip(row) {
                to.set(format!("CD{i}_{j}"), value, "Transformation matrix element");
            }
        }
    }
    if is_cube {
        let step = from.f64("CD3_3").or_else(|_| from.f64("CDELT3"));
        match step {
            Ok(step) => to.set("CD3_3", step, "Transformation matrix element"),
            Err(_) => faults.add("extension DATA: neither CD3_3 nor CDELT3 is there"),
        }
        for key in ["CD1_3", "CD2_3", "CD3_1", "CD3_2"] {
            to.set(key, from.f64(key).unwrap_or(0.0), "Transformation matrix element");
        }
        if let Some(error) = from.f64("CRDER3").ok().or_else(|| number(input, "CRDER3")) {
            to.set("CRDER3", error, "[angstrom] Random error in spectral coordinate");
        }
    }
    for key in ["CSYER1", "CSYER2"] {
        let error = number(input, key).or_else(|| from.f64(key).ok());
        to.set(
            key,
            error.unwrap_or(UNKNOWN_ERROR),
            "[deg] Systematic error in coordinate, -1 unknown",
        );
    }
}

/// Spells the value of an axis keyword: units as ESO does, numbers as reals.
fn axis_value(stem: &str, value: &Value) -> Value {
    match (stem, value) {
        ("CUNIT", Value::Text(text)) if text.eq_ignore_ascii_case("angstrom") => "angstrom".into(),
        ("CRVAL" | "CRPIX", Value::Integer(number)) => Value::from(*number as f64),
        (_, other) => other.clone(),
    }
}
