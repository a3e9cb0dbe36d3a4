//! fitsrs as second reader: its HDU iterator, header parser and `raw_bytes` look at every unit, the strict scan decides.

use std::io::Cursor;
use std::panic::catch_unwind;

use fitsrs::{Fits, HDU};

use super::BLOCK_BYTES;
use super::card::CARD_BYTES;
use super::hdu::HduKind;
use super::scan::Scanned;
use super::table::parse_columns;

/// Headers beyond this are not given to fitsrs, which copies each card several times.
const MAX_BYTES: usize = 4 << 20;

/// Lets fitsrs find the pixels of every image of a file in memory, and notes where it finds others.
///
/// Only the leading units it agreed about come here: its iteration stops, or breaks down, at one that it does not like.
pub(super) fn cross_check_pixels(bytes: &[u8], units: &mut [Scanned]) {
    let seen = catch_unwind(|| {
        let mut reader = Fits::from_reader(Cursor::new(bytes));
        let mut seen = Vec::with_capacity(units.len());
        while seen.len() < units.len()
            && let Some(Ok(unit)) = reader.next()
        {
            seen.push(
                match unit {
                    HDU::Primary(image) | HDU::XImage(image) => Some(reader.get_data(&image).raw_bytes()),
                    HDU::XBinaryTable(_) | HDU::XASCIITable(_) => None,
                }
                .map(|pixels| (pixels.as_ptr().addr() - bytes.as_ptr().addr(), pixels.len())),
            );
        }
        seen
    });
    for (unit, found) in units.iter_mut().zip(seen.unwrap_or_default()) {
        let hdu = &mut unit.hdu;
        let expected = (hdu.data_offset as usize, hdu.data_len as usize);
        if found.is_some_and(|found| found != expected) {
            hdu.remarks.push("fitsrs finds the pixels elsewhere".into());
        }
    }
}

/// Lets fitsrs parse the header of a unit and notes where it disagrees.
///
/// Each unit is handed over alone behind an empty primary header: fitsrs ends its iteration at the first unit that it
/// cannot parse, which would hide all later ones. Tile-compressed images are spared, because fitsrs panics on some.
/// Returns whether it agrees.
pub(super) fn cross_check(unit: &mut Scanned) -> bool {
    let hdu = &mut unit.hdu;
    let is_known = matches!(hdu.kind, HduKind::Image | HduKind::BinTable | HduKind::AsciiTable);
    // fitsrs walks over as many columns as a table says it has, be it a thousand millions.
    let is_sane = matches!(hdu.header.i64("TFIELDS"), Err(_) | Ok(0..=999));
    if !is_known || !is_sane || unit.header_bytes.len() > MAX_BYTES {
        return false;
    }
    // Its arithmetic overflows on absurd formats, which the strict parser refuses without harm.
    if let (HduKind::BinTable, [_, row_bytes]) = (&hdu.kind, hdu.shape.as_slice())
        && let Err(what) = parse_columns(&hdu.header, *row_bytes)
    {
        hdu.remarks.push(format!("the columns cannot be read: {what}").into());
        return false;
    }
    let verdict = catch_unwind(|| {
        if hdu.index == 0 {
            return read(&unit.header_bytes, 0);
        }
        let mut bytes = empty_primary();
        bytes.extend_from_slice(&unit.header_bytes);
        read(&bytes, 1)
    });
    let Ok(verdict) = verdict else {
        hdu.remarks.push("fitsrs breaks down over this unit".into());
        return false;
    };
    let remark = match verdict {
        None => "fitsrs finds no unit here".to_owned(),
        Some(Err(error)) => format!("fitsrs refuses this unit: {error}"),
        Some(Ok(bytes)) if bytes != hdu.data_len => format!("fitsrs finds {bytes} bytes of data, not {}", hdu.data_len),
        Some(Ok(_)) => return true,
    };
    hdu.remarks.push(remark.into());
    false
}

/// Iterates to unit `index` and returns the bytes of data that fitsrs finds there, heap included.
fn read(bytes: &[u8], index: usize) -> Option<Result<u64, fitsrs::error::Error>> {
    let unit = Fits::from_reader(Cursor::new(bytes)).nth(index)?;
    Some(unit.map(|unit| unit.get_data_unit_byte_size()))
}

fn empty_primary() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * BLOCK_BYTES as usize);
    for card in [
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "END",
    ] {
        let end = bytes.len() + CARD_BYTES;
        bytes.extend_from_slice(card.as_bytes());
        bytes.resize(end, b' ');
    }
    bytes.resize(BLOCK_BYTES as usize, b' ');
    bytes
}
