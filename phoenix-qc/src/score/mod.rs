//! Grading: what an instrument's `qc.toml` says about measurements.
//!
//! `sheet` reads the file, `threshold` turns a limit into a band of accepted values and names the sample behind it,
//! `condition` says for which data a limit or flag counts, `flags` forms the flag string, `scorer` binds a sheet to
//! the measurements of an instrument, `rows` flattens a report for the quality database.

mod condition;
mod flags;
mod rows;
mod scorer;
mod sheet;
mod threshold;

pub use rows::{result_line, rows};
pub use scorer::{SheetScorer, SheetScorerBuilder};
pub use sheet::ScoreSheet;
