//! Statements about the combination of resampled cubes, on small simulated cubes with known truth.

// Helpers outside test functions may fail as loudly as the tests that call them.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod rows;

use phoenix_kernels::cubes::{
    Clip, CombineOptions, CubeCombine, CubeSlab, CubeSource, CubeStats, Estimator, Layer, Spread, VarianceOf,
};
use phoenix_kernels::{Hooks, KernelError, SourceError};
use rows::Random;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cubes in memory that count how many numbers are asked for.
struct Cubes {
    shape: [usize; 3],
    data: Vec<Vec<f32>>,
    variance: Vec<Vec<f32>>,
    asked: AtomicUsize,
}

impl Cubes {
    /// Normal noise of standard deviation 2 about 10, with a share of missing values and of outliers.
    fn noisy(n: usize, shape: [usize; 3], missing: f64, outliers: f64) -> Self {
        let mut random = Random(n as u64 + 1);
        let n_voxels = shape.iter().product::<usize>();
        let mut value = || {
            let noise = 2.0 * random.normal();
            match random.uniform() {
                u if u < missing => f32::NAN,
                u if u < missing + outliers => 500.0,
                _ => (10.0 + noise) as f32,
            }
        };
        Self {
            shape,
            data: (0..n).map(|_| (0..n_voxels).map(|_| value()).collect()).collect(),
            variance: (0..n).map(|i| vec![4.0 + i as f32 * 1e-3; n_voxels]).collect(),
            asked: AtomicUsize::new(0),
        }
    }
}

impl CubeSource for Cubes {
    fn read(&self, cube: usize, layer: Layer, first: u64, out: &mut [f32]) -> Result<(), SourceError> {
        self.asked.fetch_add(out.len(), Ordering::Relaxed);
        let numbers = match layer {
            Layer::Data => &self.data[cube],
            Layer::Variance => &self.variance[cube],
        };
        let first = usize::try_from(first)?;
        out.copy_from_slice(numbers.get(first..first + out.len()).ok_or("beyond the end")?);
        Ok(())
    }
}

#[derive(Debug, Default, PartialEq)]
struct Result4 {
    data: Vec<u32>,
    variance: Vec<u32>,
    used: Vec<u32>,
    rejected: Vec<u32>,
    stats: CubeStats,
}

fn combined(cubes: &Cubes, options: CombineOptions) -> Result4 {
    combined_from(0, CubeStats::new(cubes.data.len()), cubes, options)
}

fn combined_from(first_plane: usize, earlier: CubeStats, cubes: &Cubes, options: CombineOptions) -> Result4 {
    let plan = CubeCombine::plan(cubes.data.len(), cubes.shape, options).unwrap();
    let mut out = Result4::default();
    let mut take = |slab: &CubeSlab<'_>| {
        out.data.extend(slab.data.iter().map(|x| x.to_bits()));
        out.variance.extend(slab.variance.iter().map(|x| x.to_bits()));
        out.used.extend(slab.used);
        out.rejected.extend(slab.rejected);
        out.stats = slab.stats.clone();
        Ok(())
    };
    let stats = plan
        .run_from(first_plane, earlier, cubes, &mut take, &Hooks::none())
        .unwrap();
    assert_eq!(stats, out.stats);
    out
}

fn options(estimator: Estimator, variance: VarianceOf) -> CombineOptions {
    let mut options = CombineOptions::default();
    options.estimator = estimator;
    options.variance = variance;
    options
}

fn clipping(limit: f64, spread: Spread) -> Estimator {
    Estimator::Mean(Clip {
        limits: [limit, limit * 1.1],
        spread,
        ..Clip::default()
    })
}

fn middle(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    f64::midpoint(sorted[n / 2], sorted[(n - 1) / 2])
}

