//! FITS files, whole and safe.
//!
//! Reading: `source`, `handles` and `map` give bytes, `unpack` opens `.gz` and `.Z`, `scan` finds the units, `card` parses
//! headers, `witness` lets fitsrs look at every unit too, `decode` makes numbers, `image`, `table`, `ascii` and
//! `compressed` are the data forms, `read` is the front door, `headers` takes a few keys of many files, `edited` copies a file under another header. Writing: `write` and what lies below it.

mod ascii;
pub mod card;
mod checksum;
mod compressed;
mod decode;
mod edited;
mod error;
mod handles;
mod hdu;
mod headers;
mod image;
pub mod map;
mod pixels;
mod read;
mod scan;
mod source;
mod table;
mod unpack;
mod verify;
mod witness;
mod write;

pub use card::{CardError, LongText, WantedKeys};
pub use checksum::{SumState, UnitSums, WordSum};
pub use decode::Target;
pub use edited::copy_edited;
pub use error::{FitsError, Place};
pub use handles::{Handles, SharedFile};
pub use hdu::{Hdu, HduKind};
pub use headers::{read_all_wanted, read_wanted};
pub use image::{Image, PixelReader, PlaneReader};
pub use pixels::{ElementType, Pixels};
pub use read::{FitsFile, OpenOptions};
pub use source::{BytesSource, FileSource, Source};
pub use table::{Column, ColumnData, ColumnFormat, ColumnKind, ColumnReader, Table, TableReader, Window};
pub use unpack::unpack_leading;
pub(crate) use write::KeptUnit;
pub use write::{FitsWriter, ImageSpec, Pixel, TableSpec, WriteOptions, Written};

/// The length of a FITS block.
pub const BLOCK_BYTES: u64 = 2880;
