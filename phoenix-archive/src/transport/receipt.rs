//! The proof of a delivery as it lies in the store.

use phoenix_core::id::Digest;
use phoenix_core::product::SealedProduct;
use serde::{Deserialize, Serialize};

/// One delivered file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeliveredFile {
    pub name: String,
    pub category: String,
    pub digest: Digest,
    pub size_bytes: u64,
}

/// What was delivered under one name; no time of day, so that a second delivery writes the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proof {
    pub product: DeliveredFile,
    #[serde(default)]
    pub companions: Vec<DeliveredFile>,
    #[serde(default)]
    pub caveats: Vec<String>,
}

impl Proof {
    pub(super) fn of(sealed: &SealedProduct) -> Self {
        Self {
            product: DeliveredFile {
                name: sealed.name.clone(),
                category: sealed.category.clone(),
                digest: sealed.digest.clone(),
                size_bytes: sealed.size_bytes,
            },
            companions: sealed
                .companions
                .iter()
                .map(|companion| DeliveredFile {
                    name: companion.name.clone(),
                    category: companion.category.clone(),
                    digest: companion.digest.clone(),
                    size_bytes: companion.size_bytes,
                })
                .collect(),
            caveats: sealed.caveats.iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn to_json(&self) -> String {
        // Strings and numbers always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