/// The rule of docs/algorithms/cube-lists.md, word by word, for one voxel: mean, variance, number used.
fn by_the_rule(values: &[f32], variances: &[f32], clip: &Clip, kind: VarianceOf) -> (f64, f64, usize) {
    let mut left: Vec<(f64, f64)> = values
        .iter()
        .zip(variances)
        .filter(|(x, _)| x.is_finite())
        .map(|(&x, &v)| (f64::from(x), f64::from(v)))
        .collect();
    if left.is_empty() {
        return (f64::NAN, f64::NAN, 0);
    }
    let mut rounds = clip.rounds;
    let (mean, spread) = loop {
        let n = left.len() as f64;
        let mean = left.iter().map(|x| x.0).sum::<f64>() / n;
        let mut sorted: Vec<f64> = left.iter().map(|x| x.0).collect();
        sorted.sort_by(f64::total_cmp);
        let centre = middle(&sorted);
        let spread = match clip.spread {
            Spread::Deviation => (left.iter().map(|x| (x.0 - mean).powi(2)).sum::<f64>() / n).sqrt(),
            Spread::MedianDeviation => {
                let mut deviations: Vec<f64> = sorted.iter().map(|x| (x - centre).abs()).collect();
                deviations.sort_by(f64::total_cmp);
                1.4826 * middle(&deviations)
            }
        };
        let stays = |x: f64| x > centre - clip.limits[0] * spread && x < centre + clip.limits[1] * spread;
        let n_stay = left.iter().filter(|x| stays(x.0)).count();
        if n_stay < clip.least || n_stay == left.len() || rounds == 0 {
            break (mean, spread);
        }
        rounds -= 1;
        left.retain(|x| stays(x.0));
    };
    let n = left.len() as f64;
    let variance = match kind {
        VarianceOf::Propagated => left.iter().map(|x| x.1).sum::<f64>() / n / n,
        _ if left.len() == 1 => f64::NAN,
        VarianceOf::ScatterOfMean => spread * spread / (n - 1.0),
        VarianceOf::ScatterOfOne => spread * spread,
    };
    (mean, variance, left.len())
}

