//! One exposure: conditions, and the pixels of any slice, in any order, always the same.

use std::sync::Arc;

use phoenix_core::unit::Mjd;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::conditions::Conditions;
use crate::cosmic::{self, Hit};
use crate::defects::{self, Fault};
use crate::detector::Detector;
use crate::geometry::{Instrument, SPAXEL_ARCSEC, SliceGeometry};
use crate::paranal::Track;
use crate::projection::{Reprojection, SkyPoint, native, sin_cos};
use crate::psf::{Moffat, REFERENCE_AA};
use crate::random::{Purpose, Stream};
use crate::scene::Scene;
use crate::slice::SliceTable;

/// What is realised of an exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Realisation {
    /// Noise and cosmic rays.
    Noisy,
    /// The twin: neither noise nor cosmic rays, everything else the same.
    Expectation,
}

/// An exposure of a scene with an instrument.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The instrument.
    pub instrument: Instrument,
    /// The sky.
    pub scene: Arc<Scene>,
    /// The noise model.
    pub detector: Detector,
    /// The conditions.
    pub conditions: Conditions,
    /// What is realised.
    pub realisation: Realisation,
}

/// Everything about one exposure that does not depend on the pixel.
struct Optics {
    cd: [[f64; 2]; 2],
    to_scene: Reprojection,
    /// Direction to the zenith on the sky, (east, north), times the amplitude of refraction in arcsec.
    refraction_arcsec: [f64; 2],
    psf: Moffat,
}

/// The index of air relative to that at 7000 A: the leading term of Cauchy's formula for 740 hPa, of the size that
/// Filippenko 1982, PASP 94, 715 tabulates.
fn refraction(lambda_aa: f64) -> f64 {
    let inverse = |aa: f64| 1e8 / (aa * aa);
    1.2e-6 * (inverse(lambda_aa) - inverse(REFERENCE_AA))
}

impl Exposure {
    /// Makes a noisy exposure with the default detector.
    pub fn new(instrument: Instrument, scene: Arc<Scene>, conditions: Conditions) -> Self {
        Self {
            instrument,
            scene,
            detector: Detector::default(),
            conditions,
            realisation: Realisation::Noisy,
        }
    }

