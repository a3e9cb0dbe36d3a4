//! A simulated night through the whole line, and how far its products are from the truth.
//!
//! `compare` holds cubes against the truth, `cosmic` measures the rejection of cosmic rays.

mod compare;
mod cosmic;

use std::path::Path;

use phoenix_core::error::Status;
use phoenix_core::header::HeaderError;
use phoenix_core::traits::{ReadError, SinkError};
use phoenix_sim::night::{Content, SimulatedNight};

pub use compare::{BlockQuality, compare};
pub use cosmic::{RejectionQuality, rejection};

use crate::single::SingleError;

/// A simulated night cannot be laid down or its products not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The folder cannot be written: mend rights or space.
    #[error("{path} cannot be written")]
    Folder {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A simulated frame cannot be written.
    #[error("a simulated frame cannot be written")]
    Frame(#[from] SinkError),
    /// A product cannot be read back.
    #[error("a product cannot be read back")]
    Product(#[from] ReadError),
    /// A product lacks what the comparison needs.
    #[error("product {name} cannot be compared with the truth")]
    Header {
        /// The product.
        name: String,
        /// What is missing.
        #[source]
        source: HeaderError,
    },
    /// A comparison run failed.
    #[error("the comparison run failed")]
    Recipe(#[from] SingleError),
}

impl DemoError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Frame(source) => source.status(),
            Self::Product(source) => source.status(),
            _ => Status::Permanent,
        }
    }
}

/// Writes the files of a simulated night into a store; the store's folder need not exist.
///
/// # Errors
/// If a file cannot be written.
pub fn lay_down<T>(night: &SimulatedNight<T>, store: &Path) -> Result<(), DemoError> {
    for file in &night.files {
        let path = store.join(&file.path);
        let failed = |source| DemoError::Folder {
            path: path.display().to_string(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        match &file.content {
            Content::Product(product) => phoenix_io::write_product(&path, product.clone())?,
            Content::Text(text) => std::fs::write(&path, text).map_err(failed)?,
            _ => {}
        }
    }
    Ok(())
}
