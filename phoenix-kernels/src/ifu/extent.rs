//! How far rows reach: smallest and largest numbers of columns, and a bound that spares most rows their position.

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
// Conditions are joined without branches and lanes are counted, so that loops become vector code.
#![allow(
    unsafe_code,
    clippy::needless_bitwise_bool,
    clippy::needless_range_loop,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::celestial::DEGREES;
use super::exposure::{CoordinateState, Exposure};
use super::grid::{CubeGrid, Limits};
use super::position::Locator;
use crate::math::{Math, Numerics};
use multiversion::multiversion;

/// Numbers handled at once.
const LANES: usize = 16;
/// Farthest rows, and farthest exposures, for which the bound is meant, radians.
const REACH: f64 = 0.02;

/// Turns a range of wavelengths into the same range of 32-bit numbers.
pub(super) fn kept_range(range: [f64; 2]) -> [f32; 2] {
    let (mut low, mut high) = (range[0] as f32, range[1] as f32);
    if f64::from(low) < range[0] {
        low = low.next_up();
    }
    if f64::from(high) > range[1] {
        high = high.next_down();
    }
    [low, high]
}

/// Returns smallest and largest of the wavelengths within `kept`; the first above the second if there is none.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn range_within(lambda: &[f32], kept: [f32; 2]) -> [f32; 2] {
    let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let (groups, rest) = lambda.as_chunks::<LANES>();
    let mut last = [f32::NAN; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for group in groups.iter().chain([&last]) {
        for k in 0..LANES {
            let v = group[k];
            let inside = (v >= kept[0]) & (v <= kept[1]);
            low[k] = if inside & (v < low[k]) { v } else { low[k] };
            high[k] = if inside & (v > high[k]) { v } else { high[k] };
        }
    }
    [
        low.into_iter().fold(f32::INFINITY, f32::min),
        high.into_iter().fold(f32::NEG_INFINITY, f32::max),
    ]
}

/// Returns smallest and largest position of the rows whose wavelength is within `kept`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn extent(x: &[f32], y: &[f32], lambda: &[f32], kept: [f32; 2]) -> [[f32; 2]; 2] {
    let mut low = [[f32::INFINITY; LANES]; 2];
    let mut high = [[f32::NEG_INFINITY; LANES]; 2];
    let mut last = [[f32::NAN; LANES]; 3];
    let columns = [x, y, lambda].map(<[f32]>::as_chunks::<LANES>);
    for (last, (_, rest)) in last.iter_mut().zip(columns) {
        last[..rest.len()].copy_from_slice(rest);
    }
    let [(x, _), (y, _), (lambda, _)] = columns;
    let whole = x.iter().zip(y).zip(lambda);
    for ((x, y), lambda) in whole.chain([((&last[0], &last[1]), &last[2])]) {
        for k in 0..LANES {
            let inside = (lambda[k] >= kept[0]) & (lambda[k] <= kept[1]);
            low[0][k] = if inside & (x[k] < low[0][k]) { x[k] } else { low[0][k] };
            high[0][k] = if inside & (x[k] > high[0][k]) { x[k] } else { high[0][k] };
            low[1][k] = if inside & (y[k] < low[1][k]) { y[k] } else { low[1][k] };
            high[1][k] = if inside & (y[k] > high[1][k]) { y[k] } else { high[1][k] };
        }
    }
    [
        low.map(|lanes| lanes.into_iter().fold(f32::INFINITY, f32::min)),
        high.map(|lanes| lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)),
    ]
}

