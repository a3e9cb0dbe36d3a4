//! What the caller says about a file and its units.

use phoenix_core::header::Header;

use crate::fits::card::LongText;
use crate::fits::pixels::ElementType;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Whether an existing file of that name is an error.
    pub create_new: bool,
    /// What to do with texts that do not fit one card.
    pub long_text: LongText,
    /// Whether the primary header gets `DATAMD5`, the MD5 of all data units.
    pub data_md5: bool,
    /// Whether the file and its folder are flushed to disk before the file appears.
    pub sync: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            create_new: false,
            long_text: LongText::Continue,
            data_md5: false,
            sync: true,
        }
    }
}

impl WriteOptions {
    /// Sets whether an existing file of that name is an error.
    #[must_use]
    pub fn create_new(mut self, on: bool) -> Self {
        self.create_new = on;
        self
    }

    /// Sets what to do with texts that do not fit one card.
    #[must_use]
    pub fn long_text(mut self, long: LongText) -> Self {
        self.long_text = long;
        self
    }

    /// Sets whether the primary header gets `DATAMD5`.
    #[must_use]
    pub fn data_md5(mut self, on: bool) -> Self {
        self.data_md5 = on;
        self
    }

    /// Sets whether the file is flushed to disk before it appears.
    #[must_use]
    pub fn sync(mut self, on: bool) -> Self {
        self.sync = on;
        self
    }
}

/// An image to be written: the primary array if it is the first unit, else an `IMAGE` extension.
///
/// # Contract
/// `header` holds no structure: `SIMPLE`, `XTENSION`, `BITPIX`, `NAXISn`, `PCOUNT`, `BSCALE`, `BZERO`, `CHECKSUM` and
/// their like are the writer's and left out of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ImageSpec {
    /// `EXTNAME`; without it, the one in `header` stays.
    pub name: Option<String>,
    /// The element type.
    pub element: ElementType,
    /// The shape, slowest axis first; empty for a header without data.
    pub shape: Vec<usize>,
    /// The cards; may be replaced until the file is finished.
    pub header: Header,
    /// The integer that means "no value".
    pub blank: Option<i64>,
    /// How many more cards the header may get before the data must be moved.
    pub reserve_cards: usize,
}

impl ImageSpec {
    /// Returns a unit that is only a header.
    pub fn header_only(header: Header) -> Self {
        Self {
            name: None,
            element: ElementType::U8,
            shape: Vec::new(),
            header,
            blank: None,
            reserve_cards: 0,
        }
    }

    /// Returns an image of a shape, slowest axis first.
    pub fn new(element: ElementType, shape: &[usize], header: Header) -> Self {
        Self {
            element,
            shape: shape.to_vec(),
            ..Self::header_only(header)
        }
    }

    /// Sets `EXTNAME`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Sets the integer that means "no value".
    #[must_use]
    pub fn blank(mut self, blank: i64) -> Self {
        self.blank = Some(blank);
        self
    }

    /// Keeps room for cards that are known only later.
    #[must_use]
    pub fn reserve_cards(mut self, cards: usize) -> Self {
        self.reserve_cards = cards;
        self
    }
}

/// A binary table to be written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TableSpec {
    /// `EXTNAME`.
    pub name: Option<String>,
    /// The cards besides the structure and the column descriptions.
    pub header: Header,
    /// How many more cards the header may get before the data must be moved.
    pub reserve_cards: usize,
}

impl TableSpec {
    /// Returns a table of a name.
    pub fn new(name: &str, header: Header) -> Self {
        Self {
            name: Some(name.to_owned()),
            header,
            reserve_cards: 0,
        }
    }

    /// Keeps room for cards that are known only later.
    #[must_use]
    pub fn reserve_cards(mut self, cards: usize) -> Self {
        self.reserve_cards = cards;
        self
    }
}
