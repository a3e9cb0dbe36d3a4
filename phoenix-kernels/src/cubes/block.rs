//! A block of voxels side by side: sums over cubes as vector loops, single voxels where clipping can bite.

// Several arrays of lanes are walked together; zips of four would hide that.
#![allow(clippy::needless_range_loop, reason = "several columns are walked by one index")]

use multiversion::multiversion;

use super::column::{NORMAL, clip, median};
use super::network::sort_lanes;
use super::options::{Clip, CombineOptions, Estimator, Spread, VarianceOf};

/// Voxels of a block.
pub(super) const LANES: usize = 32;
/// Up to this many cubes a block is sorted at once; it then stays in the first-level cache.
const SORTED_AT_ONCE: usize = 128;
/// From this many lanes on, sorting the whole block is cheaper than sorting the lanes that need it.
const MANY_LANES: usize = LANES / 8;
/// Part of sigma by which the bounds on clipping are drawn in, for rounding; see docs/algorithms/cube-lists.md.
const SAFETY: f64 = 0.01;
/// Most cubes for which the safety is proven.
const PROVEN: usize = 30_000;

type Lanes<T> = [T; LANES];

/// Windows of all cubes, one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows<'a> {
    /// Values; `stride` from one cube to the next.
    pub data: &'a [f32],
    /// Variances, laid out as the values; empty if they are not read.
    pub variance: &'a [f32],
    /// Values from one cube to the next, a multiple of `LANES`.
    pub stride: usize,
    /// Cubes.
    pub n_cubes: usize,
}

fn lanes(values: &[f32], at: usize) -> &Lanes<f32> {
    const NONE: Lanes<f32> = [f32::NAN; LANES];
    values.get(at..).and_then(|rest| rest.first_chunk()).unwrap_or(&NONE)
}

impl Windows<'_> {
    fn data(&self, cube: usize, at: usize) -> &Lanes<f32> {
        lanes(self.data, cube * self.stride + at)
    }

    fn variance(&self, cube: usize, at: usize) -> &Lanes<f32> {
        lanes(self.variance, cube * self.stride + at)
    }
}

/// The result for the voxels of a block.
#[derive(Debug)]
pub(super) struct Results {
    /// Mean or median.
    pub data: Lanes<f32>,
    /// Its variance.
    pub variance: Lanes<f32>,
    /// Values used.
    pub used: Lanes<u32>,
    /// Values clipped.
    pub rejected: Lanes<u32>,
}

/// Scratch space and counts of one thread.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    options: &'a CombineOptions,
    rows: Vec<Lanes<f32>>,
    column: Vec<f32>,
    /// Factor on the variance, by the number of values used.
    losses: Vec<f64>,
    /// Finite values, per cube.
    pub valid: Vec<u64>,
    /// Clipped values, per cube.
    pub rejected: Vec<u64>,
}

/// What one pass over the cubes tells of each lane.
#[derive(Debug)]
struct Sums {
    count: Lanes<u32>,
    mean: Lanes<f64>,
    low: Lanes<f32>,
    high: Lanes<f32>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(n_cubes: usize, options: &'a CombineOptions) -> Self {
        let is_median = options.estimator == Estimator::Median;
        let loss = |n| if is_median { median_loss(n) } else { 1.0 };
        Self {
            options,
            rows: Vec::new(),
            column: Vec::with_capacity(n_cubes),
            losses: (0..=n_cubes as u32).map(loss).collect(),
            valid: vec![0; n_cubes],
            rejected: vec![0; n_cubes],
        }
    }

    /// Adds the counts of another thread.
    pub(super) fn merged(mut self, other: &Self) -> Self {
        let add = |own: &mut [u64], others: &[u64]| {
            for (own, other) in own.iter_mut().zip(others) {
                *own += other;
            }
        };
        add(&mut self.valid, &other.valid);
        add(&mut self.rejected, &other.rejected);
        self
    }

    /// Combines the block of voxels that starts at `at`.
    pub(super) fn combine(&mut self, windows: &Windows<'_>, at: usize) -> Results {
        let is_median = self.options.estimator == Estimator::Median;
        let mut sums = if is_median && self.options.variance == VarianceOf::Propagated {
            counts(windows, at, &mut self.valid)
        } else {
            sums(windows, at, &mut self.valid)
        };
        let mut spread = [0.0; LANES];
        let mut value = sums.mean;
        let mut used = sums.count;
        match self.options.estimator {
            Estimator::Median => self.medians(windows, at, &sums, &mut value, &mut spread),
            Estimator::Mean(clip) => self.clipped(windows, at, &mut sums, &clip, &mut value, &mut spread, &mut used),
        }
        if used != sums.count {
            count_clipped(windows, at, &sums, &mut self.rejected);
        }
        let variance = match self.options.variance {
            VarianceOf::Propagated => propagated(windows, at, &sums),
            _ => spread,
        };
        let loss = used.map(|n| self.losses.get(n as usize).copied().unwrap_or(1.0));
        results(&sums.count, &used, &value, &variance, &loss, self.options.variance)
    }

