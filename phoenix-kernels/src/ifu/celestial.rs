//! The gnomonic projection, both ways, and the turn from native to celestial coordinates.
//!
//! # References
//! Calabretta and Greisen 2002, A&A 395, 1077, equations 2, 5, 54 and 55.

use crate::math::Math;

/// Degrees in a radian.
pub const DEGREES: f64 = 180.0 / std::f64::consts::PI;

/// A gnomonic world coordinate system: reference position and linear part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gnomonic {
    /// Reference position, degrees.
    pub crval: [f64; 2],
    /// Reference pixel, counted from 1.
    pub crpix: [f64; 2],
    /// Linear part, degrees per pixel.
    pub cd: [[f64; 2]; 2],
}

impl Gnomonic {
    /// Returns right ascension and declination in degrees of a pixel position counted from 1.
    pub fn sky<M: Math>(&self, x: f64, y: f64) -> [f64; 2] {
        let (dx, dy) = (x - self.crpix[0], y - self.crpix[1]);
        let px = self.cd[0][0] * dx + self.cd[0][1] * dy;
        let py = self.cd[1][0] * dx + self.cd[1][1] * dy;
        let phi = M::atan2(px, -py);
        let theta = M::atan(DEGREES / (px * px + py * py).sqrt());
        let [ra, dec] = celestial_from_native::<M>(phi, theta, self.crval[1] / DEGREES);
        [ra * DEGREES + self.crval[0], dec * DEGREES]
    }

    /// Returns the pixel position counted from 1 of right ascension and declination in degrees.
    pub fn pixel<M: Math>(&self, ra_deg: f64, dec_deg: f64) -> [f64; 2] {
        // ORDER: each angle is divided by the degrees of a radian before any difference is formed, as the peer does; the
        // last bits of the reference pixel depend on it.
        let alpha = ra_deg / DEGREES - self.crval[0] / DEGREES;
        let (delta, pole) = (dec_deg / DEGREES, self.crval[1] / DEGREES);
        let (sd, cd) = (M::sin(delta), M::cos(delta));
        let (sp, cp) = (M::sin(pole), M::cos(pole));
        let (sa, ca) = (M::sin(alpha), M::cos(alpha));
        let phi = M::atan2(-cd * sa, sd * cp - cd * sp * ca) + std::f64::consts::PI;
        let theta = M::asin(sd * sp + cd * cp * ca);
        let radius = DEGREES / M::tan(theta);
        let (px, py) = (radius * M::sin(phi), -radius * M::cos(phi));
        let [[a, b], [c, d]] = self.cd;
        let det = a * d - b * c;
        [
            (d * px - b * py) / det + self.crpix[0],
            (a * py - c * px) / det + self.crpix[1],
        ]
    }
}

/// Turns native longitude and latitude to right ascension (relative to the pole's) and declination, all in radians.
pub fn celestial_from_native<M: Math>(phi: f64, theta: f64, pole_dec: f64) -> [f64; 2] {
    let (sp, cp) = (M::sin(pole_dec), M::cos(pole_dec));
    let (st, ct) = (M::sin(theta), M::cos(theta));
    let (sphi, cphi) = (M::sin(phi), M::cos(phi));
    let ra = M::atan2(ct * sphi, st * cp + ct * sp * cphi);
    let dec = M::asin(st * sp - ct * cp * cphi);
    [ra, dec]
}
