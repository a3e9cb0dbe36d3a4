//! Combination of cubes that share a grid: clipped mean or median with variance, for any number of cubes.
//!
//! | file | what it holds |
//! |---|---|
//! | `options` | what is to be computed, and its limits |
//! | `combine` | windows, reading, the loop over blocks |
//! | `block` | a block of voxels side by side |
//! | `column` | the values of one voxel, sorted and clipped |
//! | `network` | sorting many voxels at once |

mod block;
mod column;
mod combine;
mod network;
mod options;

pub use combine::{CubeCombine, CubeSlab, CubeSource, CubeStats, Layer, Window};
pub use options::{Clip, CombineOptions, Estimator, Spread, VarianceOf};
