//! What every transport asks of a sealed product before it moves a byte.

use std::collections::BTreeSet;

use phoenix_core::id::InstrumentId;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::IngestError;

use crate::sdp::names::is_fits;
use crate::sdp::standard::{NAME_LIMIT, NON_FITS, SCIENCE};

/// Where a product belongs in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub instrument: InstrumentId,
    pub ob: String,
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
    let header = &product.header;
    name_faults(&product.name, &mut faults);
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
    companions(product, &mut faults);
    let forbidden = product.caveats.iter().filter(|caveat| caveat.forbids_delivery());
    faults.extend(forbidden.map(ToString::to_string));
    faults
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
    match (product.header.str("INSTRUME"), product.header.i64("OBID1")) {
        (Ok(instrument), Ok(ob)) if faults.is_empty() => Ok(Destination {
            instrument: instrument.trim().into(),
            ob: ob.to_string(),
        }),
        _ => Err(IngestError::Refused {
            name: product.name.clone(),
            faults,
        }),
    }
}
