//! Typed cards as 80 bytes: a real never looks like an integer, nothing is cut but comments.

use phoenix_core::header::{Card, Header, Key, Value};

use super::value::number;
use super::{CARD_BYTES, ascii, is_name_byte};

/// What to do with a text that does not fit one card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LongText {
    /// Go on in `CONTINUE` cards.
    #[default]
    Continue,
    /// Refuse it, as ESO's science data product standard forbids `CONTINUE`.
    Refuse,
}

/// A card cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The keyword breaks the FITS standard.
    #[error("key {key} has characters that no keyword may have")]
    Keyword {
        /// The key.
        key: Key,
    },
    /// The keyword and its value do not fit 80 bytes.
    #[error("key {key} with its value needs {needed} bytes, a card has 80")]
    TooLong {
        /// The key.
        key: Key,
        /// The bytes needed.
        needed: usize,
    },
    /// The text or comment holds a character that is not printable ASCII.
    #[error("key {key} holds the character {character:?}, which is not printable ascii")]
    Character {
        /// The key.
        key: Key,
        /// The first offending character.
        character: char,
    },
    /// The number is not finite.
    #[error("key {key} is not a finite number")]
    NotFinite {
        /// The key.
        key: Key,
    },
    /// The card was unreadable in the file it came from.
    #[error("key {key} was read from an unreadable card and is not passed on")]
    Unreadable {
        /// The key.
        key: Key,
    },
}

/// Formats all cards and `END`, without padding to a block.
///
/// # Errors
/// The first card that cannot be written.
pub fn format_header(header: &Header, long: LongText) -> Result<Vec<u8>, CardError> {
    let mut out = Vec::with_capacity((header.len() + 1) * CARD_BYTES);
    for card in header.cards() {
        format_card(card, long, &mut out)?;
    }
    push_line(&mut out, "END");
    Ok(out)
}

/// Appends one card as one or, for long texts and commentary, several lines of 80 bytes.
///
/// # Contract
/// * A comment is cut where the card ends, a value never.
/// * A real is written with its kept text where that is a real, else as the shortest text that reads back to the
///   same bits, always with a point.
///
/// # Errors
/// See [`CardError`].
pub fn format_card(card: &Card, long: LongText, out: &mut Vec<u8>) -> Result<(), CardError> {
    check_characters(&card.key, &card.comment)?;
    if card.key.is_commentary() {
        return commentary(card, out);
    }
    let head = head(&card.key)?;
    let fixed = !card.key.is_hierarchical();
    let value = match &card.value {
        Value::Text(text) => return text_card(card, &head, text, long, out),
        Value::Logical(value) => if *value { "T" } else { "F" }.to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value, text) => {
            real(*value, text.as_deref()).ok_or(CardError::NotFinite { key: card.key.clone() })?
        }
        Value::Complex(re, im) => match (real(*re, None), real(*im, None)) {
            (Some(re), Some(im)) => format!("({re}, {im})"),
            _ => return Err(CardError::NotFinite { key: card.key.clone() }),
        },
        Value::Undefined => String::new(),
        // `Value` may grow; a kind unknown here is as little writable as an unreadable one.
        _ => return Err(CardError::Unreadable { key: card.key.clone() }),
    };
    let line = if fixed {
        format!("{head}{value:>20}")
    } else {
        format!("{head}{value}")
    };
    finish_line(&card.key, line, &card.comment, out)
}

