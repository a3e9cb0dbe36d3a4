//! The combination kernel alone: four dithered exposures of a small field, drizzle, both numerics.
//!
//! Budget: 5 Mpix per CPU second on one core of the reference machine.

#![expect(clippy::expect_used, reason = "a bench cannot go on without its material")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use phoenix_kernels::ifu::{
    CoordinateState, Exposure, GridRequest, InstrumentMode, PixelTable, RowBuffers, SpectralAxis, Stack, StackOptions,
    default_step,
};
use phoenix_kernels::{Hooks, KernelError, Numerics};

const N_SIDE: usize = 48;
const N_WAVE: usize = 128;
const N_EXPOSURES: usize = 4;

/// A flat field of `N_SIDE` x `N_SIDE` spaxels of 0.2 arcsec, shifted by a fraction of a spaxel per exposure.
fn table(exposure: usize) -> Result<PixelTable, KernelError> {
    let spaxel_rad = (0.2_f64 / 3600.0).to_radians();
    let shift = 0.27 * exposure as f64;
    let mut rows = RowBuffers::default();
    for iw in 0..N_WAVE {
        for iy in 0..N_SIDE {
            for ix in 0..N_SIDE {
                let x = (ix as f64 + shift - N_SIDE as f64 / 2.0) * spaxel_rad;
                let y = (iy as f64 + shift - N_SIDE as f64 / 2.0) * spaxel_rad;
                rows.xpos.push(x.atan2(-y) as f32);
                rows.ypos.push(-x.hypot(y).atan() as f32);
                rows.lambda.push(5000.0 + 1.25 * iw as f32 + 0.1 * exposure as f32);
                rows.data.push(((ix * 7 + iy * 13 + iw * 29 + exposure) % 17) as f32);
                rows.stat.push(4.0);
                rows.dq.push(0);
            }
        }
    }
    PixelTable::new(rows)
}

fn run(tables: &[PixelTable], numerics: Numerics) -> Result<f32, KernelError> {
    let exposures: Vec<Exposure<'_>> = tables
        .iter()
        .map(|table| Exposure::new(table, CoordinateState::NativeSpherical, 150.1, -27.5).with_weight(1.0))
        .collect();
    let request = GridRequest::Automatic {
        step: default_step(InstrumentMode::WideField, SpectralAxis::Awav),
        axis: SpectralAxis::Awav,
        limits: None,
    };
    let mut options = StackOptions::default();
    options.numerics = numerics;
    options.pixel_scale = Some([0.2 / 3600.0; 2]);
    let hooks = Hooks::none();
    let stack = Stack::plan(&exposures, &request, &options, &hooks)?;
    let mut sum = 0.0;
    stack.run(
        &mut |slab| {
            sum += slab.data.iter().filter(|value| value.is_finite()).sum::<f32>();
            Ok(())
        },
        &hooks,
    )?;
    Ok(sum)
}

fn stack(criterion: &mut Criterion) {
    let tables: Result<Vec<PixelTable>, KernelError> = (0..N_EXPOSURES).map(table).collect();
    let tables = tables.expect("the tables are sound");
    let mut group = criterion.benchmark_group("stack");
    group.sample_size(10);
    group.throughput(Throughput::Elements((N_SIDE * N_SIDE * N_WAVE * N_EXPOSURES) as u64));
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        group.bench_function(format!("{numerics:?}"), |bencher| {
            bencher.iter(|| run(black_box(&tables), numerics).expect("the stack succeeds"));
        });
    }
    group.finish();
}

criterion_group!(benches, stack);
criterion_main!(benches);
