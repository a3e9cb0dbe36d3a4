//! From values to places on the colour map.

use super::Stretch;
use super::zscale::zscale;
use crate::measure::stat;

/// A stretch with its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// The value at the lower end.
    pub(super) low: f64,
    /// The value at the upper end.
    pub(super) high: f64,
    /// The share of the range that is linear; absent for a linear stretch.
    softening: Option<f64>,
}

impl Scale {
    /// Chooses limits for an image.
    ///
    /// # Numerics
    /// asinh: from two sigma below the background to the 99.9 % quantile, linear up to three sigma above the background.
    /// Without any finite value the limits are 0 and 1.
    ///
    /// # References
    /// Lupton et al. 2004, PASP 116, 133 (asinh stretch).
    pub(super) fn of(stretch: Stretch, values: &[f32]) -> Self {
        let limits = match stretch {
            Stretch::ZScale => zscale(values).map(|(low, high)| (low, high, None)),
            Stretch::Asinh => asinh_limits(values),
        };
        let (low, high, softening) = limits.unwrap_or((0.0, 1.0, None));
        if high > low {
            return Self { low, high, softening };
        }
        // A constant image lies in the middle of its map.
        let half = low.abs().max(1e-30) * 1e-3;
        Self {
            low: low - half,
            high: low + half,
            softening: None,
        }
    }

    /// Returns the place of a value on the colour map, 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let x = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.softening.map_or(x, |a| (x / a).asinh() / (1.0 / a).asinh())
    }

    /// Returns how far from the lower end the stretch is linear.
    pub(super) fn linear_extent(&self) -> f64 {
        self.softening.unwrap_or(1.0) * (self.high - self.low)
    }
}

fn asinh_limits(values: &[f32]) -> Option<(f64, f64, Option<f64>)> {
    let mut finite: Vec<f64> = values
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| f64::from(*value))
        .collect();
    let background = stat::clipped(&finite, 3.0)?;
    finite.sort_by(f64::total_cmp);
    let quantile = |share: f64| finite[((finite.len() - 1) as f64 * share).round() as usize];
    let low = (background.centre - 2.0 * background.sigma).max(finite[0]);
    let high = quantile(0.999)
        .max(background.centre + 5.0 * background.sigma)
        .min(finite[finite.len() - 1]);
    if high <= low {
        return Some((low, high, None));
    }
    let softening = ((background.centre + 3.0 * background.sigma - low) / (high - low)).clamp(0.01, 10.0);
    Some((low, high, Some(softening)))
}

#[cfg(test)]
mod tests {
    use super::Scale;
    use crate::plot::Stretch;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn brighter_is_never_darker(
            values in prop::collection::vec(-1e4_f32..1e6, 3..200), a in -1e4_f64..1e6, b in -1e4_f64..1e6,
        ) {
            for stretch in [Stretch::Asinh, Stretch::ZScale] {
                let scale = Scale::of(stretch, &values);
                prop_assert!(scale.high > scale.low);
                let (dim, bright) = (a.min(b), a.max(b));
                prop_assert!(scale.place(dim) <= scale.place(bright));
                prop_assert!((0.0..=1.0).contains(&scale.place(a)));
            }
        }
    }

    #[test]
    fn an_image_without_values_has_a_scale() {
        let scale = Scale::of(Stretch::Asinh, &[f32::NAN]);
        assert!(scale.high > scale.low);
    }
}
