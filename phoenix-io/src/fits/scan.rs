//! The strict scan of a file into header and data units.

use std::path::Path;

use phoenix_core::header::{Header, Value};

use super::card::{CARD_BYTES, RawCard, is_end, parse_header};
use super::error::{FitsError, Place};
use super::hdu::{Hdu, HduKind};
use super::source::Source;
use super::{BLOCK_BYTES, compressed};

/// No real header comes near this; a file without `END` is told after it.
const MAX_HEADER_BYTES: u64 = 64 << 20;
/// The standard allows no more axes.
const MAX_AXES: i64 = 999;

/// One unit as scanned: the raw header bytes are kept for checksums and for the second reader.
pub(super) struct Scanned {
    pub(super) hdu: Hdu,
    pub(super) header_bytes: Vec<u8>,
}

/// Scans all units.
pub(super) fn scan(source: &dyn Source, file: &Path) -> Result<Vec<Scanned>, FitsError> {
    let mut found: Vec<Scanned> = Vec::new();
    let mut offset = 0;
    while offset < source.len() {
        let index = found.len();
        let start = read_start(source, file, index, offset)?;
        if index == 0 {
            if !start.starts_with(b"SIMPLE  =") {
                let what = "the file does not start with SIMPLE, it is no fits file";
                return Err(FitsError::malformed(Place::new(file, 0, 0), what));
            }
        } else if !start.starts_with(b"XTENSION") {
            if let Some(last) = found.last_mut() {
                let left = source.len() - offset;
                last.hdu
                    .remarks
                    .push(format!("{left} bytes follow the last unit").into());
            }
            break;
        }
        let header_bytes = read_header(source, file, index, offset)?;
        let unit = describe(source, file, index, offset, &header_bytes)?;
        offset = unit.data_offset.saturating_add(unit.padded_len());
        found.push(Scanned {
            hdu: unit,
            header_bytes,
        });
    }
    if found.is_empty() {
        return Err(FitsError::Truncated {
            place: Place::new(file, 0, 0),
            what: "the first header block",
            needed: BLOCK_BYTES,
            found: source.len(),
        });
    }
    Ok(found)
}

fn read_start(source: &dyn Source, file: &Path, hdu: usize, offset: u64) -> Result<RawCard, FitsError> {
    let mut start = [0; CARD_BYTES];
    let there = (source.len() - offset).min(CARD_BYTES as u64) as usize;
    if let Some(part) = start.get_mut(..there) {
        read(source, file, hdu, offset, "a header", part)?;
    }
    Ok(start)
}

fn read_header(source: &dyn Source, file: &Path, hdu: usize, offset: u64) -> Result<Vec<u8>, FitsError> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut blocks_ahead = 4;
    loop {
        let at = offset + bytes.len() as u64;
        let left = source.len().saturating_sub(at);
        if left < BLOCK_BYTES {
            return Err(FitsError::Truncated {
                place: Place::new(file, hdu, at),
                what: "the header",
                needed: BLOCK_BYTES,
                found: left,
            });
        }
        if bytes.len() as u64 >= MAX_HEADER_BYTES {
            return Err(FitsError::malformed(
                Place::new(file, hdu, at),
                format!("no END card in {MAX_HEADER_BYTES} bytes of header"),
            ));
        }
        let length = (left / BLOCK_BYTES).min(blocks_ahead) * BLOCK_BYTES;
        let seen = bytes.len();
        bytes.resize(seen + length as usize, 0);
        read(source, file, hdu, at, "the header", bytes.split_at_mut(seen).1)?;
        let cards = bytes.as_chunks::<CARD_BYTES>().0;
        if let Some(end) = cards.iter().skip(seen / CARD_BYTES).position(is_end) {
            let used = seen + (end + 1) * CARD_BYTES;
            bytes.truncate(used.next_multiple_of(BLOCK_BYTES as usize));
            return Ok(bytes);
        }
        blocks_ahead = (blocks_ahead * 2).min(64);
    }
}

fn read(
    source: &dyn Source,
    file: &Path,
    hdu: usize,
    offset: u64,
    what: &'static str,
    buffer: &mut [u8],
) -> Result<(), FitsError> {
    source.read_exact_at(buffer, offset).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            FitsError::Truncated {
                place: Place::new(file, hdu, offset),
                what,
                needed: buffer.len() as u64,
                found: source.len().saturating_sub(offset).min(buffer.len() as u64),
            }
        } else {
            FitsError::io(file, "read")(error)
        }
    })
}

