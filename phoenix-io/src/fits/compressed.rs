//! Tile-compressed images (`.fz`): the header of the image they stand for, and its pixels by fitsio-pure's codecs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fitsio_pure::hdu::Hdu as PureHdu;
use fitsio_pure::header::parse_header_blocks;
use fitsio_pure::image::ImageData;
use fitsio_pure::tiled::read_tiled_image;
use phoenix_core::header::{Card, Header, Key, Value};

use super::error::FitsError;
use super::hdu::Hdu;
use super::image::count;
use super::pixels::{Encoding, Pixels, Scaling, Stored};
use super::read::FitsFile;
use super::scan::axes;

/// No codec gives more bytes per compressed byte than this: a constant tile under HCOMPRESS comes nearest.
const MAX_RATIO: u64 = 1 << 17;

/// Gives a unit the shape and the header of the image that it holds.
pub(super) fn describe(unit: &mut Hdu) -> Result<(), String> {
    let bitpix = unit.header.i64("ZBITPIX").map_err(|error| error.to_string())?;
    let stored = Stored::from_bitpix(bitpix).ok_or_else(|| format!("ZBITPIX is {bitpix}"))?;
    let lengths = axes(&unit.header, "ZNAXIS")?;
    let bytes = lengths
        .iter()
        .try_fold(stored.size() as i64, |bytes, length| bytes.checked_mul(*length))
        .ok_or("ZNAXISn declare an impossible size")?;
    if bytes as u64 > unit.data_len.saturating_mul(MAX_RATIO) {
        return Err(format!("ZNAXISn declare {bytes} bytes, {} are there", unit.data_len));
    }
    check_tiles(&unit.header, &lengths)?;
    unit.bitpix = bitpix;
    unit.shape = lengths.iter().rev().map(|length| *length as usize).collect();
    unit.header = image_header(&unit.header);
    Ok(())
}

/// Checks that there is one row for each tile, so that no codec walks over tiles that are not there.
fn check_tiles(header: &Header, lengths: &[i64]) -> Result<(), String> {
    let mut tiles = 1_i64;
    for (n, length) in (1..).zip(lengths) {
        let key = format!("ZTILE{n}");
        // The standard's default is one tile for each row of the image.
        let tile = match header.get(key.as_str()) {
            Some(_) => header.i64(key.as_str()).map_err(|error| error.to_string())?,
            None if n == 1 => *length,
            None => 1,
        };
        if tile < 1 && *length > 0 {
            return Err(format!("{key} is {tile}"));
        }
        let along = if *length > 0 { (*length - 1) / tile + 1 } else { 0 };
        tiles = tiles
            .checked_mul(along)
            .ok_or("there are more tiles than any file has")?;
    }
    let rows = header.i64("NAXIS2").map_err(|error| error.to_string())?;
    if !lengths.is_empty() && tiles != rows {
        return Err(format!("{tiles} tiles are declared, {rows} are there"));
    }
    Ok(())
}

/// Translates the header of the table back into that of the image.
///
/// # References
/// FITS standard 4.0, section 10.1: keywords of the image stand under a Z name, those of the table go.
fn image_header(table: &Header) -> Header {
    let is_primary = table.contains("ZSIMPLE");
    let mut image = Header::new();
    let mut put = |name: &str, card: &Card| {
        image.push(Card {
            key: Key::new(name),
            ..card.clone()
        });
    };
    for card in table.cards() {
        match card.key.as_str() {
            "XTENSION" if is_primary => {}
            "XTENSION" => put(
                "XTENSION",
                &Card {
                    value: Value::from("IMAGE"),
                    ..card.clone()
                },
            ),
            "ZTENSION" | "ZIMAGE" | "ZCMPTYPE" | "ZMASKCMP" | "ZQUANTIZ" | "ZDITHER0" | "ZSCALE" | "ZZERO"
            | "BITPIX" | "NAXIS" | "NAXIS1" | "NAXIS2" | "PCOUNT" | "GCOUNT" | "TFIELDS" | "THEAP" | "CHECKSUM"
            | "DATASUM" => {}
            "ZSIMPLE" => put("SIMPLE", card),
            "ZEXTEND" => put("EXTEND", card),
            "ZBLOCKED" => put("BLOCKED", card),
            "ZBITPIX" => put("BITPIX", card),
            "ZPCOUNT" => put("PCOUNT", card),
            "ZGCOUNT" => put("GCOUNT", card),
            "ZHECKSUM" => put("CHECKSUM", card),
            "ZDATASUM" => put("DATASUM", card),
            "EXTNAME" if card.value.as_str() == Some("COMPRESSED_IMAGE") => {}
            name => match numbered(name) {
                Some("ZNAXIS") => put(name.trim_start_matches('Z'), card),
                Some(
                    "ZTILE" | "ZNAME" | "ZVAL" | "TTYPE" | "TFORM" | "TUNIT" | "TDIM" | "TZERO" | "TSCAL" | "TNULL",
                ) => {}
                _ if name == "ZNAXIS" => put("NAXIS", card),
                _ if name == "ZBLANK" => put("BLANK", card),
                _ => put(name, card),
            },
        }
    }
    image
}

