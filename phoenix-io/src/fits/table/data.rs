//! Tables in memory: typed columns that keep what the file says.

use crate::fits::pixels::Pixels;

/// The elements of one column, row after row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnData {
    /// Truth values; `None` is undefined.
    Logical(Vec<Option<bool>>),
    /// Bits.
    Bits(Vec<bool>),
    /// Numbers, integers exact.
    Number(Pixels),
    /// Texts without trailing blanks.
    Text(Vec<String>),
    /// Single-precision pairs: real, imaginary.
    Complex32(Vec<[f32; 2]>),
    /// Double-precision pairs: real, imaginary.
    Complex64(Vec<[f64; 2]>),
    /// One array for each row, all of one kind.
    Variable(Vec<ColumnData>),
}

impl ColumnData {
    /// Returns the number of elements (rows for a variable-length column).
    pub fn len(&self) -> usize {
        match self {
            Self::Logical(values) => values.len(),
            Self::Bits(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Complex32(values) => values.len(),
            Self::Complex64(values) => values.len(),
            Self::Variable(values) => values.len(),
        }
    }

    /// Tells whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the numbers, if the column has numbers.
    pub fn numbers(&self) -> Option<&Pixels> {
        match self {
            Self::Number(values) => Some(values),
            _ => None,
        }
    }

    /// Returns the texts, if the column has texts.
    pub fn texts(&self) -> Option<&[String]> {
        match self {
            Self::Text(values) => Some(values),
            _ => None,
        }
    }
}

macro_rules! from_numbers {
    ($($type:ty => $variant:ident),*) => {
        $(impl From<Vec<$type>> for ColumnData {
            fn from(values: Vec<$type>) -> Self {
                Self::Number(Pixels::$variant(values))
            }
        })*
    };
}
from_numbers!(u8 => U8, i8 => I8, i16 => I16, u16 => U16, i32 => I32, u32 => U32, i64 => I64, u64 => U64,
    f32 => F32, f64 => F64);

impl From<Vec<bool>> for ColumnData {
    fn from(values: Vec<bool>) -> Self {
        Self::Logical(values.into_iter().map(Some).collect())
    }
}

impl From<Vec<String>> for ColumnData {
    fn from(values: Vec<String>) -> Self {
        Self::Text(values)
    }
}

impl From<Vec<&str>> for ColumnData {
    fn from(values: Vec<&str>) -> Self {
        Self::Text(values.into_iter().map(str::to_owned).collect())
    }
}

/// One column.
///
/// # Shapes
/// `data` has `rows * product(shape)` elements, the row slowest; a scalar column has the shape `[1]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Column {
    /// The name.
    pub name: Box<str>,
    /// The unit.
    pub unit: Option<Box<str>>,
    /// The display format, `TDISP`.
    pub display: Option<Box<str>>,
    /// The integer that means "no value", in the numbers of `data`.
    pub null: Option<i64>,
    /// The shape of one row, slowest axis first.
    pub shape: Vec<usize>,
    /// The bytes of one text in the file; 0 lets the longest text decide.
    pub text_width: usize,
    /// The elements.
    pub data: ColumnData,
}

impl Column {
    /// Returns a column of one element per row.
    pub fn new(name: &str, data: impl Into<ColumnData>) -> Self {
        Self {
            name: name.into(),
            unit: None,
            display: None,
            null: None,
            shape: vec![1],
            text_width: 0,
            data: data.into(),
        }
    }

    /// Sets the unit.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Sets the shape of one row, slowest axis first.
    #[must_use]
    pub fn shape(mut self, shape: &[usize]) -> Self {
        self.shape = shape.to_vec();
        self
    }

    /// Sets the integer that means "no value".
    #[must_use]
    pub fn null(mut self, null: i64) -> Self {
        self.null = Some(null);
        self
    }

    /// Sets the display format.
    #[must_use]
    pub fn display(mut self, display: &str) -> Self {
        self.display = Some(display.into());
        self
    }

    /// Sets the bytes of one text in the file.
    #[must_use]
    pub fn text_width(mut self, bytes: usize) -> Self {
        self.text_width = bytes;
        self
    }

    /// Returns the elements in one row.
    pub fn repeat(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The number of rows.
    pub rows: usize,
    /// The columns in file order.
    pub columns: Vec<Column>,
}

impl Table {
    /// Returns a table of columns; the first one tells the number of rows.
    pub fn new(columns: Vec<Column>) -> Self {
        let rows = columns.first().map_or(0, |column| match &column.data {
            ColumnData::Variable(rows) => rows.len(),
            data => data.len().checked_div(column.repeat()).unwrap_or(0),
        });
        Self { rows, columns }
    }

    /// Returns a column by name, case folded.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Takes a column out by name, case folded.
    pub fn take(&mut self, name: &str) -> Option<Column> {
        let at = self
            .columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))?;
        Some(self.columns.remove(at))
    }
}
