//! The wanted keys of many files: header blocks alone are read, and of them the wanted cards alone are parsed.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use phoenix_core::engine::Executor;
use phoenix_core::header::Header;

use super::BLOCK_BYTES;
use super::card::{CARD_BYTES, WantedKeys, is_end, parse_wanted};
use super::error::{FitsError, Place};
use super::read::{FitsFile, OpenOptions};
use super::source::{FileSource, Source};

/// Most headers of ESO's instruments end within these blocks: one read fetches them.
const BLOCKS_AHEAD: u64 = 14;
/// No real header comes near this.
const MAX_HEADER_BYTES: u64 = 64 << 20;
/// How many files a worker takes at a time.
const FILES_AT_ONCE: usize = 32;

/// Reads the wanted keys of a file's primary header; `buffer` is scratch space that many calls can share.
///
/// # Contract
/// * The result is what `FitsFile::open` says of the primary unit, less the other keys.
/// * Data units are neither read nor checked.
///
/// # Errors
/// `Io`; `Malformed` if the file is no FITS file; `Truncated` if it ends within the header; for compressed files what
/// `FitsFile::open` says.
pub fn read_wanted(path: &Path, wanted: &WantedKeys, buffer: &mut Vec<u8>) -> Result<Header, FitsError> {
    let source = FileSource::open(path).map_err(FitsError::io(path, "open"))?;
    let mut n_read = 0;
    let mut blocks = BLOCKS_AHEAD;
    loop {
        let left = source.len().saturating_sub(n_read);
        let length = left.min(blocks * BLOCK_BYTES);
        if length == 0 || n_read >= MAX_HEADER_BYTES {
            return Err(no_end(path, n_read, source.len()));
        }
        let seen = n_read as usize;
        buffer.resize(seen + length as usize, 0);
        source
            .read_exact_at(buffer.split_at_mut(seen).1, n_read)
            .map_err(FitsError::io(path, "read"))?;
        n_read += length;
        if seen == 0 && !buffer.starts_with(b"SIMPLE  =") {
            // Compressed, or no FITS file: the long way says which.
            return whole(path, wanted);
        }
        let from = seen / CARD_BYTES;
        let end = buffer.as_chunks::<CARD_BYTES>().0.iter().skip(from).position(is_end);
        if let Some(end) = end {
            let header_bytes = ((from + end + 1) * CARD_BYTES).next_multiple_of(BLOCK_BYTES as usize) as u64;
            if header_bytes > source.len() {
                return Err(no_end(path, n_read, source.len()));
            }
            if header_bytes == BLOCK_BYTES && source.len() > BLOCK_BYTES {
                // The empty unit before a compressed image looks like this, and then its header is not the one.
                return whole(path, wanted);
            }
            return parse_wanted(buffer, wanted).ok_or_else(|| no_end(path, n_read, source.len()));
        }
        blocks *= 4;
    }
}

fn no_end(path: &Path, n_read: u64, len: u64) -> FitsError {
    FitsError::Truncated {
        place: Place::new(path, 0, n_read),
        what: "the header",
        needed: BLOCK_BYTES,
        found: len.saturating_sub(n_read),
    }
}

fn whole(path: &Path, wanted: &WantedKeys) -> Result<Header, FitsError> {
    let file = FitsFile::open_with(path, &OpenOptions::default().cross_check(false))?;
    let mut header = file.primary()?.header.clone();
    header.retain(|card| wanted.contains(&card.key));
    Ok(header)
}

/// What was found in some files.
type Headers = Vec<Result<Header, FitsError>>;

/// Reads the wanted keys of many files on the threads of an executor; results come in the order of the paths.
pub fn read_all_wanted<P: AsRef<Path> + Sync>(
    paths: &[P],
    wanted: &WantedKeys,
    executor: &dyn Executor,
) -> Vec<Result<Header, FitsError>> {
    let n_parts = paths.len().div_ceil(FILES_AT_ONCE);
    let done: Mutex<Vec<Option<Headers>>> = Mutex::new((0..n_parts).map(|_| None).collect());
    let next = AtomicUsize::new(0);
    let read = |part: &[P], buffer: &mut Vec<u8>| -> Headers {
        part.iter()
            .map(|path| read_wanted(path.as_ref(), wanted, buffer))
            .collect()
    };
    executor.run(executor.width().min(n_parts.max(1)), &|| {
        let mut buffer = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = paths.chunks(FILES_AT_ONCE).nth(n) else {
                break;
            };
            let headers = read(part, &mut buffer);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = done.get_mut(n) {
                *place = Some(headers);
            }
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let parts = done.into_iter().zip(paths.chunks(FILES_AT_ONCE));
    // What no worker did is done here.
    parts
        .flat_map(|(part, paths)| part.unwrap_or_else(|| read(paths, &mut Vec::new())))
        .collect()
}
