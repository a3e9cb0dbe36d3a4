//! Tables and pixels of a file as core's types.

use phoenix_core::product::{Column, ColumnData, Table};

use crate::fits::{self, Pixels};

/// Returns a table as core has it; the error names the column that core cannot hold.
///
/// # Numerics
/// Integers are exact; integer columns with undefined values become reals with NaN there. An undefined logical is
/// false. A complex value becomes two values, real and imaginary.
pub(crate) fn table(table: fits::Table) -> Result<Table, String> {
    let columns = table.columns.into_iter().map(column).collect::<Result<_, _>>()?;
    Ok(Table { columns })
}

fn column(column: fits::Column) -> Result<Column, String> {
    let mut repeat = column.repeat();
    let data = match column.data {
        fits::ColumnData::Variable(rows) => {
            let lengths: Vec<usize> = rows.iter().map(fits::ColumnData::len).collect();
            repeat = lengths.first().copied().unwrap_or_default();
            if lengths.iter().any(|length| *length != repeat) {
                return Err(format!("fixed length in column {}", column.name));
            }
            joined(rows).ok_or_else(|| format!("one type in column {}", column.name))?
        }
        data => data,
    };
    let data = match data {
        fits::ColumnData::Logical(values) => {
            ColumnData::Bool(values.into_iter().map(Option::unwrap_or_default).collect())
        }
        fits::ColumnData::Bits(values) => ColumnData::Bool(values),
        fits::ColumnData::Text(values) => ColumnData::Text(values),
        fits::ColumnData::Complex32(values) => {
            repeat *= 2;
            ColumnData::F32(values.into_flattened())
        }
        fits::ColumnData::Complex64(values) => {
            repeat *= 2;
            ColumnData::F64(values.into_flattened())
        }
        fits::ColumnData::Number(values) => numbers(values, column.null),
        fits::ColumnData::Variable(_) => return Err(format!("fixed length in column {}", column.name)),
    };
    Ok(Column {
        name: column.name.into(),
        unit: column.unit.map(Into::into),
        repeat,
        data,
    })
}

/// Joins the rows of a variable-length column whose rows are equally long.
fn joined(rows: Vec<fits::ColumnData>) -> Option<fits::ColumnData> {
    let mut rows = rows.into_iter();
    let Some(mut all) = rows.next() else {
        return Some(fits::ColumnData::Number(Pixels::U8(Vec::new())));
    };
    for row in rows {
        match (&mut all, row) {
            (fits::ColumnData::Logical(all), fits::ColumnData::Logical(row)) => all.extend(row),
            (fits::ColumnData::Bits(all), fits::ColumnData::Bits(row)) => all.extend(row),
            (fits::ColumnData::Text(all), fits::ColumnData::Text(row)) => all.extend(row),
            (fits::ColumnData::Complex32(all), fits::ColumnData::Complex32(row)) => all.extend(row),
            (fits::ColumnData::Complex64(all), fits::ColumnData::Complex64(row)) => all.extend(row),
            (fits::ColumnData::Number(all), fits::ColumnData::Number(row)) => append(all, row)?,
            _ => return None,
        }
    }
    Some(all)
}

fn append(all: &mut Pixels, row: Pixels) -> Option<()> {
    match (all, row) {
        (Pixels::U8(all), Pixels::U8(row)) => all.extend(row),
        (Pixels::I8(all), Pixels::I8(row)) => all.extend(row),
        (Pixels::I16(all), Pixels::I16(row)) => all.extend(row),
        (Pixels::U16(all), Pixels::U16(row)) => all.extend(row),
        (Pixels::I32(all), Pixels::I32(row)) => all.extend(row),
        (Pixels::U32(all), Pixels::U32(row)) => all.extend(row),
        (Pixels::I64(all), Pixels::I64(row)) => all.extend(row),
        (Pixels::U64(all), Pixels::U64(row)) => all.extend(row),
        (Pixels::F32(all), Pixels::F32(row)) => all.extend(row),
        (Pixels::F64(all), Pixels::F64(row)) => all.extend(row),
        _ => return None,
    }
    Some(())
}

/// Returns numbers in the narrowest type of core that holds them.
fn numbers(values: Pixels, null: Option<i64>) -> ColumnData {
    macro_rules! integers {
        ($values:expr, $variant:ident) => {{
            let is_null = |value: i64| null == Some(value);
            if $values.iter().any(|value| is_null((*value).into())) {
                let real = |value: i64| if is_null(value) { f64::NAN } else { value as f64 };
                ColumnData::F64($values.into_iter().map(|value| real(value.into())).collect())
            } else {
                ColumnData::$variant($values.into_iter().map(Into::into).collect())
            }
        }};
    }
    match values {
        Pixels::U8(values) => integers!(values, U8),
        Pixels::I8(values) => integers!(values, I16),
        Pixels::I16(values) => integers!(values, I16),
        Pixels::U16(values) => integers!(values, I32),
        Pixels::I32(values) => integers!(values, I32),
        Pixels::U32(values) => integers!(values, I64),
        Pixels::I64(values) => integers!(values, I64),
        Pixels::U64(values) => match values
            .iter()
            .map(|value| i64::try_from(*value))
            .collect::<Result<Vec<_>, _>>()
        {
            Ok(values) => integers!(values, I64),
            Err(_) => ColumnData::F64(values.into_iter().map(|value| value as f64).collect()),
        },
        Pixels::F32(values) => ColumnData::F32(values),
        Pixels::F64(values) => ColumnData::F64(values),
    }
}
