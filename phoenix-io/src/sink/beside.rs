//! The provenance record as JSON beside each product.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use phoenix_core::frame::FrameRef;
use phoenix_core::id::{Digest, Tag};
use phoenix_core::provenance::Record;
use serde::{Deserialize, Serialize};

/// What lies beside a product: what it is, and what it was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The product's file name.
    pub product: String,
    /// What it is.
    pub tag: Tag,
    /// Its content digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What it was made of; locations inside the run's directory are relative to it.
    pub provenance: Record,
}

/// Returns the name of the file beside a product: `DATACUBE_FINAL.fits` has `DATACUBE_FINAL.provenance.json`.
pub fn provenance_name(product: &str) -> String {
    format!("{}.provenance.json", product.strip_suffix(".fits").unwrap_or(product))
}

/// Returns the record with locations inside `directory` made relative to it.
pub(super) fn relocatable(record: &Record, directory: Option<&Path>) -> Record {
    let mut record = record.clone();
    if let Some(directory) = directory {
        let relative = |frame: &mut FrameRef| {
            if let Ok(inside) = Path::new(&frame.location).strip_prefix(directory) {
                frame.location = inside.display().to_string();
            }
        };
        record.raw.iter_mut().for_each(relative);
        record.calib.iter_mut().for_each(relative);
    }
    record
}

/// Writes the file and flushes it.
pub(super) fn write(folder: &Path, beside: &Beside) -> io::Result<()> {
    let text = serde_json::to_string_pretty(beside)? + "\n";
    let mut file = File::create_new(folder.join(provenance_name(&beside.product)))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
