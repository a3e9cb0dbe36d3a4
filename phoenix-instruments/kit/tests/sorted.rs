//! Tables in no order: found out, sorted with few reads, and the same cube as without sorting.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use phoenix_core::traits::MemoryScratch;
use phoenix_kernels::ifu::{
    Columns, CoordinateState, Exposure, GridRequest, PixelRows, PixelTable, Resample, RowBuffers, SpectralAxis, Stack,
    StackOptions, StackStats,
};
use phoenix_kernels::{Hooks, Numerics, SourceError};
use phoenix_kit::sorted::{SortError, SortRequest, SortedRows};

const N_LAMBDA: usize = 600;
const N_PIXELS: usize = 144;

/// A small generator (Steele et al. 2014, `SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn real(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// A field of 12 by 12 pixels, wavelength by wavelength, with rows that no cube takes.
fn ordered(seed: u64) -> Vec<[f32; 7]> {
    let mut random = Random(seed);
    let mut rows = Vec::with_capacity(N_LAMBDA * N_PIXELS);
    for k in 0..N_LAMBDA {
        for i in 0..N_PIXELS {
            let hit = if random.next().is_multiple_of(500) { 900.0 } else { 0.0 };
            let lambda = 5000.0 + 1.25 * (k as f32 + 0.8 * random.real());
            rows.push([
                (i % 12) as f32 + 0.3 * random.real(),
                (i / 12) as f32 + 0.3 * random.real(),
                if i == 7 && k % 50 == 0 { f32::NAN } else { lambda },
                random.real() + hit,
                1.0 + random.real(),
                if random.next().is_multiple_of(300) { 32.0 } else { 0.0 },
                0.5 + random.real(),
            ]);
        }
    }
    rows
}

fn table(rows: &[[f32; 7]], has_weight: bool) -> PixelTable {
    let column = |n: usize| rows.iter().map(|row| row[n]).collect::<Vec<_>>();
    PixelTable::new(RowBuffers {
        xpos: column(0),
        ypos: column(1),
        lambda: column(2),
        data: column(3),
        stat: column(4),
        dq: column(5).iter().map(|dq| *dq as i32).collect(),
        weight: if has_weight { column(6) } else { Vec::new() },
    })
    .unwrap()
}

fn shuffled(seed: u64) -> Vec<[f32; 7]> {
    let (mut rows, mut random) = (ordered(seed), Random(seed + 100));
    for at in (1..rows.len()).rev() {
        rows.swap(at, (random.next() % (at as u64 + 1)) as usize);
    }
    rows
}

/// Counts the rows that are read, by whole columns.
struct Counted<'a> {
    inner: &'a dyn PixelRows,
    numbers: AtomicU64,
}

impl<'a> Counted<'a> {
    fn new(inner: &'a dyn PixelRows) -> Self {
        Self {
            inner,
            numbers: AtomicU64::new(0),
        }
    }

    /// How often the whole table was read.
    fn passes(&self) -> f64 {
        self.numbers.load(Ordering::Relaxed) as f64 / (6 * self.inner.len()) as f64
    }
}

impl PixelRows for Counted<'_> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    fn has_weight(&self) -> bool {
        self.inner.has_weight()
    }

    fn read(&self, rows: Range<u64>, columns: Columns, out: &mut RowBuffers) -> Result<(), SourceError> {
        let each = [
            Columns::XPOS,
            Columns::YPOS,
            Columns::LAMBDA,
            Columns::DATA,
            Columns::STAT,
            Columns::DQ,
        ];
        let n = each.iter().filter(|column| columns.contains(**column)).count() as u64;
        self.numbers.fetch_add(n * (rows.end - rows.start), Ordering::Relaxed);
        self.inner.read(rows, columns, out)
    }
}

fn options(numerics: Numerics, resample: Resample) -> StackOptions {
    let mut options = StackOptions::default();
    options.numerics = numerics;
    options.resample = resample;
    options
}

fn exposure(rows: &dyn PixelRows) -> Exposure<'_> {
    Exposure::new(rows, CoordinateState::Pixel, 0.0, 0.0).with_flux_scale(1.1)
}

fn plan<'a>(exposures: &'a [Exposure<'a>], options: &StackOptions) -> Stack<'a> {
    let request = GridRequest::Automatic {
        step: [1.0, 1.0, 1.25],
        axis: SpectralAxis::Awav,
        limits: None,
    };
    let stack = Stack::plan(exposures, &request, options, &Hooks::none()).unwrap();
    stack.with_window_planes(20)
}

fn cube(stack: &Stack<'_>) -> (Vec<u32>, StackStats) {
    let mut bits = Vec::new();
    let mut take = |slab: &phoenix_kernels::ifu::Slab<'_>| {
        bits.extend(slab.data.iter().chain(&slab.stat).map(|value| value.to_bits()));
        Ok(())
    };
    let stats = stack.run(&mut take, &Hooks::none()).unwrap();
    (bits, stats)
}