    /// Copies the block with missing values above all others, and sorts the lanes.
    fn sort(&mut self, windows: &Windows<'_>, at: usize) {
        self.rows.resize(windows.n_cubes, [0.0; LANES]);
        copy_finite(windows, at, &mut self.rows);
        sort_lanes(&mut self.rows);
    }

    /// Puts the finite values of one voxel into `column`, in ascending order.
    fn sort_one(&mut self, windows: &Windows<'_>, at: usize, lane: usize, is_sorted: bool, count: u32) {
        self.column.clear();
        if is_sorted {
            self.column
                .extend(self.rows.iter().take(count as usize).map(|row| row[lane]));
        } else {
            let values = (0..windows.n_cubes).map(|cube| windows.data(cube, at)[lane]);
            self.column.extend(values.filter(|x| x.is_finite()));
            self.column.sort_unstable_by(f32::total_cmp);
        }
    }

    fn medians(
        &mut self,
        windows: &Windows<'_>,
        at: usize,
        sums: &Sums,
        value: &mut Lanes<f64>,
        spread: &mut Lanes<f64>,
    ) {
        if self.options.variance != VarianceOf::Propagated {
            *spread = deviations(windows, at, sums);
        }
        if windows.n_cubes <= SORTED_AT_ONCE {
            self.sort(windows, at);
            middles(&self.rows, &sums.count, value);
            return;
        }
        for (lane, value) in value.iter_mut().enumerate() {
            let finite = (0..windows.n_cubes).map(|cube| windows.data(cube, at)[lane]);
            self.column.clear();
            self.column.extend(finite.filter(|x| x.is_finite()));
            let middle = self.column.len() / 2;
            if self.column.is_empty() {
                continue;
            }
            // Only the middle has to stand where sorting would put it.
            let (below, &mut upper, _) = self.column.select_nth_unstable_by(middle, f32::total_cmp);
            let largest_below = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            *value = if self.column.len() % 2 == 1 {
                upper.into()
            } else {
                median(&[largest_below, upper])
            };
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the lanes of one block, each written in place")]
    fn clipped(
        &mut self,
        windows: &Windows<'_>,
        at: usize,
        sums: &mut Sums,
        options: &Clip,
        value: &mut Lanes<f64>,
        spread: &mut Lanes<f64>,
        used: &mut Lanes<u32>,
    ) {
        let n_cubes = windows.n_cubes;
        let is_plain = options.spread == Spread::Deviation;
        let reach = options.limits.map(|limit| limit - 1.0 - SAFETY);
        let farthest = (n_cubes.saturating_sub(1) as f64).sqrt();
        let never = options.rounds == 0 || (n_cubes <= PROVEN && reach.iter().all(|&reach| reach > farthest));
        let asks_spread = self.options.variance != VarianceOf::Propagated;
        if is_plain && (asks_spread || !never) {
            *spread = deviations(windows, at, sums);
        }
        let needs = |lane: usize| {
            if sums.count[lane] < 2 {
                return false;
            }
            if !is_plain {
                return options.rounds > 0 || asks_spread;
            }
            let (low, high) = (f64::from(sums.low[lane]), f64::from(sums.high[lane]));
            let (mean, sigma) = (sums.mean[lane], spread[lane]);
            let is_inside = n_cubes <= PROVEN && high - mean < reach[1] * sigma && mean - low < reach[0] * sigma;
            !(never || is_inside || low >= high)
        };
        let doubtful: Lanes<bool> = std::array::from_fn(needs);
        let n_doubtful = doubtful.iter().filter(|&&doubtful| doubtful).count();
        if n_doubtful == 0 {
            return;
        }
        let is_sorted = n_doubtful >= MANY_LANES && n_cubes <= SORTED_AT_ONCE;
        if is_sorted {
            self.sort(windows, at);
        }
        let whole = if is_sorted {
            let n = sums.count.iter().copied().max().unwrap_or(0) as usize;
            let rows = self.rows.get(..n).unwrap_or_default();
            lose_nothing(rows, sums, spread, options)
        } else {
            [false; LANES]
        };
        for lane in (0..LANES).filter(|&lane| doubtful[lane] && !whole[lane]) {
            self.sort_one(windows, at, lane, is_sorted, sums.count[lane]);
            let kept = clip(&self.column, (sums.mean[lane], spread[lane]), options);
            value[lane] = kept.mean;
            spread[lane] = kept.spread;
            used[lane] = kept.range.len() as u32;
            if let Some((&low, &high)) = self.column.get(kept.range).and_then(|x| x.first().zip(x.last())) {
                (sums.low[lane], sums.high[lane]) = (low, high);
            }
        }
    }
}

/// Returns n times the variance of the median of n normal values of variance 1, within 0.5 %.
///
/// # References
/// Own derivation, docs/algorithms/cube-lists.md.
fn median_loss(n: u32) -> f64 {
    use std::f64::consts::PI;
    let count = f64::from(n);
    match n {
        0..=2 => 1.0,
        n if n % 2 == 1 => count * PI / (2.0 * count + 4.0 - PI + 0.5 / count),
        _ => count * PI / (2.0 * count + 6.0 - PI - 1.5 / count),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn sums(windows: &Windows<'_>, at: usize, valid: &mut [u64]) -> Sums {
    let mut sums = Sums {
        count: [0; LANES],
        mean: [0.0; LANES],
        low: [f32::INFINITY; LANES],
        high: [f32::NEG_INFINITY; LANES],
    };
    for (cube, valid) in valid.iter_mut().enumerate() {
        let x = windows.data(cube, at);
        let mut finite = 0;
        for l in 0..LANES {
            let is_finite = x[l].abs() < f32::INFINITY;
            finite += u32::from(is_finite);
            sums.count[l] += u32::from(is_finite);
            sums.mean[l] += f64::from(if is_finite { x[l] } else { 0.0 });
            let (low, high) = if is_finite {
                (x[l], x[l])
            } else {
                (f32::INFINITY, f32::NEG_INFINITY)
            };
            sums.low[l] = if low < sums.low[l] { low } else { sums.low[l] };
            sums.high[l] = if high > sums.high[l] { high } else { sums.high[l] };
        }
        *valid += u64::from(finite);
    }
    for l in 0..LANES {
        sums.mean[l] /= f64::from(sums.count[l]);
    }
    sums
}

/// Counts of finite values alone: no value is out of bounds, no mean is known.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn counts(windows: &Windows<'_>, at: usize, valid: &mut [u64]) -> Sums {
    let mut sums = Sums {
        count: [0; LANES],
        mean: [0.0; LANES],
        low: [f32::MIN; LANES],
        high: [f32::MAX; LANES],
    };
    for (cube, valid) in valid.iter_mut().enumerate() {
        let x = windows.data(cube, at);
        let mut finite = 0;
        for l in 0..LANES {
            let is_finite = u32::from(x[l].abs() < f32::INFINITY);
            finite += is_finite;
            sums.count[l] += is_finite;
        }
        *valid += u64::from(finite);
    }
    sums
}

/// Copies a block with missing values above all others.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn copy_finite(windows: &Windows<'_>, at: usize, rows: &mut [Lanes<f32>]) {
    for (cube, row) in rows.iter_mut().enumerate() {
        let x = windows.data(cube, at);
        for l in 0..LANES {
            row[l] = if x[l].abs() < f32::INFINITY {
                x[l]
            } else {
                f32::INFINITY
            };
        }
    }
}

/// Medians of sorted lanes, of which the first values count.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn middles(rows: &[Lanes<f32>], count: &Lanes<u32>, value: &mut Lanes<f64>) {
    let n = rows.len();
    if n > 0 && count.iter().all(|&count| count as usize == n) {
        let (lower, upper) = (&rows[(n - 1) / 2], &rows[n / 2]);
        for l in 0..LANES {
            value[l] = f64::midpoint(lower[l].into(), upper[l].into());
        }
        return;
    }
    for l in 0..LANES {
        let n = count[l] as usize;
        if n > 0 {
            value[l] = f64::midpoint(rows[(n - 1) / 2][l].into(), rows[n / 2][l].into());
        }
    }
}

/// Standard deviations about the means, divided by n.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn deviations(windows: &Windows<'_>, at: usize, sums: &Sums) -> Lanes<f64> {
    let mut squares = [0.0; LANES];
    for cube in 0..windows.n_cubes {
        let x = windows.data(cube, at);
        for l in 0..LANES {
            let deviation = f64::from(x[l]) - sums.mean[l];
            squares[l] += if x[l].abs() < f32::INFINITY {
                deviation * deviation
            } else {
                0.0
            };
        }
    }
    for l in 0..LANES {
        squares[l] = (squares[l] / f64::from(sums.count[l])).sqrt();
    }
    squares
}

