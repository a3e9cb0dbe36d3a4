//! The proof of a delivery as it lies in the store.

use phoenix_core::id::Digest;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::MASTER_CATEGORY;
use serde::{Deserialize, Serialize};

use super::examine::PROVENANCE;
use crate::sdp::names::data_md5;

fn is_master(sealed: &SealedProduct) -> bool {
    sealed.category == MASTER_CATEGORY
}

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
    /// The MD5 of a master's data units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_md5: Option<String>,
    /// What a master was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<serde_json::Value>,
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
                .filter(|companion| companion.category != PROVENANCE)
                .map(|companion| DeliveredFile {
                    name: companion.name.clone(),
                    category: companion.category.clone(),
                    digest: companion.digest.clone(),
                    size_bytes: companion.size_bytes,
                })
                .collect(),
            caveats: sealed.caveats.iter().map(ToString::to_string).collect(),
            data_md5: is_master(sealed)
                .then(|| data_md5(&sealed.header).map(str::to_owned))
                .flatten(),
            provenance: None,
        }
    }

    /// Tells whether a master is the one that was delivered: made again, it has the same data and another header.
    pub(super) fn is_of_same_data(&self, sealed: &SealedProduct) -> bool {
        let offered = data_md5(&sealed.header);
        is_master(sealed) && offered.is_some() && self.data_md5.as_deref() == offered
    }

    pub(super) fn to_json(&self) -> String {
        // Strings and numbers always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
