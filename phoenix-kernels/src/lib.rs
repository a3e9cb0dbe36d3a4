//! Numerical kernels of PHOENIX: arrays and small traits in, arrays out; no headers, no files, no instruments.
//!
//! | kernel | entry | cost | reference |
//! |---|---|---|---|
//! | combination of IFU pixel tables to a cube | [`ifu::Stack`] | two reads of the table, memory of one wavelength window | docs/algorithms/ifu-combine.md |
//! | filter images of a cube | [`ifu::ImageAccumulator`] | one pass over planes as they appear | docs/algorithms/ifu-combine.md |
//! | covariance after resampling | [`ifu::Stack::covariance_factors`] | the planes of a few blocks | docs/algorithms/ifu-covariance.md |
//! | combination of resampled cubes | [`cubes::CubeCombine`] | one read of each cube, memory of one window | docs/algorithms/cube-lists.md |
//! | alignment of exposures | [`align::align`] | a few passes over each image | docs/algorithms/alignment.md |
//! | median and median absolute deviation | [`stat`] | linear | docs/algorithms/ifu-combine.md |

pub mod align;
pub mod cubes;
pub mod error;
pub mod hooks;
pub mod ifu;
pub mod math;
pub mod stat;
pub mod weight;

pub use error::{KernelError, SourceError};
pub use hooks::Hooks;
pub use math::Numerics;
