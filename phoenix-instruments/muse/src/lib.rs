//! MUSE for PHOENIX: selection, association, recipes, scores, delivery.

pub mod align;
pub mod associate;
mod cascade;
pub mod combine;
pub mod combined;
pub mod covariance;
pub mod cubes;
pub mod deep;
pub mod expmap;
pub mod exposure;
mod fault;
pub mod filters;
pub mod headers;
pub mod ingest;
pub mod kinds;
pub mod load;
mod memory;
pub mod offsets;
pub mod params;
pub mod place;
pub mod quality;
pub mod recipes;
pub mod score;
pub mod select;
pub mod table;

mod instrument;
pub use instrument::{Muse, instrument, register};

/// The task and recipe that combine several exposures.
pub const COMBINE: &str = "muse_exp_combine";
/// The task and recipe that make a cube of one exposure.
pub const MAKE_CUBE: &str = "muse_scipost_make_cube";
