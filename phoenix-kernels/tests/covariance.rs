//! Statements about what the variance of a cube leaves out, on white noise.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step is a failed test; figures are shown"
)]

mod rows;

use ndarray::Array2;
use phoenix_kernels::ifu::{Exposure, PixelTable, Resample, Stack, StackOptions};
use phoenix_kernels::{Hooks, KernelError, Numerics};
use rows::{METHODS, automatic, options, stack_cube, view, with_noise};
use std::ops::Range;

/// Dithers of the exposures of a cube, pixels.
const SHIFTS: [f64; 4] = [0.0, 0.4, -0.3, 0.7];
/// Variances of their rows.
const VARIANCES: [f32; 4] = [1.0, 2.0, 0.5, 1.0];
/// Blocks (x, y, wave) over which means are taken, as the header tells.
const BLOCKS: [[usize; 3]; 3] = [[3, 3, 1], [5, 5, 1], [1, 1, 10]];

/// Exposures at the same places with the noise of one seed.
fn exposures(seed: u64) -> Vec<PixelTable> {
    let with = |n: usize| with_noise(30 + n as u64, 1000 * (seed + 1) + n as u64, SHIFTS[n], VARIANCES[n]);
    (0..SHIFTS.len()).map(with).collect()
}

fn planned<'a>(exposures: &'a [Exposure<'a>], options: &StackOptions) -> Stack<'a> {
    Stack::plan(exposures, &automatic(), options, &Hooks::none()).unwrap()
}

/// Whole blocks of a size in a cube, as the computation takes them: borders, where rows are few, count.
fn blocks([nx, ny, nz]: [usize; 3], [x, y, wave]: [usize; 3]) -> Vec<[usize; 3]> {
    let starts = |n: usize, size: usize| (0..n).step_by(size).filter(move |start| start + size <= n);
    starts(nx, x)
        .flat_map(|i| starts(ny, y).flat_map(move |j| starts(nz, wave).map(move |l| [i, j, l])))
        .collect()
}

#[test]
fn the_factor_of_each_method_is_that_of_repeated_noise() {
    println!(
        "| method | {} |",
        BLOCKS.map(|b| format!("{b:?} measured, computed")).join(" | ")
    );
    for method in METHODS {
        let options = options(Numerics::Phoenix, method);
        let mut figures = [[0.0_f64; 2]; 3];
        let mut factors = Vec::new();
        for seed in 0..80 {
            let tables = exposures(seed);
            let views: Vec<Exposure<'_>> = tables.iter().map(view).collect();
            let stack = planned(&views, &options);
            let naxis @ [nx, ny, _] = stack.grid().naxis;
            if seed == 0 {
                factors = stack.covariance_factors(&BLOCKS, &Hooks::none()).unwrap();
            }
            let (data, stat) = stack_cube(&views, method, Numerics::Phoenix);
            for (block, figure) in BLOCKS.iter().zip(&mut figures) {
                for [i, j, l] in blocks(naxis, *block) {
                    let [x, y, wave] = *block;
                    let voxels = (l..l + wave)
                        .flat_map(|l| (j..j + y).flat_map(move |j| (i..i + x).map(move |i| (l * ny + j) * nx + i)));
                    let [sum, variance] = voxels.fold([0.0, 0.0], |[sum, variance], voxel| {
                        [sum + f64::from(data[voxel]), variance + f64::from(stat[voxel])]
                    });
                    if sum.is_finite() {
                        *figure = [figure[0] + sum * sum / variance, figure[1] + 1.0];
                    }
                }
            }
        }
        let measured = figures.map(|[squares, n]| (squares / n).sqrt());
        let shown = measured
            .iter()
            .zip(&factors)
            .map(|(m, f)| format!("{m:.3}, {:.3}", f.unwrap()));
        println!("| {method:?} | {} |", shown.collect::<Vec<_>>().join(" | "));
        for ((measured, factor), block) in measured.iter().zip(&factors).zip(BLOCKS) {
            let factor = factor.unwrap();
            assert!(
                (measured / factor - 1.0).abs() < 0.02,
                "{method:?}, {block:?}: {measured} and {factor}"
            );
        }
    }
}

/// Values of a part of a cube, in the order of the matrix.
fn part(data: &[f32], [nx, ny, _]: [usize; 3], block: &[Range<usize>; 3]) -> Vec<f64> {
    let [x, y, wave] = block.clone();
    wave.flat_map(|l| {
        let x = x.clone();
        y.clone()
            .flat_map(move |j| x.clone().map(move |i| (l * ny + j) * nx + i))
    })
    .map(|voxel| f64::from(data[voxel]))
    .collect()
}

const PART: [Range<usize>; 3] = [6..10, 5..8, 9..12];

#[test]
fn the_whole_covariance_is_that_of_repeated_noise() {
    let n_seeds = if std::env::var_os("PHOENIX_NIGHTLY").is_some() {
        400_u32
    } else {
        100
    };
    for method in METHODS {
        let options = options(Numerics::Phoenix, method);
        let tables = exposures(0);
        let views: Vec<Exposure<'_>> = tables.iter().map(view).collect();
        let stack = planned(&views, &options);
        let naxis = stack.grid().naxis;
        let computed = stack.covariance(&PART, &Hooks::none()).unwrap();
        let n = computed.nrows();
        let mut sample: Array2<f64> = Array2::zeros((n, n));
        for seed in 0..u64::from(n_seeds) {
            let tables = exposures(seed);
            let views: Vec<Exposure<'_>> = tables.iter().map(view).collect();
            let (data, _) = stack_cube(&views, method, Numerics::Phoenix);
            let values = part(&data, naxis, &PART);
            for a in 0..n {
                for b in 0..n {
                    sample[(a, b)] += values[a] * values[b] / f64::from(n_seeds);
                }
            }
        }
        // The variance of a sample's covariance of normal values of known mean is (C_aa C_bb + C_ab^2) / n.
        let (mut squares, mut worst) = (0.0, 0.0_f64);
        for a in 0..n {
            for b in 0..n {
                let c = |i: usize, j: usize| computed[(i, j)];
                let error = ((c(a, a) * c(b, b) + c(a, b).powi(2)) / f64::from(n_seeds)).sqrt();
                let z = (sample[(a, b)] - c(a, b)) / error;
                squares += z * z;
                worst = worst.max(z.abs());
            }
        }
        let mean = squares / (n * n) as f64;
        println!("{method:?}: mean z^2 {mean:.3}, worst {worst:.1}");
        assert!(
            (0.7..1.3).contains(&mean) && worst < 6.0,
            "{method:?}: mean z^2 {mean}, worst {worst}"
        );
    }
}

#[test]
fn the_diagonal_is_the_variance_and_windows_do_not_matter() {
    let tables = exposures(0);
    let views: Vec<Exposure<'_>> = tables.iter().map(view).collect();
    for numerics in [Numerics::Phoenix, Numerics::Eso] {
        for method in METHODS {
            let options = options(numerics, method);
            let stack = planned(&views, &options);
            let naxis = stack.grid().naxis;
            let (_, stat) = stack_cube(&views, method, numerics);
            let matrix = stack.covariance(&PART, &Hooks::none()).unwrap();
            for (voxel, variance) in part(&stat, naxis, &PART).iter().enumerate() {
                let own = matrix[(voxel, voxel)];
                assert!((own / variance - 1.0).abs() < 1e-5, "{method:?}: {own} and {variance}");
            }
            let narrow = planned(&views, &options).with_window_planes(1);
            let again = narrow.covariance(&PART, &Hooks::none()).unwrap();
            for (a, b) in matrix.iter().zip(&again) {
                assert!((a - b).abs() <= 1e-12 * matrix[(0, 0)], "{method:?}: {a} and {b}");
            }
            let mut swapped = matrix.t().to_owned();
            swapped -= &matrix;
            assert!(swapped.iter().all(|d| d.abs() < 1e-12), "{method:?}");
        }
    }
}

#[test]
fn a_voxel_without_value_has_no_covariance_and_a_part_outside_is_refused() {
    let tables = exposures(0);
    let views: Vec<Exposure<'_>> = tables.iter().map(view).collect();
    let options = options(Numerics::Phoenix, Resample::Drizzle);
    let stack = planned(&views, &options);
    let [nx, ny, nz] = stack.grid().naxis;
    let corner = [0..2, 0..2, 5..6];
    let matrix = stack.covariance(&corner, &Hooks::none()).unwrap();
    let (data, _) = stack_cube(&views, Resample::Drizzle, Numerics::Phoenix);
    for (voxel, value) in part(&data, [nx, ny, nz], &corner).iter().enumerate() {
        assert_eq!(matrix[(voxel, voxel)].is_nan(), value.is_nan());
    }
    for block in [[0..nx + 1, 0..1, 0..1], [1..1, 0..1, 0..1], [0..nx, 0..ny, 0..nz]] {
        let refused = stack.covariance(&block, &Hooks::none()).unwrap_err();
        assert!(matches!(refused, KernelError::Parameter { .. }), "{block:?}");
    }
}
