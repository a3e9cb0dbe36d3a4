//! Delivery into any store: create-only, content-checked, idempotent.
//!
//! All files of a product are first staged under keys that nobody reads, their digests formed on the way and read back.
//! Then, in one step that a dropped future does not interrupt, the companions become visible, then the product, then
//! its proof in the ledger: whoever sees the product finds everything that belongs to it.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use phoenix_core::error::Status;
use phoenix_core::id::Digest;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestCapability, IngestError, IngestOptions, IngestReceipt, IngestStatus, Ingestor};

use super::examine::{Destination, PROVENANCE, examine};
use super::receipt::Proof;
use crate::store::{Hasher, PutOutcome, Staged, Store, StoreError};
use crate::wait::land;

/// Brings products into a store.
///
/// # Contract
/// * That of `Ingestor`; what fails half-way is taken back as far as the store allows, and a second try completes it.
/// * A file that is there already is read through and compared: its name is no proof of its content.
/// * A master goes to the calibrations of its instrument, where `list_frames` finds it; the record of what it was made of
///   becomes part of its proof.
#[derive(Debug, Clone)]
pub struct ObjectTransport {
    store: Arc<Store>,
}

/// What stands for the observing block in the place of a master's proof.
const MASTERS: &str = "calib";

/// One file of a product and where it goes.
#[derive(Debug, Clone)]
struct Item {
    name: String,
    location: String,
    key: String,
    digest: Digest,
    size_bytes: u64,
}

/// Sorts an error of the store into what the caller of a delivery can do.
fn sort(name: &str, error: StoreError) -> IngestError {
    let name = name.to_owned();
    match error {
        StoreError::Damaged { address, reason } => IngestError::Damaged {
            name,
            location: address,
            reason,
        },
        StoreError::Local { location, source } => IngestError::Damaged {
            name,
            location,
            reason: source.to_string(),
        },
        error if error.status() == Status::Temporary => IngestError::Unavailable {
            name,
            source: Box::new(error),
        },
        error => IngestError::NotWritable {
            name,
            source: Box::new(error),
        },
    }
}

impl ObjectTransport {
    /// Delivers into a store.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the folder of a product and the key of its proof.
    fn places(&self, product: &SealedProduct, place: &Destination) -> (String, String) {
        let layout = self.store.layout();
        let (folder, ledger) = match place {
            Destination::Products { instrument, ob } => {
                (layout.products(instrument, ob), layout.ledger(instrument, ob))
            }
            Destination::Calib { instrument } => (layout.calib(instrument), layout.ledger(instrument, MASTERS)),
        };
        (folder, format!("{ledger}/{}.json", product.name))
    }

    fn items(product: &SealedProduct, folder: &str) -> Vec<Item> {
        let item = |name: &str, location: &str, digest: &Digest, size_bytes: u64| Item {
            name: name.to_owned(),
            location: location.to_owned(),
            key: format!("{folder}/{name}"),
            digest: digest.clone(),
            size_bytes,
        };
        let companions = product
            .companions
            .iter()
            .filter(|it| it.category != PROVENANCE)
            .map(|it| item(&it.name, &it.location, &it.digest, it.size_bytes));
        let main = item(&product.name, &product.location, &product.digest, product.size_bytes);
        companions.chain([main]).collect()
    }

    fn receipt(&self, product: &SealedProduct, key: &str, status: IngestStatus) -> IngestReceipt {
        IngestReceipt {
            name: product.name.clone(),
            address: self.store.address(key),
            digest: product.digest.clone(),
            status,
        }
    }

    /// Tells whether a file is there already; another content under its name is a conflict.
    async fn is_present(&self, item: &Item) -> Result<bool, IngestError> {
        let failed = |error| sort(&item.name, error);
        if self.store.head(&item.key).await.map_err(failed)?.is_none() {
            return Ok(false);
        }
        let (present, _) = self.store.digest(&item.key).await.map_err(failed)?;
        if present == item.digest {
            return Ok(true);
        }
        Err(IngestError::Conflict {
            name: item.name.clone(),
            present,
            offered: item.digest.clone(),
        })
    }

    /// Returns what is not there yet, in order; looks at the product itself first.
    ///
    /// If a name is taken by another content, nothing has been written when the conflict shows.
    async fn missing(&self, items: Vec<Item>) -> Result<Vec<Item>, IngestError> {
        let mut missing = Vec::new();
        for item in items.into_iter().rev() {
            if !self.is_present(&item).await? {
                missing.push(item);
            }
        }
        missing.reverse();
        Ok(missing)
    }

    /// Tells whether what is there under the name of a master holds the same data, by its proof.
    async fn has_same_data(&self, product: &SealedProduct, proof_key: &str) -> bool {
        let proof = self.store.read(proof_key).await.ok();
        let proof: Option<Proof> = proof.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        proof.is_some_and(|proof| proof.is_of_same_data(product))
    }

    /// Stages files.
    async fn stage(&self, items: Vec<Item>) -> Result<Vec<(Item, Staged)>, IngestError> {
        let mut staged: Vec<(Item, Staged)> = Vec::new();
        for item in items {
            let path = Path::new(&item.location);
            match self.store.stage(path, &item.digest, item.size_bytes).await {
                Ok(one) => staged.push((item, one)),
                Err(error) => {
                    for (item, _) in &staged {
                        // What cannot be cleared now is cleared by the next try.
                        let _ = self.store.clear(Path::new(&item.location), &item.digest).await;
                    }
                    return Err(sort(&item.name, error));
                }
            }
        }
        Ok(staged)
    }
}

