//! Nights of raw frames of the slit and fibre spectrographs, and headers alone where pixels are of no use.
//!
//! `shot` is one exposure in the plan of a night, `target` what shines on the slit; `uves` and `giraffe` make nights with
//! pixels, their static calibrations and their truth; `headers` makes nights and catalogues without pixels. Models: docs/algorithms/sim-echelle.md and sim-fibre.md.

mod cards;
mod extinction;
mod frame;
pub(crate) mod giraffe;
pub mod headers;
mod shot;
mod target;
pub(crate) mod uves;

use crate::night::{MIDNIGHT, NIGHT};
pub use giraffe::{FibreExposure, FibreTarget, FibreTruth};
pub use target::{Absorption, Star};
pub use uves::{ChipTruth, SlitExposure, SlitTruth};

/// How large the frames of a night are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameSize {
    /// As small as the recipes take them: UVES binned 2 x 2; GIRAFFE unbinned, but fewer frames.
    Small,
    /// As the detector is read out unbinned.
    Full,
}

#[cfg(test)]
mod tests;
