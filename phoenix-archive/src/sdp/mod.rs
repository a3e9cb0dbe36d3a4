//! ESO's science-data-product standard, version 8: what it asks, whether a file keeps it, and how to get there.
//!
//! `standard` is the standard as tables, `check` holds a file against it, `batch` a set of files, `convert` makes
//! products in the standard's form, `names` the archive's file names.

pub mod batch;
pub mod check;
pub mod convert;
pub mod names;
pub mod standard;
pub mod wcs;
