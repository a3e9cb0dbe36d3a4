//! A charge-coupled device: from electrons to the counts of a raw frame, with prescan, overscan and cosmic rays.

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::random::{Purpose, Stream};

/// Peak-to-valley gradient of the bias along a row, in ADU.
const BIAS_GRADIENT_ADU: f64 = 1.5;

/// Charge of a cosmic ray, mean over events, in electrons.
const COSMIC_CHARGE_E: f64 = 4000.0;

/// Longest track in pixels.
const LONGEST_TRACK: f64 = 6.0;

/// A detector with one output, read along its rows.
///
/// # Units
/// Electrons, ADU, seconds; sizes in unbinned pixels along the raw frame's first axis (columns).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ccd {
    /// Electrons per ADU (`DET OUT1 CONAD`).
    pub conad_e_per_adu: f64,
    /// Read noise (`DET OUT1 RON`).
    pub ron_e: f64,
    /// Mean level of the bias.
    pub bias_adu: f64,
    /// Columns before the light-sensitive ones (`DET OUT1 PRSCX`).
    pub prescan: usize,
    /// Columns after them (`DET OUT1 OVSCX`).
    pub overscan: usize,
    /// Dark current per unbinned pixel.
    pub dark_e_per_h: f64,
    /// Relative scatter of the pixels' response.
    pub response_scatter: f64,
    /// Cosmic rays per unbinned pixel and hour.
    pub cosmics_per_h: f64,
}

/// What distinguishes one readout from another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Readout {
    /// Time that the shutter was open or the dark current collected.
    pub exptime_s: f64,
    /// Pixels summed on the chip, along both axes.
    pub binning: usize,
    /// Seed of the chip: the pixels' response.
    pub chip_seed: u64,
    /// Seed of the readout: photon noise, read noise, cosmic rays.
    pub noise_seed: u64,
}

impl Ccd {
    /// Returns the counts of a readout of the expected electrons.
    ///
    /// # Contract
    /// The same seeds give the same counts, whatever the number of threads.
    ///
    /// # Shapes
    /// `(rows, columns)` of the light-sensitive area in, the same with `prescan + overscan` further columns out, both
    /// in binned pixels.
    ///
    /// # Units
    /// Expected electrons per binned pixel in, without dark current; ADU out.
    pub fn read(&self, expected_e: &Array2<f32>, readout: &Readout) -> Array2<u16> {
        let (rows, columns) = expected_e.dim();
        let (before, after) = (self.prescan / readout.binning, self.overscan / readout.binning);
        let width = before + columns + after;
        let mut counts = Array2::zeros((rows, width));
        let hits = self.cosmics(rows, columns, readout);
        let n_summed = (readout.binning * readout.binning) as f64;
        let dark_e = self.dark_e_per_h / 3600.0 * readout.exptime_s * n_summed;
        let Some(pixels) = counts.as_slice_mut() else {
            return counts;
        };
        pixels.par_chunks_mut(width).enumerate().for_each(|(row, out)| {
            let mut response = Stream::new(readout.chip_seed, Purpose::Response, row as u64);
            let mut noise = Stream::new(readout.noise_seed, Purpose::Readout, row as u64);
            let light = expected_e.row(row);
            let hits = hits.get(row).map_or(&[][..], Vec::as_slice);
            for (column, out) in out.iter_mut().enumerate() {
                let charge_e = column
                    .checked_sub(before)
                    .filter(|inside| *inside < columns)
                    .map_or(0.0, |inside| {
                        let sensitivity = 1.0 + self.response_scatter / readout.binning as f64 * response.normal();
                        let expected = f64::from(light.get(inside).copied().unwrap_or(0.0)) * sensitivity + dark_e;
                        let hit: f64 = hits.iter().filter(|hit| hit.0 == inside).map(|hit| hit.1).sum();
                        noise.count(expected) as f64 + hit
                    });
                let tilt = BIAS_GRADIENT_ADU * (column as f64 / width as f64 - 0.5);
                let adu = (charge_e + self.ron_e * noise.normal()) / self.conad_e_per_adu + self.bias_adu + tilt;
                *out = adu.round().clamp(0.0, f64::from(u16::MAX)) as u16;
            }
        });
        counts
    }

    /// Draws the cosmic rays of a readout: for each row the columns hit and their charge.
    fn cosmics(&self, rows: usize, columns: usize, readout: &Readout) -> Vec<Vec<(usize, f64)>> {
        let mut hits = vec![Vec::new(); rows];
        let n_pixels = (rows * columns * readout.binning * readout.binning) as f64;
        let mut random = Stream::new(readout.noise_seed, Purpose::Cosmics, 0);
        let n = random.count(self.cosmics_per_h / 3600.0 * readout.exptime_s * n_pixels);
        for _ in 0..n {
            let (mut x, mut y) = (random.uniform(0.0, columns as f64), random.uniform(0.0, rows as f64));
            let angle = random.uniform(0.0, std::f64::consts::TAU);
            let length = random.uniform(1.0, LONGEST_TRACK).floor();
            let charge_e = random.exponential(COSMIC_CHARGE_E) / length;
            for _ in 0..length as usize {
                let is_inside = x >= 0.0 && y >= 0.0 && (x as usize) < columns;
                if let Some(row) = hits.get_mut(y as usize).filter(|_| is_inside) {
                    row.push((x as usize, charge_e));
                }
                x += libm::cos(angle);
                y += libm::sin(angle);
            }
        }
        hits
    }
}

#[cfg(test)]
mod tests;
