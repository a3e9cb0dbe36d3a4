//! The physical geometry of a cross-dispersed echelle spectrograph: where light of an order and wavelength falls.
//!
//! `setup` holds the settings of UVES, `slit` the light along the slit, `trace` an order column by column, `paint` puts
//! spectra on a detector. Model, sources and limits: docs/algorithms/sim-echelle.md.

pub(crate) mod paint;
pub mod setup;
pub(crate) mod slit;
pub(crate) mod trace;

use serde::{Deserialize, Serialize};

use crate::projection::sin_cos;

/// Terms `u^a v^b` with `a + b <= 4`, `a` outermost.
const TERMS: usize = 15;

/// Directions are multiplied by this before they enter the camera's polynomial, so that its terms are of one order.
const DIRECTION_UNIT: f64 = 0.1;

/// An echelle grating in quasi-Littrow mount.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Echelle {
    /// Grooves per millimetre.
    pub grooves_per_mm: f64,
    /// Blaze angle; the light falls in at it.
    pub blaze_deg: f64,
    /// Angle out of the plane of dispersion.
    pub off_plane_deg: f64,
}

/// The cross disperser: a grating in first order with grooves across the echelle's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CrossDisperser {
    /// Grooves per millimetre.
    pub grooves_per_mm: f64,
    /// Angle of incidence.
    pub incidence_deg: f64,
    /// Angle of the camera's axis.
    pub camera_deg: f64,
}

/// Camera and detector: from directions to pixels, a polynomial of degree four.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// Terms of the position along the dispersion.
    pub x: [f64; TERMS],
    /// Terms of the position across it.
    pub y: [f64; TERMS],
}

/// The spectral format of one detector: gratings, camera, and what part of it the detector sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Format {
    /// The echelle.
    pub echelle: Echelle,
    /// The cross disperser.
    pub cross_disperser: CrossDisperser,
    /// The camera.
    pub camera: Camera,
    /// Lowest order that reaches the detector.
    pub first_order: u32,
    /// Highest order that reaches the detector.
    pub last_order: u32,
    /// Unbinned pixels along the dispersion.
    pub n_x: usize,
    /// Unbinned pixels across it.
    pub n_y: usize,
    /// How far the format lies from its nominal place, in unbinned pixels: what gratings do not reproduce.
    pub shift: [f64; 2],
}

impl Format {
    /// Returns the orders on the detector.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = u32> + use<> {
        self.first_order..=self.last_order
    }

    /// Returns the direction in the camera, as tangents along the dispersion and across; none for evanescent light.
    ///
    /// # References
    /// Vector form of the grating equation for conical diffraction, e.g. Schroeder 2000, Astronomical Optics, chapter 13.
    pub fn direction(&self, order: u32, lambda_nm: f64) -> Option<[f64; 2]> {
        let lambda_mm = lambda_nm * 1e-6;
        let (sin_blaze, cos_blaze) = sin_cos(self.echelle.blaze_deg.to_radians());
        let (sin_off, cos_off) = sin_cos(self.echelle.off_plane_deg.to_radians());
        let x = f64::from(order) * lambda_mm * self.echelle.grooves_per_mm - sin_blaze * cos_off;
        let y = sin_off;
        let z = third(x, y)?;
        // Along the order of the blaze, then out of the plane of the off-plane angle.
        let (x, z) = (x * cos_blaze - z * sin_blaze, x * sin_blaze + z * cos_blaze);
        let y = y * cos_off - z * sin_off;
        let z = third(x, y)?;
        let (sin_in, cos_in) = sin_cos(self.cross_disperser.incidence_deg.to_radians());
        let y = lambda_mm * self.cross_disperser.grooves_per_mm - (y * cos_in + z * sin_in);
        let z = third(x, y)?;
        let (sin_camera, cos_camera) = sin_cos(self.cross_disperser.camera_deg.to_radians());
        let (y, z) = (y * cos_camera - z * sin_camera, y * sin_camera + z * cos_camera);
        (z > 0.0).then(|| [x / z, y / z])
    }

    /// Returns where light falls, in unbinned pixels counted from 1 at the centre of the first.
    pub fn position(&self, order: u32, lambda_nm: f64) -> Option<[f64; 2]> {
        let [u, v] = self
            .direction(order, lambda_nm)?
            .map(|tangent| tangent / DIRECTION_UNIT);
        let x = polynomial(&self.camera.x, u, v);
        let y = polynomial(&self.camera.y, u, v);
        Some([x + self.shift[0], y + self.shift[1]])
    }

    /// Returns the wavelength that the blaze sends to the middle of an order.
    pub fn blaze_lambda_nm(&self, order: u32) -> f64 {
        let sin_blaze = libm::sin(self.echelle.blaze_deg.to_radians());
        let cos_off = libm::cos(self.echelle.off_plane_deg.to_radians());
        2.0 * sin_blaze * cos_off / self.echelle.grooves_per_mm / f64::from(order) * 1e6
    }

    /// Returns the efficiency of the echelle relative to the peak of the order.
    ///
    /// # References
    /// Schroeder 2000, section 13.4: a facet's diffraction, `sinc²(m (1 - lambda_blaze / lambda))` in Littrow.
    pub fn blaze(&self, order: u32, lambda_nm: f64) -> f64 {
        let phase = std::f64::consts::PI * f64::from(order) * (1.0 - self.blaze_lambda_nm(order) / lambda_nm);
        if phase.abs() < 1e-9 {
            1.0
        } else {
            (libm::sin(phase) / phase).powi(2)
        }
    }
}

/// Completes a unit vector.
fn third(x: f64, y: f64) -> Option<f64> {
    let square = 1.0 - x * x - y * y;
    (square > 0.0).then(|| square.sqrt())
}

fn polynomial(terms: &[f64; TERMS], u: f64, v: f64) -> f64 {
    let mut terms = terms.iter();
    let mut sum = 0.0;
    let mut power_u = 1.0;
    for a in 0..=4 {
        let mut power = power_u;
        for _ in 0..=(4 - a) {
            sum += terms.next().copied().unwrap_or(0.0) * power;
            power *= v;
        }
        power_u *= u;
    }
    sum
}

#[cfg(test)]
mod tests;
