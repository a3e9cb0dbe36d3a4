//! Strips of rows of voxels read the rows of their part of the field, not all rows of their planes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod rows;

use phoenix_kernels::ifu::{
    Columns, CoordinateState, Exposure, PixelRows, PixelTable, Resample, RowBuffers, SliceDirection, Stack,
    StackOptions,
};
use phoenix_kernels::{Hooks, KernelError, Numerics, SourceError};
use rows::{DEC, RA, Random, automatic, bits, exposure, rejecting, run};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Spaxels of the field along each axis.
const SIDE: usize = 96;
/// Spaxels of a slice.
const WIDTH: usize = 24;
const PLANES: usize = 30;

/// A table that counts the rows whose values, and whose positions alone, are read.
struct Counted<'a> {
    table: &'a PixelTable,
    values: AtomicU64,
    positions: AtomicU64,
}

impl<'a> Counted<'a> {
    fn new(table: &'a PixelTable) -> Self {
        Self {
            table,
            values: AtomicU64::new(0),
            positions: AtomicU64::new(0),
        }
    }

    /// How often each row's values, and position alone, have been read since the last time.
    fn reads(&self) -> [f64; 2] {
        [&self.values, &self.positions].map(|count| count.swap(0, Ordering::Relaxed) as f64 / self.table.len() as f64)
    }
}

impl PixelRows for Counted<'_> {
    fn len(&self) -> u64 {
        self.table.len()
    }

    fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn has_weight(&self) -> bool {
        false
    }

    fn read(&self, rows: Range<u64>, columns: Columns, out: &mut RowBuffers) -> Result<(), SourceError> {
        let n = rows.end - rows.start;
        if columns.contains(Columns::DATA) {
            self.values.fetch_add(n, Ordering::Relaxed);
        } else if columns.contains(Columns::XPOS) {
            self.positions.fetch_add(n, Ordering::Relaxed);
        }
        self.table.read(rows, columns, out)
    }
}

/// A field of slices side by side, one after the other in the table, neighbours far apart, each from short to long wavelengths.
fn sliced(direction: SliceDirection, seed: u64) -> PixelTable {
    let mut random = Random(seed);
    let mut b = RowBuffers::default();
    let step = 0.2 / 3600.0 * std::f64::consts::PI / 180.0;
    for slice in 0..SIDE * SIDE / WIDTH {
        let (across, along) = (slice * 5 % SIDE, slice / SIDE * WIDTH);
        for l in 0..PLANES {
            for k in 0..WIDTH {
                let at = [along + k, across].map(|p| p as f64 - 47.5 + 0.2 * random.uniform());
                let [x, y] = match direction {
                    SliceDirection::Y => [at[1] * step, at[0] * step],
                    _ => [at[0] * step, at[1] * step],
                };
                b.xpos.push(x.atan2(-y).rem_euclid(std::f64::consts::TAU) as f32);
                b.ypos.push(-x.hypot(y).atan() as f32);
                b.lambda
                    .push((7000.0 + 2.5 * (l as f64 + 0.3 * random.uniform())) as f32);
                let hit = if random.uniform() < 1e-3 { 300.0 } else { 0.0 };
                b.data.push((random.normal() + hit) as f32);
                b.stat.push(1.0);
                b.dq.push(0);
            }
        }
    }
    PixelTable::new(b).unwrap()
}

fn view(rows: &dyn PixelRows, direction: SliceDirection) -> Exposure<'_> {
    Exposure::new(rows, CoordinateState::NativeSpherical, RA, DEC).with_slice_direction(direction)
}

