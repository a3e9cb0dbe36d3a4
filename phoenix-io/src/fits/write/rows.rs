//! Rows of a binary table as bytes: layout of the columns, fixed-width fields, the heap.

use phoenix_core::header::Value;

use super::encode::put;
use super::layout::offset_value;
use crate::fits::card::ascii;
use crate::fits::pixels::{ElementType, Pixels, with_pixels};
use crate::fits::table::{Column, ColumnData, ColumnKind, Table};

/// How one column stands in a row.
#[derive(Debug, Clone)]
pub(super) struct ColumnLayout {
    name: Box<str>,
    unit: Option<Box<str>>,
    display: Option<Box<str>>,
    null: Option<i64>,
    shape: Vec<usize>,
    pub(super) kind: ColumnKind,
    pub(super) is_variable: bool,
    wide: bool,
    longest: usize,
    repeat: usize,
    text_width: usize,
    pub(super) offset: usize,
    pub(super) width: usize,
}

/// The layout of a table and the heap that its variable-length columns need.
pub(super) struct TableLayout {
    pub(super) columns: Vec<ColumnLayout>,
    pub(super) row_bytes: usize,
    pub(super) heap: Vec<u8>,
}

/// Lays out the columns of a table and fills the heap.
pub(super) fn lay_out(table: &Table, rows: usize) -> Result<TableLayout, String> {
    let heap_bytes: usize = table.columns.iter().map(heap_bytes).sum();
    let wide = heap_bytes > i32::MAX as usize;
    let mut columns = Vec::with_capacity(table.columns.len());
    let mut offset = 0;
    for column in &table.columns {
        let mut layout = column_layout(column, wide)?;
        if layout.is_variable && rows != table.rows {
            return Err(format!(
                "the variable-length column {} needs all rows at once",
                column.name
            ));
        }
        layout.offset = offset;
        offset += layout.width;
        columns.push(layout);
    }
    if columns.len() > 999 {
        return Err(format!("{} columns, a table has at most 999", columns.len()));
    }
    let mut heap = Vec::with_capacity(heap_bytes);
    for (column, layout) in table.columns.iter().zip(&columns) {
        if let ColumnData::Variable(arrays) = &column.data {
            for array in arrays {
                if kind_of(array) != layout.kind {
                    return Err(format!("the arrays of column {} are of different kinds", column.name));
                }
                let start = heap.len();
                heap.resize(start + data_bytes(array), 0);
                put_data(array, 0, heap.split_at_mut(start).1)
                    .map_err(|what| format!("column {}: {what}", column.name))?;
            }
        }
    }
    Ok(TableLayout {
        columns,
        row_bytes: offset,
        heap,
    })
}

fn column_layout(column: &Column, wide: bool) -> Result<ColumnLayout, String> {
    let is_variable = matches!(column.data, ColumnData::Variable(_));
    let (kind, longest) = match &column.data {
        ColumnData::Variable(arrays) => (
            arrays.first().map_or(ColumnKind::Number(ElementType::U8), kind_of),
            arrays.iter().map(array_len).max().unwrap_or(0),
        ),
        data => (kind_of(data), 0),
    };
    let repeat = if is_variable { 1 } else { column.repeat() };
    let text_width = match &column.data {
        ColumnData::Text(texts) => texts
            .iter()
            .map(String::len)
            .max()
            .unwrap_or(0)
            .max(column.text_width)
            .max(1),
        _ => 0,
    };
    let width = match kind {
        _ if is_variable && wide => 16,
        _ if is_variable => 8,
        ColumnKind::Text => text_width * repeat,
        ColumnKind::Bits => repeat.div_ceil(8),
        kind => element_bytes(kind) * repeat,
    };
    if let Err(what) = check_text(&column.name) {
        return Err(format!("the name of column {}: {what}", column.name));
    }
    Ok(ColumnLayout {
        name: column.name.clone(),
        unit: column.unit.clone(),
        display: column.display.clone(),
        null: column.null,
        shape: column.shape.clone(),
        kind,
        is_variable,
        wide,
        longest,
        repeat,
        text_width,
        offset: 0,
        width,
    })
}

