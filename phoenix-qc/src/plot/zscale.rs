//! Display limits that show the values near the median.

use crate::measure::stat;

/// Contrast of the display: the fitted slope is divided by it.
const CONTRAST: f64 = 0.25;
/// Size of the sample.
const N_SAMPLES: usize = 1000;
/// Rejection limit in sigma.
const REJECT: f64 = 2.5;

/// Returns the display limits of values, NaN and infinities left out; `None` if nothing is left.
///
/// # Numerics
/// An even sample of at most 1,000 values is sorted and a line fitted to value against rank, values beyond 2.5 sigma (and
/// their neighbours within 1 % of the sample) being left out, in five turns at most. The limits are those that the line has at
/// the ends when its slope is divided by the contrast 0.25, within the smallest and largest value. If more than half of the
/// sample is left out, the extremes are the limits.
///
/// # References
/// Tody, IRAF `display` task, parameter `zscale` (NOAO 1986; help page of `images.tv.display`).
pub fn zscale(values: &[f32]) -> Option<(f64, f64)> {
    let finite: Vec<f64> = values
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| f64::from(*value))
        .collect();
    let stride = (finite.len() / N_SAMPLES).max(1);
    let mut sample: Vec<f64> = finite.iter().copied().step_by(stride).take(N_SAMPLES).collect();
    sample.sort_by(f64::total_cmp);
    let (low, high) = (*sample.first()?, *sample.last()?);
    let n = sample.len();
    let n_least = 5.max(n / 2);
    let n_grow = (n / 100).max(1);
    let mut is_bad = vec![false; n];
    let mut n_good = n;
    let mut n_before = n + 1;
    let mut slope = 0.0;
    for _ in 0..5 {
        if n_good >= n_before || n_good < n_least {
            break;
        }
        let (start, gradient) = line(&sample, &is_bad)?;
        slope = gradient;
        let residual: Vec<f64> = sample
            .iter()
            .enumerate()
            .map(|(i, v)| v - start - slope * i as f64)
            .collect();
        let kept: Vec<f64> = residual
            .iter()
            .zip(&is_bad)
            .filter(|(_, bad)| !**bad)
            .map(|(r, _)| *r)
            .collect();
        let centre = stat::mean(&kept);
        let scatter = (kept.iter().map(|r| (r - centre).powi(2)).sum::<f64>() / kept.len() as f64).sqrt();
        // What was left out once stays out, and its margin grows with each turn.
        let is_out = |(i, r): (usize, &f64)| is_bad[i] || r.abs() > REJECT * scatter;
        let out: Vec<usize> = residual
            .iter()
            .enumerate()
            .filter(|pair| is_out(*pair))
            .map(|(i, _)| i)
            .collect();
        for i in out {
            is_bad[i.saturating_sub((n_grow - 1) / 2)..(i + n_grow / 2 + 1).min(n)].fill(true);
        }
        n_before = n_good;
        n_good = is_bad.iter().filter(|bad| !**bad).count();
    }
    if n_good < n_least {
        return Some((low, high));
    }
    slope /= CONTRAST;
    let centre = (n - 1) / 2;
    let median = stat::median(&mut sample);
    Some((
        low.max(median - (centre as f64 - 1.0) * slope),
        high.min(median + (n - centre) as f64 * slope),
    ))
}

/// Start and slope of a line through the good values against rank.
fn line(values: &[f64], is_bad: &[bool]) -> Option<(f64, f64)> {
    let good = || {
        values
            .iter()
            .zip(is_bad)
            .enumerate()
            .filter(|(_, (_, bad))| !**bad)
            .map(|(i, (v, _))| (i as f64, *v))
    };
    let n = good().count() as f64;
    if n < 1.0 {
        return None;
    }
    let (x_mean, y_mean) = (
        good().map(|(x, _)| x).sum::<f64>() / n,
        good().map(|(_, y)| y).sum::<f64>() / n,
    );
    let xx: f64 = good().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let xy: f64 = good().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    Some((y_mean - slope * x_mean, slope))
}

#[cfg(test)]
mod tests {
    use super::zscale;

    #[test]
    fn limits_agree_with_those_of_astropy_to_the_third_decimal() {
        // astropy.visualization.ZScaleInterval of the same 2,500 values.
        let values: Vec<f32> = (0..2500_u32)
            .map(|i| {
                let wave = (f64::from(i) * 0.37).sin() + 0.5 * (f64::from(i) * 1.91).cos();
                let star = if i % 97 == 0 { 200.0 } else { 0.0 };
                (100.0 + 10.0 * wave + star) as f32
            })
            .collect();
        let (low, high) = zscale(&values).unwrap();
        assert!(
            (low - ASTROPY.0).abs() < 0.001 && (high - ASTROPY.1).abs() < 0.001,
            "{low} {high}"
        );
    }

    const ASTROPY: (f64, f64) = (85.245, 155.293);

    #[test]
    fn a_constant_image_and_an_empty_one_have_harmless_limits() {
        assert_eq!(zscale(&[7.0; 50]), Some((7.0, 7.0)));
        assert_eq!(zscale(&[f32::NAN; 50]), None);
        assert_eq!(zscale(&[1.0]), Some((1.0, 1.0)));
    }
}
