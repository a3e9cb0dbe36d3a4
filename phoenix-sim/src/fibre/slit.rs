//! The fibres on the entrance slit.

use serde::{Deserialize, Serialize};

/// How many fibres the Medusa slit has.
pub const N_FIBRES: usize = 135;

/// Places on the slit of the fibres that carry light of the simultaneous calibration lamp.
pub(crate) const CALIBRATION: [usize; 5] = [1, 32, 63, 94, 125];

/// Distance of neighbours on the slit: 14.6 pixels on the detector.
const PITCH_MM: f64 = 0.548_508;

/// How far the ends of the slit lie from its chord; the bend makes the spectral lines straight.
const SAGITTA_MM: f64 = 1.2;

/// A fibre on the slit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FibreOnSlit {
    /// Place on the slit, from 1 (`FPS`).
    pub fps: usize,
    /// Along the dispersion.
    pub x_mm: f64,
    /// Along the slit.
    pub y_mm: f64,
    /// Share of the light that arrives, relative to a perfect fibre.
    pub transmission: f64,
}

impl FibreOnSlit {
    /// Returns a fibre in its place, with a transmission.
    pub fn at(fps: usize, transmission: f64) -> Self {
        let y_mm = (fps as f64 - 0.5 * (N_FIBRES as f64 + 1.0)) * PITCH_MM;
        let end_mm = 0.5 * (N_FIBRES - 1) as f64 * PITCH_MM;
        Self {
            fps,
            x_mm: SAGITTA_MM * (y_mm / end_mm).powi(2),
            y_mm,
            transmission,
        }
    }

    /// Tells whether the fibre ends at the calibration lamp instead of the focal plane.
    pub fn is_calibration(&self) -> bool {
        CALIBRATION.contains(&self.fps)
    }

    /// Returns the number of the retractor, which is that of the button on the plate; none for calibration fibres.
    pub fn button(&self) -> Option<usize> {
        (!self.is_calibration()).then(|| self.fps - CALIBRATION.iter().filter(|fps| **fps < self.fps).count())
    }
}
