//! Spectra on a detector: electrons expected in every pixel.

use ndarray::Array2;

use super::Format;
use super::slit::{SlitProfile, gauss_below};
use super::trace::Trace;
use crate::thar::ArcLine;

/// How far a line is painted, in widths.
const LINE_REACH: f64 = 6.0;

/// Full width at half maximum of a Gaussian of width 1.
pub(crate) const FWHM_PER_SIGMA: f64 = 2.354_820_045;

/// The light-sensitive area of a chip with the dispersion along x, `(y, x)`, in binned pixels.
pub(crate) struct Canvas<'a> {
    format: &'a Format,
    traces: &'a [Trace],
    binning: usize,
    pub(crate) expected_e: Array2<f32>,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(format: &'a Format, traces: &'a [Trace], binning: usize) -> Self {
        Self {
            format,
            traces,
            binning,
            expected_e: Array2::zeros((format.n_y / binning, format.n_x / binning)),
        }
    }

    /// Adds light scattered between the orders: smooth, brighter in the middle.
    pub(crate) fn add_scattered(&mut self, level_e: f64) {
        let (ny, nx) = self.expected_e.dim();
        let level = level_e * (self.binning * self.binning) as f64;
        for ((y, x), pixel) in self.expected_e.indexed_iter_mut() {
            let (u, v) = (x as f64 / nx as f64 - 0.5, y as f64 / ny as f64 - 0.5);
            *pixel += (level * (1.0 - 0.5 * (u * u + v * v))) as f32;
        }
    }

    /// Adds a continuous spectrum, given in electrons per nanometre at the peak of the blaze.
    pub(crate) fn add_spectrum(&mut self, profile: &SlitProfile, per_nm: impl Fn(f64) -> f64) {
        for trace in self.traces {
            let columns = trace.edges_nm.windows(2).zip(&trace.y).enumerate();
            for (column, (edges, y)) in columns {
                let &[low, high] = edges else { continue };
                // Simpson's rule over the column.
                let at = |lambda_nm: f64| per_nm(lambda_nm) * self.format.blaze(trace.order, lambda_nm);
                let electrons = (at(low) + 4.0 * at(0.5 * (low + high)) + at(high)) / 6.0 * (high - low).abs();
                add_column(&mut self.expected_e, column, *y, profile, electrons);
            }
        }
    }

    /// Adds emission lines, tilted along the slit.
    ///
    /// # Units
    /// `electrons` of a line of intensity 1 per pixel along the slit (or in all, for a point), at the peak of the blaze.
    pub(crate) fn add_lines(&mut self, profile: &SlitProfile, lines: &LineImage, list: &[ArcLine]) {
        let (ny, nx) = self.expected_e.dim();
        for trace in self.traces {
            let (low, high) = trace.range_nm();
            let in_order = list.iter().filter(|line| (low..=high).contains(&line.lambda_nm));
            for line in in_order {
                let Some([x, y]) = self.format.position(trace.order, line.lambda_nm) else {
                    continue;
                };
                let binning = self.binning as f64;
                let (x, y) = ((x - 0.5) / binning + 0.5, (y - 0.5) / binning + 0.5);
                let total = lines.electrons * line.intensity * self.format.blaze(trace.order, line.lambda_nm);
                let Some(nm_per_px) = trace.nm_per_px(x) else { continue };
                let sigma_px = line.lambda_nm / lines.resolution / FWHM_PER_SIGMA / nm_per_px;
                let reach = profile.reach_px();
                for row in rows(y, reach, ny) {
                    let offset = row as f64 + 1.0 - y;
                    let share = profile.below(offset + 0.5) - profile.below(offset - 0.5);
                    let centre = x + lines.tilt * offset;
                    for column in rows(centre, LINE_REACH * sigma_px, nx) {
                        let offset = column as f64 + 1.0 - centre;
                        let part = gauss_below(offset + 0.5, sigma_px) - gauss_below(offset - 0.5, sigma_px);
                        if let Some(pixel) = self.expected_e.get_mut((row, column)) {
                            *pixel += (total * share * part) as f32;
                        }
                    }
                }
            }
        }
    }
}

/// What the image of an emission line looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineImage {
    /// Electrons of a line of intensity 1.
    pub(crate) electrons: f64,
    /// Wavelength over full width at half maximum.
    pub(crate) resolution: f64,
    /// Shift along the dispersion per pixel along the slit.
    pub(crate) tilt: f64,
}

/// The pixels within reach of a centre that is counted from 1; the pixels are counted from 0.
fn rows(centre: f64, reach: f64, n: usize) -> std::ops::Range<usize> {
    let first = (centre - reach - 1.0).floor().max(0.0) as usize;
    let end = (centre + reach).ceil().max(0.0) as usize;
    first.min(n)..end.min(n)
}

fn add_column(image: &mut Array2<f32>, column: usize, y: f64, profile: &SlitProfile, electrons: f64) {
    let n = image.dim().0;
    let range = rows(y, profile.reach_px(), n);
    let mut below = profile.below(range.start as f64 + 0.5 - y);
    for row in range {
        let next = profile.below(row as f64 + 1.5 - y);
        if let Some(pixel) = image.get_mut((row, column)) {
            *pixel += (electrons * (next - below)) as f32;
        }
        below = next;
    }
}
