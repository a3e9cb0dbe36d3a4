//! Whole-file compression: gzip and UNIX `compress`, unpacked into memory under a limit.

mod lzw;

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::{FitsError, Place};
use super::source::{BytesSource, Source};

/// Deflate gives at most this many bytes per byte, so a longer promise is a lie.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Returns the source itself, or the unpacked bytes if it is compressed.
pub(super) fn unpack(source: Box<dyn Source>, file: &Path, limit: u64) -> Result<Box<dyn Source>, FitsError> {
    let mut magic = [0; 3];
    if source.len() < magic.len() as u64 {
        return Ok(source);
    }
    source
        .read_exact_at(&mut magic, 0)
        .map_err(FitsError::io(file, "read"))?;
    let bytes = match magic {
        [0x1f, 0x8b, _] => gunzip(source.as_ref(), file, limit)?,
        [0x1f, 0x9d, flags] => lzw::decompress(source.as_ref(), file, flags, limit)?,
        _ => return Ok(source),
    };
    Ok(Box::new(BytesSource::new(bytes)))
}

/// Returns what the first bytes of a file hold, unpacked as far as they go; plain bytes come back as they are.
///
/// Archives are asked for the first bytes only, so a stream that is cut short is no fault here.
pub fn unpack_leading(bytes: &[u8]) -> Cow<'_, [u8]> {
    match *bytes {
        [0x1f, 0x8b, ..] => {
            let mut unpacked = Vec::new();
            // A cut stream ends in an error after everything before the cut was given out.
            let _ = MultiGzDecoder::new(bytes).read_to_end(&mut unpacked);
            Cow::Owned(unpacked)
        }
        [0x1f, 0x9d, flags, ref codes @ ..] => Cow::Owned(lzw::decompress_leading(codes, flags)),
        _ => Cow::Borrowed(bytes),
    }
}

fn gunzip(source: &dyn Source, file: &Path, limit: u64) -> Result<Vec<u8>, FitsError> {
    // The last word is the length of the last member modulo 2^32: a good guess and no more.
    let mut trailer = [0; 4];
    let guess = match source.len().checked_sub(4) {
        Some(at) if source.read_exact_at(&mut trailer, at).is_ok() => u64::from(u32::from_le_bytes(trailer)),
        _ => 0,
    };
    let guess = guess.min(limit).min(source.len().saturating_mul(MAX_DEFLATE_RATIO));
    let mut bytes = Vec::with_capacity(guess as usize + 1);
    let mut decoder = MultiGzDecoder::new(io::BufReader::with_capacity(256 << 10, Stream::new(source)));
    match decoder.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes) {
        Ok(n) if n as u64 > limit => Err(too_large(file, limit)),
        Ok(_) => Ok(bytes),
        Err(error) => {
            let at = decoder.get_ref().get_ref().at;
            Err(broken(file, source, at, error))
        }
    }
}

fn too_large(file: &Path, limit: u64) -> FitsError {
    FitsError::TooLarge {
        file: file.to_path_buf(),
        what: "the unpacked file".to_owned(),
        needed: limit.saturating_add(1),
        limit,
    }
}

fn broken(file: &Path, source: &dyn Source, at: u64, error: io::Error) -> FitsError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FitsError::Truncated {
            place: Place::new(file, 0, at),
            what: "the compressed stream",
            needed: source.len().max(at) + 1,
            found: source.len(),
        },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => FitsError::Malformed {
            place: Place::new(file, 0, at),
            what: format!("the compressed stream is broken: {error}"),
        },
        _ => FitsError::io(file, "read")(error),
    }
}

/// A source read from front to back.
struct Stream<'a> {
    source: &'a dyn Source,
    at: u64,
}

impl<'a> Stream<'a> {
    fn new(source: &'a dyn Source) -> Self {
        Self { source, at: 0 }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.source.len().saturating_sub(self.at);
        let n = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.source.read_exact_at(buffer.split_at_mut(n).0, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}
