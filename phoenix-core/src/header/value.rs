//! The value of a card, with the exact decimal text kept beside a number.

use serde::{Deserialize, Serialize};

/// A typed FITS value.
///
/// A real keeps the text it was read from, so that a header passes through unchanged, and is never written as an
/// integer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Value {
    /// A logical, `T` or `F`.
    Logical(bool),
    /// An integer.
    Integer(i64),
    /// A real: the number and, if it was read, its decimal text.
    Real(f64, Option<Box<str>>),
    /// A character string without trailing blanks.
    Text(Box<str>),
    /// A complex number: real and imaginary part.
    Complex(f64, f64),
    /// A card with a value indicator but no value.
    Undefined,
    /// A card that breaks the standard, kept byte for byte: 80 characters, each the Latin-1 character of its byte.
    Unreadable(Box<str>),
}

impl Value {
    /// Names the kind of value for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Logical(_) => "logical",
            Self::Integer(_) => "integer",
            Self::Real(..) => "real",
            Self::Text(_) => "text",
            Self::Complex(..) => "complex",
            Self::Undefined => "undefined",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Returns the value as a real; integers convert.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value, _) => Some(*value),
            _ => None,
        }
    }

    /// Returns the value as an integer; a real converts only if it is integral.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Real(value, _) if value.fract() == 0.0 && value.abs() < 9.0e15 => Some(*value as i64),
            _ => None,
        }
    }

    /// Returns the value as text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the value as a logical.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Logical(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the value spelled as people read it: text without quotes, numbers as they stood in the file.
    pub fn display(&self) -> String {
        match self {
            Self::Logical(value) => if *value { "T" } else { "F" }.to_owned(),
            Self::Integer(value) => value.to_string(),
            Self::Real(_, Some(text)) => text.to_string(),
            Self::Real(value, None) => format!("{value:?}"),
            Self::Text(value) => value.to_string(),
            Self::Complex(re, im) => format!("({re:?}, {im:?})"),
            Self::Undefined => String::new(),
            Self::Unreadable(card) => card.to_string(),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Logical(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value, None)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Real(value.into(), Some(format!("{value:?}").into()))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.trim_end().into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.trim_end().into())
    }
}
