//! Numbers into big-endian bytes.

use crate::fits::pixels::ElementType;

/// A number type that can be written.
pub trait Pixel: Copy + Send + Sync + private::Sealed {
    /// The element type of the file.
    const ELEMENT: ElementType;
}

mod private {
    pub trait Sealed: Sized {
        /// Writes all values; `out` is exactly as long as they need.
        fn put(values: &[Self], out: &mut [u8]);
    }
}

macro_rules! pixel {
    ($type:ty, $element:ident, $store:expr) => {
        impl private::Sealed for $type {
            fn put(values: &[Self], out: &mut [u8]) {
                for (value, slot) in values.iter().zip(out.as_chunks_mut().0) {
                    *slot = $store(*value);
                }
            }
        }
        impl Pixel for $type {
            const ELEMENT: ElementType = ElementType::$element;
        }
    };
}
pixel!(u8, U8, u8::to_be_bytes);
pixel!(i8, I8, |value: i8| [value.cast_unsigned() ^ 0x80]);
pixel!(i16, I16, i16::to_be_bytes);
pixel!(u16, U16, |value: u16| (value ^ 0x8000).to_be_bytes());
pixel!(i32, I32, i32::to_be_bytes);
pixel!(u32, U32, |value: u32| (value ^ 0x8000_0000).to_be_bytes());
pixel!(i64, I64, i64::to_be_bytes);
pixel!(u64, U64, |value: u64| (value ^ (1 << 63)).to_be_bytes());
pixel!(f32, F32, |value: f32| value.to_bits().to_be_bytes());
pixel!(f64, F64, |value: f64| value.to_bits().to_be_bytes());

/// Encodes all values into `out`, which is exactly as long as they need.
pub(super) fn put<T: Pixel>(values: &[T], out: &mut [u8]) {
    <T as private::Sealed>::put(values, out);
}
