//! What falls on the slit of UVES and how it gets to the chip.

use ndarray::Array2;

use super::super::extinction;
use super::super::target::sky_photons;
use super::plan::{Planned, SLIT_WIDTH_ARCSEC};
use super::{Arm, ChipTruth};
use crate::echelle::paint::{Canvas, LineImage};
use crate::echelle::slit::SlitProfile;
use crate::echelle::trace::Trace;
use crate::thar;

/// What lights the slit; frames that compare equal have the same expectation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Light {
    None,
    Flat,
    Arc,
    /// A star, by name.
    Star(String),
}

/// Arcseconds per unbinned pixel across the dispersion (`INS PIXSCALE`), blue and red.
pub(crate) const PIXSCALE_ARCSEC: [f64; 2] = [0.246, 0.182];

/// Width of the camera's image of a sharp edge, unbinned pixels.
const EDGE_SIGMA_PX: f64 = 1.2;
/// Full width at half maximum of the seeing.
const SEEING_ARCSEC: f64 = 0.85;
/// Sky brightness in a grey night, erg/s/cm²/Å/arcsec².
const SKY: f64 = 4.0e-17;
/// Electrons per nanometre, second and unbinned pixel along the slit from the flat lamp at the blaze, at the arm's setting.
const FLAT_E_PER_NM_S: f64 = 5.0e5;
/// Electrons per second and unbinned pixel along the slit of an arc line of intensity 1.
const ARC_E_PER_S: f64 = 0.1;
/// Share of the light that is scattered over the chip.
const SCATTERED: f64 = 2e-3;
/// Arc lines lean by this much along the slit.
const TILT: f64 = 0.012;

/// Efficiency of telescope and instrument at the blaze, without the atmosphere.
pub(crate) fn efficiency(lambda_nm: f64) -> f64 {
    let off = (lambda_nm - 520.0) / 420.0;
    0.12 / (1.0 + off * off)
}

/// Paints the expected electrons of an exposure on a chip, with the dispersion along x.
pub(crate) fn paint(arm: Arm, chip: &ChipTruth, traces: &[Trace], one: &Planned, resolution: f64) -> Array2<f32> {
    let binning = chip.binning as f64;
    let scale_arcsec = PIXSCALE_ARCSEC[usize::from(arm == Arm::Red)] * binning;
    let mut canvas = Canvas::new(&chip.format, traces, chip.binning);
    let slit = SlitProfile::Even {
        half_length_px: 0.5 * one.slit_length_arcsec / scale_arcsec,
        sigma_px: EDGE_SIGMA_PX / binning,
    };
    let exptime_s = one.shot.exptime_s;
    match (&one.light, &one.star) {
        (Light::Flat, _) => {
            let lamp_nm = if arm == Arm::Red { 580.0 } else { 437.0 };
            let lamp =
                |lambda_nm: f64| FLAT_E_PER_NM_S * binning * exptime_s * libm::exp((lambda_nm - lamp_nm) / 400.0);
            canvas.add_spectrum(&slit, lamp);
            canvas.add_scattered(SCATTERED * FLAT_E_PER_NM_S * 0.0025 * exptime_s * one.slit_length_arcsec / 8.0);
        }
        (Light::Arc, _) => {
            let image = LineImage {
                electrons: ARC_E_PER_S * binning * exptime_s,
                resolution,
                tilt: TILT,
            };
            canvas.add_lines(&slit, &image, thar::lines());
            canvas.add_spectrum(&slit, |_| 2.0e3 * binning);
            canvas.add_scattered(2.0);
        }
        (Light::Star(_), Some(star)) => {
            let airmass = one.shot.airmass();
            let point = SlitProfile::Point {
                centre_px: 0.0,
                sigma_px: SEEING_ARCSEC / crate::echelle::paint::FWHM_PER_SIGMA / scale_arcsec,
            };
            canvas.add_spectrum(&point, |lambda_nm| {
                star.photons(lambda_nm, resolution)
                    * efficiency(lambda_nm)
                    * extinction::transmission(lambda_nm, airmass)
                    * exptime_s
            });
            canvas.add_spectrum(&slit, |lambda_nm| {
                sky_photons(lambda_nm, SKY, SLIT_WIDTH_ARCSEC * scale_arcsec) * efficiency(lambda_nm) * exptime_s
            });
            canvas.add_scattered(1.0);
        }
        (Light::None, _) | (Light::Star(_), None) => {}
    }
    canvas.expected_e
}
