//! UNIX `compress` (`.Z`): adaptive Lempel-Ziv-Welch with codes of 9 to 16 bits.

use std::io::{self, BufReader, Read};
use std::path::Path;

use super::{Stream, broken, too_large};
use crate::fits::error::FitsError;
use crate::fits::source::Source;

const HEADER_BYTES: usize = 3;
const MIN_BITS: u32 = 9;
const MAX_BITS: u32 = 16;
const CLEAR: usize = 256;

/// Unpacks a `.Z` file; `flags` is its third byte.
///
/// # References
/// T. A. Welch, IEEE Computer 17 (6), 1984. The layout of the codes is that of the `compress` utility: least
/// significant bit first, in groups of eight codes, a group being dropped when the width changes.
pub(super) fn decompress(source: &dyn Source, file: &Path, flags: u8, limit: u64) -> Result<Vec<u8>, FitsError> {
    let bad = |what: &'static str| {
        let error = io::Error::new(io::ErrorKind::InvalidData, what);
        broken(file, source, 2, error)
    };
    let max_bits = u32::from(flags & 0x1f);
    if !(MIN_BITS..=MAX_BITS).contains(&max_bits) || flags & 0x60 != 0 {
        return Err(bad("unknown flags"));
    }
    let mut packed = Vec::with_capacity(usize::try_from(source.len()).unwrap_or(0));
    BufReader::new(Stream::new(source))
        .read_to_end(&mut packed)
        .map_err(FitsError::io(file, "read"))?;
    let codes = packed.get(HEADER_BYTES..).unwrap_or_default();
    let mut decoder = Decoder::new(codes, max_bits, flags & 0x80 != 0);
    let mut out = Vec::new();
    while decoder.step(&mut out).map_err(|what| {
        let at = HEADER_BYTES as u64 + decoder.bit / 8;
        broken(file, source, at, io::Error::new(io::ErrorKind::InvalidData, what))
    })? {
        if out.len() as u64 > limit {
            return Err(too_large(file, limit));
        }
    }
    Ok(out)
}

/// Unpacks the codes of a `.Z` file as far as they go.
pub(super) fn decompress_leading(codes: &[u8], flags: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let max_bits = u32::from(flags & 0x1f);
    if (MIN_BITS..=MAX_BITS).contains(&max_bits) {
        let mut decoder = Decoder::new(codes, max_bits, flags & 0x80 != 0);
        while matches!(decoder.step(&mut out), Ok(true)) {}
    }
    out
}

struct Decoder<'a> {
    codes: &'a [u8],
    /// The next bit to read.
    bit: u64,
    /// Where the groups of the present width began.
    group_start: u64,
    width: u32,
    max_bits: u32,
    block_mode: bool,
    prefix: Vec<u16>,
    suffix: Vec<u8>,
    /// The next free entry.
    free: usize,
    previous: Option<usize>,
    first_byte: u8,
    stack: Vec<u8>,
}

impl<'a> Decoder<'a> {
    fn new(codes: &'a [u8], max_bits: u32, block_mode: bool) -> Self {
        Self {
            codes,
            bit: 0,
            group_start: 0,
            width: MIN_BITS,
            max_bits,
            block_mode,
            prefix: vec![0; 1 << max_bits],
            suffix: (0..1_usize << max_bits).map(|entry| (entry & 0xff) as u8).collect(),
            free: if block_mode { CLEAR + 1 } else { CLEAR },
            previous: None,
            first_byte: 0,
            stack: Vec::new(),
        }
    }

    /// Decodes one code; `false` at the end.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, &'static str> {
        if self.free > (1 << self.width) - 1 && self.width < self.max_bits {
            self.align();
            self.width += 1;
        }
        let Some(code) = self.next_code() else {
            return Ok(false);
        };
        if self.block_mode && code == CLEAR {
            self.align();
            self.width = MIN_BITS;
            self.free = CLEAR + 1;
            self.previous = None;
            return Ok(true);
        }
        let Some(previous) = self.previous else {
            if code > 0xff {
                return Err("the stream starts with a code that is not defined");
            }
            self.first_byte = code as u8;
            out.push(self.first_byte);
            self.previous = Some(code);
            return Ok(true);
        };
        let mut walk = code;
        self.stack.clear();
        if code >= self.free {
            if code > self.free {
                return Err("a code is not defined");
            }
            self.stack.push(self.first_byte);
            walk = previous;
        }
        while walk > 0xff {
            self.stack.push(self.suffix.get(walk).copied().unwrap_or(0));
            walk = self.prefix.get(walk).copied().unwrap_or(0).into();
        }
        self.first_byte = walk as u8;
        out.push(self.first_byte);
        out.extend(self.stack.iter().rev());
        if self.free < 1 << self.max_bits {
            if let (Some(prefix), Some(suffix)) = (self.prefix.get_mut(self.free), self.suffix.get_mut(self.free)) {
                *prefix = previous as u16;
                *suffix = self.first_byte;
            }
            self.free += 1;
        }
        self.previous = Some(code);
        Ok(true)
    }

    fn next_code(&mut self) -> Option<usize> {
        let byte = (self.bit / 8) as usize;
        let mut window = 0_u32;
        let there = self.codes.get(byte..)?;
        for (at, value) in (0..).zip(there.iter().take(3)) {
            window |= u32::from(*value) << (8 * at);
        }
        if self.bit + u64::from(self.width) > self.codes.len() as u64 * 8 {
            return None;
        }
        let code = (window >> (self.bit % 8)) & ((1 << self.width) - 1);
        self.bit += u64::from(self.width);
        Some(code as usize)
    }

    /// Skips the rest of a group of eight codes.
    fn align(&mut self) {
        let group = u64::from(self.width) * 8;
        let used = self.bit - self.group_start;
        self.bit = self.group_start + used.next_multiple_of(group);
        self.group_start = self.bit;
    }
}

#[cfg(test)]
mod tests;