fn sort(stack: &Stack<'_>, rows: &dyn PixelRows, memory_bytes: usize) -> Result<SortedRows, SortError> {
    let planes_of = |lambda: &[f32], planes: &mut Vec<Option<u32>>| stack.planes_of(lambda, planes);
    let request = SortRequest {
        planes_of: &planes_of,
        n_planes: stack.grid().naxis[2],
        window_planes: stack.window_planes(),
        memory_bytes,
        keeps_ids: true,
        keep_going: &|| true,
    };
    let bytes = SortedRows::scratch_bytes(rows, true);
    SortedRows::sort(rows, &request, Box::new(MemoryScratch::new(bytes as usize)))
}

#[test]
fn a_shuffled_table_is_found_out_and_an_ordered_one_is_left_alone() {
    let tables = [table(&ordered(1), false), table(&shuffled(2), false)];
    let exposures = [exposure(&tables[0]), exposure(&tables[1])];
    let stack = plan(&exposures, &options(Numerics::Phoenix, Resample::Drizzle));
    assert_eq!(stack.disordered(), [false, true]);
    let reads = stack.reads();
    assert!(reads[0] < 1.5 && reads[1] > 20.0, "{reads:?}");
}

#[test]
fn sorting_changes_no_bit_of_the_cube() {
    for has_weight in [false, true] {
        let tables = [table(&shuffled(3), has_weight), table(&shuffled(4), has_weight)];
        let exposures = [exposure(&tables[0]), exposure(&tables[1])];
        for numerics in [Numerics::Eso, Numerics::Phoenix] {
            for resample in [Resample::Drizzle, Resample::Renka, Resample::Nearest] {
                let options = options(numerics, resample);
                let direct = plan(&exposures, &options);
                // Buffers of the least and of a large size.
                let sorted = [0, 64 << 20].map(|bytes| sort(&direct, &tables[1], bytes).unwrap());
                for sorted in &sorted {
                    let mixed = [exposures[0], exposure(sorted)];
                    assert!(
                        cube(&plan(&mixed, &options)) == cube(&direct),
                        "{numerics:?} {resample:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_read_stays_within_a_few_passes() {
    let rows = table(&shuffled(5), false);
    let source = Counted::new(&rows);
    let exposures = [exposure(&source)];
    let options = options(Numerics::Phoenix, Resample::Drizzle);
    let direct = plan(&exposures, &options);
    let sorted = sort(&direct, &source, 1 << 20).unwrap();
    assert!(source.passes() < 1.8, "{}", source.passes());
    let again = Counted::new(&sorted);
    let exposures = [exposure(&again)];
    let stack = plan(&exposures, &options);
    assert_eq!(stack.disordered(), [false]);
    cube(&stack);
    assert!(again.passes() < 2.5, "{}", again.passes());
    // Read as it lies, the table would have to be read for every window.
    cube(&direct);
    assert!(source.passes() > 20.0, "{}", source.passes());
}

#[test]
fn every_row_is_there_once_and_knows_where_it_came_from() {
    let rows = table(&shuffled(6), true);
    let exposures = [exposure(&rows)];
    let stack = plan(&exposures, &options(Numerics::Phoenix, Resample::Drizzle));
    let sorted = sort(&stack, &rows, 1 << 20).unwrap();
    let mut all = RowBuffers::default();
    sorted
        .read(0..sorted.len(), Columns::ALL.union(Columns::WEIGHT), &mut all)
        .unwrap();
    let mut seen = vec![false; all.xpos.len()];
    let bits = |of: &RowBuffers, at: usize| {
        [
            of.xpos[at],
            of.ypos[at],
            of.lambda[at],
            of.data[at],
            of.stat[at],
            of.weight[at],
        ]
        .map(f32::to_bits)
    };
    for at in 0..all.xpos.len() {
        let from = sorted.original(at as u64).unwrap().unwrap() as usize;
        assert!(!std::mem::replace(&mut seen[from], true));
        assert_eq!(
            (bits(&all, at), all.dq[at]),
            (bits(rows.columns(), from), rows.columns().dq[from])
        );
    }
}

#[test]
fn a_full_scratch_space_and_a_stop_are_told() {
    let rows = table(&shuffled(7), false);
    let exposures = [exposure(&rows)];
    let stack = plan(&exposures, &options(Numerics::Phoenix, Resample::Drizzle));
    let planes_of = |lambda: &[f32], planes: &mut Vec<Option<u32>>| stack.planes_of(lambda, planes);
    let mut request = SortRequest {
        planes_of: &planes_of,
        n_planes: stack.grid().naxis[2],
        window_planes: 20,
        memory_bytes: 1 << 20,
        keeps_ids: false,
        keep_going: &|| true,
    };
    let full = SortedRows::sort(&rows, &request, Box::new(MemoryScratch::new(1000)));
    assert!(matches!(full, Err(SortError::Scratch(_))));
    request.keep_going = &|| false;
    let stopped = SortedRows::sort(&rows, &request, Box::new(MemoryScratch::new(1 << 23)));
    assert!(matches!(stopped, Err(SortError::Stopped)));
}
