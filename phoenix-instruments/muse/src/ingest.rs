//! What of MUSE goes to the archive, and how it is called there.

use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::traits::{DeliverySpec, Ingestor};
use phoenix_kit::delivery::{BuildError, DeliveryBook};
use phoenix_kit::policy::{Policy, PolicyIngestor};

/// The delivery of MUSE, from `products/delivery.toml`.
#[derive(Debug)]
pub struct Delivery {
    book: DeliveryBook,
}

impl Delivery {
    /// Reads the tables.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn new() -> Result<Self, BuildError> {
        Ok(Self {
            book: DeliveryBook::from_toml(include_str!("../products/delivery.toml"))?,
        })
    }

    /// Tells how a product is delivered: certified masters as they are, cubes with their images as companions.
    pub fn spec(&self, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
        if let Some(master) = self.book.master(tag) {
            return Some(master);
        }
        if tag.as_str() != "DATACUBE_FINAL" {
            return None;
        }
        let kind = match header.str("PHX.OBSTYPE") {
            Ok("SKY") => "sky",
            _ if header.i64("PHX.NOB").unwrap_or(1) > 1 => "deep",
            _ if header.i64("PRO.DATANCOM").unwrap_or(1) > 1 => "combined",
            _ => "single",
        };
        self.book.spec(kind, header.str("INS.MODE").unwrap_or_default())
    }

    /// Puts the policy in front of a transport.
    pub fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        let categories = self.book.kind.values().map(|spec| {
            let required = spec.companions.iter().filter(|companion| companion.is_required);
            (
                spec.category.clone(),
                required.map(|companion| companion.category.clone()).collect(),
            )
        });
        let mut categories: Vec<(String, Vec<String>)> = categories.collect();
        categories.sort();
        categories.dedup();
        let policy = Policy {
            instrument: "MUSE".into(),
            name_prefix: "MU_".into(),
            categories,
        };
        Box::new(PolicyIngestor::new(policy, transport))
    }
}
