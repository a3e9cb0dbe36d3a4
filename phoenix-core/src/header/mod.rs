//! FITS headers as ordered cards; no file, no 80-byte formatting (that is phoenix-io's).
//!
//! `key` spells keywords canonically, `value` keeps a number beside its text, `cards` is the ordered list with
//! typed getters, `overlay` edits a header without touching the file.

mod cards;
mod key;
mod overlay;
mod value;

pub use cards::{Card, Header, HeaderError};
pub use key::Key;
pub use overlay::{Edit, Overlay, OverlayBook, OverlayError};
pub use value::Value;
