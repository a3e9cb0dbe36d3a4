//! Small simulated exposures for statements about cubes.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its share; a failed step is a failed test"
)]

use phoenix_kernels::ifu::spectral::SpectralWcs;
use phoenix_kernels::ifu::{
    CoordinateState, CubeGrid, Exposure, GridRequest, PixelTable, Resample, RowBuffers, Slab, SliceDirection,
    SpectralAxis, Stack, StackOptions, StackStats,
};
use phoenix_kernels::{Hooks, Numerics};

pub(crate) const RA: f64 = 150.1;
pub(crate) const DEC: f64 = -27.5;
/// Pixels of an exposure along x, y and wavelength.
pub(crate) const SIZE: [usize; 3] = [14, 12, 20];

pub(crate) const METHODS: [Resample; 6] = [
    Resample::Nearest,
    Resample::Linear,
    Resample::Quadratic,
    Resample::Renka,
    Resample::Drizzle,
    Resample::Lanczos,
];

/// A small generator with good low bits (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// An exposure in native coordinates on a jittered raster `shift` pixels away, with `value` at each pixel (x, y, plane).
pub(crate) fn field(
    seed: u64,
    shift: f64,
    variance: f32,
    mut value: impl FnMut([usize; 3], &mut Random) -> f32,
) -> PixelTable {
    let mut random = Random(seed);
    let mut b = RowBuffers::default();
    let step = 0.2 / 3600.0 * std::f64::consts::PI / 180.0;
    for j in 0..SIZE[1] {
        for l in 0..SIZE[2] {
            for i in 0..SIZE[0] {
                let x = (i as f64 - 6.5 + shift + 0.2 * random.uniform()) * step;
                let y = (j as f64 - 5.5 + shift + 0.2 * random.uniform()) * step;
                b.xpos.push(x.atan2(-y).rem_euclid(std::f64::consts::TAU) as f32);
                b.ypos.push(-x.hypot(y).atan() as f32);
                b.lambda
                    .push((7000.0 + 1.25 * (l as f64 + 0.3 * random.uniform())) as f32);
                b.data.push(value([i, j, l], &mut random));
                b.stat.push(variance);
                b.dq.push(0);
            }
        }
    }
    PixelTable::new(b).unwrap()
}

/// An exposure of white noise of a given variance.
pub(crate) fn exposure(seed: u64, shift: f64, variance: f32) -> PixelTable {
    with_noise(seed, seed ^ 0x5555, shift, variance)
}

/// The same with a seed of its own for the noise, so that positions may stay.
pub(crate) fn with_noise(seed: u64, noise_seed: u64, shift: f64, variance: f32) -> PixelTable {
    let mut noise = Random(noise_seed);
    field(seed, shift, variance, |_, _| variance.sqrt() * noise.normal() as f32)
}

pub(crate) fn view(rows: &PixelTable) -> Exposure<'_> {
    Exposure::new(rows, CoordinateState::NativeSpherical, RA, DEC).with_slice_direction(SliceDirection::X)
}

pub(crate) fn automatic() -> GridRequest {
    GridRequest::Automatic {
        step: [0.2, 0.2, 1.25],
        axis: SpectralAxis::Awav,
        limits: None,
    }
}

/// A grid about the middle of the field.
pub(crate) fn fixed(naxis: [usize; 3]) -> CubeGrid {
    let s = 0.2 / 3600.0;
    CubeGrid {
        naxis,
        crval: [RA, DEC],
        crpix: [0.5 * (naxis[0] as f64 + 1.0), 0.5 * (naxis[1] as f64 + 1.0)],
        cd: [[-s, 0.0], [0.0, s]],
        celestial: true,
        spectral: SpectralWcs {
            axis: SpectralAxis::Awav,
            crval: 7005.0,
            crpix: 1.0,
            step: 1.25,
        },
    }
}

/// Options with the usual test for cosmic rays.
pub(crate) fn rejecting(numerics: Numerics, resample: Resample) -> StackOptions {
    let mut options = StackOptions::default();
    options.numerics = numerics;
    options.resample = resample;
    options
}

/// Options without a test for cosmic rays.
pub(crate) fn options(numerics: Numerics, resample: Resample) -> StackOptions {
    let mut options = rejecting(numerics, resample);
    options.cosmic.sigma = 0.0;
    options
}

/// Values, variances and statistics of a cube.
pub(crate) type Cube = (Vec<f32>, Vec<f32>, StackStats);

/// Stacks exposures, `window` planes at once if it is given.
pub(crate) fn run(
    exposures: &[Exposure<'_>],
    request: &GridRequest,
    options: &StackOptions,
    window: Option<usize>,
) -> Cube {
    let mut stack = Stack::plan(exposures, request, options, &Hooks::none()).unwrap();
    if let Some(planes) = window {
        stack = stack.with_window_planes(planes);
    }
    let (mut data, mut stat): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    let mut take = |slab: &Slab<'_>| {
        data.extend(slab.data.iter());
        stat.extend(slab.stat.iter());
        Ok(())
    };
    let stats = stack.run(&mut take, &Hooks::none()).unwrap();
    (data, stat, stats)
}

/// Values and variances of the cube of exposures.
pub(crate) fn stack_cube(exposures: &[Exposure<'_>], method: Resample, numerics: Numerics) -> (Vec<f32>, Vec<f32>) {
    let (data, stat, _) = run(exposures, &automatic(), &options(numerics, method), None);
    (data, stat)
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}
