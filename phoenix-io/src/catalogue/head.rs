//! The head of a catalogue file.

use serde::{Deserialize, Serialize};

pub(super) const MAGIC: &[u8; 8] = b"PHXFRAME";
pub(super) const VERSION: u32 = 1;
/// The length of a content digest as text.
pub(super) const DIGEST_BYTES: usize = 71;
/// No head comes near this.
pub(super) const MAX_HEAD_BYTES: u32 = 16 << 20;

/// The sections in the order of the file; one `own` follows for each own key.
pub(super) const SECTIONS: [&str; 9] = [
    "kinds",
    "numbers",
    "texts",
    "text_ends",
    "profiles",
    "rows",
    "times",
    "names",
    "name_ends",
];

/// What kind of value one is.
pub(super) const FALSE: u8 = 0;
pub(super) const TRUE: u8 = 1;
pub(super) const NUMBER: u8 = 2;
pub(super) const TEXT: u8 = 3;

/// What a catalogue holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) instrument: String,
    pub(super) shared_keys: Vec<String>,
    pub(super) own_keys: Vec<String>,
    pub(super) sections: Vec<Section>,
}

/// One run of bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) digest: String,
}