/// Sums of the variances of the values between `low` and `high`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn propagated(windows: &Windows<'_>, at: usize, sums: &Sums) -> Lanes<f64> {
    let mut total = [0.0; LANES];
    for cube in 0..windows.n_cubes {
        let (x, variance) = (windows.data(cube, at), windows.variance(cube, at));
        for l in 0..LANES {
            let is_used = x[l] >= sums.low[l] && x[l] <= sums.high[l];
            total[l] += f64::from(if is_used { variance[l] } else { 0.0 });
        }
    }
    total
}

/// Counts the finite values outside `low` to `high`, per cube.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn count_clipped(windows: &Windows<'_>, at: usize, sums: &Sums, rejected: &mut [u64]) {
    for (cube, rejected) in rejected.iter_mut().enumerate() {
        let x = windows.data(cube, at);
        let mut clipped = 0;
        for l in 0..LANES {
            let is_finite = x[l].abs() < f32::INFINITY;
            let is_used = x[l] >= sums.low[l] && x[l] <= sums.high[l];
            clipped += u32::from(is_finite && !is_used);
        }
        *rejected += u64::from(clipped);
    }
}

/// Tells which sorted lanes have as many values as there are rows and lose none of them in the first round; where the
/// width is the median deviation, theirs is written to `spread`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn lose_nothing(rows: &[Lanes<f32>], sums: &Sums, spread: &mut Lanes<f64>, options: &Clip) -> Lanes<bool> {
    let mut whole = [false; LANES];
    let n = rows.len();
    let (Some(lowest), Some(highest)) = (rows.first(), rows.last()) else {
        return whole;
    };
    let (lower, upper) = (&rows[(n - 1) / 2], &rows[n / 2]);
    let mut centre = [0.0; LANES];
    for l in 0..LANES {
        centre[l] = f64::midpoint(lower[l].into(), upper[l].into());
    }
    let mut width = *spread;
    if options.spread == Spread::MedianDeviation {
        let above = nearest(rows, n / 2 + 1, &centre);
        let below = if n.is_multiple_of(2) {
            nearest(rows, n / 2, &centre)
        } else {
            above
        };
        for l in 0..LANES {
            width[l] = NORMAL * f64::midpoint(below[l], above[l]);
        }
    }
    let [below, above] = options.limits;
    for l in 0..LANES {
        let is_inside =
            f64::from(lowest[l]) > centre[l] - below * width[l] && f64::from(highest[l]) < centre[l] + above * width[l];
        whole[l] = sums.count[l] as usize == n && (is_inside || options.rounds == 0);
        spread[l] = if whole[l] { width[l] } else { spread[l] };
    }
    whole
}

