//! Spectra of fibres on a detector: electrons expected in every pixel.

use ndarray::Array2;

use super::Optics;
use super::slit::FibreOnSlit;
use crate::echelle::paint::FWHM_PER_SIGMA;
use crate::echelle::slit::gauss_below;
use crate::thar::ArcLine;

/// Exponent of the fibre's image across the dispersion: flatter than a Gaussian, as a disc's image is.
const EXPONENT: f64 = 2.4;
/// Width of that image in pixels.
const WIDTH_PX: f64 = 1.9;
/// Steps per pixel of its table.
const STEPS: usize = 64;
/// Half width of the table in pixels.
const REACH_PX: usize = 9;
/// How far a line is painted, in widths.
const LINE_REACH: f64 = 6.0;

/// The light below a distance across the dispersion, tabulated.
pub(crate) struct FibreProfile(Vec<f64>);

impl FibreProfile {
    pub(crate) fn new() -> Self {
        let n = 2 * REACH_PX * STEPS;
        let density = |step: usize| {
            let distance = (step as f64 + 0.5) / STEPS as f64 - REACH_PX as f64;
            libm::exp(-0.5 * libm::pow((distance / WIDTH_PX).abs(), EXPONENT))
        };
        let mut below = Vec::with_capacity(n + 1);
        let mut sum = 0.0;
        below.push(0.0);
        for step in 0..n {
            sum += density(step);
            below.push(sum);
        }
        for value in &mut below {
            *value /= sum;
        }
        Self(below)
    }

    fn below(&self, distance_px: f64) -> f64 {
        let place = ((distance_px + REACH_PX as f64) * STEPS as f64).max(0.0);
        let index = place as usize;
        match (self.0.get(index), self.0.get(index + 1)) {
            (Some(low), Some(high)) => low + (high - low) * (place - index as f64),
            _ => 1.0,
        }
    }
}

/// A fibre row by row: wavelengths at the edges of the rows and the place across.
pub(crate) struct FibreTrace {
    pub(crate) edges_nm: Vec<f64>,
    pub(crate) x: Vec<f64>,
}

impl FibreTrace {
    /// Follows a fibre over the detector by secant steps from row to row.
    pub(crate) fn of(optics: &Optics, fibre: &FibreOnSlit) -> Option<Self> {
        let middle_nm = 0.5 * (optics.range_nm.0 + optics.range_nm.1);
        let (low, high) = (
            optics.position(fibre, middle_nm - 0.5)?,
            optics.position(fibre, middle_nm + 0.5)?,
        );
        let mut nm_per_px = 1.0 / (high[1] - low[1]);
        let mut lambda_nm = middle_nm;
        let mut edges_nm = Vec::with_capacity(optics.n_y + 1);
        let mut at_edge = Vec::with_capacity(optics.n_y + 1);
        for edge in 0..=optics.n_y {
            let mut x = 0.0;
            for _ in 0..24 {
                let here = optics.position(fibre, lambda_nm)?;
                x = here[0];
                let miss = edge as f64 + 0.5 - here[1];
                if miss.abs() < 1e-8 {
                    break;
                }
                let before = lambda_nm;
                lambda_nm += miss * nm_per_px;
                if miss.abs() > 1e-3 {
                    nm_per_px = (lambda_nm - before) / (optics.position(fibre, lambda_nm)?[1] - here[1]);
                }
            }
            edges_nm.push(lambda_nm);
            at_edge.push(x);
        }
        let x = at_edge
            .windows(2)
            .map(|pair| Some(0.5 * (pair.first()? + pair.last()?)))
            .collect::<Option<_>>()?;
        Some(Self { edges_nm, x })
    }

    fn nm_per_px(&self, row: usize) -> Option<f64> {
        let row = row.min(self.edges_nm.len().checked_sub(2)?);
        Some((self.edges_nm.get(row + 1)? - self.edges_nm.get(row)?).abs())
    }

    /// Returns the electrons of a continuous spectrum in each row, from electrons per nanometre.
    pub(crate) fn spectrum(&self, per_nm: impl Fn(f64) -> f64) -> Vec<f64> {
        self.edges_nm
            .windows(2)
            .map(|edges| {
                let &[low, high] = edges else { return 0.0 };
                (per_nm(low) + 4.0 * per_nm(0.5 * (low + high)) + per_nm(high)) / 6.0 * (high - low).abs()
            })
            .collect()
    }

    /// Adds emission lines to the electrons of each row; `electrons` is that of a line of intensity 1.
    pub(crate) fn add_lines(
        &self,
        rows_e: &mut [f64],
        (optics, fibre): (&Optics, &FibreOnSlit),
        list: &[ArcLine],
        electrons: f64,
        resolution: f64,
    ) {
        for line in list {
            let Some([_, y]) = optics.position(fibre, line.lambda_nm) else {
                continue;
            };
            let Some(nm_per_px) = self.nm_per_px(y.max(1.0) as usize - 1) else {
                continue;
            };
            let sigma_px = line.lambda_nm / resolution / FWHM_PER_SIGMA / nm_per_px;
            let reach = LINE_REACH * sigma_px;
            let first = (y - reach - 1.0).floor().max(0.0) as usize;
            let end = ((y + reach).ceil().max(0.0) as usize).min(rows_e.len());
            for (row, value) in rows_e.iter_mut().enumerate().take(end).skip(first) {
                let offset = row as f64 + 1.0 - y;
                *value += electrons
                    * line.intensity
                    * (gauss_below(offset + 0.5, sigma_px) - gauss_below(offset - 0.5, sigma_px));
            }
        }
    }

    /// Spreads the electrons of each row over the fibre's image.
    pub(crate) fn paint(&self, image: &mut Array2<f32>, profile: &FibreProfile, rows_e: &[f64]) {
        let n_x = image.dim().1;
        for (row, (electrons, x)) in rows_e.iter().zip(&self.x).enumerate() {
            let first = (x - REACH_PX as f64 - 1.0).floor().max(0.0) as usize;
            let end = ((x + REACH_PX as f64).ceil().max(0.0) as usize).min(n_x);
            let mut below = profile.below(first as f64 + 0.5 - x);
            for column in first..end {
                let next = profile.below(column as f64 + 1.5 - x);
                if let Some(pixel) = image.get_mut((row, column)) {
                    *pixel += (electrons * (next - below)) as f32;
                }
                below = next;
            }
        }
    }
}
