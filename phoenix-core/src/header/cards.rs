//! A header as an ordered list of cards with typed getters.

use serde::{Deserialize, Serialize};

use super::{Key, Value};

/// A header card is absent or of another type than the caller needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The key is absent.
    #[error("key {key} is missing")]
    Missing {
        /// The key asked for.
        key: Key,
    },
    /// The key is there with another type.
    #[error("key {key} is {found} ({value}), expected {expected}")]
    Type {
        /// The key asked for.
        key: Key,
        /// The type the caller needs.
        expected: &'static str,
        /// The type found.
        found: &'static str,
        /// The value found, as text.
        value: String,
    },
}

/// One card: key, value, comment. Commentary cards hold their text as a text value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The canonical key.
    pub key: Key,
    /// The value.
    pub value: Value,
    /// The comment, without the slash.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub comment: Box<str>,
}

/// An ordered FITS header; duplicates, commentary and unreadable cards keep their place.
///
/// # Contract
/// * Getters see the *last* card of a key, as the FITS standard advises for duplicates.
/// * Structural cards (`SIMPLE`, `BITPIX`, `NAXISn`, `END`, …) are kept as read; writers replace them.
///
/// # Examples
/// ```
/// use phoenix_core::header::Header;
/// let mut header = Header::new();
/// header.set("DPR.CATG", "SCIENCE", "observation category");
/// assert_eq!(header.str("ESO DPR CATG").unwrap(), "SCIENCE");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Header {
    cards: Vec<Card>,
}

impl Header {
    /// Returns an empty header.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the cards in file order.
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// Returns the number of cards.
    pub fn len(&self) -> usize {
        self.cards.len()
    }

    /// Tells whether there is no card.
    pub fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// Appends a card as it is, duplicates included.
    pub fn push(&mut self, card: Card) {
        self.cards.push(card);
    }

    /// Sets a value: replaces the last card of that key in place, or appends one.
    ///
    /// An empty `comment` keeps the comment that stands there.
    pub fn set(&mut self, key: impl Into<Key>, value: impl Into<Value>, comment: &str) {
        let (key, value) = (key.into(), value.into());
        match self.cards.iter_mut().rev().find(|card| card.key == key) {
            Some(card) => {
                card.value = value;
                if !comment.is_empty() {
                    card.comment = comment.into();
                }
            }
            None => self.cards.push(Card {
                key,
                value,
                comment: comment.into(),
            }),
        }
    }

    /// Appends a `COMMENT` or `HISTORY` card.
    pub fn note(&mut self, key: &str, text: &str) {
        self.cards.push(Card {
            key: Key::new(key),
            value: Value::from(text),
            comment: "".into(),
        });
    }

    /// Removes every card of a key and tells how many there were.
    pub fn remove(&mut self, key: impl Into<Key>) -> usize {
        let key = key.into();
        let before = self.cards.len();
        self.cards.retain(|card| card.key != key);
        before - self.cards.len()
    }

    /// Keeps only the cards that `keep` accepts.
    pub fn retain(&mut self, keep: impl FnMut(&Card) -> bool) {
        self.cards.retain(keep);
    }

    /// Sets every card of `other` here, in its order.
    pub fn merge(&mut self, other: &Header) {
        for card in &other.cards {
            if card.key.is_commentary() {
                self.cards.push(card.clone());
            } else {
                self.set(card.key.clone(), card.value.clone(), &card.comment);
            }
        }
    }

    /// Returns the last card of a key.
    pub fn card(&self, key: impl Into<Key>) -> Option<&Card> {
        let key = key.into();
        self.cards.iter().rev().find(|card| card.key == key)
    }

    /// Returns the value of the last card of a key.
    pub fn get(&self, key: impl Into<Key>) -> Option<&Value> {
        self.card(key).map(|card| &card.value)
    }

    /// Tells whether the key is there.
    pub fn contains(&self, key: impl Into<Key>) -> bool {
        self.card(key).is_some()
    }

    /// Returns a text value.
    ///
    /// # Errors
    /// `Missing` or `Type`.
    pub fn str(&self, key: impl Into<Key>) -> Result<&str, HeaderError> {
        self.typed(key.into(), "text", Value::as_str)
    }

    /// Returns a real value; integers convert.
    ///
    /// # Errors
    /// `Missing` or `Type`.
    pub fn f64(&self, key: impl Into<Key>) -> Result<f64, HeaderError> {
        self.typed(key.into(), "real", Value::as_f64)
    }

    /// Returns an integer value.
    ///
    /// # Errors
    /// `Missing` or `Type`.
    pub fn i64(&self, key: impl Into<Key>) -> Result<i64, HeaderError> {
        self.typed(key.into(), "integer", Value::as_i64)
    }

    /// Returns a logical value.
    ///
    /// # Errors
    /// `Missing` or `Type`.
    pub fn bool(&self, key: impl Into<Key>) -> Result<bool, HeaderError> {
        self.typed(key.into(), "logical", Value::as_bool)
    }

    fn typed<'a, T>(
        &'a self,
        key: Key,
        expected: &'static str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, HeaderError> {
        match self.cards.iter().rev().find(|card| card.key == key) {
            None => Err(HeaderError::Missing { key }),
            Some(card) => convert(&card.value).ok_or_else(|| HeaderError::Type {
                key,
                expected,
                found: card.value.kind(),
                value: card.value.display(),
            }),
        }
    }
}

impl FromIterator<Card> for Header {
    fn from_iter<T: IntoIterator<Item = Card>>(cards: T) -> Self {
        Self {
            cards: cards.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Card, Header, HeaderError};
    use crate::header::{Key, Value};

    #[test]
    fn the_last_duplicate_wins_and_both_stay() {
        let mut header = Header::new();
        for value in [1_i64, 2] {
            header.push(Card {
                key: Key::new("A"),
                value: value.into(),
                comment: "".into(),
            });
        }
        assert_eq!(header.i64("A"), Ok(2));
        assert_eq!(header.len(), 2);
    }

    #[test]
    fn a_missing_key_is_named() {
        assert_eq!(
            Header::new().f64("EXPTIME"),
            Err(HeaderError::Missing {
                key: Key::new("EXPTIME")
            })
        );
    }

    #[test]
    fn a_wrong_type_tells_what_was_found() {
        let mut header = Header::new();
        header.set("EXPTIME", "long", "");
        let message = header.f64("EXPTIME").map_err(|error| error.to_string());
        assert_eq!(message, Err("key EXPTIME is text (long), expected real".to_owned()));
    }

    #[test]
    fn an_integer_reads_as_real_but_a_fraction_not_as_integer() {
        let mut header = Header::new();
        header.set("A", 3_i64, "");
        header.set("B", Value::from(3.5), "");
        assert_eq!(header.f64("A"), Ok(3.0));
        assert!(header.i64("B").is_err());
    }
}
