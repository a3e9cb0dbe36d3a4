//! Text tables (`XTENSION = 'TABLE'`): rare, small, read whole.

use phoenix_core::header::Header;

use super::card::{ascii, latin1};
use super::error::FitsError;
use super::hdu::HduKind;
use super::pixels::{Pixels, is_identity};
use super::read::FitsFile;
use super::table::{Column, ColumnData, Table};

struct Field {
    start: usize,
    width: usize,
    code: u8,
    decimals: usize,
    scale: f64,
    zero: f64,
    null: Option<String>,
}

/// Reads a text table: integers as `i64`, reals as `f64`, absent numbers as NaN.
pub(super) fn read_table(file: &FitsFile, hdu: usize) -> Result<Table, FitsError> {
    let unit = file.hdu(hdu)?;
    let (HduKind::AsciiTable, [rows, row_bytes]) = (&unit.kind, unit.shape.as_slice()) else {
        return Err(FitsError::Type {
            place: file.place(unit, 0),
            what: format!("hdu {hdu}"),
            expected: "a text table",
            found: format!("{:?}", unit.kind),
        });
    };
    let in_header = |what: String| FitsError::malformed(super::Place::new(file.path(), hdu, unit.header_offset), what);
    let count = unit
        .header
        .i64("TFIELDS")
        .map_err(|error| in_header(error.to_string()))?;
    if !(0..=999).contains(&count) {
        return Err(in_header(format!("TFIELDS is {count}")));
    }
    let bytes = file.raw_data(hdu)?;
    let mut columns = Vec::new();
    for n in 1..=count {
        let field = field(&unit.header, n, *row_bytes).map_err(in_header)?;
        let name = unit.header.str(format!("TTYPE{n}")).unwrap_or_default().trim();
        let cells = bytes
            .chunks_exact((*row_bytes).max(1))
            .map(|row| row.get(field.start..field.start + field.width).unwrap_or_default());
        let data = read_cells(&field, cells).map_err(|row| {
            let at = (row * row_bytes + field.start) as u64;
            FitsError::malformed(file.place(unit, at), format!("column {name}, row {row}: no number"))
        })?;
        let mut column = Column::new(name, data);
        column.unit = unit.header.str(format!("TUNIT{n}")).ok().map(|text| text.trim().into());
        columns.push(column);
    }
    Ok(Table { rows: *rows, columns })
}

fn field(header: &Header, n: i64, row_bytes: usize) -> Result<Field, String> {
    let form = header
        .str(format!("TFORM{n}"))
        .map_err(|error| error.to_string())?
        .trim();
    let bad = || format!("TFORM{n} '{form}' is no format of a text table");
    let code = *form.as_bytes().first().ok_or_else(bad)?;
    let (width, decimals) = form
        .get(1..)
        .unwrap_or_default()
        .split_once('.')
        .unwrap_or((&form[1..], "0"));
    let width: usize = width.parse().map_err(|_| bad())?;
    let start = header.i64(format!("TBCOL{n}")).map_err(|error| error.to_string())?;
    let start = usize::try_from(start - 1).map_err(|_| format!("TBCOL{n} is {start}"))?;
    let end = start.checked_add(width);
    if !matches!(code, b'A' | b'I' | b'F' | b'E' | b'D') || width == 0 {
        return Err(bad());
    }
    if end.is_none_or(|end| end > row_bytes) {
        return Err(format!("column {n} reaches behind the {row_bytes} bytes of a row"));
    }
    Ok(Field {
        start,
        width,
        code,
        decimals: decimals.parse().map_err(|_| bad())?,
        scale: header.f64(format!("TSCAL{n}")).unwrap_or(1.0),
        zero: header.f64(format!("TZERO{n}")).unwrap_or(0.0),
        null: header.str(format!("TNULL{n}")).ok().map(|text| text.trim().to_owned()),
    })
}

/// The error is the row whose text is no number.
fn read_cells<'a>(field: &Field, cells: impl Iterator<Item = &'a [u8]>) -> Result<ColumnData, usize> {
    if field.code == b'A' {
        return Ok(ColumnData::Text(
            cells.map(|cell| latin1(cell.trim_ascii_end())).collect(),
        ));
    }
    let numbers = cells.enumerate().map(|(row, cell)| {
        let text = ascii(cell).ok_or(row)?.trim();
        if text.is_empty() || field.null.as_deref() == Some(text) {
            return Ok(None);
        }
        number(field, text).map(Some).ok_or(row)
    });
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let is_plain = is_identity(field.scale, field.zero);
    let integers: Option<Vec<i64>> = numbers
        .iter()
        .map(|number| match number {
            Some(Number::Integer(value)) => Some(*value),
            _ => None,
        })
        .collect();
    Ok(ColumnData::Number(match integers {
        Some(integers) if is_plain && field.code == b'I' => Pixels::I64(integers),
        _ => Pixels::F64(
            numbers
                .into_iter()
                .map(|number| match number {
                    Some(Number::Integer(value)) => value as f64 * field.scale + field.zero,
                    Some(Number::Real(value)) => value * field.scale + field.zero,
                    None => f64::NAN,
                })
                .collect(),
        ),
    }))
}

enum Number {
    Integer(i64),
    Real(f64),
}

fn number(field: &Field, text: &str) -> Option<Number> {
    if field.code == b'I' {
        return text.parse().ok().map(Number::Integer);
    }
    let spelled = text.to_ascii_uppercase().replace('D', "E");
    let value: f64 = spelled.parse().ok().filter(|value: &f64| value.is_finite())?;
    // Without a point, the last digits of the mantissa stand behind an implied one.
    let implied = if spelled.contains('.') { 0 } else { field.decimals };
    Some(Number::Real(value / 10_f64.powi(i32::try_from(implied).ok()?)))
}
