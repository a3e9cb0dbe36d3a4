//! Whole columns of a binary table, variable-length arrays included.

use super::data::{Column, ColumnData, Table};
use super::format::{ColumnFormat, ColumnKind, parse_columns};
use crate::fits::card::latin1;
use crate::fits::decode::decode_exact;
use crate::fits::error::FitsError;
use crate::fits::hdu::{Hdu, HduKind};
use crate::fits::image::WINDOW_BYTES;
use crate::fits::pixels::Pixels;
use crate::fits::read::FitsFile;

/// Descriptors may share heap bytes; arrays that repeat the data unit more often than this are a lie.
const MAX_HEAP_REUSE: u64 = 16;

/// Access to a binary table.
#[derive(Debug, Clone)]
pub struct TableReader {
    pub(super) file: FitsFile,
    pub(super) hdu: usize,
    pub(super) rows: usize,
    pub(super) row_bytes: usize,
    columns: Vec<ColumnFormat>,
}

impl TableReader {
    pub(in crate::fits) fn new(file: &FitsFile, hdu: usize) -> Result<Self, FitsError> {
        let unit = file.hdu(hdu)?;
        let (HduKind::BinTable, [rows, row_bytes]) = (&unit.kind, unit.shape.as_slice()) else {
            return Err(FitsError::Type {
                place: file.place(unit, 0),
                what: format!("hdu {hdu}"),
                expected: "a binary table",
                found: format!("{:?}", unit.kind),
            });
        };
        let columns = parse_columns(&unit.header, *row_bytes).map_err(|what| {
            FitsError::malformed(crate::fits::Place::new(file.path(), hdu, unit.header_offset), what)
        })?;
        Ok(Self {
            file: file.clone(),
            hdu,
            rows: *rows,
            row_bytes: *row_bytes,
            columns,
        })
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the formats of the columns.
    pub fn columns(&self) -> &[ColumnFormat] {
        &self.columns
    }

    /// Finds a column by name, case folded.
    ///
    /// # Errors
    /// `Missing`.
    pub fn position(&self, name: &str) -> Result<usize, FitsError> {
        self.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| FitsError::Missing {
                file: self.file.path().to_path_buf(),
                what: format!("column {name} of hdu {}", self.hdu),
            })
    }

    /// Reads all columns in one pass over the rows.
    ///
    /// # Errors
    /// See [`FitsError`].
    pub fn read(&self) -> Result<Table, FitsError> {
        let all: Vec<&ColumnFormat> = self.columns.iter().collect();
        Ok(Table {
            rows: self.rows,
            columns: self.gather(&all)?,
        })
    }

    /// Reads one column.
    ///
    /// # Errors
    /// `Missing`; see [`FitsError`].
    pub fn read_column(&self, name: &str) -> Result<Column, FitsError> {
        let at = self.position(name)?;
        let wanted: Vec<&ColumnFormat> = self.columns.iter().skip(at).take(1).collect();
        self.gather(&wanted)?.pop().ok_or_else(|| FitsError::Missing {
            file: self.file.path().to_path_buf(),
            what: format!("column {name} of hdu {}", self.hdu),
        })
    }

    pub(super) fn unit(&self) -> Result<&Hdu, FitsError> {
        self.file.hdu(self.hdu)
    }

    fn gather(&self, wanted: &[&ColumnFormat]) -> Result<Vec<Column>, FitsError> {
        let unit = self.unit()?;
        let width: usize = wanted.iter().map(|column| column.width).sum();
        self.file
            .check_memory((width as u64).saturating_mul(self.rows as u64), || {
                format!("the table of hdu {}", self.hdu)
            })?;
        let mut fields: Vec<Vec<u8>> = wanted
            .iter()
            .map(|column| Vec::with_capacity(column.width * self.rows))
            .collect();
        if let Some(rows_ahead) = WINDOW_BYTES.checked_div(self.row_bytes) {
            let rows_ahead = rows_ahead.max(1);
            let mut scratch = vec![0; rows_ahead.min(self.rows) * self.row_bytes];
            let mut row = 0;
            while row < self.rows {
                let n = rows_ahead.min(self.rows - row);
                let bytes = scratch.split_at_mut(n * self.row_bytes).0;
                self.file.read_data(unit, (row * self.row_bytes) as u64, bytes)?;
                for (column, field) in wanted.iter().zip(&mut fields) {
                    for line in bytes.chunks_exact(self.row_bytes) {
                        field.extend_from_slice(line.get(column.offset..column.offset + column.width).unwrap_or(&[]));
                    }
                }
                row += n;
            }
        }
        wanted
            .iter()
            .zip(fields)
            .map(|(column, field)| self.column(unit, column, &field))
            .collect()
    }

    fn column(&self, unit: &Hdu, format: &ColumnFormat, field: &[u8]) -> Result<Column, FitsError> {
        let data = if format.is_variable {
            ColumnData::Variable(self.arrays(unit, format, field)?)
        } else {
            elements(format, field, format.text_width, format.repeat)
        };
        let zero = if format.null.is_some() { format.zero } else { 0.0 };
        Ok(Column {
            name: format.name.clone(),
            unit: format.unit.clone(),
            display: format.display.clone(),
            null: match &data {
                ColumnData::Number(Pixels::F32(_) | Pixels::F64(_)) => None,
                _ => format.null.and_then(|null| null.checked_add(zero as i64)),
            },
            shape: format.shape.clone(),
            text_width: format.text_width,
            data,
        })
    }

