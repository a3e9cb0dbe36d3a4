//! What enters the fibres of GIRAFFE and how it gets to the chip.

use ndarray::Array2;

use super::super::extinction;
use super::super::target::sky_photons;
use super::plan::Planned;
use super::{FibreTruth, RESOLUTION};
use crate::fibre::paint::{FibreProfile, FibreTrace};
use crate::fibre::slit::FibreOnSlit;
use crate::thar::{self, ArcLine};

/// What lights the fibres; frames that compare equal have the same expectation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Light {
    None,
    Flat,
    Arc,
    Twilight,
    /// A field, by name.
    Field(String),
}

/// Efficiency of telescope, fibre and spectrograph, without the atmosphere and the fibre's own transmission.
pub(crate) const EFFICIENCY: f64 = 0.06;
/// Sky lines, wavelength and photons per second into a fibre; the wavelengths are invented.
pub(crate) const SKY_LINES: [(f64, f64); 4] = [(565.31, 3.0), (571.94, 4.0), (573.96, 6.0), (583.05, 4.0)];

/// Sky brightness in a grey night, erg/s/cm²/Å/arcsec².
const SKY: f64 = 4.0e-17;
/// The sky that a fibre of 1.2 arcsec sees.
const APERTURE_ARCSEC2: f64 = 1.13;
/// Electrons per nanometre and second from the halogen lamp.
const FLAT_E_PER_NM_S: f64 = 1.0e5;
/// Electrons per second of an arc line of intensity 1.
const ARC_E_PER_S: f64 = 0.06;
/// Light scattered over the chip in the flats.
const SCATTERED_E: f64 = 5.0;

/// Paints the expected electrons of an exposure.
pub(crate) fn paint(truth: &FibreTruth, traces: &[FibreTrace], profile: &FibreProfile, one: &Planned) -> Array2<f32> {
    let mut image = Array2::zeros((truth.optics.n_y, truth.optics.n_x));
    if one.light == Light::None {
        return image;
    }
    for (fibre, trace) in truth.fibres.iter().zip(traces) {
        // The lamp of the simultaneous calibration is off.
        let Some(button) = fibre.button() else { continue };
        let rows_e = spectrum(truth, trace, (fibre, button), one);
        trace.paint(&mut image, profile, &rows_e);
    }
    let scattered = if one.light == Light::Flat { SCATTERED_E } else { 1.0 };
    image += scattered as f32;
    image
}

fn spectrum(truth: &FibreTruth, trace: &FibreTrace, (fibre, button): (&FibreOnSlit, usize), one: &Planned) -> Vec<f64> {
    let exptime_s = one.shot.exptime_s;
    let share = fibre.transmission;
    let lit = (&truth.optics, fibre);
    match &one.light {
        Light::None => vec![0.0; truth.optics.n_y],
        Light::Flat => trace.spectrum(|lambda_nm| {
            let off = (lambda_nm - 572.8) / 24.0;
            FLAT_E_PER_NM_S * exptime_s * share * (1.0 - off * off)
        }),
        Light::Arc => {
            let mut rows_e = trace.spectrum(|_| 150.0 * share);
            trace.add_lines(
                &mut rows_e,
                lit,
                thar_lines(),
                ARC_E_PER_S * exptime_s * share,
                RESOLUTION,
            );
            rows_e
        }
        Light::Twilight => trace.spectrum(|_| 4.0e4 * exptime_s * share),
        Light::Field(name) => {
            let airmass = one.shot.airmass();
            let star = truth
                .fields
                .iter()
                .find(|field| field.0 == *name)
                .and_then(|field| field.1.iter().find(|target| target.button == button))
                .and_then(|target| target.star.as_ref());
            let mut rows_e = trace.spectrum(|lambda_nm| {
                let sky = sky_photons(lambda_nm, SKY, APERTURE_ARCSEC2)
                    * EFFICIENCY
                    * share
                    * extinction::transmission(lambda_nm, airmass);
                let star = star.map_or(0.0, |star| truth.star_electrons(fibre, star, lambda_nm, airmass));
                (star + sky) * exptime_s
            });
            let lines = SKY_LINES.map(|(lambda_nm, intensity)| ArcLine { lambda_nm, intensity });
            trace.add_lines(&mut rows_e, lit, &lines, exptime_s * share, RESOLUTION);
            rows_e
        }
    }
}

/// The lines of the arc lamp in the range of the setup.
pub(crate) fn thar_lines() -> &'static [ArcLine] {
    thar::between(555.0, 592.0)
}
