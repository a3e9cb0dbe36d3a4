//! What a column of a binary table holds: `TFORM`, `TDIM`, `TSCAL`, `TZERO`, `TNULL`.

use phoenix_core::header::Header;

use crate::fits::pixels::{ElementType, Encoding, Stored};

/// More columns than the standard's 999 cannot be declared.
const MAX_COLUMNS: i64 = 999;

/// What one element of a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// `L`: true, false or undefined.
    Logical,
    /// `X`: bits.
    Bits,
    /// `B I J K E D` with their offsets and scalings.
    Number(ElementType),
    /// `A`: text.
    Text,
    /// `C`: pairs of single-precision numbers.
    Complex32,
    /// `M`: pairs of double-precision numbers.
    Complex64,
}

/// The format of one column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnFormat {
    /// `TTYPE`, empty where absent.
    pub name: Box<str>,
    /// `TUNIT`.
    pub unit: Option<Box<str>>,
    /// What one element is.
    pub kind: ColumnKind,
    /// The elements in one row: numbers, bits, or texts. For a variable-length column 1 if it has a descriptor, else 0.
    pub repeat: usize,
    /// The shape of one row, slowest axis first, from `TDIM`; `[repeat]` without.
    pub shape: Vec<usize>,
    /// Whether each row has its own length (`P` and `Q`).
    pub is_variable: bool,
    /// `TNULL`, as stored.
    pub null: Option<i64>,
    /// `TDISP`.
    pub display: Option<Box<str>>,
    pub(in crate::fits) offset: usize,
    pub(in crate::fits) width: usize,
    /// The bytes of one text.
    pub(in crate::fits) text_width: usize,
    pub(in crate::fits) wide: bool,
    pub(in crate::fits) code: u8,
    pub(in crate::fits) scale: f64,
    pub(in crate::fits) zero: f64,
}

impl ColumnFormat {
    /// Returns how the numbers are stored, if the column has numbers.
    pub(in crate::fits) fn encoding(&self) -> Option<Encoding> {
        let stored = stored(self.code)?;
        Some(Encoding::new(stored, self.scale, self.zero, self.null))
    }

    /// Returns the bytes of one element as stored (of the element behind a descriptor for variable length).
    pub(in crate::fits) fn element_bytes(&self) -> usize {
        element_bytes(self.code)
    }
}

fn stored(code: u8) -> Option<Stored> {
    Some(match code {
        b'B' => Stored::U8,
        b'I' => Stored::I16,
        b'J' => Stored::I32,
        b'K' => Stored::I64,
        b'E' => Stored::F32,
        b'D' => Stored::F64,
        _ => return None,
    })
}

fn element_bytes(code: u8) -> usize {
    match code {
        b'I' => 2,
        b'J' | b'E' => 4,
        b'K' | b'D' | b'C' => 8,
        b'M' => 16,
        _ => 1,
    }
}

/// Parses the formats of all columns and checks that they fill a row of `row_bytes`.
pub(in crate::fits) fn parse_columns(header: &Header, row_bytes: usize) -> Result<Vec<ColumnFormat>, String> {
    let count = header.i64("TFIELDS").map_err(|error| error.to_string())?;
    if !(0..=MAX_COLUMNS).contains(&count) {
        return Err(format!("TFIELDS is {count}"));
    }
    let mut columns = Vec::new();
    let mut offset = 0_usize;
    for n in 1..=count {
        let mut column = parse_column(header, n)?;
        column.offset = offset;
        offset = offset
            .checked_add(column.width)
            .filter(|end| *end <= row_bytes)
            .ok_or_else(|| format!("column {n} reaches behind the {row_bytes} bytes of a row"))?;
        columns.push(column);
    }
    if offset != row_bytes {
        return Err(format!("the columns take {offset} bytes, NAXIS1 is {row_bytes}"));
    }
    Ok(columns)
}