/// As [`extent`], of positions in 64 bits; the columns are of one length.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn extent_64(x: &[f64], y: &[f64], lambda: &[f32], kept: [f32; 2]) -> [[f64; 2]; 2] {
    const LANES: usize = 8;
    let mut low = [[f64::INFINITY; LANES]; 2];
    let mut high = [[f64::NEG_INFINITY; LANES]; 2];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let (lambda, lambda_rest) = lambda.as_chunks::<LANES>();
    let (mut last_x, mut last_y, mut last_lambda) = ([f64::NAN; LANES], [f64::NAN; LANES], [f32::NAN; LANES]);
    last_x[..x_rest.len()].copy_from_slice(x_rest);
    last_y[..y_rest.len()].copy_from_slice(y_rest);
    last_lambda[..lambda_rest.len()].copy_from_slice(lambda_rest);
    let whole = x.iter().zip(y).zip(lambda);
    for ((x, y), lambda) in whole.chain([((&last_x, &last_y), &last_lambda)]) {
        for k in 0..LANES {
            let inside = (lambda[k] >= kept[0]) & (lambda[k] <= kept[1]);
            low[0][k] = if inside & (x[k] < low[0][k]) { x[k] } else { low[0][k] };
            high[0][k] = if inside & (x[k] > high[0][k]) { x[k] } else { high[0][k] };
            low[1][k] = if inside & (y[k] < low[1][k]) { y[k] } else { low[1][k] };
            high[1][k] = if inside & (y[k] > high[1][k]) { y[k] } else { high[1][k] };
        }
    }
    [
        low.map(|lanes| lanes.into_iter().fold(f64::INFINITY, f64::min)),
        high.map(|lanes| lanes.into_iter().fold(f64::NEG_INFINITY, f64::max)),
    ]
}

/// Returns the largest size among numbers.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn largest(values: &[f32]) -> f32 {
    let mut most = [0.0_f32; LANES];
    let (groups, rest) = values.as_chunks::<LANES>();
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for group in groups.iter().chain([&last]) {
        for k in 0..LANES {
            most[k] = if group[k].abs() > most[k] {
                group[k].abs()
            } else {
                most[k]
            };
        }
    }
    most.into_iter().fold(0.0, f32::max)
}

/// Where rows of an exposure in native coordinates can lie, from their distance to its reference alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// Reference of the exposure, in the unit of the limits.
    centre: [f64; 2],
    /// Most that a radian can make in the unit of the limits.
    per_radian: [f64; 2],
    /// What rounding can add.
    margin: [f64; 2],
}

impl Bound {
    /// Binds exposure `n`; `None` where the coordinates, or the distance to the first exposure, forbid such a bound.
    pub(super) fn new<M: Math>(
        exposures: &[Exposure<'_>],
        n: usize,
        grid: &CubeGrid,
        locator: &Locator<M>,
        numerics: Numerics,
    ) -> Option<Self> {
        let (exposure, first) = (&exposures[n], &exposures[0]);
        let shift = [exposure.ra_deg - first.ra_deg, exposure.dec_deg - first.dec_deg];
        let cos = M::cos((exposure.dec_deg.abs() / DEGREES + REACH).min(std::f64::consts::FRAC_PI_2));
        let is_near = shift.iter().all(|s| s.abs() < REACH * DEGREES);
        if exposure.state != CoordinateState::NativeSpherical || !is_near || cos < 10.0 * REACH {
            return None;
        }
        // The series of sines and tangents differ from their angles by less than a part in 1000 at these distances.
        Some(match numerics {
            Numerics::Eso => Self {
                centre: shift,
                per_radian: [1.01 * DEGREES / cos, 1.01 * DEGREES],
                margin: [1e-6; 2],
            },
            Numerics::Phoenix => Self {
                centre: locator.textbook(shift[0] as f32, shift[1] as f32),
                per_radian: [0, 1].map(|k| 1.01 * DEGREES / grid.cd[k][k].abs()),
                margin: [0.01; 2],
            },
        })
    }

    /// Tells whether rows of these latitudes cannot widen the limits.
    pub(super) fn holds(&self, ypos: &[f32], limits: &Limits) -> bool {
        let rho = f64::from(largest(ypos));
        rho < REACH
            && (0..2).all(|k| {
                let reach = rho * self.per_radian[k] + self.margin[k];
                self.centre[k] - reach >= limits.low[k] && self.centre[k] + reach <= limits.high[k]
            })
    }
}
