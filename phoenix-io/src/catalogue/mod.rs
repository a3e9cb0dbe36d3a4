//! Frame catalogues on disk: of each frame its name, its time and the keys that the rules name, as columns of numbers.
//!
//! A file holds one instrument. It begins with `PHXFRAME`, the version and the length of the head (little-endian, 32 bits
//! each), the head (JSON: instrument, keys, and length and digest of each section) and the digest of all before; then
//! come the sections. That digest names the content: equal catalogues have equal digests.

mod error;
mod head;
mod read;
mod write;

pub use error::CatalogueError;
pub use read::{catalogue_digest, read_catalogue};
pub use write::write_catalogue;
