//! Any text as part of a line: what would end a line, a word or the value is written as `%` and two digits.

use std::fmt::Write;

/// A word: no blanks, no comment sign, no `=`, which parts a name from its value.
pub(super) fn word(text: &str) -> String {
    if text.is_empty() {
        return "%".to_owned();
    }
    encoded(text, |c, _| c.is_whitespace() || c == '#' || c == '=')
}

/// A text to the end of the line.
pub(super) fn text(text: &str) -> String {
    let is_outer = |place: usize, c: char| place == 0 || place + c.len_utf8() == text.len();
    encoded(text, |c, place| {
        c.is_control() || c == '#' || (c.is_whitespace() && (c != ' ' || is_outer(place, c)))
    })
}

fn encoded(text: &str, must: impl Fn(char, usize) -> bool) -> String {
    let mut found = String::with_capacity(text.len());
    for (place, c) in text.char_indices() {
        if c == '%' || must(c, place) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a text cannot fail.
                let _ = write!(found, "%{byte:02X}");
            }
        } else {
            found.push(c);
        }
    }
    found
}

/// Undoes both; a `%` that begins no code stands for itself, as in files of other origin.
pub(super) fn decoded(text: &str) -> String {
    if text == "%" {
        return String::new();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = (byte == b'%').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        if let Some(code) = code {
            bytes.push(code);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
