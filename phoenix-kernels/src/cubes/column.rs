//! The values of one voxel in ascending order, and what clipping leaves of them.

use std::ops::Range;

use super::options::{Clip, Spread};

/// Turns a median absolute deviation into the standard deviation of a normal distribution.
/// Source: 1 / 0.6745, Hoaglin, Mosteller & Tukey 1983, chapter 12; rounded as mpdaf 3.6 has it.
pub(super) const NORMAL: f64 = 1.4826;

/// What clipping leaves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    /// Where in the sorted values.
    pub range: Range<usize>,
    /// Their mean.
    pub mean: f64,
    /// Their width.
    pub spread: f64,
}

/// Median of sorted values, which are not empty.
pub(super) fn median(sorted: &[f32]) -> f64 {
    let n = sorted.len();
    let upper = f64::from(sorted[n / 2]);
    if n % 2 == 1 {
        upper
    } else {
        f64::midpoint(upper, f64::from(sorted[n / 2 - 1]))
    }
}

/// Mean and standard deviation, divided by n, of values that are not empty; summed in order.
pub(super) fn moments(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mut sum = 0.0;
    for &value in values {
        sum += f64::from(value);
    }
    let mean = sum / n;
    let mut squares = 0.0;
    for &value in values {
        let deviation = f64::from(value) - mean;
        squares += deviation * deviation;
    }
    (mean, (squares / n).sqrt())
}

/// Median absolute deviation of sorted values from `level`, which is their median.
///
/// The deviations grow to both sides of the middle, so the smallest half of them is met by walking outwards.
fn median_deviation(sorted: &[f32], level: f64) -> f64 {
    let n = sorted.len();
    let deviation = |i: usize| (f64::from(sorted[i]) - level).abs();
    let (mut below, mut above) = (n / 2, n / 2);
    let (mut last, mut before) = (0.0, 0.0);
    for _ in 0..=n / 2 {
        before = last;
        let down = below.checked_sub(1).map_or(f64::INFINITY, deviation);
        let up = if above < n { deviation(above) } else { f64::INFINITY };
        if down < up {
            last = down;
            below -= 1;
        } else {
            last = up;
            above += 1;
        }
    }
    if n % 2 == 1 { last } else { f64::midpoint(before, last) }
}

/// Clips sorted values; `first` is mean and standard deviation of all of them, summed in the order of the cubes.
pub(super) fn clip(sorted: &[f32], first: (f64, f64), options: &Clip) -> Kept {
    let [low, high] = options.limits;
    let mut kept = Kept {
        range: 0..sorted.len(),
        mean: first.0,
        spread: first.1,
    };
    let mut rounds = options.rounds;
    loop {
        let values = &sorted[kept.range.clone()];
        let centre = median(values);
        if options.spread == Spread::MedianDeviation {
            kept.spread = NORMAL * median_deviation(values, centre);
        }
        if rounds == 0 {
            return kept;
        }
        rounds -= 1;
        let (bottom, top) = (centre - low * kept.spread, centre + high * kept.spread);
        let start = values.partition_point(|&value| f64::from(value) <= bottom);
        let end = values.partition_point(|&value| f64::from(value) < top);
        let n_left = end.saturating_sub(start);
        if n_left < options.least || n_left == values.len() {
            return kept;
        }
        kept.range = kept.range.start + start..kept.range.start + end;
        (kept.mean, kept.spread) = moments(&sorted[kept.range.clone()]);
    }
}

#[cfg(test)]
mod tests {
    use super::{clip, median, median_deviation, moments};
    use crate::cubes::options::{Clip, Spread};

    #[test]
    fn the_walk_outwards_finds_the_same_deviation_as_sorting_does() {
        let mut state = 7_u32;
        for n in 1..60 {
            let mut values: Vec<f32> = (0..n)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as f32 * 0.37
                })
                .collect();
            values.sort_by(f32::total_cmp);
            let level = median(&values);
            let mut deviations: Vec<f64> = values.iter().map(|&x| (f64::from(x) - level).abs()).collect();
            assert_eq!(
                Some(median_deviation(&values, level)),
                crate::stat::median(&mut deviations)
            );
        }
    }

    #[test]
    fn an_outlier_goes_and_alike_values_stay() {
        let mut values = vec![1.0_f32; 20];
        values[19] = 1000.0;
        values[0] = 0.9;
        let options = Clip {
            limits: [3.0; 2],
            ..Clip::default()
        };
        let kept = clip(&values, moments(&values), &options);
        assert_eq!(kept.range, 1..19);
        assert_eq!((kept.mean, kept.spread), (1.0, 0.0));
        let alike = [5.0_f32; 6];
        for spread in [Spread::Deviation, Spread::MedianDeviation] {
            let options = Clip { spread, ..options };
            assert_eq!(clip(&alike, moments(&alike), &options).range, 0..6);
        }
    }

    #[test]
    fn a_round_that_would_leave_too_few_is_not_done() {
        let values = [0.0_f32, 0.0, 0.0, 10.0];
        let options = Clip {
            limits: [1.0; 2],
            least: 4,
            ..Clip::default()
        };
        assert_eq!(clip(&values, moments(&values), &options).range, 0..4);
        let none = Clip {
            rounds: 0,
            least: 1,
            ..options
        };
        assert_eq!(clip(&values, moments(&values), &none).range, 0..4);
    }
}