impl ColumnLayout {
    /// Tells the cards that describe the column.
    pub(super) fn cards(&self, n: usize, add: &mut impl FnMut(&str, Value, &str)) {
        add(&format!("TTYPE{n}"), (&*self.name).into(), "");
        add(&format!("TFORM{n}"), self.form().into(), "");
        if let Some(unit) = &self.unit {
            add(&format!("TUNIT{n}"), (&**unit).into(), "");
        }
        if let Some(dims) = self.dims() {
            add(&format!("TDIM{n}"), dims.into(), "");
        }
        let offset = match self.kind {
            ColumnKind::Number(element) => element.offset(),
            _ => None,
        };
        if let Some(offset) = offset {
            add(&format!("TSCAL{n}"), 1_i64.into(), "");
            add(&format!("TZERO{n}"), offset_value(offset), "offset of unsigned numbers");
        }
        if let Some(null) = self.null {
            let zero: i64 = offset.and_then(|digits| digits.parse().ok()).unwrap_or(0);
            add(&format!("TNULL{n}"), Value::Integer(null.saturating_sub(zero)), "");
        }
        if let Some(display) = &self.display {
            add(&format!("TDISP{n}"), (&**display).into(), "");
        }
    }

    fn form(&self) -> String {
        let code = match self.kind {
            ColumnKind::Logical => 'L',
            ColumnKind::Bits => 'X',
            ColumnKind::Text => 'A',
            ColumnKind::Complex32 => 'C',
            ColumnKind::Complex64 => 'M',
            ColumnKind::Number(element) => match element {
                ElementType::U8 | ElementType::I8 => 'B',
                ElementType::I16 | ElementType::U16 => 'I',
                ElementType::I32 | ElementType::U32 => 'J',
                ElementType::I64 | ElementType::U64 => 'K',
                ElementType::F32 => 'E',
                ElementType::F64 => 'D',
            },
        };
        if self.is_variable {
            let descriptor = if self.wide { 'Q' } else { 'P' };
            return format!("1{descriptor}{code}({})", self.longest);
        }
        let count = if self.kind == ColumnKind::Text {
            self.width
        } else {
            self.repeat
        };
        format!("{count}{code}")
    }

    fn dims(&self) -> Option<String> {
        let is_text_array = self.kind == ColumnKind::Text && self.repeat > 1;
        if self.is_variable || (self.shape.len() < 2 && !is_text_array) {
            return None;
        }
        let text = is_text_array.then_some(self.text_width);
        let dims: Vec<String> = text
            .into_iter()
            .chain(self.shape.iter().rev().copied())
            .map(|length| length.to_string())
            .collect();
        Some(format!("({})", dims.join(",")))
    }
}

/// Fills `out` with rows of the table; `heap_start` is where the next variable-length array of each column begins.
pub(super) fn put_rows(
    layout: &[ColumnLayout],
    row_bytes: usize,
    table: &Table,
    first: usize,
    out: &mut [u8],
    heap_starts: &mut [u64],
) -> Result<(), String> {
    for ((column, layout), heap_start) in table.columns.iter().zip(layout).zip(heap_starts) {
        for (at, row) in out.chunks_exact_mut(row_bytes.max(1)).enumerate() {
            let Some(field) = row.get_mut(layout.offset..layout.offset + layout.width) else {
                continue;
            };
            let row = first + at;
            match &column.data {
                ColumnData::Variable(arrays) => {
                    let Some(array) = arrays.get(row) else { continue };
                    put_descriptor(field, array_len(array) as u64, *heap_start);
                    *heap_start += data_bytes(array) as u64;
                }
                ColumnData::Text(texts) => {
                    let slots = field.chunks_exact_mut(layout.text_width.max(1));
                    for (slot, text) in slots.zip(texts.iter().skip(row * layout.repeat)) {
                        check_text(text).map_err(|what| format!("column {}, row {row}: {what}", column.name))?;
                        slot.fill(b' ');
                        if let Some(part) = slot.get_mut(..text.len()) {
                            part.copy_from_slice(text.as_bytes());
                        }
                    }
                }
                data => put_data_row(data, row * layout.repeat, layout.repeat, field)
                    .map_err(|what| format!("column {}, row {row}: {what}", column.name))?,
            }
        }
    }
    Ok(())
}

fn put_descriptor(field: &mut [u8], count: u64, start: u64) {
    let half = field.len() / 2;
    let (first, second) = field.split_at_mut(half);
    if half == 4 {
        first.copy_from_slice(&(count as u32).to_be_bytes());
        second.copy_from_slice(&(start as u32).to_be_bytes());
    } else {
        first.copy_from_slice(&count.to_be_bytes());
        second.copy_from_slice(&start.to_be_bytes());
    }
}