fn parse_column(header: &Header, n: i64) -> Result<ColumnFormat, String> {
    let text = |stem: &str| header.str(format!("{stem}{n}")).ok();
    let form = header
        .str(format!("TFORM{n}"))
        .map_err(|error| error.to_string())?
        .trim();
    let bad = || format!("TFORM{n} '{form}' is no format of a binary table");

    let digits = form.bytes().take_while(u8::is_ascii_digit).count();
    let (count, rest) = form.split_at(digits);
    let count: usize = if count.is_empty() {
        1
    } else {
        count.parse().map_err(|_| bad())?
    };
    let code = *rest.as_bytes().first().ok_or_else(bad)?;
    let tail = rest.get(1..).unwrap_or_default();
    let is_variable = matches!(code, b'P' | b'Q');
    let element = if is_variable {
        *tail.as_bytes().first().ok_or_else(bad)?
    } else {
        code
    };

    let scale = header.f64(format!("TSCAL{n}")).unwrap_or(1.0);
    let zero = header.f64(format!("TZERO{n}")).unwrap_or(0.0);
    let null = header.i64(format!("TNULL{n}")).ok();
    let kind = match element {
        b'L' => ColumnKind::Logical,
        b'X' => ColumnKind::Bits,
        b'A' => ColumnKind::Text,
        b'C' => ColumnKind::Complex32,
        b'M' => ColumnKind::Complex64,
        other => ColumnKind::Number(Encoding::new(stored(other).ok_or_else(bad)?, scale, zero, null).element()),
    };
    let width = match code {
        b'X' => Some(count.div_ceil(8)),
        b'P' if count <= 1 => Some(count * 8),
        b'Q' if count <= 1 => Some(count * 16),
        b'P' | b'Q' => None,
        other => count.checked_mul(element_bytes(other)),
    }
    .ok_or_else(bad)?;

    let dims = text("TDIM").and_then(parse_dims);
    let (repeat, shape, text_width) = match (is_variable, kind) {
        (false, ColumnKind::Text) => text_layout(count, tail, dims),
        (true, ColumnKind::Text) => (count, vec![count], 0),
        _ => {
            let fits = dims.filter(|dims| !is_variable && product(dims) == Some(count));
            (count, fits.unwrap_or_else(|| vec![count]), 0)
        }
    };
    Ok(ColumnFormat {
        name: text("TTYPE").unwrap_or_default().trim().into(),
        unit: text("TUNIT").map(|unit| unit.trim().into()),
        kind,
        repeat,
        shape,
        is_variable,
        null,
        display: text("TDISP").map(|display| display.trim().into()),
        offset: 0,
        width,
        text_width,
        wide: code == b'Q',
        code: element,
        scale,
        zero,
    })
}

/// Cuts the characters of one row into texts: by `TDIM`, else by the old `rAw` form, else one text.
fn text_layout(count: usize, tail: &str, dims: Option<Vec<usize>>) -> (usize, Vec<usize>, usize) {
    if count == 0 {
        return (0, vec![0], 0);
    }
    if let Some(mut dims) = dims.filter(|dims| dims.len() > 1 && product(dims) == Some(count)) {
        let width = dims.pop().unwrap_or(count);
        return (count / width.max(1), dims, width);
    }
    match tail.trim().parse::<usize>() {
        Ok(width) if width > 0 && width < count && count.is_multiple_of(width) => {
            (count / width, vec![count / width], width)
        }
        _ => (1, vec![1], count),
    }
}

fn product(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))
}

/// Parses `(l,m,n)`, fastest first, into slowest first.
fn parse_dims(text: &str) -> Option<Vec<usize>> {
    let inside = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    let mut dims = inside
        .split(',')
        .map(|dim| dim.trim().parse().ok())
        .collect::<Option<Vec<usize>>>()?;
    dims.reverse();
    Some(dims)
}

#[cfg(test)]
mod tests {
    use phoenix_core::header::Header;

    use super::{ColumnKind, parse_columns};
    use crate::fits::ElementType;

    fn header(forms: &[(&str, Option<&str>)]) -> Header {
        let mut header = Header::new();
        header.set("TFIELDS", forms.len(), "");
        for (n, (form, dims)) in (1..).zip(forms) {
            header.set(format!("TFORM{n}"), *form, "");
            if let Some(dims) = dims {
                header.set(format!("TDIM{n}"), *dims, "");
            }
        }
        header
    }

    #[test]
    fn widths_and_shapes_follow_the_standard() {
        let header = header(&[
            ("11X", None),
            ("6E", Some("(3,2)")),
            ("24A", Some("(8,3)")),
            ("20A5", None),
            ("1PJ(17)", None),
            ("QD", None),
            ("0E", None),
        ]);
        let columns = parse_columns(&header, 2 + 24 + 24 + 20 + 8 + 16).unwrap();
        let repeats: Vec<_> = columns.iter().map(|column| column.repeat).collect();
        assert_eq!(repeats, [11, 6, 3, 4, 1, 1, 0]);
        assert_eq!(columns[1].shape, [2, 3]);
        assert_eq!(columns[2].text_width, 8);
        assert_eq!(columns[4].kind, ColumnKind::Number(ElementType::I32));
        assert!(columns[5].wide && columns[5].is_variable);
    }

    #[test]
    fn columns_that_do_not_fill_the_row_are_refused() {
        assert!(parse_columns(&header(&[("1J", None)]), 8).is_err());
        assert!(parse_columns(&header(&[("9223372036854775807D", None)]), 8).is_err());
        assert!(parse_columns(&header(&[("1Z", None)]), 8).is_err());
        assert!(parse_columns(&header(&[("", None)]), 0).is_err());
    }
}
