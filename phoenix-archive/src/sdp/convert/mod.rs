//! From a recipe's products to science data products: pure, from values to values.
//!
//! `cube` and `spectrum` know the two kinds. What they share: `exposures` derives times, lists and provenance from the
//! accepted inputs, `primary` writes the primary header, `extension` the headers of a cube's extensions, `companion`
//! the files that go along with a spectrum, `units` spells units as ESO's dictionary does, `carried` decides which cards
//! of the recipe's header may stay.

mod carried;
mod companion;
mod cube;
mod exposures;
mod extension;
mod primary;
mod spectrum;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;

use phoenix_core::header::{Header, Value};
use phoenix_core::id::FrameId;
use phoenix_core::product::Product;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{CompanionSpec, DeliverySpec};

use super::names;
use super::standard::Family;
use crate::info::BlockInfo;
use exposures::Exposures;
pub use spectrum::Curve;
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
    /// The product as the recipe made it: a cube with extensions `DATA`, `STAT` and perhaps `DQ`; or a spectrum, as an
    /// image of one axis or as a table of one row.
    pub product: &'a Product,
    /// Products of the same job, among which its companions and further columns are found.
    pub others: &'a [Product],
    /// What the product was made of.
    pub record: &'a Record,
    /// The headers of the science inputs that went in; if empty, the product's own header speaks for them.
    pub inputs: &'a [InputHeader],
    /// Measured facts by keyword: `WAVELMIN`, `WAVELMAX` (nm), `SPEC_RES`, `ABMAGLIM`, `PIXNOISE`
    /// (erg/s/cm2/angstrom), `SKY_RES`, `SKY_RERR` (arcsec), `CSYER1`, `CSYER2` (deg), `CRDER3` (angstrom), and
    /// `EXPTIME` (s) where exposures overlap in part only: the median of the exposure map. A spectrum is measured here
    /// where a fact is absent.
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
    /// The cube or spectrum.
    pub product: Product,
    /// Its companions with FITS headers: white-light image and exposure map of a cube, images that go along with a spectrum.
    pub companions: Vec<Product>,
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

/// Brings a product and its companions into the standard's form.
///
/// # Contract
/// * Pure: the same input gives the same products; planes are shared, not copied.
/// * Times, counts, identifications and provenance are computed from the accepted inputs, never copied from one.
/// * Every fault is told at once.
///
/// # Errors
/// If a mandatory keyword cannot be formed, or the standard knows no form for the category.
///
/// # References
/// ESO-044286 version 8, sections 2, 4 and 5; real MUSE products of ESO's pipeline 2.8.7 (`format=sdpCube`) and
/// GIRAFFE products of its pipeline 2.16.10 (`generate-SDP-format`).
pub fn convert(input: &ConvertInput<'_>) -> Result<Converted, ConvertError> {
    let mut faults = Faults::default();
    let converted = match Family::of(&input.delivery.category) {
        Some(Family::Cube) => Some(cube::convert(input, &mut faults)),
        Some(Family::Spectrum) => spectrum::convert(input, &mut faults),
        _ => {
            faults.add(format!("there is no conversion to {}", input.delivery.category));
            None
        }
    };
    match converted {
        Some(converted) if faults.0.is_empty() => Ok(converted),
        _ => Err(ConvertError {
            product: input.product.name.clone(),
            faults: faults.0,
        }),
    }
}

/// Reads a one-dimensional spectrum for whoever wants to draw or measure it.
///
/// `None` if the product holds no spectrum, or if it lacks the error that its delivery names.
pub fn curve(product: &Product, others: &[Product], delivery: &DeliverySpec) -> Option<Curve> {
    spectrum::curve(product, others, delivery)
}

/// The companions of a product that are there, each with what is said of it; one that is required and absent is a fault.
fn companions<'a>(input: &ConvertInput<'a>, faults: &mut Faults) -> Vec<(&'a CompanionSpec, &'a Product)> {
    let mut found = Vec::new();
    for spec in &input.delivery.companions {
        match input.others.iter().find(|other| other.tag == spec.tag) {
            Some(other) => found.push((spec, other)),
            None if spec.is_required => faults.add(format!("companion {} is missing", spec.tag)),
            None => {}
        }
    }
    found
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

/// Forms the name of a product, or of a companion that all products of a job share.
fn name(input: &ConvertInput<'_>, code: &str, suffix: &str, exposures: &Exposures, faults: &mut Faults) -> String {
    let delivery = input.delivery;
    let mut setup = Vec::new();
    for key in &delivery.setup_keys {
        match input.product.header.get(key.as_str()) {
            Some(value) => setup.push(value.display().trim().to_owned()),
            None => faults.add(format!("key {key} is missing and the name needs it")),
        }
    }
    if delivery.marks_exposures {
        setup.push(names::set_mark(&exposures.provenance));
    }
    let ob_id = exposures.ob_ids.first().copied().unwrap_or(0);
    let stamp = exposures.first_stamp();
    match names::origfile(code, ob_id, &stamp, &setup.join("_"), suffix) {
        Ok(name) => name,
        Err(error) => {
            faults.add(error.to_string());
            String::new()
        }
    }
}
