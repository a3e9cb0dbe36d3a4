//! Where sources are: peaks of an image filtered with a Gaussian.

use ndarray::{Array2, Zip};

use super::background::{Clean, SIGMAS};
use crate::stat::median_and_deviation;

/// A filter beyond this many standard deviations of its Gaussian is 0.
const REACH: f64 = 3.0;
/// Share of the filter that good pixels must fill where a source may be found.
const FILLED: f64 = 0.6;
/// Filtered pixels above this many sigma belong to sources and say nothing of the noise.
const SOURCE_SIGMA: f64 = 4.0;

/// Pixels nearer than this many standard deviations of the filter to a source have its wings' slope.
const WINGS: f64 = 4.0;

/// A peak of the filtered image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peak {
    pub(crate) x: usize,
    pub(crate) y: usize,
    /// Height over the noise of the filtered image.
    pub(crate) significance: f64,
}

/// The Gaussian with peak 1 and its derivative, at whole pixels.
fn kernel(sigma: f64) -> (Vec<f64>, Vec<f64>) {
    let reach = (REACH * sigma).ceil() as i64;
    (-reach..=reach)
        .map(|k| {
            let u = k as f64;
            let g = libm::exp(-0.5 * u * u / (sigma * sigma));
            (g, u / (sigma * sigma) * g)
        })
        .unzip()
}

fn separable(image: &Array2<f64>, along_x: &[f64], along_y: &[f64]) -> Array2<f64> {
    let (ny, nx) = image.dim();
    let half = (along_x.len() / 2) as i64;
    let mut rows = Array2::zeros((ny, nx));
    for (row, mut out) in image.outer_iter().zip(rows.outer_iter_mut()) {
        for x in 0..nx {
            let sum: f64 = along_x
                .iter()
                .zip(x as i64 - half..)
                .filter(|(_, u)| (0..nx as i64).contains(u))
                .map(|(k, u)| k * row[u as usize])
                .sum();
            out[x] = sum;
        }
    }
    let mut result: Array2<f64> = Array2::zeros((ny, nx));
    for y in 0..ny {
        for (k, v) in along_y.iter().zip(y as i64 - half..) {
            if (0..ny as i64).contains(&v) {
                let source = rows.row(v as usize);
                Zip::from(result.row_mut(y))
                    .and(source)
                    .for_each(|out, s| *out += k * s);
            }
        }
    }
    result
}

/// An image filtered, with the facts that centroids need.
#[derive(Debug)]
pub(crate) struct Filtered {
    /// Significance by pixel; NaN where too few pixels are good.
    significance: Array2<f64>,
    /// Variance of a filtered derivative over that of independent pixels: what correlated noise adds.
    pub(crate) correlation: f64,
}

/// Tells which pixels no marked pixel is near, along x and y.
fn far_from(marked: &Array2<bool>, reach: usize) -> Array2<bool> {
    let (ny, nx) = marked.dim();
    let mut along_x = Array2::from_elem((ny, nx), true);
    for ((y, x), _) in marked.indexed_iter().filter(|(_, marked)| **marked) {
        for u in x.saturating_sub(reach)..(x + reach + 1).min(nx) {
            along_x[(y, u)] = false;
        }
    }
    let mut far = along_x.clone();
    for ((y, x), _) in along_x.indexed_iter().filter(|(_, far)| !**far) {
        for v in y.saturating_sub(reach)..(y + reach + 1).min(ny) {
            far[(v, x)] = false;
        }
    }
    far
}

fn spread(values: Vec<f64>) -> f64 {
    let mut values = values;
    median_and_deviation(&mut values).map_or(0.0, |(_, deviation)| SIGMAS * deviation)
}

impl Filtered {
    /// Filters with a Gaussian of the given standard deviation in pixels.
    pub(crate) fn new(clean: &Clean, sigma: f64) -> Self {
        let (g, slope) = kernel(sigma);
        let squares: Vec<f64> = g.iter().map(|v| v * v).collect();
        let mask = clean.is_good.mapv(f64::from);
        let whole: f64 = squares.iter().sum::<f64>().powi(2);
        let share = separable(&mask, &squares, &squares) / whole;
        let mut level = separable(&clean.pixels, &g, &g);
        Zip::from(&mut level).and(&share).for_each(|value, share| {
            *value = if *share >= FILLED {
                *value / (share * whole).sqrt()
            } else {
                f64::NAN
            };
        });
        let mut noise = spread(level.iter().copied().filter(|v| v.is_finite()).collect());
        let quiet = far_from(
            &level.mapv(|v| v.abs() > SOURCE_SIGMA * noise),
            (WINGS * sigma).ceil() as usize,
        );
        let away = |image: &Array2<f64>| -> Vec<f64> {
            Zip::from(image)
                .and(&quiet)
                .and(&share)
                .map_collect(|v, quiet, share| if *quiet && *share > 0.98 { *v } else { f64::NAN })
                .into_iter()
                .filter(|v| v.is_finite())
                .collect()
        };
        let quieter = spread(away(&level));
        if quieter > 0.0 {
            noise = quieter;
        }
        let derivative: f64 = slope.iter().map(|v| v * v).sum::<f64>() * squares.iter().sum::<f64>();
        let independent = clean.noise * derivative.sqrt();
        let ratio = |image: &Array2<f64>| {
            let measured = spread(away(image));
            if independent > 0.0 && measured > 0.0 {
                (measured / independent).powi(2)
            } else {
                1.0
            }
        };
        let along_x = ratio(&separable(&clean.pixels, &slope, &g));
        let along_y = ratio(&separable(&clean.pixels, &g, &slope));
        // An image without noise has sources of any significance.
        let unit = if noise > 0.0 { noise } else { f64::MIN_POSITIVE.sqrt() };
        Self {
            significance: level / unit,
            correlation: (0.5 * (along_x + along_y)).max(1e-3),
        }
    }

    /// Peaks above a threshold in sigma, the most significant first.
    pub(crate) fn peaks(&self, threshold: f64, most: usize) -> Vec<Peak> {
        let (ny, nx) = self.significance.dim();
        let mut peaks = Vec::new();
        for ((y, x), &value) in self.significance.indexed_iter() {
            if value.is_nan() || value < threshold {
                continue;
            }
            let is_peak = (y.saturating_sub(2)..(y + 3).min(ny))
                .flat_map(|v| (x.saturating_sub(2)..(x + 3).min(nx)).map(move |u| (v, u)))
                .all(|at| {
                    let other = self.significance[at];
                    // Of equal neighbours the first is the peak.
                    other.is_nan() || other < value || (other <= value && at >= (y, x))
                });
            if is_peak {
                peaks.push(Peak {
                    x,
                    y,
                    significance: value,
                });
            }
        }
        peaks.sort_by(|a, b| b.significance.total_cmp(&a.significance));
        peaks.truncate(most);
        peaks
    }
}
