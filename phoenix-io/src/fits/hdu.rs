//! One header and data unit: what it is and where its bytes stand.

use phoenix_core::header::Header;

/// The kind of a header and data unit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HduKind {
    /// A primary or extension array, possibly empty.
    Image,
    /// A tile-compressed image, read as if it were not compressed.
    CompressedImage,
    /// A binary table.
    BinTable,
    /// A text table.
    AsciiTable,
    /// The random groups of old radio data.
    RandomGroups,
    /// An extension type that this reader passes over.
    Other(Box<str>),
}

/// One header and data unit.
///
/// # Shapes
/// `shape` is slowest axis first, as arrays are: `(NAXISn, …, NAXIS1)`. A table has `(rows, bytes of a row)`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hdu {
    /// The 0-based index.
    pub index: usize,
    /// `EXTNAME`, without trailing blanks.
    pub name: Option<Box<str>>,
    /// `EXTVER`, 1 where absent.
    pub version: i64,
    /// The kind.
    pub kind: HduKind,
    /// The header; for a compressed image that of the image it stands for.
    pub header: Header,
    /// `BITPIX` of the array (of the uncompressed one for compressed images).
    pub bitpix: i64,
    /// The shape, slowest axis first.
    pub shape: Vec<usize>,
    /// The byte where the header starts.
    pub header_offset: u64,
    /// The byte where the data start.
    pub data_offset: u64,
    /// The bytes of data, heap included and padding not.
    pub data_len: u64,
    /// What is odd about this unit but does not hinder reading it.
    pub remarks: Vec<Box<str>>,
}

impl Hdu {
    /// Returns the number of array elements, 0 for an empty array.
    pub fn n_elements(&self) -> usize {
        // The scan has proved that the product fits; a zero makes the other lengths meaningless.
        if self.shape.is_empty() || self.shape.contains(&0) {
            0
        } else {
            self.shape.iter().product()
        }
    }

    /// Tells whether there are data.
    pub fn has_data(&self) -> bool {
        self.data_len > 0
    }

    /// Tells whether this is an array, compressed or not.
    pub fn is_image(&self) -> bool {
        matches!(self.kind, HduKind::Image | HduKind::CompressedImage)
    }

    /// Returns the unit of the array, `BUNIT`.
    pub fn unit(&self) -> Option<&str> {
        self.header.str("BUNIT").ok()
    }

    /// Returns the bytes of data with the padding to whole blocks.
    pub fn padded_len(&self) -> u64 {
        self.data_len.div_ceil(super::BLOCK_BYTES) * super::BLOCK_BYTES
    }
}
