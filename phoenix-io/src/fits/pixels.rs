//! Typed elements: what a file stores, how its numbers are meant, and arrays that keep integers exact.

use phoenix_core::header::Header;

/// The type of the numbers in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElementType {
    /// Unsigned 8-bit.
    U8,
    /// Signed 8-bit, stored with an offset.
    I8,
    /// Signed 16-bit.
    I16,
    /// Unsigned 16-bit, stored with an offset.
    U16,
    /// Signed 32-bit.
    I32,
    /// Unsigned 32-bit, stored with an offset.
    U32,
    /// Signed 64-bit.
    I64,
    /// Unsigned 64-bit, stored with an offset.
    U64,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl ElementType {
    /// Returns the bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Returns the `BITPIX` of the stored form.
    pub fn bitpix(self) -> i64 {
        match self {
            Self::U8 | Self::I8 => 8,
            Self::I16 | Self::U16 => 16,
            Self::I32 | Self::U32 => 32,
            Self::I64 | Self::U64 => 64,
            Self::F32 => -32,
            Self::F64 => -64,
        }
    }

    /// Names the type for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::U16 => "u16",
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Returns the digits of the offset by which the stored form differs, as the FITS standard tabulates it.
    pub(super) fn offset(self) -> Option<&'static str> {
        match self {
            Self::I8 => Some("-128"),
            Self::U16 => Some("32768"),
            Self::U32 => Some("2147483648"),
            Self::U64 => Some("9223372036854775808"),
            _ => None,
        }
    }
}

/// The stored form of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    U8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Stored {
    pub(super) fn from_bitpix(bitpix: i64) -> Option<Self> {
        Some(match bitpix {
            8 => Self::U8,
            16 => Self::I16,
            32 => Self::I32,
            64 => Self::I64,
            -32 => Self::F32,
            -64 => Self::F64,
            _ => return None,
        })
    }

    pub(super) fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }
}

/// How stored numbers become meant ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scaling {
    /// As stored.
    Plain,
    /// The offset that makes signed storage unsigned, or the reverse for bytes: exact.
    Offset,
    /// `zero + scale * stored`.
    Linear { scale: f64, zero: f64 },
}

/// The complete recipe for one array or column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Encoding {
    pub(super) stored: Stored,
    pub(super) scaling: Scaling,
    /// The stored integer that means "no value".
    pub(super) blank: Option<i64>,
}

impl Encoding {
    pub(super) fn new(stored: Stored, scale: f64, zero: f64, blank: Option<i64>) -> Self {
        let is_float = matches!(stored, Stored::F32 | Stored::F64);
        let scaling = if is_identity(scale, zero) {
            Scaling::Plain
        } else if unsigned_zero(stored).is_some_and(|offset| is_identity(scale, zero - offset)) {
            Scaling::Offset
        } else {
            Scaling::Linear { scale, zero }
        };
        Self {
            stored,
            scaling,
            blank: blank.filter(|_| !is_float),
        }
    }

    /// Reads `BSCALE`, `BZERO` and `BLANK` of an image.
    pub(super) fn of_image(stored: Stored, header: &Header) -> Self {
        let scale = header.f64("BSCALE").unwrap_or(1.0);
        let zero = header.f64("BZERO").unwrap_or(0.0);
        Self::new(stored, scale, zero, header.i64("BLANK").ok())
    }

    /// Returns the type that holds the meant numbers without loss.
    pub(super) fn element(&self) -> ElementType {
        match (self.scaling, self.stored) {
            (Scaling::Linear { .. }, _) | (_, Stored::F64) => ElementType::F64,
            (_, Stored::F32) => ElementType::F32,
            (Scaling::Plain, Stored::U8) => ElementType::U8,
            (Scaling::Plain, Stored::I16) => ElementType::I16,
            (Scaling::Plain, Stored::I32) => ElementType::I32,
            (Scaling::Plain, Stored::I64) => ElementType::I64,
            (Scaling::Offset, Stored::U8) => ElementType::I8,
            (Scaling::Offset, Stored::I16) => ElementType::U16,
            (Scaling::Offset, Stored::I32) => ElementType::U32,
            (Scaling::Offset, Stored::I64) => ElementType::U64,
        }
    }
}

/// Tells whether a scaling changes nothing: the keywords are written as exactly these numbers or not at all.
pub(super) fn is_identity(scale: f64, zero: f64) -> bool {
    scale.to_bits() == 1.0_f64.to_bits() && zero.abs().to_bits() == 0
}

fn unsigned_zero(stored: Stored) -> Option<f64> {
    Some(match stored {
        Stored::U8 => -128.0,
        Stored::I16 => 32_768.0,
        Stored::I32 => 2_147_483_648.0,
        Stored::I64 => 9_223_372_036_854_775_808.0,
        _ => return None,
    })
}

/// Array elements of one type.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is named by its element type")]
pub enum Pixels {
    U8(Vec<u8>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Runs one expression on the vector inside, whatever its type.
macro_rules! with_pixels {
    ($pixels:expr, $values:ident => $body:expr) => {
        match $pixels {
            $crate::fits::Pixels::U8($values) => $body,
            $crate::fits::Pixels::I8($values) => $body,
            $crate::fits::Pixels::I16($values) => $body,
            $crate::fits::Pixels::U16($values) => $body,
            $crate::fits::Pixels::I32($values) => $body,
            $crate::fits::Pixels::U32($values) => $body,
            $crate::fits::Pixels::I64($values) => $body,
            $crate::fits::Pixels::U64($values) => $body,
            $crate::fits::Pixels::F32($values) => $body,
            $crate::fits::Pixels::F64($values) => $body,
        }
    };
}
pub(super) use with_pixels;

impl Pixels {
    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        with_pixels!(self, values => values.len())
    }

    /// Tells whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the element type.
    pub fn element(&self) -> ElementType {
        match self {
            Self::U8(_) => ElementType::U8,
            Self::I8(_) => ElementType::I8,
            Self::I16(_) => ElementType::I16,
            Self::U16(_) => ElementType::U16,
            Self::I32(_) => ElementType::I32,
            Self::U32(_) => ElementType::U32,
            Self::I64(_) => ElementType::I64,
            Self::U64(_) => ElementType::U64,
            Self::F32(_) => ElementType::F32,
            Self::F64(_) => ElementType::F64,
        }
    }

    /// Returns all elements in double precision; 64-bit integers beyond 2^53 are rounded.
    #[expect(clippy::unnecessary_cast, reason = "the macro runs over all types, f64 among them")]
    pub fn to_f64(&self) -> Vec<f64> {
        with_pixels!(self, values => values.iter().map(|value| *value as f64).collect())
    }

    /// Returns all elements in single precision, each rounded once.
    #[expect(clippy::unnecessary_cast, reason = "the macro runs over all types, f32 among them")]
    pub fn to_f32(&self) -> Vec<f32> {
        with_pixels!(self, values => values.iter().map(|value| *value as f32).collect())
    }

    /// Returns the elements if they are single precision.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match self {
            Self::F32(values) => Some(values),
            _ => None,
        }
    }

    /// Returns the elements if they are signed 32-bit integers.
    pub fn as_i32(&self) -> Option<&[i32]> {
        match self {
            Self::I32(values) => Some(values),
            _ => None,
        }
    }
}
