//! Digests of files and streams: BLAKE3 names contents (`docs/adr/0007-content-digests.md`), MD5 is what ESO's headers
//! carry.

use std::io::{self, Read};
use std::path::Path;

use md5::{Digest as _, Md5};
use phoenix_core::id::Digest;

use crate::fits::{FitsError, FitsFile};

const PIECE_BYTES: usize = 256 << 10;

/// An MD5 that grows piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Md5Stream(Md5);

impl Md5Stream {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest as 32 hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// A content digest that grows piece by piece.
#[derive(Debug, Clone, Default)]
pub struct ContentStream(blake3::Hasher);

impl ContentStream {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest.
    pub fn finish(self) -> Digest {
        content(&self.0.finalize())
    }
}

/// Returns the content digest of a file.
///
/// # Errors
/// Whatever the operating system says.
pub fn content_of_file(path: impl AsRef<Path>) -> io::Result<Digest> {
    let mut stream = ContentStream::default();
    each_piece(&mut std::fs::File::open(path)?, |piece| stream.update(piece))?;
    Ok(stream.finish())
}

/// Returns the content digest of bytes.
pub fn content_of_bytes(bytes: &[u8]) -> Digest {
    content(&blake3::hash(bytes))
}

fn content(hash: &blake3::Hash) -> Digest {
    Digest::from(format!("blake3:{}", hash.to_hex()))
}

/// Returns the MD5 of bytes.
pub fn md5_of_bytes(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// Returns the MD5 of all data units, padding included, headers left out: what `DATAMD5` stands for.
///
/// # Errors
/// `Truncated`; `Io`.
pub fn data_md5(file: &FitsFile) -> Result<String, FitsError> {
    let mut md5 = Md5Stream::default();
    for unit in file.hdus() {
        file.data_piece(unit.index, 0, u64::MAX, |piece| md5.update(piece))?;
    }
    Ok(md5.finish())
}

/// Returns what CPL 7.2.3 writes as `DATAMD5`, to verify products of ESO's pipelines.
///
/// It reads a data unit 16 blocks at a time and begins each time at the start of the unit: the digest sees the first
/// 46080 bytes again and again. For units of up to 16 blocks this is [`data_md5`]; for longer ones it does not protect
/// the data.
///
/// # Errors
/// `Truncated`; `Io`.
///
/// # References
/// Observed on products of `esorex` 3.13.6 with CPL 7.2.3 (test `datamd5_of_pipeline_products_is_reproduced`).
pub fn data_md5_as_cpl(file: &FitsFile) -> Result<String, FitsError> {
    const TURN_BYTES: u64 = 16 * crate::fits::BLOCK_BYTES;
    let mut md5 = Md5Stream::default();
    for unit in file.hdus() {
        let mut turn = Vec::new();
        file.data_piece(unit.index, 0, TURN_BYTES, |piece| turn.extend_from_slice(piece))?;
        let mut left = unit.padded_len();
        while left > 0 {
            let n = left.min(TURN_BYTES);
            md5.update(turn.split_at(turn.len().min(n as usize)).0);
            left -= n;
        }
    }
    Ok(md5.finish())
}

fn each_piece(reader: &mut impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => take(buffer.split_at(n).0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{content_of_bytes, md5_of_bytes};

    #[test]
    fn the_digests_of_the_standards_are_reproduced() {
        // RFC 1321, appendix A.5, and the test vectors of BLAKE3's authors for no and for three bytes (0, 1, 2).
        assert_eq!(md5_of_bytes(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            content_of_bytes(b"").as_str(),
            "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(
            content_of_bytes(&[0, 1, 2]).as_str(),
            "blake3:e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f"
        );
    }
}
