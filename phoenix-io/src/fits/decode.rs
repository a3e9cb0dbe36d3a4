//! Big-endian bytes into numbers: plain loops over chunks, which the compiler turns into vector code.

use super::pixels::{Encoding, Pixels, Scaling, Stored};

/// A number type that a reader can fill.
///
/// Integers are filled only from integers that fit; `read_into` says where they do not.
pub trait Target: Copy + Default + Send + Sync + bytemuck::Pod + 'static + private::Sealed {
    /// The name for messages.
    const NAME: &'static str;
}

mod private {
    pub trait Sealed: Sized {
        /// The `BITPIX` of the stored form that needs nothing but a byte swap.
        const NATIVE: i64;
        /// The value of a missing number, if the type has one.
        const MISSING: Option<Self>;
        fn from_i128(value: i128) -> Option<Self>;
        fn from_i64(value: i64) -> Option<Self>;
        fn from_f64(value: f64) -> Option<Self>;
        fn from_f32(value: f32) -> Option<Self>;
        fn swap(values: &mut [Self]);
    }
}
pub(super) use private::Sealed;

macro_rules! float_target {
    ($type:ty, $bits:ty, $bitpix:literal, $name:literal) => {
        impl Sealed for $type {
            const NATIVE: i64 = $bitpix;
            const MISSING: Option<Self> = Some(<$type>::NAN);
            #[inline]
            fn from_i128(value: i128) -> Option<Self> {
                Some(value as $type)
            }
            #[inline]
            fn from_i64(value: i64) -> Option<Self> {
                Some(value as $type)
            }
            #[inline]
            fn from_f64(value: f64) -> Option<Self> {
                Some(value as $type)
            }
            #[inline]
            fn from_f32(value: f32) -> Option<Self> {
                Some(value as $type)
            }
            fn swap(values: &mut [Self]) {
                for bits in bytemuck::cast_slice_mut::<$type, $bits>(values) {
                    *bits = <$bits>::from_be(*bits);
                }
            }
        }
        impl Target for $type {
            const NAME: &'static str = $name;
        }
    };
}
float_target!(f32, u32, -32, "f32");
float_target!(f64, u64, -64, "f64");

macro_rules! integer_target {
    ($type:ty, $bitpix:literal, $name:literal) => {
        impl Sealed for $type {
            const NATIVE: i64 = $bitpix;
            const MISSING: Option<Self> = None;
            #[inline]
            fn from_i128(value: i128) -> Option<Self> {
                value.try_into().ok()
            }
            #[inline]
            fn from_i64(value: i64) -> Option<Self> {
                value.try_into().ok()
            }
            #[inline]
            fn from_f64(_: f64) -> Option<Self> {
                None
            }
            #[inline]
            fn from_f32(_: f32) -> Option<Self> {
                None
            }
            fn swap(values: &mut [Self]) {
                for value in values {
                    *value = <$type>::from_be(*value);
                }
            }
        }
        impl Target for $type {
            const NAME: &'static str = $name;
        }
    };
}
integer_target!(u8, 8, "u8");
integer_target!(i16, 16, "i16");
integer_target!(i32, 32, "i32");
integer_target!(i64, 64, "i64");

/// Tells whether stored numbers of this encoding can fill a `T` at all.
pub(super) fn is_convertible<T: Target>(encoding: &Encoding) -> bool {
    let gives_integers =
        !matches!(encoding.scaling, Scaling::Linear { .. }) && !matches!(encoding.stored, Stored::F32 | Stored::F64);
    T::MISSING.is_some() || gives_integers
}

/// Tells whether filling a `T` is a byte swap in place.
pub(super) fn is_native<T: Target>(encoding: &Encoding) -> bool {
    Stored::from_bitpix(T::NATIVE) == Some(encoding.stored)
        && encoding.scaling == Scaling::Plain
        && (encoding.blank.is_none() || T::MISSING.is_none())
}

/// Fills `out` from `bytes`, one element every `stride` bytes.
///
/// The error is the index of the first element that `T` cannot hold.
pub(super) fn decode<T: Target>(encoding: &Encoding, bytes: &[u8], stride: usize, out: &mut [T]) -> Result<(), usize> {
    match encoding.stored {
        Stored::U8 => integers::<1, T>(encoding, bytes, stride, out, |raw| i64::from(raw[0])),
        Stored::I16 => integers::<2, T>(encoding, bytes, stride, out, |raw| i16::from_be_bytes(raw).into()),
        Stored::I32 => integers::<4, T>(encoding, bytes, stride, out, |raw| i32::from_be_bytes(raw).into()),
        Stored::I64 => integers::<8, T>(encoding, bytes, stride, out, i64::from_be_bytes),
        Stored::F32 => match encoding.scaling {
            Scaling::Linear { scale, zero } => each(bytes, stride, out, |raw| {
                T::from_f64(f64::from(f32::from_be_bytes(raw)) * scale + zero)
            }),
            _ => each(bytes, stride, out, |raw| T::from_f32(f32::from_be_bytes(raw))),
        },
        Stored::F64 => match encoding.scaling {
            Scaling::Linear { scale, zero } => each(bytes, stride, out, |raw| {
                T::from_f64(f64::from_be_bytes(raw) * scale + zero)
            }),
            _ => each(bytes, stride, out, |raw| T::from_f64(f64::from_be_bytes(raw))),
        },
    }
}

