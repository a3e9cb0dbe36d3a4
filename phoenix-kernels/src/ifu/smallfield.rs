//! Positions near a reference point by short series: fast, the same bits everywhere, with known error bounds.
//!
//! Only additions, multiplications, divisions and square roots are used, in a fixed order and never fused, so that all
//! builds and all instruction sets give the same bits. A row outside the range of the series is marked as such.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Series for small fields" (own derivation); the kernels of sine and cosine after
//! fdlibm (Sun Microsystems 1993).

// The macro that compiles a function for several instruction sets calls the variants through unsafe code of its own;
// each variant is called only after the processor was asked for the instructions.
// Conditions are joined without branches, and equality of rounded values is what is meant.
#![allow(
    unsafe_code,
    clippy::needless_bitwise_bool,
    clippy::float_cmp,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::celestial::DEGREES;
use super::grid::CubeGrid;
use multiversion::multiversion;
use std::f64::consts::FRAC_PI_2;

/// Rows handled at once.
pub const LANES: usize = 256;

/// What is missing in the 64-bit value of a right angle.
const FRAC_PI_2_LOW: f64 = 6.123_233_995_736_766e-17;
/// Adding and subtracting it rounds to a whole number, which the low bits of the sum hold.
const MAGIC: f64 = 6_755_399_441_055_744.0;
/// Right angle, 33 leading bits, and the rest (fdlibm).
const RIGHT_ANGLE: [f64; 2] = [1.570_796_326_734_125_6, 6.077_100_506_506_192e-11];
/// Largest tangent and sine for which the series are exact to the last bit or two.
const REACH: f64 = 0.02;

/// Sine and cosine of angles up to 7 in size.
#[inline]
fn sin_cos(phi: f64) -> (f64, f64) {
    let shifted = phi * std::f64::consts::FRAC_2_PI + MAGIC;
    let k = shifted - MAGIC;
    let quadrant = shifted.to_bits();
    let r = (phi - k * RIGHT_ANGLE[0]) - k * RIGHT_ANGLE[1];
    let z = r * r;
    let s = r + r
        * z
        * (-1.666_666_666_666_663_2e-1
            + z * (8.333_333_333_322_49e-3
                + z * (-1.984_126_982_985_795e-4
                    + z * (2.755_731_370_707_007e-6
                        + z * (-2.505_076_025_340_686_3e-8 + z * 1.589_690_995_211_55e-10)))));
    let c = 1.0
        - (0.5 * z
            - z * z
                * (4.166_666_666_666_66e-2
                    + z * (-1.388_888_888_887_411e-3
                        + z * (2.480_158_728_947_673e-5
                            + z * (-2.755_731_435_139_066_3e-7
                                + z * (2.087_572_321_298_175e-9 + z * -1.135_964_755_778_819_5e-11))))));
    let swap = quadrant & 1 == 1;
    let (a, b) = if swap { (c, s) } else { (s, c) };
    let sign_a = (quadrant & 2) << 62;
    let sign_b = (quadrant.wrapping_add(1) & 2) << 62;
    (
        f64::from_bits(a.to_bits() ^ sign_a),
        f64::from_bits(b.to_bits() ^ sign_b),
    )
}

/// Sine and 1 - cosine of a small angle.
#[inline]
fn small_sin_versin(a: f64) -> (f64, f64) {
    let z = a * a;
    let s = a - a * z * (1.0 / 6.0 - z * (1.0 / 120.0 - z * (1.0 / 5040.0 - z * (1.0 / 362_880.0))));
    let v = z * (0.5 - z * (1.0 / 24.0 - z * (1.0 / 720.0 - z * (1.0 / 40_320.0))));
    (s, v)
}

/// Turns native spherical coordinates into positions relative to the pole.
#[derive(Clone, Copy, Debug)]
pub struct NativeSeries {
    sin_pole: f64,
    cos_pole: f64,
    /// What the rounding of the pole's declination to radians leaves, degrees.
    pole_rounding: f64,
    /// Bound of the difference to the textbook formula in 64 bits: relative along x, absolute (degrees) along y.
    bounds: [f64; 2],
}