/// Reads the record that goes with a master.
async fn provenance(product: &SealedProduct) -> Result<Option<serde_json::Value>, IngestError> {
    let Some(record) = product
        .companions
        .iter()
        .find(|companion| companion.category == PROVENANCE)
    else {
        return Ok(None);
    };
    let damaged = |reason: String| IngestError::Damaged {
        name: product.name.clone(),
        location: record.location.clone(),
        reason,
    };
    let bytes = tokio::fs::read(&record.location)
        .await
        .map_err(|error| damaged(error.to_string()))?;
    let mut hasher = Hasher::default();
    hasher.update(&bytes);
    if hasher.finish() != (record.digest.clone(), record.size_bytes) {
        return Err(damaged("it is not what was sealed".to_owned()));
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| damaged(error.to_string()))
}

/// Clears the staging area of everything that belongs to a product, leavings of killed tries included.
async fn clear(store: &Store, items: &[Item]) -> Result<(), IngestError> {
    let mut outcome = Ok(());
    for item in items {
        if let Err(error) = store.clear(Path::new(&item.location), &item.digest).await {
            outcome = Err(sort(&item.name, error));
        }
    }
    outcome
}

/// Makes the staged files visible in order; takes back what it made visible if a later one fails.
///
/// Nothing is taken back while the product itself may be visible: then the next try completes it.
async fn publish(store: &Store, staged: &[(Item, Staged)], main_key: &str) -> Result<(), IngestError> {
    let mut visible: Vec<&str> = Vec::new();
    for (item, one) in staged {
        let outcome = match store.publish(one, &item.key).await {
            Ok(PutOutcome::Stored) => Ok(true),
            Ok(PutOutcome::Exists) => same(store, item).await.map(|()| false),
            // The answer may have been lost after the deed was done.
            Err(error) if error.status() == Status::Temporary => match same(store, item).await {
                Ok(()) => Ok(true),
                Err(_) => Err(sort(&item.name, error)),
            },
            Err(error) => Err(sort(&item.name, error)),
        };
        match outcome {
            Ok(true) => visible.push(&item.key),
            Ok(false) => {}
            Err(error) => {
                if matches!(store.head(main_key).await, Ok(None)) {
                    for key in visible.iter().rev() {
                        let _ = store.remove(key).await;
                    }
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Compares what is there with what was to be written.
async fn same(store: &Store, item: &Item) -> Result<(), IngestError> {
    let (present, _) = store.digest(&item.key).await.map_err(|error| sort(&item.name, error))?;
    if present == item.digest {
        Ok(())
    } else {
        Err(IngestError::Conflict {
            name: item.name.clone(),
            present,
            offered: item.digest.clone(),
        })
    }
}

/// Writes the proof; the same proof twice is one.
async fn prove(store: &Store, key: &str, proof: &Proof) -> Result<(), IngestError> {
    let name = &proof.product.name;
    let failed = |error| sort(name, error);
    if store.put_new(key, proof.to_json()).await.map_err(failed)? == PutOutcome::Stored {
        return Ok(());
    }
    let present = store.read(key).await.map_err(failed)?;
    // Reservations may be worded anew by a later version; the files are what a proof is about.
    let is_same = serde_json::from_slice::<Proof>(&present)
        .is_ok_and(|before| before.product == proof.product && before.companions == proof.companions);
    if is_same {
        return Ok(());
    }
    Err(IngestError::Damaged {
        name: name.clone(),
        location: store.address(key),
        reason: "the proof of an earlier delivery under this name tells of other files".to_owned(),
    })
}

#[async_trait]
impl Ingestor for ObjectTransport {
    fn capability(&self) -> IngestCapability {
        IngestCapability::new().with_create_only().with_verifies()
    }

    async fn check(&self, product: &SealedProduct) -> Result<(), IngestError> {
        examine(product).map(drop)
    }

    async fn ingest(&self, product: &SealedProduct, options: IngestOptions) -> Result<IngestReceipt, IngestError> {
        let place = examine(product)?;
        let (folder, proof_key) = self.places(product, &place);
        let items = Self::items(product, &folder);
        let Some(main) = items.last().cloned() else {
            return Err(IngestError::Refused {
                name: product.name.clone(),
                faults: vec!["it has no file".to_owned()],
            });
        };
        let missing = match self.missing(items.clone()).await {
            Err(IngestError::Conflict { present, .. }) if self.has_same_data(product, &proof_key).await => {
                let receipt = self.receipt(product, &main.key, IngestStatus::AlreadyPresent);
                return Ok(IngestReceipt {
                    digest: present,
                    ..receipt
                });
            }
            missing => missing?,
        };
        if options.dry_run {
            return Ok(self.receipt(product, &main.key, IngestStatus::DryRun));
        }
        let was_present = missing.iter().all(|item| item.key != main.key);
        let mut proof = Proof::of(product);
        proof.provenance = provenance(product).await?;
        let staged = self.stage(missing).await?;
        let (store, main_key) = (self.store.clone(), main.key.clone());
        let landed = land(async move {
            let published = publish(&store, &staged, &main_key).await;
            let cleared = clear(&store, &items).await;
            published?;
            prove(&store, &proof_key, &proof).await?;
            cleared
        })
        .await;
        match landed {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(error),
            None => {
                return Err(IngestError::Unavailable {
                    name: product.name.clone(),
                    source: "the runtime ended during the delivery".into(),
                });
            }
        }
        let status = if was_present {
            IngestStatus::AlreadyPresent
        } else {
            IngestStatus::Stored
        };
        Ok(self.receipt(product, &main.key, status))
    }
}
