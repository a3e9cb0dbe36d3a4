//! A table that comes in runs of rows, on its way into a file.

use std::path::Path;

use phoenix_core::header::Header;
use phoenix_core::traits::{ColumnRun, ColumnWriter, SinkError};

use super::encode;
use crate::fits::{FitsError, FitsWriter};

/// A table being written; `done` takes the file when all rows are in it.
pub(super) struct Runs<F> {
    name: String,
    writer: FitsWriter,
    units: Vec<usize>,
    done: F,
}

impl<F: FnOnce(FitsWriter) + Send> Runs<F> {
    pub(super) fn new(name: String, writer: FitsWriter, units: Vec<usize>, done: F) -> Self {
        Self {
            name,
            writer,
            units,
            done,
        }
    }

    fn faulty(&self) -> impl FnOnce(FitsError) -> SinkError + use<F> {
        let name = self.name.clone();
        move |error| encode::fault(&name, Path::new(&name), error)
    }
}

impl<F: FnOnce(FitsWriter) + Send> ColumnWriter for Runs<F> {
    fn write(&mut self, column: usize, first_row: u64, run: ColumnRun<'_>) -> Result<(), SinkError> {
        let unit = self.units.get(column).copied().ok_or_else(|| SinkError::Invalid {
            name: self.name.clone(),
            reason: format!("it has no column {column}"),
        })?;
        let faulty = self.faulty();
        encode::run(&mut self.writer, unit, first_row, run).map_err(faulty)
    }

    fn finish(mut self: Box<Self>, header: Header) -> Result<(), SinkError> {
        let faulty = self.faulty();
        *self.writer.header_mut(0).map_err(faulty)? = header;
        let Self { writer, done, .. } = *self;
        done(writer);
        Ok(())
    }
}
