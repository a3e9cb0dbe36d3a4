//! The physical geometry of a fibre-fed spectrograph: where light of a fibre and wavelength falls.
//!
//! `slit` places the fibres, `paint` puts their spectra on the detector. Model, sources and limits:
//! docs/algorithms/sim-fibre.md.

pub(crate) mod paint;
pub mod slit;

use serde::{Deserialize, Serialize};

use crate::projection::sin_cos;
use slit::FibreOnSlit;

/// Collimator, grating and camera in Littrow mount, with the dispersion along the detector's rows axis (y).
///
/// # Units
/// Millimetres; pixels counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Optics {
    /// Focal length of the collimator.
    pub collimator_mm: f64,
    /// Camera over collimator focal length.
    pub magnification: f64,
    /// Angle of the grating to the axis.
    pub grating_rad: f64,
    /// Grooves per millimetre.
    pub grooves_per_mm: f64,
    /// Order of diffraction.
    pub order: u32,
    /// Size of a pixel.
    pub pixel_mm: f64,
    /// Pixels across the dispersion.
    pub n_x: usize,
    /// Pixels along it.
    pub n_y: usize,
    /// Wavelengths that the filter lets through and the tables state.
    pub range_nm: (f64, f64),
    /// How the camera bends the fibres' images, pixels at the ends of the detector: across, linear and quadratic.
    pub bend_px: [f64; 2],
    /// How far the format lies from its nominal place: across and along.
    pub shift_px: [f64; 2],
}

impl Optics {
    /// Returns GIRAFFE's high-resolution grating in the setup H572.8.
    ///
    /// Grating of 316 grooves per millimetre in order 9 (`INS GRAT GROOVES`, `ORDER` of real headers); the focal lengths
    /// and the angle bring 572.8 nm to the centre and 24 nm on 4096 pixels of 15 µm.
    pub fn h572_8() -> Self {
        Self {
            collimator_mm: 1_400.295_818,
            magnification: 0.399_265,
            grating_rad: 0.951_904_078_741_325_5,
            grooves_per_mm: 316.0,
            order: 9,
            pixel_mm: 0.015,
            n_x: 2048,
            n_y: 4096,
            range_nm: (561.0, 585.0),
            bend_px: [-2.0, 6.0],
            shift_px: [0.0, 0.0],
        }
    }

    /// Returns the same with a window of fewer rows about the centre.
    #[must_use]
    pub fn with_rows(self, n_y: usize) -> Self {
        let half_nm = 0.5 * (self.range_nm.1 - self.range_nm.0) * n_y as f64 / self.n_y as f64;
        let middle_nm = 572.8;
        let bend = n_y as f64 / self.n_y as f64;
        Self {
            n_y,
            range_nm: (
                (middle_nm - half_nm).max(self.range_nm.0),
                (middle_nm + half_nm).min(self.range_nm.1),
            ),
            bend_px: [self.bend_px[0] * bend, self.bend_px[1] * bend * bend],
            ..self
        }
    }

    /// Returns where light falls, `(x, y)` counted from 1; none for evanescent light.
    ///
    /// # References
    /// Grating equation for conical diffraction, e.g. Schroeder 2000, Astronomical Optics, chapter 13; own derivation of
    /// the mount in docs/algorithms/sim-fibre.md.
    pub fn position(&self, fibre: &FibreOnSlit, lambda_nm: f64) -> Option<[f64; 2]> {
        let norm = (fibre.x_mm.powi(2) + fibre.y_mm.powi(2) + self.collimator_mm.powi(2)).sqrt();
        let (x, y, z) = (fibre.x_mm / norm, fibre.y_mm / norm, self.collimator_mm / norm);
        let (sin_g, cos_g) = sin_cos(self.grating_rad);
        let onto = x * cos_g + z * sin_g;
        let along = f64::from(self.order) * lambda_nm * 1e-6 * self.grooves_per_mm - onto;
        let square = 1.0 - along * along - y * y;
        if square <= 0.0 {
            return None;
        }
        let normal = square.sqrt();
        let (out, axis) = (along * cos_g - normal * sin_g, along * sin_g + normal * cos_g);
        let scale = self.collimator_mm * self.magnification / axis / self.pixel_mm;
        let row = out * scale + 0.5 * (self.n_y as f64 + 1.0) + self.shift_px[1];
        let u = 2.0 * row / self.n_y as f64 - 1.0;
        let column = y * scale + 0.5 * (self.n_x as f64 + 1.0) + self.shift_px[0];
        Some([column + self.bend_px[0] * u + self.bend_px[1] * u * u, row])
    }
}

#[cfg(test)]
mod tests;
