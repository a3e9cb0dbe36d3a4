//! Flagged pixels: bad columns and hot pixels of the detector, the same in all exposures, and saturated pixels.

use phoenix_core::dq;

use crate::geometry::Size;
use crate::random::Stream;

/// Hot pixel, bit 8 of the table in `phoenix_core::dq`.
const HOT: u32 = 1 << 8;

/// What is wrong with a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It counts nothing.
    Dead,
    /// It counts by itself.
    Hot,
    /// The converter has ended.
    Saturated,
}

impl Fault {
    pub(crate) fn bit(self) -> u32 {
        match self {
            Self::Dead => dq::DEAD,
            Self::Hot => HOT,
            Self::Saturated => dq::SATURATED,
        }
    }
}

/// Marks the detector's own faults in one slice: pieces of columns, and hot pixels, so that about `fraction` is flagged.
pub(crate) fn mark_detector(random: &mut Stream, size: Size, fraction: f64, faults: &mut [Option<Fault>]) {
    let n_pixels = (size.width * size.n_lambda) as f64;
    let mean_length = (size.n_lambda as f64 / 6.0).max(1.0);
    for _ in 0..random.count(0.8 * fraction * n_pixels / mean_length) {
        let column = random.below(size.width);
        let first = random.below(size.n_lambda);
        let length = random.uniform(0.2, 1.8) * mean_length;
        for row in (first..size.n_lambda).take(length as usize + 1) {
            faults[row * size.width + column] = Some(Fault::Dead);
        }
    }
    for _ in 0..random.count(0.2 * fraction * n_pixels) {
        let place = random.below(faults.len());
        faults[place] = Some(Fault::Hot);
    }
}

/// Marks saturated pixels in pairs along a column, as charge spills over.
pub(crate) fn mark_saturated(random: &mut Stream, size: Size, fraction: f64, faults: &mut [Option<Fault>]) {
    let n_pixels = (size.width * size.n_lambda) as f64;
    for _ in 0..random.count(0.5 * fraction * n_pixels) {
        let place = random.below(faults.len());
        for pixel in [place, place + size.width] {
            if let Some(fault) = faults.get_mut(pixel) {
                *fault = Some(Fault::Saturated);
            }
        }
    }
}
