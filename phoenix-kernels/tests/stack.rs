//! Statements about the combination of pixel tables, on small simulated exposures with known truth.

// Helpers outside test functions may fail as loudly as the tests that call them.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod rows;

use phoenix_kernels::ifu::{
    Columns, CoordinateState, CosmicKind, CosmicOptions, Exposure, GridRequest, Limits, PixelRows, PixelTable,
    Resample, RowBuffers, RowId, Slab, SliceDirection, SpectralAxis, Stack, StackOptions,
};
use phoenix_kernels::{Hooks, KernelError, Numerics};
use rows::{DEC, METHODS, RA, Random, automatic, bits, field, fixed, options, rejecting, run, view};
use std::ops::Range;

/// An exposure with `value` at each pixel (x, y, plane), each of variance 1.
fn exposure(seed: u64, shift: f64, value: impl FnMut([usize; 3], &mut Random) -> f32) -> PixelTable {
    field(seed, shift, 1.0, value)
}

fn noise(_: [usize; 3], random: &mut Random) -> f32 {
    random.normal() as f32
}

#[test]
fn a_constant_stays_constant_for_every_method_in_both_numerics() {
    let tables = [exposure(1, 0.0, |_, _| 7.5), exposure(2, 0.3, |_, _| 7.5)];
    let exposures = [view(&tables[0]), view(&tables[1])];
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        for method in METHODS {
            let (data, _, stats) = run(&exposures, &automatic(), &rejecting(numerics, method), None);
            assert_eq!(stats.rejected, 0);
            assert!(stats.finite_voxels > 2000, "{method:?}");
            assert!(data.iter().all(|v| v.is_nan() || (v - 7.5).abs() < 1e-5), "{method:?}");
        }
    }
}

#[test]
fn the_result_depends_neither_on_threads_nor_on_the_window() {
    let mut hit = |[i, j, l]: [usize; 3], r: &mut Random| {
        if (i * 7 + j * 5 + l * 3).is_multiple_of(97) {
            500.0
        } else {
            r.normal() as f32
        }
    };
    let tables = [
        exposure(3, 0.0, &mut hit),
        exposure(4, 0.4, &mut hit),
        exposure(5, -0.3, noise),
    ];
    let exposures = [
        view(&tables[0]),
        view(&tables[1]).with_slice_direction(SliceDirection::Y),
        view(&tables[2]),
    ];
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        for method in [Resample::Drizzle, Resample::Renka, Resample::Nearest] {
            let options = rejecting(numerics, method);
            let first = run(&exposures, &automatic(), &options, None);
            assert!(first.2.rejected > 10);
            for (threads, window) in [(1, 1), (2, 3), (5, 7), (2, 100)] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let again = pool.install(|| run(&exposures, &automatic(), &options, Some(window)));
                assert_eq!(
                    bits(&first.0),
                    bits(&again.0),
                    "{numerics:?} {method:?} {threads} {window}"
                );
                assert_eq!(
                    bits(&first.1),
                    bits(&again.1),
                    "{numerics:?} {method:?} {threads} {window}"
                );
                assert_eq!(first.2, again.2);
            }
        }
    }
}

#[test]
fn a_shift_by_whole_voxels_moves_the_cube_and_nothing_else() {
    let table = exposure(6, 0.0, noise);
    let rows = [Exposure::new(&table, CoordinateState::Pixel, 0.0, 0.0)];
    let options = options(Numerics::Phoenix, Resample::Linear);
    // Native angles serve as pixel coordinates here; only exact arithmetic on a power of two matters.
    let grid = |crval: f64, crpix: f64| {
        let mut grid = fixed([8, 8, 12]);
        grid.celestial = false;
        grid.cd = [[0.5, 0.0], [0.0, 0.5]];
        grid.crval = [crval, 0.0];
        grid.crpix = [crpix, 5.0];
        GridRequest::Fixed(grid)
    };
    let one = run(&rows, &grid(1.0, 2.0), &options, None);
    let same = run(&rows, &grid(2.0, 4.0), &options, None);
    assert_eq!(bits(&one.0), bits(&same.0));
    let moved = run(&rows, &grid(1.0, 3.0), &options, None);
    let mut compared = 0;
    // The border voxels lack the rows beyond the border.
    for k in 0..one.0.len() {
        if (1..6).contains(&(k % 8)) && one.0[k].is_finite() {
            assert_eq!(one.0[k].to_bits(), moved.0[k + 1].to_bits());
            compared += 1;
        }
    }
    assert!(compared > 50);
}

