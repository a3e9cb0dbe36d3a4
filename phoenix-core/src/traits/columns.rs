//! Tables that are written in runs of rows, each column an image extension of one value a row, as pixel tables have it.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array3, ArrayD};

use super::SinkError;
use crate::header::Header;
use crate::id::Tag;
use crate::product::{Hdu, HduData, Pixels, Product};

/// The numbers of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// 32-bit reals.
    F32,
    /// 32-bit integers.
    I32,
}

/// One column of a table that is written in runs of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnHdu {
    /// `EXTNAME`.
    pub name: String,
    /// Its numbers.
    pub kind: ColumnKind,
    /// Cards beside the structural ones; they stand before the data and are final.
    pub header: Header,
}

/// A table that is written in runs of rows.
///
/// # Shapes
/// Each column is an image of `n_rows` rows of one value: `NAXIS1` is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnLayout {
    /// What it is.
    pub tag: Tag,
    /// Its file name.
    pub name: String,
    /// The primary header as known now; `finish` gives the final one.
    pub header: Header,
    /// Cards that `finish` may add to the primary header.
    pub reserve_cards: usize,
    /// Rows of every column.
    pub n_rows: u64,
    /// The columns.
    pub columns: Vec<ColumnHdu>,
}

/// A run of rows of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ColumnRun<'a> {
    /// 32-bit reals.
    F32(&'a [f32]),
    /// 32-bit integers.
    I32(&'a [i32]),
}

impl ColumnRun<'_> {
    /// Returns the kind of column that it belongs to.
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::F32(_) => ColumnKind::F32,
            Self::I32(_) => ColumnKind::I32,
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I32(values) => values.len(),
        }
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Takes a table run by run; dropping it unfinished leaves nothing visible.
pub trait ColumnWriter: Send {
    /// Writes a run of rows of one column; runs may come in any order, each row once.
    ///
    /// # Errors
    /// If the system refuses, or the run does not fit the column.
    fn write(&mut self, column: usize, first_row: u64, run: ColumnRun<'_>) -> Result<(), SinkError>;

    /// Ends the product with its final primary header.
    ///
    /// # Errors
    /// If the system refuses, rows are missing, or the header outgrew its reserve.
    fn finish(self: Box<Self>, header: Header) -> Result<(), SinkError>;
}

/// A table that is put together in memory; `done` gets it when all rows are there.
pub struct MemoryColumns<F> {
    layout: ColumnLayout,
    columns: Vec<Values>,
    is_written: Vec<Vec<bool>>,
    done: F,
}

enum Values {
    F32(Vec<f32>),
    I32(Vec<i32>),
}

impl<F> fmt::Debug for MemoryColumns<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryColumns")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl<F: FnOnce(Product)> MemoryColumns<F> {
    /// Takes the memory of all columns.
    pub fn new(layout: ColumnLayout, done: F) -> Self {
        let n_rows = usize::try_from(layout.n_rows).unwrap_or(usize::MAX);
        let values = |column: &ColumnHdu| match column.kind {
            ColumnKind::F32 => Values::F32(vec![0.0; n_rows]),
            ColumnKind::I32 => Values::I32(vec![0; n_rows]),
        };
        Self {
            columns: layout.columns.iter().map(values).collect(),
            is_written: vec![vec![false; n_rows]; layout.columns.len()],
            layout,
            done,
        }
    }

    fn invalid(&self, reason: impl Into<String>) -> SinkError {
        SinkError::Invalid {
            name: self.layout.name.clone(),
            reason: reason.into(),
        }
    }
}

impl<F: FnOnce(Product) + Send> ColumnWriter for MemoryColumns<F> {
    fn write(&mut self, column: usize, first_row: u64, run: ColumnRun<'_>) -> Result<(), SinkError> {
        let refused = self.invalid(format!(
            "rows from {first_row} on do not fit column {column}, or came twice"
        ));
        let first = usize::try_from(first_row).unwrap_or(usize::MAX);
        let rows = first..first.saturating_add(run.len());
        let is_written = self.is_written.get_mut(column).and_then(|it| it.get_mut(rows.clone()));
        let Some(is_written) = is_written.filter(|it| !it.contains(&true)) else {
            return Err(refused);
        };
        match (self.columns.get_mut(column), run) {
            (Some(Values::F32(values)), ColumnRun::F32(run)) => values[rows].copy_from_slice(run),
            (Some(Values::I32(values)), ColumnRun::I32(run)) => values[rows].copy_from_slice(run),
            _ => return Err(refused),
        }
        is_written.fill(true);
        Ok(())
    }

    fn finish(self: Box<Self>, header: Header) -> Result<(), SinkError> {
        if self.is_written.iter().flatten().any(|is_written| !is_written) {
            return Err(self.invalid("rows are missing"));
        }
        if header.len() > self.layout.header.len() + self.layout.reserve_cards {
            return Err(self.invalid("the header outgrew its reserve"));
        }
        let pixels = |values: Values| match values {
            Values::F32(values) => {
                let shape = [1, values.len(), 1];
                Array3::from_shape_vec(shape, values).map(|array| Pixels::F32(Arc::new(array)))
            }
            Values::I32(values) => ArrayD::from_shape_vec(vec![values.len(), 1], values).map(Pixels::I32),
        };
        let mut hdus = Vec::with_capacity(self.columns.len());
        for (column, values) in self.layout.columns.into_iter().zip(self.columns) {
            hdus.push(Hdu {
                data: HduData::Image(pixels(values).map_err(|error| SinkError::Invalid {
                    name: column.name.clone(),
                    reason: error.to_string(),
                })?),
                name: column.name,
                header: column.header,
            });
        }
        (self.done)(Product {
            tag: self.layout.tag,
            name: self.layout.name,
            header,
            hdus,
        });
        Ok(())
    }
}