/// Deviation of the `m`-th nearest value to the centre, in sorted lanes: the nearest values are neighbours, and the
/// farthest of neighbours is the first or the last.
#[allow(clippy::inline_always, reason = "it must be compiled for the vectors of its caller")]
#[inline(always)]
fn nearest(rows: &[Lanes<f32>], m: usize, centre: &Lanes<f64>) -> Lanes<f64> {
    let mut best = [f64::INFINITY; LANES];
    for (first, last) in rows.iter().zip(rows.iter().skip(m - 1)) {
        for l in 0..LANES {
            let (a, b) = (
                (f64::from(first[l]) - centre[l]).abs(),
                (f64::from(last[l]) - centre[l]).abs(),
            );
            let farthest = if a > b { a } else { b };
            best[l] = if farthest < best[l] { farthest } else { best[l] };
        }
    }
    best
}

/// Rounds values, and turns sums of variances or deviations into the variance of the result.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn results(
    count: &Lanes<u32>,
    used: &Lanes<u32>,
    value: &Lanes<f64>,
    variance: &Lanes<f64>,
    loss: &Lanes<f64>,
    of: VarianceOf,
) -> Results {
    let mut results = Results {
        data: [f32::NAN; LANES],
        variance: [f32::NAN; LANES],
        used: *used,
        rejected: [0; LANES],
    };
    for l in 0..LANES {
        results.rejected[l] = count[l] - used[l];
        results.data[l] = if used[l] > 0 { value[l] as f32 } else { f32::NAN };
    }
    // The scatter of a single value says nothing.
    let (least, variance): (u32, Lanes<f64>) = match of {
        VarianceOf::Propagated => (
            1,
            std::array::from_fn(|l| variance[l] / f64::from(used[l]) / f64::from(used[l]) * loss[l]),
        ),
        VarianceOf::ScatterOfMean => (
            2,
            std::array::from_fn(|l| variance[l] * variance[l] / (f64::from(used[l]) - 1.0) * loss[l]),
        ),
        VarianceOf::ScatterOfOne => (2, std::array::from_fn(|l| variance[l] * variance[l])),
    };
    for l in 0..LANES {
        results.variance[l] = if used[l] >= least { variance[l] as f32 } else { f32::NAN };
    }
    results
}
