//! Comparison of arrays: by bits, and by quantiles of the difference in units of the error.

/// How two arrays of 32-bit reals differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Values compared.
    pub n: usize,
    /// Positions where exactly one is NaN.
    pub nan_mismatch: usize,
    /// Positions where both are numbers with different bits.
    pub n_differing: usize,
    /// Quantiles of |a - b| / error over all positions where both are numbers: median, 99 %, maximum.
    pub q50: f64,
    /// See `q50`.
    pub q99: f64,
    /// See `q50`.
    pub max: f64,
    /// The first position that differs.
    pub first: Option<usize>,
}

impl Difference {
    /// Tells whether the arrays have the same bits (any NaN equals any NaN).
    pub fn is_none(&self) -> bool {
        self.nan_mismatch == 0 && self.n_differing == 0
    }
}

/// Compares two arrays; `variance` scales the difference (absent: absolute difference).
///
/// # Panics
/// If the lengths differ.
pub fn compare(ours: &[f32], theirs: &[f32], variance: Option<&[f32]>) -> Difference {
    assert_eq!(
        ours.len(),
        theirs.len(),
        "arrays of different lengths cannot be compared"
    );
    let mut scaled = Vec::new();
    let mut difference = Difference {
        n: ours.len(),
        nan_mismatch: 0,
        n_differing: 0,
        q50: 0.0,
        q99: 0.0,
        max: 0.0,
        first: None,
    };
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        if a.is_nan() != b.is_nan() {
            difference.nan_mismatch += 1;
            difference.first.get_or_insert(i);
        } else if !a.is_nan() {
            if a.to_bits() != b.to_bits() {
                difference.n_differing += 1;
                difference.first.get_or_insert(i);
            }
            let error = variance.map_or(1.0, |variance| f64::from(variance[i]).sqrt());
            scaled.push((f64::from(*a) - f64::from(*b)).abs() / error);
        }
    }
    scaled.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        scaled
            .get(((scaled.len() as f64 - 1.0) * q) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    difference.q50 = quantile(0.5);
    difference.q99 = quantile(0.99);
    difference.max = quantile(1.0);
    difference
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn equal_bits_are_no_difference_and_nan_equals_nan() {
        assert!(compare(&[1.0, f32::NAN], &[1.0, f32::NAN], None).is_none());
    }

    #[test]
    fn one_last_bit_is_seen() {
        let next = f32::from_bits(1.0_f32.to_bits() + 1);
        let difference = compare(&[0.0, 1.0], &[0.0, next], Some(&[1.0, 4.0]));
        assert_eq!((difference.n_differing, difference.first), (1, Some(1)));
        assert!((difference.max - f64::from(f32::EPSILON) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_nan_beside_a_number_is_a_mismatch() {
        assert_eq!(compare(&[f32::NAN], &[0.0], None).nan_mismatch, 1);
    }
}
