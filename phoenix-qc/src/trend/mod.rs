//! The past of quality values: samples for limits, and summaries.
//!
//! `store` looks up through the `QcStore` port; `table` (feature `tables`) works on whole tables of rows.

mod store;
#[cfg(feature = "tables")]
mod table;

pub use store::StoreTrend;
#[cfg(feature = "tables")]
pub use table::{MonthlySummary, TableError, TrendTable};
