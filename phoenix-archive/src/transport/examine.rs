//! What every transport asks of a sealed product before it moves a byte.

use std::collections::BTreeSet;

use phoenix_core::id::InstrumentId;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestError, MASTER_CATEGORY};

use crate::sdp::names::{is_fits, master_name};
use crate::sdp::standard::{NAME_LIMIT, NON_FITS, SCIENCE};

/// The category of the record that goes with a master; its content becomes part of the proof of delivery.
pub(super) const PROVENANCE: &str = "CALIB.PROVENANCE";

/// Where a product belongs in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// Among the products of an observing block.
    Products { instrument: InstrumentId, ob: String },
    /// Among the calibrations of an instrument.
    Calib { instrument: InstrumentId },
}

fn name_faults(name: &str, faults: &mut Vec<String>) {
    if name.is_empty() || name.starts_with('.') {
        faults.push(format!("name {name:?} is no file name"));
    }
    if name.len() > NAME_LIMIT {
        faults.push(format!(
            "name {name} has {} characters, allowed are {NAME_LIMIT}",
            name.len()
        ));
    }
    if let Some(bad) = name
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "._+-:".contains(*c)))
    {
        faults.push(format!("name {name} holds {bad:?}"));
    }
}

/// Returns every fault of a product that its seal shows; no file is opened.
pub(super) fn faults(product: &SealedProduct) -> Vec<String> {
    let mut faults = Vec::new();
    name_faults(&product.name, &mut faults);
    if product.category == MASTER_CATEGORY {
        master(product, &mut faults);
    } else {
        science(product, &mut faults);
    }
    let forbidden = product.caveats.iter().filter(|caveat| caveat.forbids_delivery());
    faults.extend(forbidden.map(ToString::to_string));
    faults
}

/// A master must tell what later associations ask for, and have the name that follows from that.
fn master(product: &SealedProduct, faults: &mut Vec<String>) {
    let header = &product.header;
    for key in ["INSTRUME", "PRO.CATG"] {
        if let Err(error) = header.str(key) {
            faults.push(error.to_string());
        }
    }
    if let Err(error) = header.f64("MJD-OBS") {
        faults.push(error.to_string());
    }
    match master_name(header, &product.digest) {
        Ok(name) if name == product.name => {}
        Ok(name) => faults.push(format!(
            "the name of the master is {name}, the seal says {}",
            product.name
        )),
        Err(error) => faults.push(error.to_string()),
    }
    for companion in product
        .companions
        .iter()
        .filter(|companion| companion.category != PROVENANCE)
    {
        faults.push(format!(
            "companion {} has category {}",
            companion.name, companion.category
        ));
    }
}

fn science(product: &SealedProduct, faults: &mut Vec<String>) {
    let header = &product.header;
    for (key, expected) in [("PRODCATG", &product.category), ("ORIGFILE", &product.name)] {
        match header.str(key) {
            Ok(found) if found == expected => {}
            Ok(found) => faults.push(format!("key {key} is {found}, the seal says {expected}")),
            Err(error) => faults.push(error.to_string()),
        }
    }
    if !SCIENCE.contains(&product.category.as_str()) {
        faults.push(format!("category {} is no category of science data", product.category));
    }
    if let Err(error) = header.str("INSTRUME") {
        faults.push(error.to_string());
    }
    if let Err(error) = header.i64("OBID1") {
        faults.push(error.to_string());
    }
    companions(product, faults);
}

fn companions(product: &SealedProduct, faults: &mut Vec<String>) {
    let named: BTreeSet<&str> = product
        .header
        .cards()
        .iter()
        .filter(|card| card.key.as_str().starts_with("ASSON"))
        .filter_map(|card| card.value.as_str())
        .map(str::trim)
        .collect();
    let mut seen = BTreeSet::from([product.name.as_str()]);
    for companion in &product.companions {
        name_faults(&companion.name, faults);
        if !seen.insert(&companion.name) {
            faults.push(format!("name {} stands twice", companion.name));
        }
        if !named.contains(companion.name.as_str()) {
            faults.push(format!("no key ASSONi names companion {}", companion.name));
        }
        if !is_fits(&companion.name) && !NON_FITS.contains(&companion.category.as_str()) {
            faults.push(format!(
                "companion {} has category {}",
                companion.name, companion.category
            ));
        }
    }
    let sealed: BTreeSet<&str> = product
        .companions
        .iter()
        .map(|companion| companion.name.as_str())
        .collect();
    for name in named.difference(&sealed) {
        faults.push(format!("companion {name} is named by ASSONi and not sealed"));
    }
}

/// Refuses a product with any fault, else tells where it belongs.
pub(super) fn examine(product: &SealedProduct) -> Result<Destination, IngestError> {
    let faults = faults(product);
    let refused = |faults| IngestError::Refused {
        name: product.name.clone(),
        faults,
    };
    if !faults.is_empty() {
        return Err(refused(faults));
    }
    let read = |error: phoenix_core::header::HeaderError| refused(vec![error.to_string()]);
    let instrument = product.header.str("INSTRUME").map_err(read)?.trim().into();
    if product.category == MASTER_CATEGORY {
        return Ok(Destination::Calib { instrument });
    }
    let ob = product.header.i64("OBID1").map_err(read)?.to_string();
    Ok(Destination::Products { instrument, ob })
}
