//! The strict 80-byte card parser: order, duplicates and unreadable cards are kept.

mod format;
#[cfg(test)]
mod tests;
mod value;
mod wanted;

use phoenix_core::header::{Card, Header, Key, Value};

pub use format::{CardError, LongText, format_card, format_header};
pub use wanted::{WantedKeys, parse_wanted};

/// The length of a card in bytes.
pub const CARD_BYTES: usize = 80;

/// One raw card.
pub type RawCard = [u8; CARD_BYTES];

/// What the first bytes of a card say it is.
enum Body<'a> {
    Value { key: Key, field: &'a [u8] },
    Commentary { key: Key, text: &'a [u8] },
    Continuation { field: &'a [u8] },
    Broken { key: Key },
}

/// Parses one card.
///
/// # Contract
/// * A card that breaks the standard becomes `Value::Unreadable`: 80 characters, each the Latin-1 character of its
///   byte, under the key that its name field suggests.
/// * A real keeps its text. An integer beyond 64 bits is a real that keeps its digits.
pub fn parse_card(raw: &RawCard) -> Card {
    match body(raw) {
        Body::Commentary { key, text } => match ascii(text) {
            Some(text) => Card {
                key,
                value: Value::from(text),
                comment: "".into(),
            },
            None => unreadable(key, raw),
        },
        Body::Value { key, field } => match value::parse_field(field) {
            Some((value, comment)) => Card { key, value, comment },
            None => unreadable(key, raw),
        },
        Body::Continuation { .. } => unreadable(Key::new("CONTINUE"), raw),
        Body::Broken { key } => unreadable(key, raw),
    }
}

/// Parses the cards before `END`; `None` if there is no `END` card.
///
/// # Contract
/// `CONTINUE` cards are joined to the text they continue; one that continues nothing is unreadable.
pub fn parse_header(bytes: &[u8]) -> Option<Header> {
    let mut cards: Vec<Card> = Vec::with_capacity(bytes.len() / CARD_BYTES);
    let mut open_text = false;
    for raw in bytes.as_chunks::<CARD_BYTES>().0 {
        if is_end(raw) {
            return Some(cards.into_iter().collect());
        }
        if let Body::Continuation { field } = body(raw)
            && open_text
            && let Some(last) = cards.last_mut()
            && let Some(piece) = value::parse_long_text(field)
        {
            join(last, &piece);
            open_text = piece.text.ends_with('&');
            continue;
        }
        let card = parse_card(raw);
        open_text = false;
        if let Body::Value { field, .. } = body(raw)
            && let Some(piece) = value::parse_long_text(field)
        {
            open_text = piece.text.ends_with('&');
        }
        cards.push(card);
    }
    None
}

/// Tells whether this is the `END` card.
pub fn is_end(raw: &RawCard) -> bool {
    raw.starts_with(b"END     ") && raw.iter().skip(8).all(|byte| *byte == b' ')
}

fn join(card: &mut Card, piece: &value::LongPiece) {
    if let Value::Text(text) = &card.value {
        let head = text.strip_suffix('&').unwrap_or(text);
        card.value = Value::Text(format!("{head}{}", piece.trimmed()).into());
    }
    if !piece.comment.is_empty() {
        let both = format!("{} {}", card.comment, piece.comment);
        card.comment = both.trim().into();
    }
}

fn body(raw: &RawCard) -> Body<'_> {
    let (name, rest) = raw.split_at(8);
    let trimmed = name.trim_ascii_end();
    if trimmed == b"HIERARCH" && !rest.starts_with(b"= ") {
        return hierarch(rest);
    }
    if matches!(trimmed, b"" | b"COMMENT" | b"HISTORY") {
        let key = Key::new(&latin1(trimmed));
        return Body::Commentary { key, text: rest };
    }
    if trimmed == b"CONTINUE" && rest.starts_with(b"  ") {
        return Body::Continuation {
            field: rest.split_at(2).1,
        };
    }
    let key = Key::new(&latin1(trimmed));
    let legal = trimmed.iter().all(|byte| is_name_byte(*byte));
    match rest.strip_prefix(b"= ") {
        Some(field) if legal => Body::Value { key, field },
        // The blank of the value indicator is part of the standard; the value of `KEY=1` is not to be trusted.
        _ => Body::Broken { key },
    }
}

fn hierarch(rest: &[u8]) -> Body<'_> {
    let Some(equals) = rest.iter().position(|byte| *byte == b'=') else {
        return Body::Broken {
            key: Key::new("HIERARCH"),
        };
    };
    let (name, field) = rest.split_at(equals);
    let name = latin1(name);
    let words: Vec<&str> = name.split_ascii_whitespace().collect();
    let key = Key::new(&format!("HIERARCH {}", words.join(" ")));
    let legal = !words.is_empty()
        && words
            .iter()
            .all(|word| word.bytes().all(|byte| is_name_byte(byte.to_ascii_uppercase())));
    if legal {
        Body::Value {
            key,
            field: field.split_at(1).1,
        }
    } else {
        Body::Broken { key }
    }
}

fn unreadable(key: Key, raw: &RawCard) -> Card {
    Card {
        key,
        value: Value::Unreadable(latin1(raw).into()),
        comment: "".into(),
    }
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}

/// Decodes each byte as the Latin-1 character of its number, which loses nothing.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Returns the bytes as text if all are printable ASCII.
pub(super) fn ascii(bytes: &[u8]) -> Option<&str> {
    bytes
        .iter()
        .all(|byte| (0x20..0x7f).contains(byte))
        .then_some(())
        .and_then(|()| std::str::from_utf8(bytes).ok())
}