impl NativeSeries {
    /// Binds the pole; `sin_cos` are those of `dec_deg` turned to radians and rounded.
    pub fn new(dec_deg: f64, sin_pole: f64, cos_pole: f64) -> Self {
        let pole = dec_deg / DEGREES;
        let shrink = (cos_pole.abs() - REACH).max(1e-3);
        // PRECISION: the textbook formula forms the declination itself: three products and sums of relative error
        // 2^-52 each, divided by its cosine, and an arc sine, a product and a difference at the size of a right
        // angle; doubled for safety.
        let y = 2.0 * (DEGREES * (4.8e-16 / shrink + 3e-16) + 8e-15);
        Self {
            sin_pole,
            cos_pole,
            pole_rounding: pole.mul_add(DEGREES, -dec_deg),
            bounds: [2.0 * (8e-16 + 4.8e-16 / shrink), y],
        }
    }

    /// Places up to [`LANES`] rows; `sure` is false where a value may differ from the textbook formula's after rounding
    /// to 32 bits (`textbook`), or where the series do not reach.
    pub fn place(&self, xpos: &[f32], ypos: &[f32], textbook: bool, out: &mut Placed) {
        let n = xpos.len();
        if n == ypos.len() && n <= LANES {
            let bounds = if textbook { self.bounds } else { [0.0; 2] };
            let rounding = if textbook { self.pole_rounding } else { 0.0 };
            native(
                self,
                rounding,
                bounds,
                xpos,
                ypos,
                &mut out.x[..n],
                &mut out.y[..n],
                &mut out.sure[..n],
            );
        }
    }
}

/// Positions of up to [`LANES`] rows.
#[derive(Debug)]
pub struct Placed {
    /// Right ascension relative to the pole, degrees.
    pub x: [f32; LANES],
    /// Declination relative to the pole, degrees.
    pub y: [f32; LANES],
    /// Whether the numbers hold.
    pub sure: [bool; LANES],
}

