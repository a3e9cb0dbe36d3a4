//! Windows of rows into the caller's buffers: blocks of rows are read once, columns are picked out of them.

use super::reader::TableReader;
use crate::fits::decode::{Target, decode, is_convertible};
use crate::fits::error::FitsError;
use crate::fits::image::{PixelReader, WINDOW_BYTES};
use crate::fits::pixels::{ElementType, Encoding};
use crate::fits::read::FitsFile;

/// A buffer to be filled, in the type that the caller wants.
#[derive(Debug)]
#[non_exhaustive]
pub enum Window<'a> {
    /// Single precision.
    F32(&'a mut [f32]),
    /// Double precision.
    F64(&'a mut [f64]),
    /// Signed 32-bit integers.
    I32(&'a mut [i32]),
    /// Signed 64-bit integers.
    I64(&'a mut [i64]),
}

impl Window<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(out) => out.len(),
            Self::F64(out) => out.len(),
            Self::I32(out) => out.len(),
            Self::I64(out) => out.len(),
        }
    }
}

/// One column as the block loop needs it.
#[derive(Debug, Clone)]
struct Field {
    name: Box<str>,
    encoding: Encoding,
    element: ElementType,
    offset: usize,
    repeat: usize,
}

impl TableReader {
    /// Fills several columns for one range of rows in one pass.
    ///
    /// # Shapes
    /// Every buffer holds the same number of rows, each row with the column's `repeat` elements.
    ///
    /// # Errors
    /// `Type` for a column that is not numeric or a number that does not fit; `Shape`; `Truncated`.
    pub fn read_windows(&self, first_row: usize, windows: &mut [(usize, Window<'_>)]) -> Result<(), FitsError> {
        let mut fields = Vec::with_capacity(windows.len());
        let mut rows = None;
        for (column, window) in windows.iter() {
            let field = self.field(*column)?;
            let n = window.len().checked_div(field.repeat).unwrap_or(0);
            if n * field.repeat != window.len() || rows.is_some_and(|rows| rows != n) {
                return Err(self.shape(format!("the buffer of column {} holds no whole rows", field.name)));
            }
            rows = Some(n);
            fields.push(field);
        }
        let rows = rows.unwrap_or(0);
        if first_row.checked_add(rows).is_none_or(|end| end > self.rows) {
            return Err(self.shape(format!(
                "{rows} rows from {first_row} are asked for, there are {}",
                self.rows
            )));
        }
        let Some(start) = fields.iter().map(|field| field.offset).min() else {
            return Ok(());
        };
        let bytes_of = |field: &Field| field.offset + field.encoding.stored.size() * field.repeat;
        let span = fields.iter().map(bytes_of).max().unwrap_or(start) - start;
        // Rows much wider than the wanted part are read one by one.
        let rows_ahead = if self.row_bytes > 64 * span.max(64) {
            1
        } else {
            (WINDOW_BYTES / self.row_bytes.max(1)).max(1)
        };
        let mut scratch = vec![0; rows_ahead.min(rows).saturating_sub(1) * self.row_bytes + span];
        let unit = self.unit()?;
        let mut done = 0;
        while done < rows {
            let n = rows_ahead.min(rows - done);
            let bytes = scratch.split_at_mut((n - 1) * self.row_bytes + span).0;
            let at = ((first_row + done) * self.row_bytes + start) as u64;
            self.file.read_data(unit, at, bytes)?;
            for (field, (_, window)) in fields.iter().zip(windows.iter_mut()) {
                let block = Block {
                    bytes: bytes.split_at(field.offset - start).1,
                    row_bytes: self.row_bytes,
                    first: done,
                    rows: n,
                };
                let filled = match window {
                    Window::F32(out) => block.fill(field, out),
                    Window::F64(out) => block.fill(field, out),
                    Window::I32(out) => block.fill(field, out),
                    Window::I64(out) => block.fill(field, out),
                };
                filled.map_err(|(row, expected)| FitsError::Type {
                    place: self
                        .file
                        .place(unit, ((first_row + done + row) * self.row_bytes + field.offset) as u64),
                    what: format!("column {}", field.name),
                    expected,
                    found: field.element.name().into(),
                })?;
            }
            done += n;
        }
        Ok(())
    }

    fn field(&self, column: usize) -> Result<Field, FitsError> {
        let format = self.columns().get(column).ok_or_else(|| FitsError::Missing {
            file: self.file.path().to_path_buf(),
            what: format!("column number {column} of hdu {}", self.hdu),
        })?;
        match format.encoding() {
            Some(encoding) if !format.is_variable => Ok(Field {
                name: format.name.clone(),
                element: encoding.element(),
                encoding,
                offset: format.offset,
                repeat: format.repeat,
            }),
            _ => Err(FitsError::Type {
                place: self.file.place(self.unit()?, format.offset as u64),
                what: format!("column {}", format.name),
                expected: "a numeric column",
                found: if format.is_variable {
                    "of variable length".into()
                } else {
                    format!("{:?}", format.kind)
                },
            }),
        }
    }

    fn shape(&self, what: String) -> FitsError {
        FitsError::Shape {
            file: self.file.path().to_path_buf(),
            hdu: self.hdu,
            what,
        }
    }
}

/// A block of rows in memory, starting at the field.
struct Block<'a> {
    bytes: &'a [u8],
    row_bytes: usize,
    first: usize,
    rows: usize,
}

impl Block<'_> {
    /// Fills the part of `out` that this block covers; the error is the row and the type that did not fit.
    fn fill<T: Target>(&self, field: &Field, out: &mut [T]) -> Result<(), (usize, &'static str)> {
        if !is_convertible::<T>(&field.encoding) {
            return Err((0, T::NAME));
        }
        let range = self.first * field.repeat..(self.first + self.rows) * field.repeat;
        let Some(out) = out.get_mut(range) else {
            return Ok(());
        };
        if field.repeat == 1 {
            return decode(&field.encoding, self.bytes, self.row_bytes, out).map_err(|row| (row, T::NAME));
        }
        let size = field.encoding.stored.size();
        let rows = out
            .chunks_mut(field.repeat)
            .zip(self.bytes.chunks(self.row_bytes.max(1)));
        for (row, (slots, bytes)) in rows.enumerate() {
            decode(&field.encoding, bytes, size, slots).map_err(|_| (row, T::NAME))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Origin {
    Table {
        table: TableReader,
        column: usize,
        repeat: usize,
    },
    Image(PixelReader),
}

/// Windowed access to one numeric column, which may be an image.
///
/// # Contract
/// Holds no data; every read asks the file, so clones and threads are independent.
#[derive(Debug, Clone)]
pub struct ColumnReader {
    origin: Origin,
    name: Box<str>,
    unit: Option<Box<str>>,
    element: ElementType,
}

impl ColumnReader {
    pub(in crate::fits) fn of_table(file: &FitsFile, hdu: usize, name: &str) -> Result<Self, FitsError> {
        let table = TableReader::new(file, hdu)?;
        let column = table.position(name)?;
        let field = table.field(column)?;
        let unit = table.columns().get(column).and_then(|format| format.unit.clone());
        Ok(Self {
            name: field.name,
            unit,
            element: field.element,
            origin: Origin::Table {
                repeat: field.repeat,
                table,
                column,
            },
        })
    }

    pub(in crate::fits) fn of_image(file: &FitsFile, hdu: usize) -> Result<Self, FitsError> {
        let pixels = PixelReader::new(file, hdu)?;
        let unit = file.hdu(hdu)?;
        Ok(Self {
            name: unit.name.clone().unwrap_or_default(),
            unit: unit.unit().map(Into::into),
            element: pixels.element(),
            origin: Origin::Image(pixels),
        })
    }

    /// Returns the name of the column or extension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the unit.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Returns the type that holds the numbers without loss.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// Returns the number of rows (pixels of an image).
    pub fn len(&self) -> usize {
        match &self.origin {
            Origin::Table { table, .. } => table.rows(),
            Origin::Image(pixels) => pixels.len(),
        }
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the elements in one row.
    pub fn repeat(&self) -> usize {
        match &self.origin {
            Origin::Table { repeat, .. } => *repeat,
            Origin::Image(_) => 1,
        }
    }

    /// Fills `out` with rows from `first`.
    ///
    /// # Numerics
    /// As [`PixelReader::read`]; `TNULL` becomes NaN in a real buffer.
    ///
    /// # Errors
    /// `Shape` behind the last row; `Type` for numbers that do not fit; `Truncated`.
    pub fn read(&self, first: usize, out: Window<'_>) -> Result<(), FitsError> {
        match &self.origin {
            Origin::Table { table, column, .. } => table.read_windows(first, &mut [(*column, out)]),
            Origin::Image(pixels) => match out {
                Window::F32(out) => pixels.read(first, out),
                Window::F64(out) => pixels.read(first, out),
                Window::I32(out) => pixels.read(first, out),
                Window::I64(out) => pixels.read(first, out),
            },
        }
    }

    /// Fills single-precision numbers.
    ///
    /// # Errors
    /// As [`ColumnReader::read`].
    pub fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<(), FitsError> {
        self.read(first, Window::F32(out))
    }

    /// Fills double-precision numbers.
    ///
    /// # Errors
    /// As [`ColumnReader::read`].
    pub fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<(), FitsError> {
        self.read(first, Window::F64(out))
    }

    /// Fills 32-bit integers.
    ///
    /// # Errors
    /// As [`ColumnReader::read`].
    pub fn read_i32(&self, first: usize, out: &mut [i32]) -> Result<(), FitsError> {
        self.read(first, Window::I32(out))
    }
}
