//! Windows of planes, strips of rows of voxels and short ways give the same bits as a whole cube by the general way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod rows;

use phoenix_kernels::ifu::{Exposure, GridRequest, PixelTable, Resample, Stack, StackOptions};
use phoenix_kernels::{Hooks, KernelError, Numerics};
use rows::{METHODS, automatic, bits, exposure, fixed, options, run, view};

/// Options with the cosmic-ray test.
fn tested(numerics: Numerics, resample: Resample) -> StackOptions {
    let mut options = options(numerics, resample);
    options.cosmic.sigma = 10.0;
    options
}

/// A grid smaller than the field.
fn small() -> GridRequest {
    GridRequest::Fixed(fixed([9, 8, 12]))
}

#[test]
fn drizzle_gives_the_same_bits_with_and_without_counts() {
    // Counts take the general way over all neighbours.
    let mut columns = exposure(3, 0.0, 1.0).into_columns();
    columns.weight = (0..columns.data.len()).map(|row| 0.5 + (row % 7) as f32).collect();
    for row in [100, 1000, 1001] {
        columns.data[row] = f32::NAN;
        columns.stat[row + 50] = f32::INFINITY;
    }
    let tables = [PixelTable::new(columns).unwrap(), exposure(4, 0.4, 1.0)];
    let views: Vec<Exposure<'_>> = tables.iter().map(view).collect();
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        for (pixfrac, request) in [(0.6, automatic()), (0.9, small()), (1.7, automatic())] {
            let mut options = tested(numerics, Resample::Drizzle);
            options.pixfrac = [pixfrac; 3];
            let short = run(&views, &request, &options, Some(5));
            options.counts = true;
            let long = run(&views, &request, &options, None);
            assert_eq!(bits(&short.0), bits(&long.0), "{numerics:?} {pixfrac} values");
            assert_eq!(bits(&short.1), bits(&long.1), "{numerics:?} {pixfrac} variances");
        }
    }
}

#[test]
fn strips_of_planes_that_do_not_fit_give_the_same_bits_and_counts() {
    let tables = [(1, 0.0), (2, 0.3), (3, 0.6)].map(|(seed, shift)| {
        let mut columns = exposure(seed, shift, 1.0).into_columns();
        columns.data.iter_mut().step_by(101).for_each(|value| *value += 500.0);
        PixelTable::new(columns).unwrap()
    });
    let views: Vec<Exposure<'_>> = tables.iter().map(view).collect();
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        for resample in METHODS {
            for request in [automatic(), small()] {
                let mut options = tested(numerics, resample);
                options.trace = true;
                let factors = |options: &StackOptions| {
                    let stack = Stack::plan(&views, &request, options, &Hooks::none()).unwrap();
                    let blocks = [[3, 3, 1], [1, 1, 4], [2, 1, 3]];
                    stack.covariance_factors(&blocks, &Hooks::none()).unwrap()
                };
                let whole = run(&views, &request, &options, None);
                let whole_factors = factors(&options);
                options.memory_bytes = 0;
                let Err(KernelError::Memory { floor_bytes, .. }) =
                    Stack::plan(&views, &request, &options, &Hooks::none())
                else {
                    panic!("no memory is enough")
                };
                for bytes in [floor_bytes, 2 * floor_bytes] {
                    options.memory_bytes = bytes;
                    let parts = run(&views, &request, &options, None);
                    assert_eq!(bits(&parts.0), bits(&whole.0), "{numerics:?} {resample:?} values");
                    assert_eq!(bits(&parts.1), bits(&whole.1), "{numerics:?} {resample:?} variances");
                    assert_eq!(parts.2, whole.2, "{numerics:?} {resample:?}");
                    assert_eq!(factors(&options), whole_factors, "{numerics:?} {resample:?}");
                }
            }
        }
    }
}