/// Returns the stem of a keyword that ends in digits.
fn numbered(name: &str) -> Option<&str> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem.len() < name.len()).then_some(stem)
}

/// Decompresses the pixels and applies the scaling of the image.
pub(super) fn read_pixels(file: &FitsFile, unit: &Hdu, encoding: &Encoding) -> Result<Pixels, FitsError> {
    let malformed = |what: String| FitsError::malformed(file.place(unit, 0), what);
    let n = unit.n_elements();
    let needed = (n as u64).saturating_mul(encoding.element().size() as u64);
    file.check_memory(needed.saturating_add(unit.data_len), || {
        format!("the compressed image of hdu {}", unit.index)
    })?;
    let header = file.header_bytes(unit.index)?;
    let data = file.raw_data(unit.index)?;
    // The codecs are young and not ours: whatever they do with hostile bytes must not take the process down.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let cards = parse_header_blocks(&header)?;
        let hdu = PureHdu::from_cards(cards, 0, 0)?;
        read_tiled_image(&data, &hdu)
    }));
    let image = match decoded {
        Ok(Ok(image)) => image,
        Ok(Err(error)) => return Err(malformed(format!("the tiles cannot be decompressed: {error}"))),
        Err(_) => return Err(malformed("the tiles cannot be decompressed".to_owned())),
    };
    let stored = match image {
        ImageData::U8(values) => Pixels::U8(values),
        ImageData::I16(values) => Pixels::I16(values),
        ImageData::I32(values) => Pixels::I32(values),
        ImageData::I64(values) => Pixels::I64(values),
        ImageData::F32(values) => Pixels::F32(values),
        ImageData::F64(values) => Pixels::F64(values),
    };
    if count(&stored) != n {
        return Err(malformed(format!("the tiles give {} pixels of {n}", count(&stored))));
    }
    Ok(scale(stored, encoding))
}

fn scale(stored: Pixels, encoding: &Encoding) -> Pixels {
    match (encoding.scaling, stored) {
        (Scaling::Offset, Pixels::U8(values)) => {
            Pixels::I8(values.into_iter().map(|v| (v ^ 0x80).cast_signed()).collect())
        }
        (Scaling::Offset, Pixels::I16(values)) => {
            Pixels::U16(values.into_iter().map(|v| v.cast_unsigned() ^ 0x8000).collect())
        }
        (Scaling::Offset, Pixels::I32(values)) => {
            Pixels::U32(values.into_iter().map(|v| v.cast_unsigned() ^ 0x8000_0000).collect())
        }
        (Scaling::Offset, Pixels::I64(values)) => {
            Pixels::U64(values.into_iter().map(|v| v.cast_unsigned() ^ (1 << 63)).collect())
        }
        (Scaling::Linear { scale, zero }, stored) => {
            let blank = encoding.blank.map(|blank| blank as f64);
            let meant = |value: f64| {
                if Some(value) == blank {
                    f64::NAN
                } else {
                    value * scale + zero
                }
            };
            Pixels::F64(stored.to_f64().into_iter().map(meant).collect())
        }
        (Scaling::Plain | Scaling::Offset, stored) => stored,
    }
}