impl Default for Placed {
    fn default() -> Self {
        Self {
            x: [0.0; LANES],
            y: [0.0; LANES],
            sure: [false; LANES],
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
#[allow(clippy::too_many_arguments, reason = "the columns of one loop")]
fn native(
    series: &NativeSeries,
    rounding: f64,
    bounds: [f64; 2],
    xpos: &[f32],
    ypos: &[f32],
    x: &mut [f32],
    y: &mut [f32],
    sure: &mut [bool],
) {
    let (sp, cp) = (series.sin_pole, series.cos_pole);
    for ((((&phi, &thm), x), y), sure) in xpos.iter().zip(ypos).zip(x).zip(y).zip(sure) {
        let phi = f64::from(phi);
        // PRECISION: the table's latitude is a small number; the textbook formula adds a right angle to it and rounds.
        // The same sum is formed here and taken apart again without loss.
        let theta = f64::from(thm) + FRAC_PI_2;
        let rho = (FRAC_PI_2 - theta) + FRAC_PI_2_LOW;
        let (ct, versin) = small_sin_versin(rho);
        let st = 1.0 - versin;
        let (sphi, cphi) = sin_cos(phi);
        let north = -ct * cphi;
        let east = ct * sphi;
        let level = st * cp - north * sp;
        let t = east / level;
        let tt = t * t;
        let ra = t - t * tt * (1.0 / 3.0 - tt * (1.0 / 5.0 - tt * (1.0 / 7.0 - tt * (1.0 / 9.0))));
        let sag = level * (tt / (1.0 + (1.0 + tt).sqrt()));
        let w = north - sag * sp;
        let ww = w * w;
        let dec = w + w * ww * (1.0 / 6.0 + ww * (3.0 / 40.0 + ww * (5.0 / 112.0 + ww * (35.0 / 1152.0))));
        let (vx, vy) = (ra * DEGREES, dec * DEGREES + rounding);
        let (ex, ey) = (vx.abs() * bounds[0], bounds[1] + vy.abs() * bounds[0]);
        *x = vx as f32;
        *y = vy as f32;
        let reached = (phi.abs() <= 7.0) & (rho.abs() <= REACH) & (t.abs() <= REACH) & (w.abs() <= REACH);
        let sure_x = (vx - ex) as f32 == (vx + ex) as f32;
        let sure_y = (vy - ey) as f32 == (vy + ey) as f32;
        *sure = reached & sure_x & sure_y & (level > 0.0);
    }
}

/// Projects positions near the reference of a grid to voxels.
#[derive(Clone, Copy, Debug)]
pub struct GnomonicSeries {
    /// Reference of positions minus reference of the grid, degrees.
    shift: [f64; 2],
    sin_pole: f64,
    cos_pole: f64,
    /// From the tangent plane (radians) to voxels.
    to_voxel: [[f64; 2]; 2],
    crpix: [f64; 2],
    /// Largest size of a row of `to_voxel`.
    magnification: f64,
}

impl GnomonicSeries {
    /// Binds a grid and the absolute position of relative 0.
    pub fn new(grid: &CubeGrid, origin: [f64; 2], sin_pole: f64, cos_pole: f64) -> Self {
        let [[a, b], [c, d]] = grid.cd;
        let det = a * d - b * c;
        let to_voxel = [
            [d / det * DEGREES, -b / det * DEGREES],
            [-c / det * DEGREES, a / det * DEGREES],
        ];
        let size = |row: [f64; 2]| row[0].abs() + row[1].abs();
        Self {
            shift: [origin[0] - grid.crval[0], origin[1] - grid.crval[1]],
            sin_pole,
            cos_pole,
            to_voxel,
            crpix: grid.crpix,
            magnification: size(to_voxel[0]).max(size(to_voxel[1])),
        }
    }

    /// Projects up to [`LANES`] positions to voxel coordinates counted from 1; `slack` is the largest difference to the
    /// textbook formula in 64 bits, infinite where the series do not reach.
    pub fn project(&self, x: &[f32], y: &[f32], out: &mut Projected) {
        let n = x.len();
        if n == y.len() && n <= LANES {
            gnomonic(self, x, y, &mut out.x[..n], &mut out.y[..n], &mut out.slack[..n]);
        }
    }
}

/// Voxel coordinates of up to [`LANES`] rows.
#[derive(Debug)]
pub struct Projected {
    /// Along x, counted from 1.
    pub x: [f64; LANES],
    /// Along y, counted from 1.
    pub y: [f64; LANES],
    /// Largest difference to the textbook formula, voxels.
    pub slack: [f64; LANES],
}

impl Default for Projected {
    fn default() -> Self {
        Self {
            x: [0.0; LANES],
            y: [0.0; LANES],
            slack: [f64::INFINITY; LANES],
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn gnomonic(series: &GnomonicSeries, x: &[f32], y: &[f32], px: &mut [f64], py: &mut [f64], slack: &mut [f64]) {
    let (sp, cp) = (series.sin_pole, series.cos_pole);
    let [[a, b], [c, d]] = series.to_voxel;
    for ((((&x, &y), px), py), slack) in x.iter().zip(y).zip(px).zip(py).zip(slack) {
        let alpha = (f64::from(x) + series.shift[0]) * (1.0 / DEGREES);
        let delta = (f64::from(y) + series.shift[1]) * (1.0 / DEGREES);
        let (sa, va) = small_sin_versin(alpha);
        let (sd, vd) = small_sin_versin(delta);
        let cos_dec = cp - cp * vd - sp * sd;
        let height = 1.0 - vd - cos_dec * cp * va;
        let xi = cos_dec * sa / height;
        let eta = (sd + cos_dec * sp * va) / height;
        *px = a * xi + b * eta + series.crpix[0];
        *py = c * xi + d * eta + series.crpix[1];
        // PRECISION: the textbook formula takes the arc sine of a number within rho^2 / 2 of 1, whose rounding (up to
        // 4 units of 2^-53) shifts the distance rho from the pole by 4e-16 / rho, at most by the root of it.
        let rho = (xi * xi + eta * eta).sqrt();
        let shift = (1e-15 / rho.max(1e-15)).min(5e-8) + 2e-15;
        let reached = (alpha.abs() <= REACH) & (delta.abs() <= REACH) & (cos_dec > 1e-3);
        *slack = if reached {
            series.magnification * shift
        } else {
            f64::INFINITY
        };
    }
}
