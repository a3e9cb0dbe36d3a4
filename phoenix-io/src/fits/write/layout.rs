//! The structural cards of a unit and the bytes of its finished header.

use std::collections::HashSet;

use phoenix_core::header::{Card, Header, Key, Value};

use super::rows::ColumnLayout;
use crate::fits::BLOCK_BYTES;
use crate::fits::card::{CARD_BYTES, CardError, LongText, format_card, format_header};
use crate::fits::checksum::{WordSum, encode};
use crate::fits::pixels::ElementType;

/// What the data of a unit are.
#[derive(Debug)]
pub(super) enum Body {
    Image {
        element: ElementType,
        shape: Vec<usize>,
        blank: Option<i64>,
    },
    Table {
        columns: Vec<ColumnLayout>,
        rows: usize,
        row_bytes: usize,
        heap_bytes: u64,
    },
}

impl Body {
    /// Returns the bytes of data, `None` if no file can be that long.
    pub(super) fn data_len(&self) -> Option<u64> {
        let bytes = match self {
            Self::Image { shape, .. } if shape.is_empty() => Some(0),
            Self::Image { element, shape, .. } => shape
                .iter()
                .try_fold(element.size() as u64, |bytes, length| bytes.checked_mul(*length as u64)),
            Self::Table {
                rows,
                row_bytes,
                heap_bytes,
                ..
            } => (*rows as u64).checked_mul(*row_bytes as u64)?.checked_add(*heap_bytes),
        };
        bytes.filter(|bytes| *bytes < 1 << 62)
    }

    fn cards(&self, is_primary: bool, name: Option<&str>) -> Header {
        let mut cards = Header::new();
        let mut add = |key: &str, value: Value, comment: &str| {
            cards.push(Card {
                key: Key::new(key),
                value,
                comment: comment.into(),
            });
        };
        match self {
            _ if is_primary => add("SIMPLE", true.into(), "file does conform to FITS standard"),
            Self::Image { .. } => add("XTENSION", "IMAGE".into(), "image extension"),
            Self::Table { .. } => add("XTENSION", "BINTABLE".into(), "binary table extension"),
        }
        let (bitpix, axes): (i64, Vec<usize>) = match self {
            Self::Image { element, shape, .. } => (element.bitpix(), shape.iter().rev().copied().collect()),
            Self::Table { rows, row_bytes, .. } => (8, vec![*row_bytes, *rows]),
        };
        add("BITPIX", bitpix.into(), "bits per data value");
        add("NAXIS", axes.len().into(), "number of data axes");
        for (n, length) in (1..).zip(&axes) {
            add(
                &format!("NAXIS{n}"),
                (*length).into(),
                &format!("length of data axis {n}"),
            );
        }
        let heap = match self {
            Self::Table { heap_bytes, .. } => *heap_bytes,
            Self::Image { .. } => 0,
        };
        if is_primary {
            add("EXTEND", true.into(), "file may contain extensions");
        } else {
            add("PCOUNT", Value::Integer(heap as i64), "bytes of heap and gap");
            add("GCOUNT", 1_i64.into(), "one data group");
        }
        match self {
            Self::Image { element, blank, .. } => {
                if let Some(offset) = element.offset() {
                    // ESO's UVES recipes want the reals of raw frames, astropy integers for signed bytes; both read both
                    // where the pixels are 16-bit ones.
                    if *element == ElementType::U16 {
                        add("BSCALE", 1.0_f64.into(), "");
                        let text = format!("{offset}.0");
                        add(
                            "BZERO",
                            Value::Real(32768.0, Some(text.into())),
                            "offset of unsigned numbers",
                        );
                    } else {
                        add("BSCALE", 1_i64.into(), "");
                        add("BZERO", offset_value(offset), "offset of unsigned numbers");
                    }
                }
                if let Some(blank) = blank {
                    add("BLANK", (*blank).into(), "value of blank pixels");
                }
            }
            Self::Table { columns, .. } => {
                add("TFIELDS", columns.len().into(), "number of columns");
                for (n, column) in (1..).zip(columns) {
                    column.cards(n, &mut add);
                }
            }
        }
        if let Some(name) = name {
            add("EXTNAME", name.into(), "name of this unit");
        }
        cards
    }
}

/// Spells an offset from the table of the standard as a number card.
pub(super) fn offset_value(digits: &str) -> Value {
    match digits.parse::<i64>() {
        Ok(value) => Value::Integer(value),
        Err(_) => Value::Real(digits.parse().unwrap_or(0.0), Some(digits.into())),
    }
}

