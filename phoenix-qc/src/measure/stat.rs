//! Robust statistics. NaN policy: callers pass finite values; an empty sample gives NaN.

/// Scale from the median absolute deviation to the standard deviation of a normal distribution, 1/Phi^-1(3/4).
pub const MAD_SCALE: f64 = 1.482_602_218_505_602;

/// Returns the median and reorders the values; the mean of the middle two for an even number.
pub fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        f64::midpoint(lower, *upper)
    } else {
        *upper
    }
}

/// Returns the median of 32-bit values and reorders them; the upper of the middle two for an even number.
pub fn median_f32(values: &mut [f32]) -> f32 {
    if values.is_empty() {
        return f32::NAN;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Returns the arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Returns the standard deviation of a sample (divisor n - 1).
pub fn standard_deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre) * (value - centre)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

/// Returns the standard deviation estimated from the median absolute deviation.
pub fn mad_sigma(values: &[f64]) -> f64 {
    let mut work = values.to_vec();
    let centre = median(&mut work);
    for (deviation, value) in work.iter_mut().zip(values) {
        *deviation = (value - centre).abs();
    }
    MAD_SCALE * median(&mut work)
}

/// Centre and scatter after clipping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clipped {
    /// The median of the values kept.
    pub centre: f64,
    /// The scatter of the values kept, from their median absolute deviation, corrected for the cut.
    pub sigma: f64,
    /// How many values were kept.
    pub n_kept: usize,
}

/// Clips values beyond `k` sigma around the median until nothing changes, at most ten times.
///
/// # Numerics
/// The median absolute deviation of a normal distribution cut at 3 sigma is 0.9935 times that of the whole; the
/// scatter is divided by it. For another `k` the factor is off by less than 1 % down to `k` = 2.7.
///
/// # References
/// Own derivation: the quantile q with Phi(q) = 1/2 + (2 Phi(3) - 1)/4 gives q = 0.67012 instead of 0.67449.
pub fn clipped(values: &[f64], k: f64) -> Option<Clipped> {
    let mut kept = values.to_vec();
    let mut result = None;
    for _ in 0..10 {
        if kept.len() < 3 {
            break;
        }
        let sigma = mad_sigma(&kept);
        let centre = median(&mut kept);
        result = Some(Clipped {
            centre,
            sigma: if result.is_some() { sigma / 0.9935 } else { sigma },
            n_kept: kept.len(),
        });
        let before = kept.len();
        // A sample of equal values has no scatter; clipping it would throw all others away.
        if sigma > 0.0 {
            kept.retain(|value| (value - centre).abs() <= k * sigma);
        }
        if kept.len() == before {
            break;
        }
    }
    result
}

/// Returns the mode: the maximum of the density estimated with a Gaussian kernel.
///
/// # Numerics
/// The density is evaluated on a grid of a tenth of the band width and its maximum refined by a parabola.
///
/// # References
/// Silverman 1986, Density Estimation, equation 3.31 (band width 0.9 sigma n^(-1/5)).
pub fn mode(values: &[f64]) -> Option<f64> {
    let spread = clipped(values, 3.0)?;
    if spread.sigma <= 0.0 {
        return Some(spread.centre);
    }
    let width = 0.9 * spread.sigma * (spread.n_kept as f64).powf(-0.2);
    let step = width / 10.0;
    let start = spread.centre - 4.0 * spread.sigma;
    let n_bins = (8.0 * spread.sigma / step).ceil() as usize + 1;
    let mut counts = vec![0.0; n_bins];
    for value in values {
        let bin = ((value - start) / step).round();
        if bin >= 0.0 && (bin as usize) < n_bins {
            counts[bin as usize] += 1.0;
        }
    }
    let kernel: Vec<f64> = (-40..=40)
        .map(|i| (-0.5 * (f64::from(i) / 10.0).powi(2)).exp())
        .collect();
    let density: Vec<f64> = (0..n_bins)
        .map(|bin| {
            (0..kernel.len())
                .filter_map(|i| {
                    (bin + i)
                        .checked_sub(40)
                        .and_then(|at| counts.get(at))
                        .map(|count| count * kernel[i])
                })
                .sum()
        })
        .collect();
    let peak = (0..n_bins).max_by(|a, b| density[*a].total_cmp(&density[*b]))?;
    let at = |bin: usize| density.get(bin).copied().unwrap_or(0.0);
    let (left, centre, right) = (at(peak.wrapping_sub(1)), at(peak), at(peak + 1));
    let bend = left - 2.0 * centre + right;
    let offset = if bend < 0.0 { 0.5 * (left - right) / bend } else { 0.0 };
    Some(start + (peak as f64 + offset) * step)
}

#[cfg(test)]
mod tests {
    use super::{clipped, mad_sigma, median, mode, standard_deviation};
    use crate::measure::noise::Normal;

    #[test]
    fn the_median_of_an_even_sample_lies_between_the_middle_two() {
        assert!((median(&mut [4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-12);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn scatter_estimates_agree_on_normal_noise() {
        let noise: Vec<f64> = Normal::new(7).take(40_000).map(|z| 5.0 + 2.0 * z).collect();
        assert!((standard_deviation(&noise) - 2.0).abs() < 0.03);
        assert!((mad_sigma(&noise) - 2.0).abs() < 0.04);
        let clip = clipped(&noise, 3.0).unwrap();
        assert!((clip.sigma - 2.0).abs() < 0.04 && (clip.centre - 5.0).abs() < 0.04);
    }

    #[test]
    fn a_tenth_of_wild_values_moves_neither_centre_nor_mode() {
        let mut values: Vec<f64> = Normal::new(3).take(20_000).collect();
        values.extend(Normal::new(4).take(2_000).map(|z| 40.0 + 10.0 * z));
        let clip = clipped(&values, 3.0).unwrap();
        assert!(clip.centre.abs() < 0.05 && (clip.sigma - 1.0).abs() < 0.05, "{clip:?}");
        assert!(mode(&values).unwrap().abs() < 0.1);
    }

    #[test]
    fn the_mode_of_a_skewed_sample_stays_with_the_crowd() {
        let mut values: Vec<f64> = Normal::new(5).take(20_000).map(|z| -25.0 + z).collect();
        values.extend(Normal::new(6).take(15_000).map(|z| -21.0 + 3.0 * z.abs()));
        assert!((mode(&values).unwrap() + 25.0).abs() < 0.2);
    }
}