fn is_close(found: u32, expected: f64) -> bool {
    let found = f64::from(f32::from_bits(found));
    (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= 1.2e-7 * expected.abs()
}

#[test]
fn every_voxel_follows_the_rule_for_any_number_of_cubes_and_any_limit() {
    for (n, shape) in [
        (1, [3, 5, 7]),
        (2, [3, 5, 7]),
        (5, [3, 5, 70]),
        (40, [2, 9, 31]),
        (150, [1, 5, 33]),
    ] {
        let cubes = Cubes::noisy(n, shape, 0.2, 0.03);
        for limit in [1.3, 3.0, 5.0] {
            for spread in [Spread::Deviation, Spread::MedianDeviation] {
                for kind in [
                    VarianceOf::Propagated,
                    VarianceOf::ScatterOfMean,
                    VarianceOf::ScatterOfOne,
                ] {
                    let estimator = clipping(limit, spread);
                    let out = combined(&cubes, options(estimator, kind));
                    let Estimator::Mean(clip) = estimator else { return };
                    for voxel in 0..out.data.len() {
                        let values: Vec<f32> = cubes.data.iter().map(|cube| cube[voxel]).collect();
                        let variances: Vec<f32> = cubes.variance.iter().map(|cube| cube[voxel]).collect();
                        let (mean, variance, used) = by_the_rule(&values, &variances, &clip, kind);
                        let finite = values.iter().filter(|x| x.is_finite()).count();
                        assert_eq!(out.used[voxel] as usize, used, "{n} cubes, {limit}, {spread:?}");
                        assert_eq!(out.rejected[voxel] as usize, finite - used);
                        assert!(is_close(out.data[voxel], mean));
                        assert!(
                            is_close(out.variance[voxel], variance),
                            "{n} cubes, {limit}, {spread:?}, {kind:?}"
                        );
                    }
                    let n_rejected: u64 = out.rejected.iter().copied().map(u64::from).sum();
                    assert_eq!(out.stats.rejected.iter().sum::<u64>(), n_rejected);
                }
            }
        }
    }
}

#[test]
fn the_median_is_the_middle_of_the_finite_values() {
    for n in [1, 2, 7, 8, 128, 129, 200] {
        let cubes = Cubes::noisy(n, [1, 4, 37], 0.3, 0.05);
        let out = combined(&cubes, options(Estimator::Median, VarianceOf::Propagated));
        for voxel in 0..out.data.len() {
            let values = cubes.data.iter().map(|cube| f64::from(cube[voxel]));
            let mut finite: Vec<f64> = values.filter(|x| x.is_finite()).collect();
            finite.sort_by(f64::total_cmp);
            let expected = if finite.is_empty() { f64::NAN } else { middle(&finite) };
            assert!(is_close(out.data[voxel], expected));
            assert_eq!(out.used[voxel] as usize, finite.len());
        }
    }
}

#[test]
fn errors_are_true_for_mean_and_median() {
    for n in [1, 2, 3, 4, 5, 8, 15, 16] {
        for estimator in [clipping(5.0, Spread::Deviation), Estimator::Median] {
            let mut cubes = Cubes::noisy(n, [4, 100, 100], 0.0, 0.0);
            cubes.variance = vec![vec![4.0; 40_000]; n];
            let out = combined(&cubes, options(estimator, VarianceOf::Propagated));
            let pulls = out.data.iter().zip(&out.variance).map(|(&x, &v)| {
                let residual = f64::from(f32::from_bits(x)) - 10.0;
                residual * residual / f64::from(f32::from_bits(v))
            });
            let mean_square = pulls.sum::<f64>() / 40_000.0;
            // Five times the scatter of the mean of 40,000 squares.
            assert!(
                (mean_square - 1.0).abs() < 0.036,
                "{n} cubes, {estimator:?}: {mean_square}"
            );
        }
    }
}

#[test]
fn scatter_gives_the_same_errors_as_the_true_variances_on_average() {
    let cubes = Cubes::noisy(12, [4, 50, 50], 0.0, 0.0);
    let out = combined(
        &cubes,
        options(clipping(5.0, Spread::Deviation), VarianceOf::ScatterOfMean),
    );
    let variances = out.variance.iter().map(|&v| f64::from(f32::from_bits(v)));
    let mean = variances.sum::<f64>() / 10_000.0;
    assert!((mean / (4.0 / 12.0) - 1.0).abs() < 0.03, "{mean}");
}

#[test]
fn outliers_are_clipped_and_the_mean_is_that_of_the_others() {
    let cubes = Cubes::noisy(60, [2, 40, 40], 0.05, 0.01);
    let out = combined(
        &cubes,
        options(clipping(5.0, Spread::MedianDeviation), VarianceOf::Propagated),
    );
    let n_outliers = cubes.data.iter().flatten().filter(|&&x| x > 400.0).count() as u64;
    let clipped: u64 = out.stats.rejected.iter().sum();
    assert!(
        clipped >= n_outliers && clipped < n_outliers + 200,
        "{clipped} for {n_outliers}"
    );
    assert!(out.data.iter().all(|&x| (f32::from_bits(x) - 10.0).abs() < 2.0));
    let missing: Vec<u64> = cubes
        .data
        .iter()
        .map(|cube| cube.iter().filter(|x| x.is_nan()).count() as u64)
        .collect();
    assert_eq!(out.stats.not_finite, missing);
}

#[test]
fn bits_do_not_depend_on_window_or_threads_and_each_number_is_read_once() {
    let cubes = Cubes::noisy(9, [7, 11, 29], 0.1, 0.02);
    for estimator in [
        clipping(2.0, Spread::Deviation),
        clipping(3.0, Spread::MedianDeviation),
        Estimator::Median,
    ] {
        let wide = combined(&cubes, options(estimator, VarianceOf::Propagated));
        // One row at a time, some rows, one plane, three planes.
        for (memory_bytes, window) in [(8_000, (1, 1)), (20_000, (1, 5)), (40_000, (1, 11)), (98_000, (3, 33))] {
            for threads in [1, 2, 5] {
                let mut options = options(estimator, VarianceOf::Propagated);
                options.memory_bytes = memory_bytes;
                let plan = CubeCombine::plan(9, cubes.shape, options).unwrap();
                assert_eq!((plan.window().planes, plan.window().rows), window);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                cubes.asked.store(0, Ordering::Relaxed);
                assert_eq!(pool.install(|| combined(&cubes, options)), wide);
                assert_eq!(cubes.asked.load(Ordering::Relaxed), 2 * 9 * 7 * 11 * 29);
            }
        }
    }
}

#[test]
fn infinite_values_are_left_out_as_missing_ones_are() {
    let mut cubes = Cubes::noisy(3, [1, 1, 3], 0.0, 0.0);
    cubes.data = vec![
        vec![1.0, f32::INFINITY, f32::NAN],
        vec![2.0, 5.0, f32::NAN],
        vec![f32::NEG_INFINITY, 7.0, f32::NAN],
    ];
    let out = combined(&cubes, CombineOptions::default());
    assert_eq!(out.used, [2, 2, 0]);
    assert_eq!(out.data[..2], [1.5_f32.to_bits(), 6.0_f32.to_bits()]);
    assert!(f32::from_bits(out.data[2]).is_nan() && f32::from_bits(out.variance[2]).is_nan());
    assert_eq!(out.stats.used, [1, 0, 2, 0]);
}

#[test]
fn an_unknown_variance_makes_the_combined_one_unknown() {
    let mut cubes = Cubes::noisy(3, [1, 1, 2], 0.0, 0.0);
    cubes.variance[1][0] = f32::NAN;
    let out = combined(&cubes, CombineOptions::default());
    assert!(f32::from_bits(out.variance[0]).is_nan() && f32::from_bits(out.variance[1]).is_finite());
}

#[test]
fn what_cannot_be_done_is_refused() {
    let plan = |n, shape, options| CubeCombine::plan(n, shape, options);
    let mut small = CombineOptions::default();
    small.memory_bytes = 1000;
    assert!(matches!(plan(0, [1, 1, 1], small), Err(KernelError::NoExposures)));
    assert!(matches!(plan(2, [1, 0, 1], small), Err(KernelError::EmptyGrid { .. })));
    let Err(KernelError::Memory { floor_bytes, .. }) = plan(5, [3, 20, 30], small).map(|_| ()) else {
        unreachable!("the budget is below the floor")
    };
    small.memory_bytes = floor_bytes;
    assert_eq!(plan(5, [3, 20, 30], small).map(|plan| plan.window().rows).ok(), Some(1));
    for limit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let bad = options(clipping(limit, Spread::Deviation), VarianceOf::Propagated);
        assert!(matches!(plan(2, [1, 1, 1], bad), Err(KernelError::Parameter { .. })));
    }
}

