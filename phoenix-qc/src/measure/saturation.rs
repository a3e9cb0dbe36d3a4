//! Saturated pixels.

use phoenix_core::dq;
use phoenix_core::product::Pixels;
use phoenix_core::traits::Measured;

use super::{absent, value};

/// Counts quality words with the bit of a saturated raw pixel.
pub fn count_bits(quality: &[i32]) -> u64 {
    quality
        .iter()
        .filter(|word| word.cast_unsigned() & dq::SATURATED != 0)
        .count() as u64
}

/// Counts saturated pixels of a quality extension; absent if its words are too short to hold the bit.
pub fn count(pixels: &Pixels) -> Measured {
    match pixels {
        Pixels::I32(words) => value(
            words
                .iter()
                .filter(|word| word.cast_unsigned() & dq::SATURATED != 0)
                .count() as f64,
        ),
        Pixels::I16(words) => {
            let bit = dq::SATURATED as u16;
            value(words.iter().filter(|word| word.cast_unsigned() & bit != 0).count() as f64)
        }
        _ => absent("the quality extension has no words of 16 or 32 bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, count_bits};
    use ndarray::arr1;
    use phoenix_core::product::Pixels;
    use phoenix_core::traits::Measured;

    #[test]
    fn only_the_saturation_bit_counts() {
        let words = [0, 4096, 4096 | 32, 32, i32::MIN | 4096, i32::MIN];
        assert_eq!(count_bits(&words), 3);
        assert_eq!(
            count(&Pixels::I32(arr1(&words).into_dyn())),
            Measured::Value { value: 3.0 }
        );
        assert!(matches!(
            count(&Pixels::U8(arr1(&[1_u8]).into_dyn())),
            Measured::Absent { .. }
        ));
    }
}
