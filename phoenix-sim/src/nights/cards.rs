//! Appending cards to headers.

use phoenix_core::header::{Card, Header, Key, Value};

/// A header that is being made; no card is looked for, so that thousands of headers cost little.
pub(crate) struct Cards(pub(crate) Header);

impl Cards {
    pub(crate) fn new() -> Self {
        Self(Header::new())
    }

    pub(crate) fn push(&mut self, key: &str, value: impl Into<Value>, comment: &str) {
        self.0.push(Card {
            key: Key::new(key),
            value: value.into(),
            comment: comment.into(),
        });
    }
}

/// Rounds to the decimals that a header shows, so that the text reads back as the same number.
pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = libm::pow(10.0, f64::from(decimals));
    (value * scale).round() / scale
}
