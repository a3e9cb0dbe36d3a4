//! Association blocks: one job as ESO's text file, `qualifier value` by line, `#` for comments.
//!
//! `block` keeps the text, `escape` fits any text into a value, `write` and `read` go from and to a planned job,
//! `compare` says how two blocks differ. Qualifiers: docs/esorex.md.

mod block;
mod compare;
mod escape;
mod read;
mod write;

pub use block::{AssociationBlock, Entry};
pub use compare::{Difference, compare};
pub use read::AbError;
pub use write::AbContext;

#[cfg(test)]
mod tests;
