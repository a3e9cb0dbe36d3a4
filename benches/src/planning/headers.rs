//! Headers of 400 cards in many files, and how fast their wanted keys are read.

use std::path::{Path, PathBuf};
use std::time::Instant;

use phoenix_core::header::Header;
use phoenix_core::rule_instrument::DraftFrames;
use phoenix_io::ThreadExecutor;
use phoenix_io::fits::card::{LongText, format_header};
use phoenix_io::fits::{WantedKeys, read_all_wanted};
use phoenix_sim::nights::headers::catalogue::catalogue;

use super::{Fault, INSTRUMENTS, policy, rule_texts};

/// Cards of each primary header, `END` not counted.
const N_CARDS: usize = 400;
/// Pixels behind the header, so that the files are no bare headers.
const DATA_BYTES: usize = 2880 * 8;

/// Files read and what was found in them.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// How many files.
    pub n_files: usize,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// The sum of `MJD-OBS` over all files.
    pub sum_mjd: f64,
}

impl Read {
    /// Returns files per second.
    pub fn rate(&self) -> f64 {
        self.n_files as f64 / self.wall_s
    }
}

/// Writes files with headers of four instruments, filled up to 400 cards with keys as ESO's headers have them.
///
/// # Errors
/// If a file cannot be written.
pub fn make(folder: &Path, n_files: usize) -> Result<Vec<PathBuf>, Fault> {
    let mut paths = Vec::with_capacity(n_files);
    for (n, entry) in catalogue(n_files, 2).take(n_files).enumerate() {
        let mut header = Header::new();
        header.set("SIMPLE", true, "file does conform to FITS standard");
        header.set("BITPIX", 16, "number of bits per data pixel");
        header.set("NAXIS", 2, "number of data axes");
        header.set("NAXIS1", 1440, "length of data axis 1");
        header.set("NAXIS2", (DATA_BYTES / 2880) as i64, "length of data axis 2");
        header.merge(&entry.header);
        let mut filler = 0;
        while header.len() < N_CARDS {
            let key = format!("ESO.TEL.SENS{} VAL{}", filler / 9, filler % 9);
            header.set(
                key.as_str(),
                f64::from(filler) * 0.125 + 3.5,
                "[unit] some reading of a sensor",
            );
            filler += 1;
        }
        let mut bytes = format_header(&header, LongText::Continue)?;
        bytes.resize(bytes.len().next_multiple_of(2880), b' ');
        bytes.resize(bytes.len() + DATA_BYTES, 0);
        let path = folder.join(format!("{n:06}.fits"));
        std::fs::write(&path, bytes)?;
        paths.push(path);
    }
    Ok(paths)
}

/// Reads the keys that the rules of all four instruments name.
///
/// # Errors
/// The first file that cannot be read.
pub fn read(paths: &[PathBuf]) -> Result<Read, Fault> {
    let mut keys = vec!["MJD-OBS".into(), "DATE-OBS".into()];
    for name in INSTRUMENTS {
        let (oca, validity) = rule_texts(name)?;
        keys.extend(DraftFrames::new(policy(&oca, &validity)?).keys());
    }
    let wanted = WantedKeys::new(keys);
    let start = Instant::now();
    let headers = read_all_wanted(paths, &wanted, &ThreadExecutor::new(2));
    let wall_s = start.elapsed().as_secs_f64();
    let mut sum_mjd = 0.0;
    for header in headers {
        sum_mjd += header?.f64("MJD-OBS")?;
    }
    Ok(Read {
        n_files: paths.len(),
        wall_s,
        sum_mjd,
    })
}
