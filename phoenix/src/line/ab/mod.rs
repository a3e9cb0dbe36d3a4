//! Association blocks in the line: historical ones of the store, those of this run, and how the two differ.
//!
//! `fetch` reads the blocks of a night, `resolve` turns one into a job with the frames and the recipes of today, `merge`
//! puts such jobs among those that the rules make, `change` tells which calibrations differ and how well each matches,
//! `keep` writes the blocks of a run beside its plan, `import` brings blocks into a store.

mod change;
mod fetch;
mod import;
mod keep;
mod merge;
mod resolve;

pub use change::{BlockChange, CalibrationChange, compare_blocks};
pub(super) use fetch::{Fetched, fetch};
pub use import::{ImportedBlock, import};
pub(super) use merge::{Merged, Today, merge};