fn describe(
    source: &dyn Source,
    file: &Path,
    index: usize,
    offset: u64,
    header_bytes: &[u8],
) -> Result<Hdu, FitsError> {
    let place = Place::new(file, index, offset);
    let malformed = |what: String| FitsError::malformed(place.clone(), what);
    let header = parse_header(header_bytes).ok_or_else(|| malformed("the header has no END".into()))?;
    let mandatory = |key: &str| header.i64(key).map_err(|error| malformed(error.to_string()));

    let bitpix = mandatory("BITPIX")?;
    if !matches!(bitpix, 8 | 16 | 32 | 64 | -32 | -64) {
        return Err(malformed(format!("BITPIX is {bitpix}")));
    }
    let axes = axes(&header, "NAXIS").map_err(malformed)?;
    let extension = match header.get("XTENSION") {
        Some(Value::Text(name)) if index > 0 => Some(name.clone()),
        _ if index > 0 => return Err(malformed("XTENSION is no text".into())),
        _ => None,
    };
    let is_groups = index == 0 && axes.first() == Some(&0) && header.bool("GROUPS") == Ok(true);
    let (pcount, gcount) = if extension.is_some() || is_groups {
        (mandatory("PCOUNT")?, mandatory("GCOUNT")?)
    } else {
        (0, 1)
    };
    let data_len = data_length(bitpix, &axes, is_groups, pcount, gcount)
        .ok_or_else(|| malformed("NAXISn, PCOUNT and GCOUNT declare an impossible size".into()))?;
    let kind = kind(extension.as_deref(), is_groups, &header);
    if matches!(kind, HduKind::BinTable | HduKind::CompressedImage | HduKind::AsciiTable)
        && (axes.len() != 2 || bitpix != 8)
    {
        return Err(malformed("a table needs NAXIS = 2 and BITPIX = 8".into()));
    }

    let data_offset = offset + header_bytes.len() as u64;
    let left = source.len() - data_offset;
    if data_len > left {
        return Err(FitsError::Truncated {
            place: Place::new(file, index, data_offset),
            what: "the data",
            needed: data_len,
            found: left,
        });
    }
    let mut remarks: Vec<Box<str>> = Vec::new();
    if data_len.div_ceil(BLOCK_BYTES) * BLOCK_BYTES > left {
        remarks.push("the last block is not padded".into());
    }
    let mut unit = Hdu {
        index,
        name: header.str("EXTNAME").ok().map(|name| name.trim_end().into()),
        version: header.i64("EXTVER").unwrap_or(1),
        kind,
        bitpix,
        shape: axes.iter().rev().map(|length| *length as usize).collect(),
        header,
        header_offset: offset,
        data_offset,
        data_len,
        remarks,
    };
    if unit.kind == HduKind::CompressedImage {
        compressed::describe(&mut unit).map_err(malformed)?;
    }
    Ok(unit)
}

fn kind(extension: Option<&str>, is_groups: bool, header: &Header) -> HduKind {
    match extension {
        None if is_groups => HduKind::RandomGroups,
        None | Some("IMAGE" | "IUEIMAGE") => HduKind::Image,
        Some("BINTABLE" | "A3DTABLE") if header.bool("ZIMAGE") == Ok(true) => HduKind::CompressedImage,
        Some("BINTABLE" | "A3DTABLE") => HduKind::BinTable,
        Some("TABLE") => HduKind::AsciiTable,
        Some(other) => HduKind::Other(other.into()),
    }
}

/// Reads `NAXIS` and all `NAXISn`, fastest axis first.
pub(super) fn axes(header: &Header, stem: &str) -> Result<Vec<i64>, String> {
    let count = header.i64(stem).map_err(|error| error.to_string())?;
    if !(0..=MAX_AXES).contains(&count) {
        return Err(format!("{stem} is {count}"));
    }
    (1..=count)
        .map(|axis| {
            let key = format!("{stem}{axis}");
            match header.i64(key.as_str()) {
                Ok(length) if length >= 0 => Ok(length),
                Ok(length) => Err(format!("{key} is {length}")),
                Err(error) => Err(error.to_string()),
            }
        })
        .collect()
}

/// Computes the bytes of data as section 4.4.1 of the FITS standard 4.0 says; `None` where that is no 63-bit number.
fn data_length(bitpix: i64, axes: &[i64], is_groups: bool, pcount: i64, gcount: i64) -> Option<u64> {
    let counted = if is_groups { axes.get(1..)? } else { axes };
    let elements = if counted.is_empty() {
        0
    } else {
        counted
            .iter()
            .try_fold(1_i64, |product, length| product.checked_mul(*length))?
    };
    let bytes = elements
        .checked_add(pcount)?
        .checked_mul(gcount)?
        .checked_mul(bitpix.abs() / 8)?;
    (pcount >= 0 && gcount >= 1 && bytes < i64::MAX / 2)
        .then_some(bytes)
        .and_then(|bytes| u64::try_from(bytes).ok())
}

/// Leaves out the empty primary unit that `fpack` puts before a compressed primary image.
pub(super) fn drop_null_primary(mut units: Vec<Hdu>) -> Vec<Hdu> {
    let is_packed_primary = |unit: &Hdu| unit.kind == HduKind::CompressedImage && unit.header.contains("SIMPLE");
    if units.first().is_some_and(|first| !first.has_data()) && units.get(1).is_some_and(is_packed_primary) {
        units.remove(0);
        for (index, unit) in units.iter_mut().enumerate() {
            unit.index = index;
        }
    }
    units
}
