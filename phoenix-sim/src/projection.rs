//! Gnomonic projection in the forms that pixel tables use.
//!
//! # References
//! Calabretta & Greisen 2002, A&A 395, 1077: equations 2 (native to celestial), 12-15 and 54 (TAN), LONPOLE 180 deg.

use std::f64::consts::{FRAC_PI_2, PI};

use serde::{Deserialize, Serialize};

/// A direction on the sky, J2000.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SkyPoint {
    /// Right ascension in degrees.
    pub ra_deg: f64,
    /// Declination in degrees.
    pub dec_deg: f64,
}

impl SkyPoint {
    /// Returns the point that lies at a small offset on the tangent plane.
    #[must_use]
    pub fn offset(self, east_arcsec: f64, north_arcsec: f64) -> Self {
        let (x, y) = (
            (east_arcsec / 3600.0).to_radians(),
            (north_arcsec / 3600.0).to_radians(),
        );
        let (sin_dec, cos_dec) = sin_cos(self.dec_deg.to_radians());
        let denominator = cos_dec - y * sin_dec;
        let ra = libm::atan2(x, denominator);
        let dec = libm::atan2(sin_dec + y * cos_dec, libm::hypot(x, denominator));
        Self {
            ra_deg: self.ra_deg + ra.to_degrees(),
            dec_deg: dec.to_degrees(),
        }
    }

    /// Returns the tangent-plane offsets (east, north) in arcsec of `other` as seen from here.
    pub fn offset_of(self, other: SkyPoint) -> (f64, f64) {
        let (sin_d, cos_d) = sin_cos(other.dec_deg.to_radians());
        let (sin_a, cos_a) = sin_cos((other.ra_deg - self.ra_deg).to_radians());
        let (sin_0, cos_0) = sin_cos(self.dec_deg.to_radians());
        let c = sin_0 * sin_d + cos_0 * cos_d * cos_a;
        let scale = 3600.0_f64 * 180.0 / PI;
        (
            scale * cos_d * sin_a / c,
            scale * (cos_0 * sin_d - sin_0 * cos_d * cos_a) / c,
        )
    }
}

pub(crate) fn sin_cos(angle: f64) -> (f64, f64) {
    libm::sincos(angle)
}

/// Turns tangent-plane degrees (east, north) into native spherical coordinates as tables store them: longitude in
/// `[0, 2 pi)` and latitude minus pi/2.
pub(crate) fn native(x_deg: f64, y_deg: f64) -> (f64, f64) {
    let phi = libm::atan2(x_deg, -y_deg);
    let phi = if phi < 0.0 { phi + 2.0 * PI } else { phi };
    (phi, -libm::atan(libm::hypot(x_deg, y_deg).to_radians()))
}

/// Goes from native coordinates about one tangent point to tangent-plane offsets about another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reprojection {
    sin_p: f64,
    cos_p: f64,
    sin_a: f64,
    cos_a: f64,
    sin_0: f64,
    cos_0: f64,
}

impl Reprojection {
    pub(crate) fn new(pointing: SkyPoint, centre: SkyPoint) -> Self {
        let (sin_p, cos_p) = sin_cos(pointing.dec_deg.to_radians());
        let (sin_a, cos_a) = sin_cos((pointing.ra_deg - centre.ra_deg).to_radians());
        let (sin_0, cos_0) = sin_cos(centre.dec_deg.to_radians());
        Self {
            sin_p,
            cos_p,
            sin_a,
            cos_a,
            sin_0,
            cos_0,
        }
    }

    /// The direction as a unit vector whose first axis points to the tangent point's meridian.
    fn vector(&self, phi: f64, theta_minus: f64) -> (f64, f64, f64) {
        let (sin_f, cos_f) = sin_cos(phi);
        let (sin_t, cos_t) = sin_cos(theta_minus + FRAC_PI_2);
        (
            sin_t * self.cos_p + cos_t * self.sin_p * cos_f,
            cos_t * sin_f,
            sin_t * self.sin_p - cos_t * self.cos_p * cos_f,
        )
    }

    /// Offsets (east, north) in arcsec about the centre.
    pub(crate) fn offsets(&self, phi: f64, theta_minus: f64) -> (f64, f64) {
        let (a, b, c) = self.vector(phi, theta_minus);
        let (a, b) = (a * self.cos_a - b * self.sin_a, a * self.sin_a + b * self.cos_a);
        let w = a * self.cos_0 + c * self.sin_0;
        let scale = 3600.0_f64 * 180.0 / PI;
        (scale * b / w, scale * (c * self.cos_0 - a * self.sin_0) / w)
    }

    /// Right ascension minus that of the pointing, and declination, in degrees.
    pub(crate) fn celestial(&self, phi: f64, theta_minus: f64) -> (f64, f64) {
        let (a, b, c) = self.vector(phi, theta_minus);
        (libm::atan2(b, a).to_degrees(), libm::asin(c).to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::{Reprojection, SkyPoint, native};

    #[test]
    fn offsets_come_back_from_the_sky() {
        let centre = SkyPoint {
            ra_deg: 359.999,
            dec_deg: -71.0,
        };
        let (east, north) = centre.offset_of(centre.offset(25.0, -31.0));
        assert!((east - 25.0).abs() < 1e-8 && (north + 31.0).abs() < 1e-8);
    }

    #[test]
    fn native_coordinates_lead_back_to_the_plane() {
        let pointing = SkyPoint {
            ra_deg: 12.0,
            dec_deg: -27.0,
        };
        let (phi, theta) = native(20.0 / 3600.0, -11.0 / 3600.0);
        let (east, north) = Reprojection::new(pointing, pointing).offsets(phi, theta);
        assert!(
            (east - 20.0).abs() < 1e-8 && (north + 11.0).abs() < 1e-8,
            "{east} {north}"
        );
    }

    #[test]
    fn a_pointing_elsewhere_shifts_the_plane() {
        let centre = SkyPoint {
            ra_deg: 12.0,
            dec_deg: -27.0,
        };
        let pointing = centre.offset(3.0, 4.0);
        let (phi, theta) = native(0.0, 0.0);
        let (east, north) = Reprojection::new(pointing, centre).offsets(phi, theta);
        assert!((east - 3.0).abs() < 1e-8 && (north - 4.0).abs() < 1e-8);
    }
}
