//! Statements about exposure maps and covariances of cubes, on small simulated exposures.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a failed step is a failed test")]

mod rows;

use phoenix_kernels::ifu::{Exposure, Resample, Stack};
use phoenix_kernels::{Hooks, KernelError, Numerics};
use rows::{DEC, METHODS, RA, automatic, exposure, options, stack_cube, view};

/// A mask of the spaxels that a cube of these exposures alone fills anywhere, on the grid of all.
fn filled(exposures: &[Exposure<'_>], method: Resample, numerics: Numerics, shape: [usize; 2]) -> Vec<bool> {
    let (data, _) = stack_cube(exposures, method, numerics);
    let [ny, nx] = shape;
    (0..ny * nx)
        .map(|spaxel| {
            data.iter()
                .skip(spaxel)
                .step_by(ny * nx)
                .filter(|v| v.is_finite())
                .count()
                > 2
        })
        .collect()
}

#[test]
fn a_spaxel_has_the_time_of_the_exposures_that_reach_it() {
    for numerics in [Numerics::Phoenix, Numerics::Eso] {
        for method in METHODS {
            let tables = [exposure(1, 0.0, 4.0), exposure(2, 5.0, 4.0), exposure(3, 5.0, 4.0)];
            let exposures: Vec<Exposure<'_>> = tables.iter().map(view).collect();
            let options = options(numerics, method);
            let stack = Stack::plan(&exposures, &automatic(), &options, &Hooks::none()).unwrap();
            let map = stack.exposure_map(&[100.0, 10.0, 1.0], &Hooks::none()).unwrap();
            let (ny, nx) = map.dim();
            assert_eq!([ny, nx], [stack.grid().naxis[1], stack.grid().naxis[0]]);
            // Far from the edges of each field.
            assert_eq!(map[(ny / 2, nx / 2)], 111.0, "{method:?}");
            let seen: std::collections::BTreeSet<u32> = map.iter().map(|s| *s as u32).collect();
            assert!(
                seen.contains(&0) && seen.contains(&100) && seen.contains(&11),
                "{method:?}: {seen:?}"
            );
            let shown: Vec<bool> = map.iter().map(|s| *s > 0.0).collect();
            let filled = filled(&exposures, method, numerics, [ny, nx]);
            let differing = shown.iter().zip(&filled).filter(|(a, b)| a != b).count();
            assert!(differing * 50 <= ny * nx, "{method:?}: {differing} of {}", ny * nx);
        }
    }
}

#[test]
fn the_exposure_map_is_the_same_for_any_number_of_threads() {
    let tables = [exposure(1, 0.0, 4.0), exposure(2, 3.0, 4.0), exposure(3, 1.5, 4.0)];
    let exposures: Vec<Exposure<'_>> = tables.iter().map(view).collect();
    let options = options(Numerics::Phoenix, Resample::Drizzle);
    let maps: Vec<Vec<u32>> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let stack = Stack::plan(&exposures, &automatic(), &options, &Hooks::none()).unwrap();
                let map = stack.exposure_map(&[0.1, 0.7, 1e9], &Hooks::none()).unwrap();
                map.iter().map(|s| s.to_bits()).collect()
            })
        })
        .collect();
    assert!(maps.iter().all(|map| *map == maps[0]));
}

#[test]
fn a_map_needs_the_time_of_each_exposure() {
    let table = exposure(1, 0.0, 4.0);
    let exposures = [Exposure::new(
        &table,
        phoenix_kernels::ifu::CoordinateState::NativeSpherical,
        RA,
        DEC,
    )];
    let options = options(Numerics::Phoenix, Resample::Drizzle);
    let stack = Stack::plan(&exposures, &automatic(), &options, &Hooks::none()).unwrap();
    let refused = stack.exposure_map(&[], &Hooks::none()).unwrap_err();
    assert!(matches!(
        refused,
        KernelError::Shape {
            what: "exposure times",
            ..
        }
    ));
}