fn integers<const N: usize, T: Target>(
    encoding: &Encoding,
    bytes: &[u8],
    stride: usize,
    out: &mut [T],
    load: impl Fn([u8; N]) -> i64 + Copy,
) -> Result<(), usize> {
    let blank = encoding.blank.filter(|_| T::MISSING.is_some());
    match (encoding.scaling, blank) {
        (Scaling::Plain, None) => each(bytes, stride, out, |raw| T::from_i64(load(raw))),
        (Scaling::Plain, Some(blank)) => each(bytes, stride, out, |raw| {
            let value = load(raw);
            if value == blank { T::MISSING } else { T::from_i64(value) }
        }),
        (Scaling::Offset, blank) => {
            let offset = match N {
                1 => -128,
                n => 1_i128 << (8 * n - 1),
            };
            each(bytes, stride, out, |raw| {
                let value = load(raw);
                if Some(value) == blank {
                    T::MISSING
                } else if N < 8 {
                    T::from_i64(value + offset as i64)
                } else {
                    T::from_i128(i128::from(value) + offset)
                }
            })
        }
        (Scaling::Linear { scale, zero }, blank) => each(bytes, stride, out, |raw| {
            let value = load(raw);
            if Some(value) == blank {
                T::MISSING
            } else {
                T::from_f64(value as f64 * scale + zero)
            }
        }),
    }
}

#[inline]
fn each<const N: usize, T: Target>(
    bytes: &[u8],
    stride: usize,
    out: &mut [T],
    convert: impl Fn([u8; N]) -> Option<T>,
) -> Result<(), usize> {
    let mut bad = usize::MAX;
    let mut put = |at: usize, slot: &mut T, raw: [u8; N]| match convert(raw) {
        Some(value) => *slot = value,
        None => bad = bad.min(at),
    };
    if stride == N {
        for (at, (slot, raw)) in out.iter_mut().zip(bytes.as_chunks::<N>().0).enumerate() {
            put(at, slot, *raw);
        }
    } else {
        for (at, (slot, row)) in out.iter_mut().zip(bytes.chunks(stride.max(1))).enumerate() {
            if let Some(raw) = row.first_chunk::<N>() {
                put(at, slot, *raw);
            }
        }
    }
    if bad == usize::MAX { Ok(()) } else { Err(bad) }
}

/// Decodes all of `bytes` into the type that keeps the numbers exact.
pub(super) fn decode_exact(encoding: &Encoding, bytes: &[u8]) -> Pixels {
    fn all<const N: usize, T>(bytes: &[u8], load: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|raw| load(*raw)).collect()
    }
    let n = bytes.len() / encoding.stored.size();
    match (encoding.scaling, encoding.stored) {
        (Scaling::Linear { .. }, _) => {
            let mut out = vec![0.0; n];
            // Doubles hold every scaled number, so no element can be refused.
            let _ = decode::<f64>(encoding, bytes, encoding.stored.size(), &mut out);
            Pixels::F64(out)
        }
        (Scaling::Plain, Stored::U8) => Pixels::U8(bytes.to_vec()),
        (_, Stored::U8) => Pixels::I8(bytes.iter().map(|byte| (byte ^ 0x80).cast_signed()).collect()),
        (Scaling::Plain, Stored::I16) => Pixels::I16(all(bytes, i16::from_be_bytes)),
        (_, Stored::I16) => Pixels::U16(all(bytes, |raw| u16::from_be_bytes(raw) ^ 0x8000)),
        (Scaling::Plain, Stored::I32) => Pixels::I32(all(bytes, i32::from_be_bytes)),
        (_, Stored::I32) => Pixels::U32(all(bytes, |raw| u32::from_be_bytes(raw) ^ 0x8000_0000)),
        (Scaling::Plain, Stored::I64) => Pixels::I64(all(bytes, i64::from_be_bytes)),
        (_, Stored::I64) => Pixels::U64(all(bytes, |raw| u64::from_be_bytes(raw) ^ (1 << 63))),
        (_, Stored::F32) => Pixels::F32(all(bytes, |raw| f32::from_bits(u32::from_be_bytes(raw)))),
        (_, Stored::F64) => Pixels::F64(all(bytes, |raw| f64::from_bits(u64::from_be_bytes(raw)))),
    }
}