fn commentary(card: &Card, out: &mut Vec<u8>) -> Result<(), CardError> {
    let Value::Text(text) = &card.value else {
        return Err(CardError::Unreadable { key: card.key.clone() });
    };
    for line in text.split('\n') {
        check_characters(&card.key, line)?;
        let mut rest = line;
        loop {
            // Only ASCII is left, so any byte is a character boundary.
            let (piece, tail) = rest.split_at(rest.len().min(CARD_BYTES - 8));
            push_line(out, &format!("{:<8}{piece}", card.key.as_str()));
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

fn text_card(card: &Card, head: &str, text: &str, long: LongText, out: &mut Vec<u8>) -> Result<(), CardError> {
    check_characters(&card.key, text)?;
    let escaped = text.replace('\'', "''");
    let room = CARD_BYTES.saturating_sub(head.len() + 2);
    if escaped.len() <= room {
        return finish_line(&card.key, format!("{head}'{escaped:<8}'"), &card.comment, out)
            .or_else(|_| finish_line(&card.key, format!("{head}'{escaped}'"), &card.comment, out));
    }
    // A piece needs room for at least one escaped quote and the continuation mark.
    if long == LongText::Refuse || room < 3 {
        return Err(CardError::TooLong {
            key: card.key.clone(),
            needed: head.len() + 2 + escaped.len(),
        });
    }
    let mut prefix = head.to_owned();
    let mut rest = escaped.as_str();
    loop {
        let room = CARD_BYTES - prefix.len() - 2;
        if rest.len() <= room {
            return finish_line(&card.key, format!("{prefix}'{rest}'"), &card.comment, out);
        }
        let mut cut = room - 1;
        // A doubled quote stays on one card.
        let quotes = rest
            .as_bytes()
            .iter()
            .take(cut)
            .rev()
            .take_while(|byte| **byte == b'\'')
            .count();
        if quotes % 2 == 1 {
            cut -= 1;
        }
        let (piece, tail) = rest.split_at(cut);
        push_line(out, &format!("{prefix}'{piece}&'"));
        rest = tail;
        "CONTINUE  ".clone_into(&mut prefix);
    }
}

fn finish_line(key: &Key, mut line: String, comment: &str, out: &mut Vec<u8>) -> Result<(), CardError> {
    if line.len() > CARD_BYTES {
        return Err(CardError::TooLong {
            key: key.clone(),
            needed: line.len(),
        });
    }
    // Fewer than four bytes would leave a slash without a word.
    if !comment.is_empty() && line.len() + 4 <= CARD_BYTES {
        if line.len() < 30 && !key.is_hierarchical() {
            line = format!("{line:<30}");
        }
        line.push_str(" / ");
        let room = CARD_BYTES - line.len();
        line.push_str(comment.get(..room.min(comment.len())).unwrap_or_default());
    }
    push_line(out, &line);
    Ok(())
}

fn push_line(out: &mut Vec<u8>, line: &str) {
    let end = out.len() + CARD_BYTES;
    out.extend_from_slice(line.as_bytes());
    out.resize(end, b' ');
}

/// Spells the keyword and the value indicator.
fn head(key: &Key) -> Result<String, CardError> {
    let name = key.as_str();
    let legal = !name.is_empty()
        && name
            .split('.')
            .all(|word| !word.is_empty() && word.bytes().all(is_name_byte));
    if !legal || matches!(name, "END" | "CONTINUE" | "HIERARCH") {
        return Err(CardError::Keyword { key: key.clone() });
    }
    Ok(if key.is_hierarchical() {
        let words = name.strip_prefix("HIERARCH.").unwrap_or(name).replace('.', " ");
        format!("HIERARCH {words} = ")
    } else {
        format!("{name:<8}= ")
    })
}

/// Spells a finite real; the kept text is used if it is a real of the same value.
fn real(value: f64, text: Option<&str>) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    if let Some(text) = text {
        let text = text.trim().to_ascii_uppercase();
        // An integer beyond 64 bits is held as a real; its digits are all that tells its value.
        let is_big_integer = text.len() > 18 && value.abs() >= 9.2e18 && !text.contains(['.', 'E', 'D']);
        if (text.contains(['.', 'E', 'D']) || is_big_integer)
            && number(&text).is_some_and(|kept| same(kept, value, &text))
        {
            return Some(text);
        }
    }
    let shortest = format!("{value:?}").to_ascii_uppercase();
    Some(match shortest.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => shortest,
    })
}

/// Tells whether a kept text stands for the value: the same bits, or the same single-precision number where the text
/// was made from one.
fn same(kept: f64, value: f64, text: &str) -> bool {
    kept.to_bits() == value.to_bits() || (text.len() <= 14 && (kept as f32).to_bits() == (value as f32).to_bits())
}

fn check_characters(key: &Key, text: &str) -> Result<(), CardError> {
    if ascii(text.as_bytes()).is_some() {
        return Ok(());
    }
    match text.chars().find(|character| !matches!(character, ' '..='~')) {
        Some(character) => Err(CardError::Character {
            key: key.clone(),
            character,
        }),
        None => Ok(()),
    }
}