#[test]
fn injected_cosmic_rays_are_found() {
    let is_hit = |i: usize, j: usize, l: usize| (i + 5 * j + 11 * l).is_multiple_of(61);
    let value = |[i, j, l]: [usize; 3], r: &mut Random| {
        if is_hit(i, j, l) { 1000.0 } else { r.normal() as f32 }
    };
    let tables = [
        exposure(7, 0.0, value),
        exposure(8, 0.25, noise),
        exposure(9, -0.4, noise),
    ];
    let hits = tables[0].columns().data.iter().filter(|v| **v > 900.0).count() as u64;
    let exposures = [view(&tables[0]), view(&tables[1]), view(&tables[2])];
    let (data, _, stats) = run(
        &exposures,
        &automatic(),
        &rejecting(Numerics::Phoenix, Resample::Drizzle),
        None,
    );
    assert!(
        stats.rejected >= hits && stats.rejected < hits + 25,
        "{} of {hits}",
        stats.rejected
    );
    assert!(data.iter().all(|v| v.is_nan() || *v < 100.0));
}

#[test]
fn slabs_name_each_rejected_row_once_whatever_the_window() {
    let is_hit = |i: usize, j: usize, l: usize| (i + 5 * j + 11 * l).is_multiple_of(61);
    let value = |[i, j, l]: [usize; 3], r: &mut Random| {
        if is_hit(i, j, l) { 1000.0 } else { r.normal() as f32 }
    };
    let tables = [
        exposure(7, 0.0, noise),
        exposure(8, 0.25, value),
        exposure(9, -0.4, noise),
    ];
    let exposures = [view(&tables[0]), view(&tables[1]), view(&tables[2])];
    let truth: Vec<RowId> = (0..)
        .zip(&tables[1].columns().data)
        .filter(|(_, v)| **v > 900.0)
        .map(|(row, _)| RowId { exposure: 1, row })
        .collect();
    let mut options = rejecting(Numerics::Phoenix, Resample::Drizzle);
    options.trace = true;
    let mut lists = Vec::new();
    for planes in [1, 3, 20] {
        let stack = Stack::plan(&exposures, &automatic(), &options, &Hooks::none())
            .unwrap()
            .with_window_planes(planes);
        let mut found = Vec::new();
        let mut take = |slab: &Slab<'_>| {
            found.extend_from_slice(slab.rejected_rows);
            Ok(())
        };
        let stats = stack.run(&mut take, &Hooks::none()).unwrap();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len() as u64, stats.rejected);
        assert!(truth.iter().all(|row| found.binary_search(row).is_ok()));
        let [mut again, middle] = [0..20, 5..9].map(|planes| {
            let mut again = Vec::new();
            let mut take = |rows: &[RowId]| {
                again.extend_from_slice(rows);
                Ok(())
            };
            stack.rejected_rows(planes, &mut take, &Hooks::none()).unwrap();
            again
        });
        again.sort_unstable();
        assert_eq!(again, found);
        assert!(!middle.is_empty() && middle.len() < found.len());
        assert!(middle.iter().all(|row| found.contains(row)));
        lists.push(found);
    }
    assert!(lists.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_row_that_came_with_another_flag_is_rejected_as_well_and_named() {
    let value = |[i, j, l]: [usize; 3], r: &mut Random| {
        if [i, j, l] == [3, 3, 7] {
            1000.0
        } else {
            r.normal() as f32
        }
    };
    let mut columns = exposure(8, 0.0, value).into_columns();
    let row = columns.data.iter().position(|v| *v > 900.0).unwrap();
    columns.dq[row] = 64;
    let table = PixelTable::new(columns).unwrap();
    let exposures = [view(&table)];
    for numerics in [Numerics::Phoenix, Numerics::Eso] {
        let mut options = rejecting(numerics, Resample::Drizzle);
        options.trace = true;
        let stack = Stack::plan(&exposures, &automatic(), &options, &Hooks::none()).unwrap();
        let mut found = Vec::new();
        let mut take = |slab: &Slab<'_>| {
            found.extend_from_slice(slab.rejected_rows);
            Ok(())
        };
        let stats = stack.run(&mut take, &Hooks::none()).unwrap();
        let row = row as u64;
        assert!(found.contains(&RowId { exposure: 0, row }), "{numerics:?}");
        assert_eq!(stats.rejected as usize + 1, found.len());
    }
}