/// Tells whether a keyword belongs to the writer.
pub(super) fn is_structural(key: &Key, has_name: bool) -> bool {
    let name = key.as_str();
    if has_name && name == "EXTNAME" {
        return true;
    }
    if matches!(
        name,
        "SIMPLE"
            | "XTENSION"
            | "BITPIX"
            | "NAXIS"
            | "EXTEND"
            | "PCOUNT"
            | "GCOUNT"
            | "GROUPS"
            | "TFIELDS"
            | "THEAP"
            | "BSCALE"
            | "BZERO"
            | "BLANK"
            | "CHECKSUM"
            | "DATASUM"
            | "ZHECKSUM"
            | "ZDATASUM"
            | "END"
            | "CONTINUE"
            | "LONGSTRN"
    ) {
        return true;
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.len() < name.len()
        && matches!(
            stem,
            "NAXIS" | "TTYPE" | "TFORM" | "TUNIT" | "TDIM" | "TSCAL" | "TZERO" | "TNULL" | "TDISP" | "TBCOL"
        )
}

/// Joins the structural cards with the caller's.
///
/// Of duplicate keys the last stays, as readers take it; a card without a value goes, because fitsverify warns of it
/// and it says nothing; `LONGSTRN` announces texts that go on in `CONTINUE` cards, as fitsverify wants.
pub(super) fn complete(body: &Body, is_primary: bool, name: Option<&str>, user: &Header) -> Header {
    let mut cards = body.cards(is_primary, name);
    let mut seen = HashSet::new();
    let mut kept: Vec<&Card> = user
        .cards()
        .iter()
        .rev()
        .filter(|card| card.key.is_commentary() || seen.insert(&card.key))
        .filter(|card| !is_structural(&card.key, name.is_some()) && card.value != Value::Undefined)
        .collect();
    kept.reverse();
    if kept.iter().any(|card| is_continued(card)) {
        cards.set("LONGSTRN", "OGIP 1.0", "long texts go on in CONTINUE cards");
    }
    for card in kept {
        cards.push(card.clone());
    }
    cards
}

/// Tells whether a text needs more than one card; a text that cannot be written at all is found later.
fn is_continued(card: &Card) -> bool {
    let mut line = Vec::new();
    matches!(&card.value, Value::Text(text) if text.len() + card.key.as_str().len() > 50)
        && !card.key.is_commentary()
        && format_card(card, LongText::Continue, &mut line).is_ok()
        && line.len() > CARD_BYTES
}

/// Returns the bytes that a header needs, sums and `END` included, in whole blocks.
pub(super) fn header_len(header: &Header, long: LongText, more_cards: usize) -> Result<u64, CardError> {
    let bytes = format_header(header, long)?.len() + (2 + more_cards) * CARD_BYTES;
    Ok((bytes as u64).next_multiple_of(BLOCK_BYTES))
}

/// Formats a header of exactly `room` bytes with both sums; `None` if it does not fit.
///
/// Room that is left over becomes blank cards before `END`, because the data start right behind the block of `END`.
pub(super) fn seal(
    header: &Header,
    long: LongText,
    room: u64,
    data_sum: WordSum,
) -> Result<Option<Vec<u8>>, CardError> {
    let mut cards = header.clone();
    cards.set("CHECKSUM", "0000000000000000", "sum of this unit");
    cards.set("DATASUM", data_sum.value().to_string(), "sum of the data");
    let mut bytes = format_header(&cards, long)?;
    if bytes.len() as u64 > room {
        return Ok(None);
    }
    let last_block_starts = room as usize - BLOCK_BYTES as usize;
    if bytes.len() <= last_block_starts {
        let end = bytes.split_off(bytes.len() - CARD_BYTES);
        bytes.resize(last_block_starts, b' ');
        bytes.extend_from_slice(&end);
    }
    bytes.resize(room as usize, b' ');

    let mut total = data_sum;
    total.add(&bytes, 0);
    let sealed = encode(total.value());
    let card = bytes
        .as_chunks_mut::<CARD_BYTES>()
        .0
        .iter_mut()
        .find(|card| card.starts_with(b"CHECKSUM="));
    if let Some(slot) = card.and_then(|card| card.get_mut(11..27)) {
        slot.copy_from_slice(sealed.as_bytes());
    }
    Ok(Some(bytes))
}