    /// Returns the twin without noise and cosmic rays.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            realisation: Realisation::Expectation,
            ..self.clone()
        }
    }

    /// Returns where the telescope really pointed.
    pub fn true_pointing(&self) -> SkyPoint {
        let [east, north] = self.conditions.dither_arcsec;
        self.scene.centre.offset(east, north)
    }

    /// Returns where the header says that it pointed, to the digits that the header gives.
    pub fn header_pointing(&self) -> SkyPoint {
        let [east, north] = self.conditions.pointing_error_arcsec;
        let point = self.true_pointing().offset(east, north);
        // Microarcseconds are beyond any header, and text must read back as the same number.
        let round = |degrees: f64| (degrees * 1e9).round() / 1e9;
        SkyPoint {
            ra_deg: round(point.ra_deg),
            dec_deg: round(point.dec_deg),
        }
    }

    /// Returns the point-spread function.
    pub fn psf(&self) -> Moffat {
        Moffat {
            fwhm_arcsec: self.conditions.fwhm_arcsec,
        }
    }

    /// Returns the linear transformation from spaxels to degrees (east, north), as the header's `CDi_j`.
    ///
    /// In derotator mode `SKY` the angle in the header turns the field against the position angle.
    pub fn cd_deg(&self) -> [[f64; 2]; 2] {
        let (sin_p, cos_p) = sin_cos((-self.conditions.posang_deg).to_radians());
        let s = SPAXEL_ARCSEC / 3600.0;
        [[-s * cos_p, -s * sin_p], [-s * sin_p, s * cos_p]]
    }

    /// Returns where the telescope stands after a share of the exposure time.
    pub(crate) fn track(&self, share: f64) -> Track {
        let time = self.conditions.start.0 + share * self.conditions.exptime_s / 86_400.0;
        Track::of(self.true_pointing(), Mjd(time))
    }

    fn optics(&self) -> Optics {
        let track = self.track(0.5);
        let tan_z = libm::sqrt((track.airmass * track.airmass - 1.0).max(0.0));
        let (sin_q, cos_q) = sin_cos(track.parallactic_deg.to_radians());
        let amplitude = tan_z * 3600.0_f64 * 180.0 / std::f64::consts::PI;
        Optics {
            cd: self.cd_deg(),
            to_scene: Reprojection::new(self.true_pointing(), self.scene.centre),
            refraction_arcsec: [amplitude * sin_q, amplitude * cos_q],
            psf: self.psf(),
        }
    }

    /// Iterates over the slices in table order, one in memory at a time.
    pub fn slices(&self) -> impl Iterator<Item = SliceTable> + '_ {
        (0..self.instrument.n_slices()).map(|index| self.slice(index))
    }

    /// Returns one slice, `0..instrument.n_slices()`.
    pub fn slice(&self, index: usize) -> SliceTable {
        let mut table = SliceTable::default();
        self.fill(index, &mut table);
        table
    }

    /// Returns the whole table; slices are made by all threads and joined in order.
    pub fn table(&self) -> SliceTable {
        let slices: Vec<SliceTable> = (0..self.instrument.n_slices())
            .into_par_iter()
            .map(|index| self.slice(index))
            .collect();
        let mut whole = SliceTable::default();
        for slice in &slices {
            whole.append(slice);
        }
        whole
    }

    /// Makes one slice in a table whose buffers are reused.
    ///
    /// # Numerics
    /// Positions are rounded to 32 bits first and the scene is evaluated there: the rounding is no error of the truth.
    pub fn fill(&self, index: usize, table: &mut SliceTable) {
        let geometry = self.instrument.slice(index);
        table.clear();
        table.first_row = (index * self.instrument.pixels_per_slice()) as u64;
        let optics = self.optics();
        self.fill_positions(&geometry, &optics, table);
        self.fill_expectation(&optics, table);
        self.fill_realisation(index, table);
    }

    fn fill_positions(&self, geometry: &SliceGeometry, optics: &Optics, table: &mut SliceTable) {
        let size = self.instrument.size();
        for row in 0..size.n_lambda {
            for column in 0..size.width {
                let (x, y, lambda) = geometry.at(row, column);
                let lambda = lambda as f32;
                // The reduction has moved each wavelength back by the refraction it expects.
                let shift = refraction(f64::from(lambda)) / 3600.0;
                let east = optics.cd[0][0] * x + optics.cd[0][1] * y - shift * optics.refraction_arcsec[0];
                let north = optics.cd[1][0] * x + optics.cd[1][1] * y - shift * optics.refraction_arcsec[1];
                let (phi, theta) = native(east, north);
                table.xpos.push(phi as f32);
                table.ypos.push(theta as f32);
                table.lambda.push(lambda);
                table.origin.push(geometry.origin(row, column));
            }
        }
    }

    fn fill_expectation(&self, optics: &Optics, table: &mut SliceTable) {
        let residual = self.conditions.refraction_residual;
        let places: Vec<(f64, f64)> = (0..table.lambda.len())
            .map(|i| {
                let (east, north) = optics
                    .to_scene
                    .offsets(f64::from(table.xpos[i]), f64::from(table.ypos[i]));
                let left = residual * refraction(f64::from(table.lambda[i]));
                (
                    east + left * optics.refraction_arcsec[0],
                    north + left * optics.refraction_arcsec[1],
                )
            })
            .collect();
        let bounds = |axis: fn(&(f64, f64)) -> f64| {
            places
                .iter()
                .map(axis)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |b, v| (b.0.min(v), b.1.max(v)))
        };
        let visible = self.scene.near(bounds(|p| p.0), bounds(|p| p.1));
        let scale = self.conditions.flux_scale * SPAXEL_ARCSEC * SPAXEL_ARCSEC;
        for ((east, north), lambda) in places.iter().zip(&table.lambda) {
            let lambda = f64::from(*lambda) - self.conditions.wavelength_error_aa;
            let object = scale * visible.brightness(optics.psf, *east, *north, lambda);
            let left = self.conditions.sky_residual * self.detector.sky(lambda);
            let variance = self.detector.variance(object, lambda, self.conditions.exptime_s);
            table.expected.push((object + left) as f32);
            table.stat.push(variance as f32);
        }
    }

    fn faults(&self, index: usize) -> Vec<Option<Fault>> {
        let size = self.instrument.size();
        let mut faults = vec![None; size.width * size.n_lambda];
        let mut detector = Stream::new(self.instrument.seed(), Purpose::Defects, index as u64);
        defects::mark_detector(&mut detector, size, self.conditions.bad_fraction, &mut faults);
        let mut light = self.stream(self.conditions.seed, Purpose::Saturation, index);
        defects::mark_saturated(&mut light, size, self.conditions.saturated_fraction, &mut faults);
        faults
    }

    /// Adds cosmic rays and noise, then what faults and full wells do to the counts.
    fn fill_realisation(&self, index: usize, table: &mut SliceTable) {
        let size = self.instrument.size();
        let (exptime, is_noisy) = (self.conditions.exptime_s, self.realisation == Realisation::Noisy);
        table.data.extend_from_slice(&table.expected);
        if is_noisy {
            let mut random = self.stream(self.conditions.seed, Purpose::Cosmics, index);
            let mean = self.conditions.cosmic_rate * (size.width * size.n_lambda) as f64 * exptime / 1000.0;
            for ((row, column), electrons) in cosmic::charges(&mut random, size, mean) {
                let i = row * size.width + column;
                let gain = self.detector.electrons_per_flux(f64::from(table.lambda[i]), exptime);
                let (flux, sigma) = (electrons / gain, libm::sqrt(f64::from(table.stat[i])));
                table.data[i] += flux as f32;
                table.hits.push(Hit {
                    row: table.first_row + i as u64,
                    flux: flux as f32,
                    significance: (flux / sigma) as f32,
                });
                // The reduction estimates the variance from the counts, the ray's included.
                table.stat[i] += (flux / gain) as f32;
            }
            let mut random = self.stream(self.conditions.noise_seed, Purpose::Noise, index);
            for (data, stat) in table.data.iter_mut().zip(&table.stat) {
                *data = (f64::from(*data) + libm::sqrt(f64::from(*stat)) * random.normal()) as f32;
            }
        }
        let faults = self.faults(index);
        for (i, fault) in faults.into_iter().enumerate() {
            let lambda = f64::from(table.lambda[i]);
            let gain = self.detector.electrons_per_flux(lambda, exptime);
            let sky = self.detector.sky(lambda);
            let full = self.detector.full_well_e / gain - sky;
            let fault = fault.or((f64::from(table.data[i]) >= full).then_some(Fault::Saturated));
            match fault {
                None => {}
                Some(Fault::Dead) => table.data[i] = -sky as f32,
                Some(Fault::Hot) => table.data[i] += (3000.0 / gain) as f32,
                Some(Fault::Saturated) => table.data[i] = full as f32,
            }
            table.dq.push(fault.map_or(0, Fault::bit) as i32);
        }
    }

    /// Random numbers differ between exposures that share a seed: the start of the exposure enters the stream.
    fn stream(&self, seed: u64, purpose: Purpose, index: usize) -> Stream {
        let milliseconds = (self.conditions.start.0 * 86_400_000.0) as u64;
        // 37 mixed bits of the time (the multiplier is 2^64 over the golden ratio) beside 11 bits for the slice.
        let mixed = milliseconds.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 27;
        Stream::new(seed, purpose, (mixed << 11) | index as u64)
    }
}

#[cfg(test)]
#[path = "exposure/tests.rs"]
mod tests;
