//! How sealed products reach an archive.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Status;
use crate::id::Digest;
use crate::product::SealedProduct;

/// A product was not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The archive's standard refuses it: convert again. All faults are listed.
    #[error("product {name} is refused: {}", faults.join("; "))]
    Refused {
        /// The product.
        name: String,
        /// Every fault found.
        faults: Vec<String>,
    },
    /// Another content has that name: ask for a new version, or find out which is right.
    #[error("product {name} is in the archive with digest {present}, not {offered}")]
    Conflict {
        /// The product.
        name: String,
        /// What is there.
        present: Digest,
        /// What was offered.
        offered: Digest,
    },
    /// The archive cannot be written now: try again later.
    #[error("archive cannot take {name} now")]
    Unavailable {
        /// The product.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The archive may not be written: mend rights or space.
    #[error("archive is not writable for {name}")]
    NotWritable {
        /// The product.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of the product cannot be read or is not what was sealed: make it again.
    #[error("file {location} of product {name} is not what was sealed: {reason}")]
    Damaged {
        /// The product.
        name: String,
        /// The file.
        location: String,
        /// What differs.
        reason: String,
    },
}

impl IngestError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Unavailable { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}

/// What an ingestor can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestCapability {
    /// It never overwrites, even against a second writer.
    pub create_only: bool,
    /// It reads back what it wrote and compares digests.
    pub verifies: bool,
    /// It can keep several versions of one name.
    pub versions: bool,
}

impl IngestCapability {
    /// Returns a capability that promises nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// States that it never overwrites.
    #[must_use]
    pub fn with_create_only(mut self) -> Self {
        self.create_only = true;
        self
    }

    /// States that it verifies what it wrote.
    #[must_use]
    pub fn with_verifies(mut self) -> Self {
        self.verifies = true;
        self
    }
}

/// How to deliver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestOptions {
    /// Do everything but write.
    pub dry_run: bool,
    /// Deliver under a new version if the name is taken by another content.
    pub new_version: bool,
}

impl IngestOptions {
    /// Returns the defaults: write, never replace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does everything but write.
    #[must_use]
    pub fn with_dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IngestStatus {
    /// It was written now.
    Stored,
    /// The same content was there already.
    AlreadyPresent,
    /// Nothing was written because nothing was to be.
    DryRun,
}

/// Proof of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReceipt {
    /// The product.
    pub name: String,
    /// The archive's address of it.
    pub address: String,
    /// Its content digest.
    pub digest: Digest,
    /// What became of it.
    pub status: IngestStatus,
}

/// Delivers sealed products to an archive. The only async trait.
///
/// # Contract
/// * idempotent by content digest: a second delivery returns `AlreadyPresent`;
/// * same name with another digest is `Conflict` unless the options ask for a new version;
/// * a master (`MASTER_CATEGORY`) is the same master if its data are the same (`DATAMD5`): made again, it differs in the
///   cards that tell when, and is `AlreadyPresent` with the digest of what is there;
/// * `check` accepts or refuses without side effects and lists all faults at once; `dry_run` writes nothing;
/// * dropping the future leaves either the whole product or nothing visible.
#[async_trait]
pub trait Ingestor: fmt::Debug + Send + Sync {
    /// Tells what it can do.
    fn capability(&self) -> IngestCapability;
    /// Accepts or refuses a product.
    async fn check(&self, product: &SealedProduct) -> Result<(), IngestError>;
    /// Delivers a product with its companions.
    async fn ingest(&self, product: &SealedProduct, options: IngestOptions) -> Result<IngestReceipt, IngestError>;
}
