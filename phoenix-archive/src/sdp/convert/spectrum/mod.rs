//! A one-dimensional spectrum as a table of one row.
//!
//! `axis` makes wavelengths of keywords, `arrays` gathers the columns from the recipe's files, `columns` says what each
//! column means, `measure` derives what the keywords tell of the values, `header` writes the two headers.

mod arrays;
mod axis;
mod columns;
mod header;
mod measure;
#[cfg(test)]
mod tests;

use phoenix_core::product::{Hdu, HduData, Product, Table};
use phoenix_core::traits::DeliverySpec;

use super::exposures::Exposures;
use super::{ConvertInput, Converted, Faults, companion, companions, name};
use crate::sdp::names;

/// The name of the table; ESO's pipelines call it so.
const EXTENSION: &str = "SPECTRUM";

/// A spectrum to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Wavelengths, rising.
    pub wave_nm: Vec<f64>,
    /// Flux.
    pub flux: Vec<f64>,
    /// One standard deviation of the flux.
    pub error: Vec<f64>,
    /// Whether a value is one to trust.
    pub is_good: Vec<bool>,
    /// The unit of flux and error in ESO's spelling.
    pub unit: String,
}

/// Brings a spectrum and the files that go along with it into the standard's form.
pub(super) fn convert(input: &ConvertInput<'_>, faults: &mut Faults) -> Option<Converted> {
    let delivery = input.delivery;
    let exposures = Exposures::gather(input, faults);
    let name = name(input, &delivery.name_code, &delivery.name_suffix, &exposures, faults);
    let mut files = Vec::new();
    for (spec, product) in companions(input, faults) {
        let name = if spec.is_shared {
            super::name(input, &spec.name_code, "", &exposures, faults)
        } else {
            names::companion_name(&name, &delivery.name_code, &spec.name_code)
        };
        files.push(companion::convert(product, spec, &name, input.date));
    }
    let named: Vec<(&str, &str)> = (files.iter())
        .map(|file| (file.name.as_str(), "Associated file"))
        .collect();

    let spectrum = arrays::read(input.product, input.others, delivery, faults)?;
    let survey = measure::survey(&spectrum, faults)?;
    let header = header::primary(input, &exposures, &spectrum, &survey, &name, &named, faults);
    let table = header::table(input, &header, &spectrum, faults);
    Some(Converted {
        product: Product {
            tag: input.product.tag.clone(),
            name,
            header,
            hdus: vec![Hdu {
                name: EXTENSION.to_owned(),
                header: table,
                data: HduData::Table(Table {
                    columns: spectrum.into_columns(),
                }),
            }],
        },
        companions: files,
    })
}

/// Reads a spectrum without converting it.
pub(super) fn curve(product: &Product, others: &[Product], delivery: &DeliverySpec) -> Option<Curve> {
    let mut faults = Faults::default();
    let spectrum = arrays::read(product, others, delivery, &mut faults).filter(|_| faults.0.is_empty())?;
    let is_good = spectrum.good();
    Some(Curve {
        wave_nm: spectrum.wave_nm(),
        flux: spectrum.flux.data.to_f64()?,
        error: spectrum.error.data.to_f64()?,
        is_good,
        unit: spectrum.flux.unit.unwrap_or_default(),
    })
}
