//! The value field of a card: text, logical, integer, real, complex, undefined, and the comment behind it.

use phoenix_core::header::Value;

use super::{ascii, latin1};

/// One piece of a text that may go on in a `CONTINUE` card: blanks before the `&` count.
pub(super) struct LongPiece {
    pub(super) text: String,
    pub(super) comment: Box<str>,
}

impl LongPiece {
    /// Returns the text without insignificant trailing blanks.
    pub(super) fn trimmed(&self) -> &str {
        self.text.trim_end_matches(' ')
    }
}

/// Parses the field behind the value indicator; `None` if it breaks the standard.
pub(super) fn parse_field(field: &[u8]) -> Option<(Value, Box<str>)> {
    let field = field.trim_ascii();
    match field.first() {
        None => Some((Value::Undefined, "".into())),
        Some(b'/') => Some((Value::Undefined, comment(field)?)),
        Some(b'\'') => {
            let (text, rest) = quoted(field)?;
            let comment = comment(rest)?;
            Some((Value::Text(text.trim_end_matches(' ').into()), comment))
        }
        Some(b'(') => {
            let close = field.iter().position(|byte| *byte == b')')?;
            let (inside, rest) = field.split_at(close);
            let (re, im) = ascii(inside)?.strip_prefix('(')?.split_once(',')?;
            let value = Value::Complex(number(re.trim())?, number(im.trim())?);
            Some((value, comment(rest.split_at(1).1)?))
        }
        Some(_) => {
            let end = field
                .iter()
                .position(|byte| matches!(byte, b' ' | b'/'))
                .unwrap_or(field.len());
            let (token, rest) = field.split_at(end);
            Some((scalar(ascii(token)?)?, comment(rest)?))
        }
    }
}

/// Parses a text field without losing blanks before a continuation mark; `None` if it is no text.
pub(super) fn parse_long_text(field: &[u8]) -> Option<LongPiece> {
    let field = field.trim_ascii();
    field.starts_with(b"'").then_some(())?;
    let (text, rest) = quoted(field)?;
    Some(LongPiece {
        text,
        comment: comment(rest)?,
    })
}

/// Splits `'text'rest`, with `''` as one quote.
fn quoted(field: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter().enumerate().skip(1).peekable();
    while let Some((at, byte)) = bytes.next() {
        if *byte != b'\'' {
            text.push(*byte);
        } else if bytes.next_if(|(_, next)| **next == b'\'').is_some() {
            text.push(b'\'');
        } else {
            return Some((ascii(&text)?.to_owned(), field.split_at(at + 1).1));
        }
    }
    None
}

/// Reads what stands behind a value: nothing, or a slash and the comment.
///
/// A comment may hold bytes that FITS forbids; the value in front of it is sound, so they are decoded as Latin-1.
fn comment(rest: &[u8]) -> Option<Box<str>> {
    let rest = rest.trim_ascii();
    if rest.is_empty() {
        return Some("".into());
    }
    rest.strip_prefix(b"/").map(|text| latin1(text).trim().into())
}

fn scalar(token: &str) -> Option<Value> {
    match token {
        "T" => return Some(Value::Logical(true)),
        "F" => return Some(Value::Logical(false)),
        _ => {}
    }
    let digits = token.strip_prefix(['+', '-']).unwrap_or(token);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match token.parse() {
            Ok(integer) => Some(Value::Integer(integer)),
            Err(_) => Some(Value::Real(number(token)?, Some(token.into()))),
        };
    }
    Some(Value::Real(number(token)?, Some(token.into())))
}

/// Parses a FITS number: digits, one point, an exponent marked by E or D; nothing else.
pub(super) fn number(token: &str) -> Option<f64> {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    let (mantissa, exponent) = match unsigned.split_once(['E', 'D', 'e', 'd']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
    }
    let value: f64 = token.replace(['D', 'd'], "E").parse().ok()?;
    value.is_finite().then_some(value)
}