#[test]
fn rows_outside_the_wavelengths_kept_do_not_widen_the_grid() {
    let table = exposure(8, 0.0, noise);
    let exposures = [view(&table)];
    for numerics in [Numerics::Phoenix, Numerics::Eso] {
        let mut options = rejecting(numerics, Resample::Drizzle);
        let grid = |options: &StackOptions| {
            *Stack::plan(&exposures, &automatic(), options, &Hooks::none())
                .unwrap()
                .grid()
        };
        let whole = grid(&options);
        let lambda = &table.columns().lambda;
        let middle = f64::from(lambda[lambda.len() / 2]);
        options.lambda_range = [middle - 3.0, middle + 3.0];
        let part = grid(&options);
        assert_eq!(part.naxis[..2], whole.naxis[..2], "{numerics:?}");
        assert!(part.naxis[2] < whole.naxis[2] && part.naxis[2] > 1);
    }
}

#[test]
fn each_exposure_is_tested_along_its_own_slices() {
    // A track along y in an exposure whose slices run along y: its own slice must not hide it from the statistics.
    let track = |[i, ..]: [usize; 3], r: &mut Random| if i % 4 == 1 { 300.0 } else { r.normal() as f32 };
    let tables = [exposure(10, 0.0, noise), exposure(11, 0.1, track)];
    let hits = tables[1].columns().data.iter().filter(|v| **v > 200.0).count() as f64;
    let exposures = [
        view(&tables[0]),
        view(&tables[1]).with_slice_direction(SliceDirection::Y),
    ];
    let found = |numerics| {
        let mut options = rejecting(numerics, Resample::Drizzle);
        options.cosmic = CosmicOptions {
            kind: CosmicKind::Mean,
            sigma: 3.0,
        };
        run(&exposures, &automatic(), &options, None).2.rejected as f64
    };
    let (eso, phoenix) = (found(Numerics::Eso), found(Numerics::Phoenix));
    assert!(
        phoenix > 0.7 * hits && phoenix > 2.0 * eso,
        "{phoenix} and {eso} of {hits}"
    );
}

#[test]
fn rows_outside_a_small_grid_are_dropped_and_not_put_into_its_border() {
    // Twice the value outside the grid: clamped rows raise the border.
    let value = |[i, j, _]: [usize; 3], _: &mut Random| {
        if (4..10).contains(&i) && (3..9).contains(&j) {
            1.0
        } else {
            2.0
        }
    };
    let table = exposure(12, 0.0, value);
    let request = GridRequest::Fixed(fixed([4, 4, 8]));
    let worst = |numerics| {
        let options = options(numerics, Resample::Quadratic);
        let (data, _, stats) = run(&[view(&table)], &request, &options, None);
        assert!(stats.outside > 0);
        data.iter().map(|v| (v - 1.0).abs()).fold(0.0, f32::max)
    };
    assert!(worst(Numerics::Phoenix) < 1e-6);
    assert!(worst(Numerics::Eso) > 0.01);
}

#[test]
fn every_row_is_counted_once() {
    let mut columns = exposure(13, 0.0, noise).into_columns();
    columns.data[5] = f32::NAN;
    columns.stat[50] = f32::INFINITY;
    columns.lambda[500] = f32::NAN;
    let table = PixelTable::new(columns).unwrap();
    for request in [automatic(), GridRequest::Fixed(fixed([5, 6, 7]))] {
        let (.., stats) = run(
            &[view(&table)],
            &request,
            &rejecting(Numerics::Phoenix, Resample::Drizzle),
            Some(2),
        );
        assert_eq!(stats.in_grid + stats.outside + stats.not_finite, table.len());
        assert_eq!(stats.used + stats.rejected, stats.in_grid);
    }
}