    /// Follows the descriptors of a variable-length column into the heap.
    fn arrays(&self, unit: &Hdu, format: &ColumnFormat, field: &[u8]) -> Result<Vec<ColumnData>, FitsError> {
        if format.width == 0 {
            return Ok(Vec::new());
        }
        let table_bytes = self.rows as u64 * self.row_bytes as u64;
        let heap = match unit.header.i64("THEAP") {
            Ok(heap) => u64::try_from(heap).unwrap_or(u64::MAX),
            Err(_) => table_bytes,
        };
        let mut budget = unit.data_len.saturating_mul(MAX_HEAP_REUSE);
        let mut bytes = Vec::new();
        let mut arrays = Vec::with_capacity(self.rows);
        for (row, descriptor) in field.chunks_exact(format.width).enumerate() {
            let (count, start) = read_descriptor(descriptor);
            let n_bytes = match format.code {
                b'X' => Some(count.div_ceil(8)),
                _ => count.checked_mul(format.element_bytes() as u64),
            };
            let place = |what: &str| {
                let at = (row * self.row_bytes + format.offset) as u64;
                FitsError::malformed(
                    self.file.place(unit, at),
                    format!("the descriptor of {} in row {row} {what}", format.name),
                )
            };
            let n_bytes = n_bytes.ok_or_else(|| place("is longer than any file"))?;
            let first = heap.checked_add(start).filter(|first| {
                n_bytes == 0
                    || (heap >= table_bytes && first.checked_add(n_bytes).is_some_and(|end| end <= unit.data_len))
            });
            let first = first.ok_or_else(|| place("points behind the heap"))?;
            budget = budget
                .checked_sub(n_bytes)
                .ok_or_else(|| place("uses the heap again and again"))?;
            bytes.resize(n_bytes as usize, 0);
            if n_bytes > 0 {
                self.file.read_data(unit, first, &mut bytes)?;
            }
            // One text per row: its length is the array length.
            arrays.push(elements(format, &bytes, bytes.len(), count as usize));
        }
        Ok(arrays)
    }
}

/// Splits a `P` or `Q` descriptor into count and heap offset.
fn read_descriptor(bytes: &[u8]) -> (u64, u64) {
    if let Ok([a, b, c, d, e, f, g, h]) = <[u8; 8]>::try_from(bytes) {
        let count = u32::from_be_bytes([a, b, c, d]);
        return (count.into(), u32::from_be_bytes([e, f, g, h]).into());
    }
    let (count, start) = bytes
        .as_chunks::<8>()
        .0
        .split_first()
        .map_or(([0; 8], [0; 8]), |(count, rest)| {
            (*count, rest.first().copied().unwrap_or_default())
        });
    (u64::from_be_bytes(count), u64::from_be_bytes(start))
}

/// Decodes the bytes of many rows; a row has `per_row` elements, a text `text_width` bytes.
fn elements(format: &ColumnFormat, bytes: &[u8], text_width: usize, per_row: usize) -> ColumnData {
    match format.kind {
        ColumnKind::Logical => ColumnData::Logical(
            bytes
                .iter()
                .map(|byte| match byte {
                    b'T' => Some(true),
                    b'F' => Some(false),
                    _ => None,
                })
                .collect(),
        ),
        ColumnKind::Bits => {
            let row_bytes = per_row.div_ceil(8).max(1);
            let row_bits = |row: &[u8]| {
                let bits = row
                    .iter()
                    .flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1 == 1));
                bits.take(per_row).collect::<Vec<_>>()
            };
            ColumnData::Bits(bytes.chunks(row_bytes).flat_map(row_bits).collect())
        }
        ColumnKind::Text => ColumnData::Text(if format.is_variable {
            vec![text(bytes)]
        } else if text_width == 0 {
            Vec::new()
        } else {
            bytes.chunks(text_width).map(text).collect()
        }),
        ColumnKind::Number(_) => match format.encoding() {
            Some(encoding) => ColumnData::Number(decode_exact(&encoding, bytes)),
            None => ColumnData::Number(Pixels::U8(Vec::new())),
        },
        ColumnKind::Complex32 => ColumnData::Complex32(
            bytes
                .as_chunks::<8>()
                .0
                .iter()
                .map(|[a, b, c, d, e, f, g, h]| {
                    let pair = [
                        f32::from_be_bytes([*a, *b, *c, *d]),
                        f32::from_be_bytes([*e, *f, *g, *h]),
                    ];
                    let [re, im] = pair.map(f64::from);
                    [(re * format.scale + format.zero) as f32, (im * format.scale) as f32]
                })
                .collect(),
        ),
        ColumnKind::Complex64 => ColumnData::Complex64(
            bytes
                .as_chunks::<8>()
                .0
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[re, im]| {
                    [
                        f64::from_be_bytes(*re) * format.scale + format.zero,
                        f64::from_be_bytes(*im) * format.scale,
                    ]
                })
                .collect(),
        ),
    }
}

/// Reads a text: it ends at the first NUL, trailing blanks do not count, bytes beyond ASCII are Latin-1.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    latin1(bytes.split_at(end).0.trim_ascii_end())
}