fn floor(exposures: &[Exposure<'_>], options: &StackOptions) -> usize {
    let mut none = options.clone();
    none.memory_bytes = 0;
    let Err(KernelError::Memory { floor_bytes, .. }) = Stack::plan(exposures, &automatic(), &none, &Hooks::none())
    else {
        panic!("no memory is enough")
    };
    floor_bytes
}

/// How often each row is read if `size` of `n` planes or rows of cells are worked on at once, with margins of two to each side
/// and `slack` more because of what the index does not tell.
fn expected(n: usize, size: usize, slack: f64) -> f64 {
    n.div_ceil(size) as f64 * ((size + 4) as f64 + slack).min(n as f64) / n as f64
}

#[test]
fn a_strip_reads_its_rows_and_margins_and_little_more_along_and_across_the_slices() {
    // A block of 32 rows reaches over one slice and a third, which lies along y or hardly.
    for (direction, slack) in [(SliceDirection::X, 1.5), (SliceDirection::Y, 1.5 * WIDTH as f64)] {
        let table = sliced(direction, 5);
        let counted = Counted::new(&table);
        let views = [view(&counted, direction)];
        for numerics in [Numerics::Eso, Numerics::Phoenix] {
            let mut options = rejecting(numerics, Resample::Drizzle);
            let whole = run(&views, &automatic(), &options, None);
            let floor = floor(&views, &options);
            for times in [2, 6] {
                options.memory_bytes = times * floor;
                counted.reads();
                let stack = Stack::plan(&views, &automatic(), &options, &Hooks::none()).unwrap();
                let [values, positions] = counted.reads();
                assert!(
                    values < 0.1 && positions <= 2.0,
                    "planned by reading {values} {positions}"
                );
                let [_, ny, nz] = stack.grid().naxis;
                let size = [stack.window_planes(), stack.strip_rows()];
                assert!(size[1] < ny, "strips are smaller than planes");
                // A block of 32 rows lies in up to three planes of 24.
                let most = expected(nz, size[0], 2.0) * expected(ny, size[1], slack);
                let parts = run(&views, &automatic(), &options, None);
                let reads = counted.reads()[0] - values;
                assert!(
                    reads <= most,
                    "{direction:?} {size:?}: {reads} reads of each row, not {most}"
                );
                assert_eq!(bits(&parts.0), bits(&whole.0), "{direction:?} {numerics:?} values");
                assert_eq!(bits(&parts.1), bits(&whole.1), "{direction:?} {numerics:?} variances");
                assert_eq!(parts.2, whole.2, "{direction:?} {numerics:?}");
            }
        }
    }
}

#[test]
fn a_mosaic_of_pointings_far_apart_gives_the_same_bits_in_strips() {
    // 300,000 columns and rows of voxels, nearly all empty.
    let tables = [exposure(1, 0.0, 1.0), exposure(2, 545.3, 1.0), exposure(3, 540.0, 1.0)];
    let views: Vec<Exposure<'_>> = tables.iter().map(rows::view).collect();
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        for resample in [Resample::Drizzle, Resample::Nearest] {
            let mut options = rejecting(numerics, resample);
            let whole = run(&views, &automatic(), &options, None);
            options.memory_bytes = 4 * floor(&views, &options);
            let stack = Stack::plan(&views, &automatic(), &options, &Hooks::none()).unwrap();
            let [nx, ny, _] = stack.grid().naxis;
            assert!(nx * ny > 1 << 18 && stack.strip_rows() < ny, "{nx} {ny}");
            let parts = run(&views, &automatic(), &options, None);
            assert_eq!(bits(&parts.0), bits(&whole.0), "{numerics:?} {resample:?} values");
            assert_eq!(bits(&parts.1), bits(&whole.1), "{numerics:?} {resample:?} variances");
            assert_eq!(parts.2, whole.2, "{numerics:?} {resample:?}");
        }
    }
}

#[test]
fn whole_planes_are_planned_by_one_pass_over_the_positions() {
    let table = sliced(SliceDirection::X, 6);
    let counted = Counted::new(&table);
    let views = [view(&counted, SliceDirection::X)];
    let options = rejecting(Numerics::Phoenix, Resample::Drizzle);
    let stack = Stack::plan(&views, &automatic(), &options, &Hooks::none()).unwrap();
    let [values, positions] = counted.reads();
    assert!(positions <= 1.0 && values < 0.01, "{positions} {values}");
    assert_eq!(stack.strip_rows(), stack.grid().naxis[1]);
    stack.run(&mut |_| Ok(()), &Hooks::none()).unwrap();
    assert!(counted.reads()[0] < 1.1);
}

#[test]
fn covariance_in_strips_reads_little_more_than_that_of_whole_planes() {
    let table = sliced(SliceDirection::X, 7);
    let counted = Counted::new(&table);
    let views = [view(&counted, SliceDirection::X)];
    let blocks = [[4, 4, 1], [1, 1, 8]];
    let mut options = rejecting(Numerics::Phoenix, Resample::Drizzle);
    let mut found = Vec::new();
    // All in one strip, one plane in one and eight in several, all in strips.
    for memory_bytes in [usize::MAX, 3_500_000, 1_000_000] {
        options.memory_bytes = memory_bytes;
        let stack = Stack::plan(&views, &automatic(), &options, &Hooks::none()).unwrap();
        counted.reads();
        let factors = stack.covariance_factors(&blocks, &Hooks::none()).unwrap();
        found.push((stack.strip_rows(), factors, counted.reads()));
    }
    let [whole, some, strips] = [&found[0], &found[1], &found[2]];
    assert!(whole.1 == some.1 && whole.1 == strips.1);
    assert!(whole.0 == 96 && some.0 == 96 && strips.0 < 96);
    assert!(some.2[0] < 1.3 * whole.2[0] && some.2[1] <= whole.2[0], "{some:?}");
    // Strips of one row with margins of two, and of four more for blocks of voxels that begin in it.
    assert!(strips.2[0] < 11.0 * whole.2[0], "{strips:?}");
}