#[test]
fn nothing_falls_outside_an_automatic_grid_and_its_wavelength_is_reproducible() {
    for dec in [-27.5, 89.98] {
        let table = exposure(14, 0.2, noise);
        let exposures = [Exposure::new(&table, CoordinateState::NativeSpherical, 359.9999, dec)];
        let options = rejecting(Numerics::Phoenix, Resample::Drizzle);
        let stack = Stack::plan(&exposures, &automatic(), &options, &Hooks::none()).unwrap();
        let planes = stack.grid().spectral.crval / 1.25;
        assert!((planes - planes.round()).abs() < 1e-9);
        assert_eq!(
            run(&exposures, &automatic(), &options, None).2.outside,
            0,
            "declination {dec}"
        );
    }
}

#[test]
fn a_double_grid_keeps_the_reference_pixel_that_float_limits_lose() {
    let table = exposure(15, 0.0, noise);
    let crpix = |numerics, ra| {
        let exposures = [Exposure::new(&table, CoordinateState::NativeSpherical, ra, DEC)];
        Stack::plan(
            &exposures,
            &automatic(),
            &rejecting(numerics, Resample::Drizzle),
            &Hooks::none(),
        )
        .unwrap()
        .grid()
        .crpix[0]
    };
    let spread = |numerics| (crpix(numerics, 359.0) - crpix(numerics, 0.01)).abs();
    assert!(spread(Numerics::Phoenix) < 1e-6);
    assert!(spread(Numerics::Eso) > 1e-3);
}

#[test]
fn nearest_takes_the_nearest_row() {
    // The value is the row's own offset, so the best choice has the smallest mean.
    let step = 0.2 / 3600.0;
    let mut random = Random(16);
    let mut b = RowBuffers::default();
    for n in 0..4000 {
        let [x, y] = [0, 1].map(|_| (random.uniform() - 0.5) * 6.0);
        b.xpos.push((-x * step / DEC.to_radians().cos()) as f32);
        b.ypos.push((y * step) as f32);
        b.lambda.push((7005.0 + 1.25 * f64::from(n % 8)) as f32);
        b.data.push((x - x.round()).hypot(y - y.round()) as f32);
        b.stat.push(1.0);
        b.dq.push(0);
    }
    let table = PixelTable::new(b).unwrap();
    let exposures = [Exposure::new(&table, CoordinateState::Celestial, RA, DEC)];
    let mean = |numerics| {
        let options = options(numerics, Resample::Nearest);
        let (data, ..) = run(&exposures, &GridRequest::Fixed(fixed([5, 5, 8])), &options, None);
        data.iter().sum::<f32>() / data.len() as f32
    };
    assert!(mean(Numerics::Phoenix) < 0.2);
    assert!(mean(Numerics::Eso) > 0.3);
}

#[test]
fn no_finite_value_stands_beside_a_missing_variance() {
    let table = exposure(17, 0.0, noise);
    for method in METHODS {
        let mut options = rejecting(Numerics::Phoenix, method);
        options.critical_radius = 0.4;
        let (data, stat, _) = run(&[view(&table)], &automatic(), &options, None);
        assert!(
            data.iter().zip(&stat).all(|(d, s)| d.is_finite() == s.is_finite()),
            "{method:?}"
        );
    }
}

