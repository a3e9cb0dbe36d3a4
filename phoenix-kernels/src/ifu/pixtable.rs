//! Pixel tables as the kernels see them: columns that are read in runs of rows.

use crate::{KernelError, SourceError};
use std::ops::Range;

/// A choice of pixel-table columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Columns(u8);

impl Columns {
    /// First spatial coordinate.
    pub const XPOS: Self = Self(1);
    /// Second spatial coordinate.
    pub const YPOS: Self = Self(1 << 1);
    /// Wavelength in Angstrom.
    pub const LAMBDA: Self = Self(1 << 2);
    /// Value.
    pub const DATA: Self = Self(1 << 3);
    /// Variance.
    pub const STAT: Self = Self(1 << 4);
    /// Quality bits.
    pub const DQ: Self = Self(1 << 5);
    /// Weight of the row; asked for only where [`PixelRows::has_weight`] is true.
    pub const WEIGHT: Self = Self(1 << 6);
    /// The three coordinates.
    pub const COORDINATES: Self = Self(0b111);
    /// All but the weight.
    pub const ALL: Self = Self(0b11_1111);

    /// Tells whether every column of `other` is chosen.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Joins two choices.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Column buffers of one run of rows; a reader resizes and fills those it is asked for and leaves the others alone.
#[derive(Clone, Debug, Default)]
pub struct RowBuffers {
    /// First spatial coordinate, in the unit of the coordinate state.
    pub xpos: Vec<f32>,
    /// Second spatial coordinate, in the unit of the coordinate state.
    pub ypos: Vec<f32>,
    /// Wavelength in Angstrom (air).
    pub lambda: Vec<f32>,
    /// Value.
    pub data: Vec<f32>,
    /// Variance of the value.
    pub stat: Vec<f32>,
    /// Quality bits, 0 is good.
    pub dq: Vec<i32>,
    /// Weight of the row, where the table has such a column.
    pub weight: Vec<f32>,
}

impl RowBuffers {
    /// Returns the columns of 32-bit numbers.
    pub(super) fn numbers(&mut self) -> [&mut Vec<f32>; 6] {
        [
            &mut self.xpos,
            &mut self.ypos,
            &mut self.lambda,
            &mut self.data,
            &mut self.stat,
            &mut self.weight,
        ]
    }

    /// Checks that every column of `columns` holds `n` rows.
    ///
    /// # Errors
    /// `Shape`, naming the column.
    pub fn check(&self, columns: Columns, n: usize) -> Result<(), KernelError> {
        let lengths = [
            (Columns::XPOS, "xpos", self.xpos.len()),
            (Columns::YPOS, "ypos", self.ypos.len()),
            (Columns::LAMBDA, "lambda", self.lambda.len()),
            (Columns::DATA, "data", self.data.len()),
            (Columns::STAT, "stat", self.stat.len()),
            (Columns::DQ, "dq", self.dq.len()),
            (Columns::WEIGHT, "weight", self.weight.len()),
        ];
        for (column, what, found) in lengths {
            if columns.contains(column) && found != n {
                return Err(KernelError::Shape {
                    what,
                    found,
                    expected: n,
                });
            }
        }
        Ok(())
    }
}

/// Gives out runs of rows of one pixel table, in memory or on disk.
///
/// # Contract
/// * `read` may be called from several threads at once, for any run inside `0..len()`, any number of times, and gives
///   the same numbers each time;
/// * after `Ok`, each column asked for holds exactly `rows.end - rows.start` values.
pub trait PixelRows: Sync {
    /// Number of rows.
    fn len(&self) -> u64;

    /// Tells whether there is no row.
    fn is_empty(&self) -> bool;

    /// Tells whether the table has a weight column.
    fn has_weight(&self) -> bool;

    /// Reads `columns` of `rows` into `out`.
    ///
    /// # Errors
    /// Whatever keeps the source from giving the rows.
    fn read(&self, rows: Range<u64>, columns: Columns, out: &mut RowBuffers) -> Result<(), SourceError>;
}

/// A pixel table in memory; columns of one length, checked at construction.
#[derive(Clone, Debug, Default)]
pub struct PixelTable {
    columns: RowBuffers,
}

impl PixelTable {
    /// Takes the columns of a table.
    ///
    /// # Errors
    /// `Shape` if the columns differ in length; an empty weight column means that there is none.
    pub fn new(columns: RowBuffers) -> Result<Self, KernelError> {
        let n = columns.xpos.len();
        columns.check(Columns::ALL, n)?;
        if !columns.weight.is_empty() {
            columns.check(Columns::WEIGHT, n)?;
        }
        Ok(Self { columns })
    }

    /// Lends the columns.
    pub fn columns(&self) -> &RowBuffers {
        &self.columns
    }

    /// Gives the columns back.
    pub fn into_columns(self) -> RowBuffers {
        self.columns
    }
}

fn copy<T: Copy>(from: &[T], rows: &Range<u64>, to: &mut Vec<T>) -> Result<(), SourceError> {
    let wanted = usize::try_from(rows.start)?..usize::try_from(rows.end)?;
    let found = from
        .get(wanted.clone())
        .ok_or_else(|| format!("rows {wanted:?} of {} do not exist", from.len()))?;
    to.clear();
    to.extend_from_slice(found);
    Ok(())
}

impl PixelRows for PixelTable {
    fn len(&self) -> u64 {
        self.columns.xpos.len() as u64
    }

    fn is_empty(&self) -> bool {
        self.columns.xpos.is_empty()
    }

    fn has_weight(&self) -> bool {
        !self.columns.weight.is_empty()
    }

    fn read(&self, rows: Range<u64>, columns: Columns, out: &mut RowBuffers) -> Result<(), SourceError> {
        let from = &self.columns;
        for (column, from, to) in [
            (Columns::XPOS, &from.xpos, &mut out.xpos),
            (Columns::YPOS, &from.ypos, &mut out.ypos),
            (Columns::LAMBDA, &from.lambda, &mut out.lambda),
            (Columns::DATA, &from.data, &mut out.data),
            (Columns::STAT, &from.stat, &mut out.stat),
            (Columns::WEIGHT, &from.weight, &mut out.weight),
        ] {
            if columns.contains(column) {
                copy(from, &rows, to)?;
            }
        }
        if columns.contains(Columns::DQ) {
            copy(&from.dq, &rows, &mut out.dq)?;
        }
        Ok(())
    }
}
