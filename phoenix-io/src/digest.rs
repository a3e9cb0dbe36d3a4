//! Digests of files and streams: SHA-256 names contents, MD5 is what ESO's headers carry.

use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha2::{Digest as _, Sha256};

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

/// A SHA-256 that grows piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest as 64 hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The digests and the length of one stream, taken in one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// MD5, 32 hexadecimal digits.
    pub md5: String,
    /// The length in bytes.
    pub bytes: u64,
}

/// Digests all that a reader gives.
///
/// # Errors
/// Whatever the reader says.
pub fn of_reader(mut reader: impl Read) -> io::Result<Digests> {
    let (mut sha256, mut md5, mut bytes) = (Sha256Stream::default(), Md5Stream::default(), 0);
    each_piece(&mut reader, |piece| {
        sha256.update(piece);
        md5.update(piece);
        bytes += piece.len() as u64;
    })?;
    Ok(Digests {
        sha256: sha256.finish(),
        md5: md5.finish(),
        bytes,
    })
}

/// Digests a file.
///
/// # Errors
/// Whatever the operating system says.
pub fn of_file(path: impl AsRef<Path>) -> io::Result<Digests> {
    of_reader(std::fs::File::open(path)?)
}

/// Returns the SHA-256 of a file.
///
/// # Errors
/// Whatever the operating system says.
pub fn sha256_of_file(path: impl AsRef<Path>) -> io::Result<String> {
    let mut sha256 = Sha256Stream::default();
    each_piece(&mut std::fs::File::open(path)?, |piece| sha256.update(piece))?;
    Ok(sha256.finish())
}

/// Returns the SHA-256 of bytes.
pub fn sha256_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
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
    use super::of_reader;

    #[test]
    fn the_digests_of_the_standards_are_reproduced() {
        // RFC 1321, appendix A.5 and FIPS 180-2, appendix B.1.
        let digests = of_reader(&b"abc"[..]).unwrap();
        assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            digests.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(digests.bytes, 3);
    }
}
