//! The provenance record as JSON beside each product.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use phoenix_core::frame::FrameRef;
use phoenix_core::id::{Digest, Tag};
use phoenix_core::product::StoredProduct;
use phoenix_core::provenance::Record;
use phoenix_core::traits::Committed;
use serde::{Deserialize, Serialize};

use crate::digest;

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
    /// Its place among the products of the job, counted from 0.
    pub place: usize,
    /// What it was made of; locations inside the run's directory are relative to it.
    pub provenance: Record,
}

impl Beside {
    /// Returns the receipt once the files are in a folder.
    pub(super) fn stored_in(self, folder: &Path) -> StoredProduct {
        StoredProduct {
            location: folder.join(&self.product).display().to_string(),
            tag: self.tag,
            name: self.product,
            digest: self.digest,
            size_bytes: self.size_bytes,
        }
    }
}

const SUFFIX: &str = ".provenance.json";

/// Returns the name of the file beside a product: `DATACUBE_FINAL.fits` has `DATACUBE_FINAL.provenance.json`.
pub fn provenance_name(product: &str) -> String {
    format!("{}{SUFFIX}", product.strip_suffix(".fits").unwrap_or(product))
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

/// Returns the products in a job's folder if all of them are intact and were made as `record` says.
pub(super) fn committed(folder: &Path, record: &Record, directory: &Path) -> io::Result<Option<Committed>> {
    let expected = relocatable(record, Some(directory));
    let found = match read_all(folder) {
        Ok(found) => found,
        // A record that is none belongs to nothing that was committed.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_made_alike = |beside: &Beside| {
        let made_alike = Record {
            caveats: expected.caveats.clone(),
            ..beside.provenance.clone()
        };
        made_alike == expected && is_intact(folder, beside)
    };
    if !found.iter().all(is_made_alike) {
        return Ok(None);
    }
    Ok((!found.is_empty()).then(|| receipts(found, folder)))
}

/// Tells of products that are in their place.
pub(super) fn receipts(found: Vec<Beside>, folder: &Path) -> Committed {
    let caveats = found.first().map(|beside| beside.provenance.caveats.clone());
    Committed {
        products: found.into_iter().map(|beside| beside.stored_in(folder)).collect(),
        caveats: caveats.unwrap_or_default(),
    }
}

/// Reads the records of all products in a job's folder, in the order in which these were put.
pub(super) fn read_all(folder: &Path) -> io::Result<Vec<Beside>> {
    let mut found: Vec<Beside> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(SUFFIX) {
            let beside = serde_json::from_slice(&fs::read(&path)?);
            found.push(beside.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?);
        }
    }
    found.sort_by_key(|beside| beside.place);
    Ok(found)
}

/// Tells whether a product is what its record says.
pub(super) fn is_intact(folder: &Path, beside: &Beside) -> bool {
    digest::content_of_file(folder.join(&beside.product)).is_ok_and(|digest| digest == beside.digest)
}
