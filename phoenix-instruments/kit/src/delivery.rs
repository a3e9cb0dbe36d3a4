//! How products are delivered, read from an instrument's `products/*.toml`.

use std::collections::BTreeMap;

use phoenix_core::id::Tag;
use phoenix_core::registry::RegistryError;
use phoenix_core::traits::{DeliverySpec, QcError};
use serde::Deserialize;

/// The data of an instrument are not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A table of products is wrong: mend the text.
    #[error("table of products: {0}")]
    Products(#[from] toml::de::Error),
    /// The limits are wrong: mend the text.
    #[error("limits of quality parameters")]
    Scores(#[from] QcError),
    /// The rules are wrong, or do not go with the rest: mend the text.
    #[error(transparent)]
    Rules(#[from] phoenix_core::rule_instrument::BuildError),
    /// The name is taken.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Delivery of one instrument's products: kinds by name, keywords by mode.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryBook {
    /// Specifications by the name of the kind, e.g. `combined`.
    pub kind: BTreeMap<String, DeliverySpec>,
    /// Certified masters that go to the archive's calibrations, by `PRO.CATG`; a `*` at the end stands for any rest.
    #[serde(default)]
    pub masters: Vec<String>,
    /// Archive keywords by instrument mode; they are added to those of the kind.
    #[serde(default)]
    pub mode: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

impl DeliveryBook {
    /// Reads the book.
    ///
    /// # Errors
    /// `Products` if the text is no book.
    pub fn from_toml(text: &str) -> Result<Self, BuildError> {
        Ok(toml::from_str(text)?)
    }

    /// Returns the specification of a certified master; `None` if the product is none.
    pub fn master(&self, tag: &Tag) -> Option<DeliverySpec> {
        let is_master = self.masters.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => tag.as_str().starts_with(start),
            None => tag.as_str() == pattern,
        });
        is_master.then(DeliverySpec::master)
    }

    /// Returns a kind's specification with the keywords of a mode.
    pub fn spec(&self, kind: &str, mode: &str) -> Option<DeliverySpec> {
        let mut spec = self.kind.get(kind)?.clone();
        if let Some(keywords) = self.mode.get(mode) {
            spec.keywords.extend(keywords.clone());
        }
        Some(spec)
    }
}

/// Puts a value where the tags of columns and companions have `{name}`, e.g. the detector of a spectrum.
pub fn fill(spec: &mut DeliverySpec, name: &str, value: &str) {
    let place = format!("{{{name}}}");
    let columns = spec.columns.iter_mut().map(|column| &mut column.tag);
    let companions = spec.companions.iter_mut().map(|companion| &mut companion.tag);
    for tag in columns.chain(companions).chain(&mut spec.unless) {
        *tag = tag.as_str().replace(&place, value).into();
    }
}

#[cfg(test)]
mod tests {
    use phoenix_core::traits::DeliveryForm;

    use super::{DeliveryBook, fill};

    const BOOK: &str = r#"
        masters = ["MASTER_BIAS_*", "MASTER_DARK"]
        [kind.fluxed]
        category = "SCIENCE.SPECTRUM"
        name_code = "UV_SFLX"
        setup_keys = []
        columns = [{ name = "ERR", tag = "ERRORBAR_{chip}", is_required = true }]
    "#;

    #[test]
    fn masters_are_named_by_category_or_by_how_it_begins() {
        let book = DeliveryBook::from_toml(BOOK).expect("a book");
        let form = |tag: &str| book.master(&tag.into()).map(|spec| spec.form);
        assert_eq!(form("MASTER_BIAS_REDL"), Some(DeliveryForm::Master));
        assert_eq!(form("MASTER_DARK"), Some(DeliveryForm::Master));
        assert_eq!((form("MASTER_DARK_BLUE"), form("FLUXCAL_SCIENCE_BLUE")), (None, None));
    }

    #[test]
    fn columns_are_those_of_the_same_detector() {
        let mut spec = DeliveryBook::from_toml(BOOK)
            .expect("a book")
            .spec("fluxed", "")
            .expect("a kind");
        fill(&mut spec, "chip", "REDU");
        assert_eq!(spec.columns[0].tag.as_str(), "ERRORBAR_REDU");
    }
}
