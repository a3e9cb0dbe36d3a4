//! From a reduced cube to science data products: pure, from values to values.
//!
//! `exposures` derives times, lists and provenance from the accepted inputs, `primary` writes the primary header,
//! `extension` the headers of the extensions, `units` spells units as ESO's dictionary does, `carried` decides which
//! cards of the recipe's header may stay.

mod carried;
mod exposures;
mod extension;
mod primary;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;

use phoenix_core::header::{Header, Value};
use phoenix_core::id::FrameId;
use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_core::traits::DeliverySpec;

use super::names;
use crate::info::BlockInfo;
use exposures::Exposures;
pub use units::to_dicd;

/// The primary header of a science input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputHeader {
    /// The frame.
    pub id: FrameId,
    /// Its primary header.
    pub header: Header,
}

/// A companion without FITS header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name in the archive.
    pub name: String,
    /// Its category, e.g. `ANCILLARY.PREVIEW`.
    pub category: String,
    /// The MD5 of its content, 32 hexadecimal digits.
    pub md5: String,
}

/// Everything that a conversion looks at.
#[derive(Debug, Clone, Copy)]
pub struct ConvertInput<'a> {
    /// The cube as the recipe made it, with extensions `DATA`, `STAT` and perhaps `DQ`.
    pub product: &'a Product,
    /// Its white-light image.
    pub white: Option<&'a Product>,
    /// What the cube was made of.
    pub record: &'a Record,
    /// The headers of the science inputs that went in; if empty, the cube's own header speaks for them.
    pub inputs: &'a [InputHeader],
    /// Measured facts by keyword: `WAVELMIN`, `WAVELMAX` (nm), `SPEC_RES`, `ABMAGLIM`, `PIXNOISE`
    /// (erg/s/cm2/angstrom), `SKY_RES`, `SKY_RERR` (arcsec), `CSYER1`, `CSYER2` (deg), `CRDER3` (angstrom), and
    /// `EXPTIME` (s) where exposures overlap in part only: the median of the exposure map.
    pub facts: &'a BTreeMap<String, f64>,
    /// How the instrument delivers it.
    pub delivery: &'a DeliverySpec,
    /// What the night log says of the observing block.
    pub block: Option<&'a BlockInfo>,
    /// The date for `DATE`, beginning `yyyy-mm-dd`; passed in, so that the same input gives the same bits.
    pub date: &'a str,
    /// Companions without FITS header.
    pub attachments: &'a [Attachment],
}

/// Products in the archive's standard; their names are those of the archive.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The cube.
    pub product: Product,
    /// The white-light image.
    pub white: Option<Product>,
}

/// A product cannot be brought into the standard's form: measure or repair what is named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("product {product} cannot be converted: {}", faults.join("; "))]
pub struct ConvertError {
    /// The product.
    pub product: String,
    /// Everything that is missing or contradicts itself.
    pub faults: Vec<String>,
}

/// The faults of one conversion, gathered so that all are told at once.
#[derive(Debug, Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }
}

/// Brings a cube and its white-light image into the standard's form.
///
/// # Contract
/// * Pure: the same input gives the same products; planes are shared, not copied.
/// * Times, counts, identifications and provenance are computed from the accepted inputs, never copied from one.
/// * Every fault is told at once.
///
/// # Errors
/// If a mandatory keyword cannot be formed.
///
/// # References
/// ESO-044286 version 8, sections 2 and 5; real MUSE products of ESO's pipeline 2.8.7 (`format=sdpCube`).
pub fn convert(input: &ConvertInput<'_>) -> Result<Converted, ConvertError> {
    let mut faults = Faults::default();
    let exposures = Exposures::gather(input, &mut faults);
    let name = name(input, &exposures, &mut faults);
    let companion = input
        .delivery
        .companions
        .iter()
        .find(|companion| input.white.is_some_and(|white| white.tag == companion.tag));
    for required in input
        .delivery
        .companions
        .iter()
        .filter(|companion| companion.is_required)
    {
        if input.white.is_none_or(|white| white.tag != required.tag) {
            faults.add(format!("companion {} is missing", required.tag));
        }
    }
    let white_name =
        companion.map(|companion| names::companion_name(&name, &input.delivery.name_code, &companion.name_code));

    let science = extension::science(input.product, &mut faults);
    let header = primary::header(input, &exposures, science, &name, white_name.as_deref(), &mut faults);
    let object = header.str("OBJECT").unwrap_or_default().to_owned();
    let hdus = extension::all(input.product, input, &object, science, &mut faults);
    let white = match (input.white, companion, white_name) {
        (Some(white), Some(companion), Some(white_name)) => {
            compare_shapes(input.product, white, &mut faults);
            Some(Product {
                tag: white.tag.clone(),
                header: primary::companion(&header, &companion.category, &white_name),
                hdus: extension::all(white, input, &object, science, &mut faults),
                name: white_name,
            })
        }
        _ => None,
    };
    if faults.0.is_empty() {
        let product = Product {
            tag: input.product.tag.clone(),
            name,
            header,
            hdus,
        };
        Ok(Converted { product, white })
    } else {
        Err(ConvertError {
            product: input.product.name.clone(),
            faults: faults.0,
        })
    }
}

/// Returns a constant of the instrument and mode.
fn constant(input: &ConvertInput<'_>, key: &str) -> Option<Value> {
    match input.delivery.keywords.get(key)? {
        serde_json::Value::Bool(value) => Some((*value).into()),
        serde_json::Value::String(text) => Some(text.as_str().into()),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Value::Integer)
            .or_else(|| number.as_f64().map(Value::from)),
        _ => None,
    }
}

/// Returns a measured number, else a constant of the instrument.
fn number(input: &ConvertInput<'_>, key: &str) -> Option<f64> {
    let measured = input.facts.get(key).copied();
    measured
        .or_else(|| constant(input, key)?.as_f64())
        .filter(|value| value.is_finite())
}

fn name(input: &ConvertInput<'_>, exposures: &Exposures, faults: &mut Faults) -> String {
    let delivery = input.delivery;
    let mut setup = Vec::new();
    for key in &delivery.setup_keys {
        match input.product.header.get(key.as_str()) {
            Some(value) => setup.push(value.display().trim().to_owned()),
            None => faults.add(format!("key {key} is missing and the name needs it")),
        }
    }
    let ob_id = exposures.ob_ids.first().copied().unwrap_or(0);
    let stamp = exposures.first_stamp();
    match names::origfile(
        &delivery.name_code,
        ob_id,
        &stamp,
        &setup.join("_"),
        &delivery.name_suffix,
    ) {
        Ok(name) => name,
        Err(error) => {
            faults.add(error.to_string());
            String::new()
        }
    }
}

/// Returns the size of an image `(y, x)`.
fn sky_shape(product: &Product) -> Option<[usize; 2]> {
    product.hdus.iter().find_map(|hdu| match &hdu.data {
        HduData::Image(Pixels::F32(planes)) => {
            let [_, n_y, n_x] = planes.shape();
            Some([n_y, n_x])
        }
        HduData::Image(Pixels::F64(array)) => match array.shape() {
            [.., n_y, n_x] => Some([*n_y, *n_x]),
            _ => None,
        },
        _ => None,
    })
}

fn compare_shapes(cube: &Product, white: &Product, faults: &mut Faults) {
    let (cube, image) = (sky_shape(cube), sky_shape(white));
    if cube != image {
        faults.add(format!("{} has axes {image:?}, the cube {cube:?}", white.name));
    }
}