#[test]
fn the_covariance_factor_agrees_with_the_scatter_of_noise() {
    let block = [3, 3, 1];
    let mut options = options(Numerics::Phoenix, Resample::Drizzle);
    for method in [Resample::Drizzle, Resample::Linear, Resample::Lanczos] {
        options.resample = method;
        let (mut squares, mut n, mut factor) = (0.0, 0.0, 0.0);
        for seed in 0..60 {
            // The same positions each time: the noise comes from a generator of its own.
            let mut own = Random(1000 + seed);
            let table = exposure(18, 0.0, |_, _| own.normal() as f32);
            let exposures = [view(&table)];
            let stack = Stack::plan(&exposures, &automatic(), &options, &Hooks::none()).unwrap();
            let [nx, ny, nz] = stack.grid().naxis;
            factor = stack.covariance_factors(&[block], &Hooks::none()).unwrap()[0].unwrap();
            let (data, stat, _) = run(&exposures, &automatic(), &options, None);
            for (l, j, i) in
                (0..nz).flat_map(|l| (0..ny / 3).flat_map(move |j| (0..nx / 3).map(move |i| (l, 3 * j, 3 * i))))
            {
                let cells = (0..9).map(|k| (l * ny + j + k / 3) * nx + i + k % 3);
                let (sum, var) = cells.fold((0.0, 0.0), |(s, v), k| (s + f64::from(data[k]), v + f64::from(stat[k])));
                if sum.is_finite() {
                    squares += sum * sum / var;
                    n += 1.0;
                }
            }
        }
        let measured = (squares / n).sqrt();
        assert!(
            (measured / factor - 1.0).abs() < 0.05,
            "{method:?}: {measured} and {factor}"
        );
    }
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let table = exposure(19, 0.0, noise);
    let plan = |exposures: &[Exposure<'_>], options: &StackOptions, hooks: &Hooks<'_>| {
        Stack::plan(exposures, &automatic(), options, hooks)
            .map(|_| ())
            .unwrap_err()
    };
    let good = rejecting(Numerics::Phoenix, Resample::Drizzle);
    assert!(matches!(plan(&[], &good, &Hooks::none()), KernelError::NoExposures));
    let mixed = [view(&table), Exposure::new(&table, CoordinateState::Pixel, RA, DEC)];
    assert!(matches!(
        plan(&mixed, &good, &Hooks::none()),
        KernelError::MixedStates { exposure: 1, .. }
    ));
    let mut columns = table.columns().clone();
    columns.data.fill(f32::NAN);
    let empty = PixelTable::new(columns).unwrap();
    let both = [view(&table), view(&empty)];
    assert!(matches!(
        plan(&both, &good, &Hooks::none()),
        KernelError::NoPixels { exposure: 1 }
    ));
    let mut small = good.clone();
    small.memory_bytes = 1000;
    assert!(matches!(
        plan(&[view(&table)], &small, &Hooks::none()),
        KernelError::Memory { .. }
    ));
    let stop = Hooks {
        keep_going: &|| false,
        on_tile: &|_, _| {},
        ..Hooks::none()
    };
    assert!(matches!(plan(&[view(&table)], &good, &stop), KernelError::Stopped));
    let mut bad = good.clone();
    bad.pixfrac[1] = 0.0;
    assert!(matches!(
        plan(&[view(&table)], &bad, &Hooks::none()),
        KernelError::Parameter { name: "pixfrac", .. }
    ));
    let limits = Some(Limits {
        low: [1e9; 3],
        high: [2e9; 3],
    });
    let request = GridRequest::Automatic {
        step: [0.2, 0.2, 1.25],
        axis: SpectralAxis::Awav,
        limits,
    };
    assert!(Stack::plan(&[view(&table)], &request, &good, &Hooks::none()).is_err());
}

/// Rows that cannot be read after the scan.
struct Broken(PixelTable);

impl PixelRows for Broken {
    fn len(&self) -> u64 {
        self.0.len()
    }
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn has_weight(&self) -> bool {
        false
    }
    fn read(
        &self,
        rows: Range<u64>,
        columns: Columns,
        out: &mut RowBuffers,
    ) -> Result<(), phoenix_kernels::SourceError> {
        if columns.contains(Columns::STAT) {
            Err("short file".into())
        } else {
            self.0.read(rows, columns, out)
        }
    }
}

#[test]
fn errors_of_source_and_sink_come_through() {
    let broken = Broken(exposure(20, 0.0, noise));
    let exposures = [Exposure::new(&broken, CoordinateState::NativeSpherical, RA, DEC)];
    let good = rejecting(Numerics::Phoenix, Resample::Drizzle);
    let stack = Stack::plan(&exposures, &automatic(), &good, &Hooks::none()).unwrap();
    let error = stack.run(&mut |_| Ok(()), &Hooks::none()).unwrap_err();
    assert!(matches!(error, KernelError::Read { exposure: 0, .. }));
    let exposures = [view(&broken.0)];
    let stack = Stack::plan(&exposures, &automatic(), &good, &Hooks::none()).unwrap();
    let error = stack.run(&mut |_| Err("disk full".into()), &Hooks::none()).unwrap_err();
    assert!(matches!(error, KernelError::Sink { first_plane: 0, .. }));
}
