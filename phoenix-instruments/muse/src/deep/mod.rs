//! Cubes across observing blocks, nights and runs.
//!
//! `facts` is what a header tells of an exposure, `sky` distances, `cluster` the grouping by position, `footprint` how
//! much of a mosaic is covered, `group` choice and grouping with every reason, `plan` the datasets of the groups, `ruled` all of it beside a
//! project's rule book. At work
//! are two recipes of PHOENIX's own: `image` makes a white image of a pixel table without a cube (`muse_exp_image`);
//! `weights` (`muse_exp_weights`) judges exposures (`judge`): measures them on their images (`measure`), finds the odd ones
//! (`outlier`), weighs the others (`formula`), and writes a list of offsets that `muse_exp_combine` takes (`list`).

mod cluster;
mod facts;
mod footprint;
pub mod formula;
mod group;
mod image;
mod judge;
mod list;
mod measure;
pub mod outlier;
mod plan;
mod ruled;
mod sky;
mod weights;

pub use cluster::Limits;
pub use group::MuseDeep;
pub use image::{ExpImage, IMAGE, ImageParams};
pub(crate) use plan::select;
pub(crate) use ruled::Ruled;
pub use weights::{ExpWeights, WEIGHTS, WeightParams};
