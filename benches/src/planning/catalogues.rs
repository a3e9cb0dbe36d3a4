//! Makes the catalogues: simulated headers of many nights, and some certified masters.

use std::collections::BTreeMap;
use std::path::Path;

use phoenix_core::header::Header;
use phoenix_core::rule_instrument::DraftFrames;
use phoenix_io::catalogue::write_catalogue;
use phoenix_sim::nights::headers::catalogue::catalogue;

use super::{Fault, INSTRUMENTS, catalogue_path, policy, rule_texts};

/// One in so many bias frames stands for a certified master of its night.
const BIASES_PER_MASTER: usize = 20;

/// Writes the catalogues of so many nights and returns the number of frames.
///
/// # Errors
/// If rules cannot be read or catalogues cannot be written.
pub fn make(folder: &Path, n_nights: usize) -> Result<usize, Fault> {
    let mut all: BTreeMap<String, DraftFrames> = BTreeMap::new();
    for name in INSTRUMENTS {
        let (oca, validity) = rule_texts(name)?;
        all.insert(name.to_owned(), DraftFrames::new(policy(&oca, &validity)?));
    }
    let mut n_biases = 0;
    for entry in catalogue(n_nights, 1) {
        let name = entry.header.str("INSTRUME")?.to_ascii_lowercase();
        let frames = all.get_mut(&name).ok_or("an instrument has no rules")?;
        let file = entry.path.rsplit('/').next().unwrap_or_default();
        frames.push_header(file, &entry.header);
        if entry.header.str("DPR.TYPE") == Ok("BIAS") {
            n_biases += 1;
            if n_biases % BIASES_PER_MASTER == 0 {
                frames.push_header(&format!("M.{file}"), &master(&name, &entry.header));
            }
        }
    }
    for (name, frames) in &all {
        write_catalogue(&catalogue_path(folder, name), frames)?;
    }
    Ok(all.values().map(DraftFrames::len).sum())
}

/// Returns the header of the certified master of a bias.
fn master(instrument: &str, bias: &Header) -> Header {
    let mut header = bias.clone();
    header.retain(|card| !card.key.as_str().starts_with("ESO.DPR."));
    let category = match instrument {
        "uves" => "MASTER_BIAS_BLUE",
        "xshooter" => "MASTER_BIAS_UVB",
        _ => "MASTER_BIAS",
    };
    header.set("PRO.CATG", category, "");
    header
}
