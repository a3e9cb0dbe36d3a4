//! Historical blocks brought into a store, byte for byte, to where runs find them.

use std::path::{Path, PathBuf};

use phoenix_archive::store::{PutOutcome, Store};
use phoenix_core::id::InstrumentId;
use phoenix_core::unit::{Mjd, Night};
use phoenix_io::ab::AssociationBlock;
use serde::Serialize;

use crate::line::LineError;

/// What became of a block that was to be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedBlock {
    /// The file it came from.
    pub file: PathBuf,
    /// Where it lies in the store; absent if it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whether the same block was there already.
    pub was_there: bool,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Imports blocks; a block that is refused does not stop the others.
///
/// # Contract
/// * A block goes to `ab/<INSTRUMENT>/<night>/` with its own name; not a byte of it changes.
/// * A block of the same name with another text is never replaced.
///
/// # Errors
/// If the store cannot be opened or written.
pub fn import(archive: &str, files: &[PathBuf]) -> Result<Vec<ImportedBlock>, LineError> {
    let store = crate::line::plan::open_delivery(archive)?;
    files.iter().map(|file| import_one(&store, archive, file)).collect()
}

fn import_one(store: &Store, archive: &str, file: &Path) -> Result<ImportedBlock, LineError> {
    let mut imported = ImportedBlock {
        file: file.to_owned(),
        address: None,
        was_there: false,
        refused: None,
    };
    let bytes = std::fs::read(file).map_err(LineError::folder(file, "read"))?;
    let block = AssociationBlock::parse(&String::from_utf8_lossy(&bytes));
    let (instrument, night, name) = match place(&block) {
        Ok(place) => place,
        Err(reason) => {
            imported.refused = Some(reason);
            return Ok(imported);
        }
    };
    let key = format!("{}/{name}", store.layout().ab(&instrument, night));
    let fault = |source| LineError::Store {
        location: archive.to_owned(),
        source,
    };
    let outcome = phoenix_archive::wait(store.put_new(&key, bytes.clone()))?.map_err(fault)?;
    imported.address = Some(store.address(&key));
    if outcome == PutOutcome::Exists {
        imported.was_there = true;
        let present = phoenix_archive::wait(store.read(&key))?.map_err(fault)?;
        if present != bytes {
            imported.refused = Some("another block has this name in the store; it is not replaced".to_owned());
        }
    }
    Ok(imported)
}

/// Returns where a block belongs: instrument, night, and name of the file.
fn place(block: &AssociationBlock) -> Result<(InstrumentId, Night, String), String> {
    let job = block.to_job().map_err(|error| error.to_string())?;
    let name = block.get("AB_NAME").unwrap_or_default();
    if name.contains(['/', '\\']) {
        return Err(format!("AB_NAME {name} is no file name"));
    }
    let (prefix, start) = job
        .dataset
        .as_str()
        .split_once('.')
        .unwrap_or((job.dataset.as_str(), ""));
    let instrument = block
        .get("INSTRUMENT")
        .filter(|name| !name.is_empty())
        .unwrap_or(prefix);
    let taken = block.get("MJD-OBS").and_then(|text| text.parse().ok()).map(Mjd);
    let stamp: String = start.chars().take("2016-05-01T00:00:00.000".len()).collect();
    let taken = taken.or_else(|| Mjd::from_iso(&stamp).ok());
    // DATE is the date of processing of the night's data, by which the real system files its blocks.
    let dated = || block.get("DATE")?.parse::<Night>().ok();
    let night = taken.map(Night::of).or_else(dated);
    let night = night.ok_or("neither AB_NAME, MJD-OBS nor DATE tells its night")?;
    let is_named = Path::new(name).extension().is_some_and(|extension| extension == "ab");
    let file = if is_named {
        name.to_owned()
    } else {
        format!("{name}.ab")
    };
    Ok((instrument.to_ascii_uppercase().into(), night, file))
}
