//! What is learnt of planes while a stack passes them is what the same planes tell when they are read for it.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod rows;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use phoenix_kernels::ifu::{
    Columns, CoordinateState, Exposure, PixelRows, PixelTable, RowBuffers, Samples, SliceDirection, Stack, StackStats,
};
use phoenix_kernels::{Hooks, Numerics, SourceError};
use rows::{DEC, METHODS, RA, automatic, bits, exposure, rejecting};

const BLOCKS: [[usize; 3]; 3] = [[3, 3, 1], [1, 1, 4], [2, 1, 3]];
const SECONDS: [f64; 3] = [0.1, 0.7, 1e9];

/// A table that may be closed: then nobody may read it.
struct Closing {
    table: PixelTable,
    is_closed: AtomicBool,
}

impl PixelRows for Closing {
    fn len(&self) -> u64 {
        self.table.len()
    }

    fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn has_weight(&self) -> bool {
        self.table.has_weight()
    }

    fn read(&self, rows: Range<u64>, columns: Columns, out: &mut RowBuffers) -> Result<(), SourceError> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err("rows were read again".into());
        }
        self.table.read(rows, columns, out)
    }
}

/// Three exposures, shifted, some rows hit.
fn tables() -> [Closing; 3] {
    [(1, 0.0), (2, 3.0), (3, 1.5)].map(|(seed, shift)| {
        let mut columns = exposure(seed, shift, 4.0).into_columns();
        columns.data.iter_mut().step_by(101).for_each(|value| *value += 500.0);
        Closing {
            table: PixelTable::new(columns).unwrap(),
            is_closed: AtomicBool::new(false),
        }
    })
}

#[test]
fn samples_of_planes_at_hand_are_those_of_planes_read_for_them() {
    let tables = tables();
    let of =
        |rows| Exposure::new(rows, CoordinateState::NativeSpherical, RA, DEC).with_slice_direction(SliceDirection::X);
    let exposures: Vec<Exposure<'_>> = tables.iter().map(|table| of(table)).collect();
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        for method in METHODS {
            let options = rejecting(numerics, method);
            let hooks = Hooks::none();
            let stack = Stack::plan(&exposures, &automatic(), &options, &hooks).unwrap();
            let map = stack.exposure_map(&SECONDS, &hooks).unwrap();
            let factors = stack.covariance_factors(&BLOCKS, &hooks).unwrap();
            let nz = stack.grid().naxis[2];
            let mut stack = stack;
            // The last begins behind planes that an interrupted attempt finished.
            for (planes, first) in [(nz, 0), (nz / 2, 0), (5, 0), (1, 0), (5, nz / 2)] {
                stack = stack.with_window_planes(planes);
                let mut samples = Samples::default()
                    .with_exposure_map(&stack)
                    .with_covariance(&stack, &BLOCKS);
                stack
                    .run_sampled(first, StackStats::default(), &mut samples, &mut |_| Ok(()), &hooks)
                    .unwrap();
                let close = |to: bool| tables.iter().for_each(|t| t.is_closed.store(to, Ordering::Relaxed));
                // Of one window nothing is read again.
                close(planes == nz);
                let found = samples.exposure_map(&stack, &SECONDS, &hooks).unwrap();
                let context = format!("{numerics:?} {method:?} {planes} planes from {first}");
                assert_eq!(
                    bits(found.as_slice().unwrap()),
                    bits(map.as_slice().unwrap()),
                    "{context}"
                );
                assert_eq!(
                    samples.covariance_factors(&stack, &hooks).unwrap(),
                    factors,
                    "{context}"
                );
                close(false);
            }
        }
    }
}
