//! Robust and plain statistics of small samples.
//!
//! NaN policy, stated once: callers leave NaN out; a NaN that comes in counts as larger than any number, so it never
//! makes a result smaller.

/// Median of a sample, which is reordered; an even count averages the two middle values. `None` if empty.
pub fn median(sample: &mut [f64]) -> Option<f64> {
    let n = sample.len();
    if n == 0 {
        return None;
    }
    let (below, middle, _) = sample.select_nth_unstable_by(n / 2, f64::total_cmp);
    let upper = *middle;
    if n % 2 == 1 {
        return Some(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(0.5 * (lower + upper))
}

/// Median, and median of the absolute deviations from it (not scaled to a Gaussian sigma). The sample is overwritten.
pub fn median_and_deviation(sample: &mut [f64]) -> Option<(f64, f64)> {
    let level = median(sample)?;
    for v in sample.iter_mut() {
        *v = (*v - level).abs();
    }
    Some((level, median(sample)?))
}

/// Arithmetic mean, summed in order. `None` if empty.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// Mean and standard deviation with n - 1, by the updating formula. `None` for fewer than two values.
///
/// # References
/// Welford 1962, Technometrics 4, 419.
pub fn mean_and_deviation(sample: &[f64]) -> Option<(f64, f64)> {
    if sample.len() < 2 {
        return None;
    }
    let (mut mean, mut squares) = (0.0, 0.0);
    for (n, &v) in sample.iter().enumerate() {
        let n = n as f64;
        let delta = v - mean;
        squares += n * delta * delta / (n + 1.0);
        mean += delta / (n + 1.0);
    }
    Some((mean, (squares / (sample.len() - 1) as f64).sqrt()))
}