#[test]
fn a_run_from_any_plane_gives_the_planes_and_statistics_of_a_whole_run() {
    let cubes = Cubes::noisy(20, [6, 5, 40], 0.1, 0.02);
    let mut options = options(clipping(3.0, Spread::Deviation), VarianceOf::Propagated);
    let whole = combined(&cubes, options);
    // Two planes a window, so that the windows of the rest are other ones.
    options.memory_bytes = 2 * (5 * 40 * 16 + 224 * 20 * 8);
    let plane = 5 * 40;
    for first in 1..6 {
        let head = Cubes {
            shape: [first, 5, 40],
            data: cubes.data.clone(),
            variance: cubes.variance.clone(),
            asked: AtomicUsize::new(0),
        };
        let earlier = combined(&head, options).stats;
        let rest = combined_from(first, earlier, &cubes, options);
        assert_eq!(rest.data, whole.data[first * plane..]);
        assert_eq!(rest.variance, whole.variance[first * plane..]);
        assert_eq!(rest.rejected, whole.rejected[first * plane..]);
        assert_eq!(rest.stats, whole.stats);
    }
    let plan = CubeCombine::plan(20, cubes.shape, options).unwrap();
    let other = plan.run_from(1, CubeStats::new(19), &cubes, &mut |_| Ok(()), &Hooks::none());
    assert!(matches!(other, Err(KernelError::Shape { .. })));
}

#[test]
fn faults_of_source_and_sink_and_the_wish_to_stop_end_the_run() {
    let cubes = Cubes::noisy(2, [3, 4, 5], 0.0, 0.0);
    let plan = CubeCombine::plan(2, [4, 4, 5], CombineOptions::default()).unwrap();
    let beyond = plan.run(&cubes, &mut |_| Ok(()), &Hooks::none());
    assert!(matches!(beyond, Err(KernelError::Read { first: 0, last: 80, .. })));
    let plan = CubeCombine::plan(2, [3, 4, 5], CombineOptions::default()).unwrap();
    let full = plan.run(&cubes, &mut |_| Err("no space".into()), &Hooks::none());
    assert!(matches!(full, Err(KernelError::Sink { first_plane: 0, .. })));
    let stop = Hooks {
        keep_going: &|| false,
        on_tile: &|_, _| {},
        ..Hooks::none()
    };
    assert!(matches!(
        plan.run(&cubes, &mut |_| Ok(()), &stop),
        Err(KernelError::Stopped)
    ));
}
