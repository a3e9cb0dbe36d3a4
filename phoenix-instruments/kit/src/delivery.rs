//! How products are delivered, read from an instrument's `products/*.toml`.

use std::collections::BTreeMap;

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

    /// Returns a kind's specification with the keywords of a mode.
    pub fn spec(&self, kind: &str, mode: &str) -> Option<DeliverySpec> {
        let mut spec = self.kind.get(kind)?.clone();
        if let Some(keywords) = self.mode.get(mode) {
            spec.keywords.extend(keywords.clone());
        }
        Some(spec)
    }
}
