//! Binary tables: all column kinds, whole or by windows of rows.

mod data;
mod format;
mod reader;
mod window;

pub use data::{Column, ColumnData, Table};
pub(super) use format::parse_columns;
pub use format::{ColumnFormat, ColumnKind};
pub use reader::TableReader;
pub use window::{ColumnReader, Window};