fn put_data(data: &ColumnData, first: usize, out: &mut [u8]) -> Result<(), String> {
    put_data_row(data, first, data.len(), out)
}

/// Fills `out` with `count` elements from `first`.
fn put_data_row(data: &ColumnData, first: usize, count: usize, out: &mut [u8]) -> Result<(), String> {
    fn part<T>(values: &[T], first: usize, count: usize) -> Result<&[T], String> {
        values
            .get(first..first + count)
            .ok_or_else(|| "the column is too short".to_owned())
    }
    match data {
        ColumnData::Number(pixels) => with_pixels!(pixels, values => put(part(values, first, count)?, out)),
        ColumnData::Logical(values) => {
            for (slot, value) in out.iter_mut().zip(part(values, first, count)?) {
                *slot = match value {
                    Some(true) => b'T',
                    Some(false) => b'F',
                    None => 0,
                };
            }
        }
        ColumnData::Bits(values) => {
            for (slot, bits) in out.iter_mut().zip(part(values, first, count)?.chunks(8)) {
                *slot = (0..)
                    .zip(bits)
                    .fold(0, |byte, (at, bit)| byte | (u8::from(*bit) << (7 - at)));
            }
        }
        ColumnData::Complex32(values) => put(part(values, first, count)?.as_flattened(), out),
        ColumnData::Complex64(values) => put(part(values, first, count)?.as_flattened(), out),
        ColumnData::Text(texts) => {
            // Only the heap comes here: one text per array.
            let text = texts.get(first).map_or("", String::as_str);
            check_text(text)?;
            out.copy_from_slice(text.as_bytes());
        }
        ColumnData::Variable(_) => return Err("arrays of arrays cannot be written".to_owned()),
    }
    Ok(())
}

fn kind_of(data: &ColumnData) -> ColumnKind {
    match data {
        ColumnData::Logical(_) => ColumnKind::Logical,
        ColumnData::Bits(_) => ColumnKind::Bits,
        ColumnData::Text(_) => ColumnKind::Text,
        ColumnData::Complex32(_) => ColumnKind::Complex32,
        ColumnData::Complex64(_) => ColumnKind::Complex64,
        ColumnData::Number(Pixels::U8(_)) | ColumnData::Variable(_) => ColumnKind::Number(ElementType::U8),
        ColumnData::Number(pixels) => ColumnKind::Number(pixels.element()),
    }
}

fn element_bytes(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::Number(element) => element.size(),
        ColumnKind::Complex32 => 8,
        ColumnKind::Complex64 => 16,
        ColumnKind::Logical | ColumnKind::Bits | ColumnKind::Text => 1,
    }
}

/// Returns what the descriptor counts: elements, bits, or the characters of one text.
fn array_len(data: &ColumnData) -> usize {
    match data {
        ColumnData::Text(texts) => texts.first().map_or(0, String::len),
        data => data.len(),
    }
}

fn data_bytes(data: &ColumnData) -> usize {
    match data {
        ColumnData::Bits(bits) => bits.len().div_ceil(8),
        data => array_len(data) * element_bytes(kind_of(data)),
    }
}

fn heap_bytes(column: &Column) -> usize {
    match &column.data {
        ColumnData::Variable(arrays) => arrays.iter().map(data_bytes).sum(),
        _ => 0,
    }
}

/// Returns the heap bytes of each column, in the order in which [`lay_out`] fills the heap.
pub(super) fn heap_starts(table: &Table) -> Vec<u64> {
    let mut start = 0;
    table
        .columns
        .iter()
        .map(|column| {
            let own = start;
            start += heap_bytes(column) as u64;
            own
        })
        .collect()
}

fn check_text(text: &str) -> Result<(), String> {
    if ascii(text.as_bytes()).is_some() {
        return Ok(());
    }
    let bad = text.chars().find(|c| !matches!(c, ' '..='~')).unwrap_or(' ');
    Err(format!("the character {bad:?} is not printable ascii"))
}

impl ColumnLayout {
    /// Tells whether rows laid out as `given` can be written into this column.
    pub(super) fn takes(&self, given: &Self) -> bool {
        self.kind == given.kind
            && self.is_variable == given.is_variable
            && self.repeat == given.repeat
            && given.text_width <= self.text_width
    }
}
