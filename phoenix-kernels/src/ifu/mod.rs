//! Combination of pixel tables of integral-field spectrographs to cubes.
//!
//! The flow is one direction: rows ([`pixtable`]) of exposures ([`exposure`]) get sky positions ([`position`]), which
//! give the grid ([`grid`], with [`celestial`] and [`spectral`]); blocks of rows are found by wavelength ([`index`], [`blocks`]),
//! gathered ([`gather`]) and sorted (`sort`) into the cells of a window, tested for cosmic rays ([`cosmic`]), resampled ([`resample`],
//! [`spread`]) and handed out as slabs ([`stack`]); [`image`] collapses slabs, `covariance` measures what the variance
//! leaves out (`subcube` in full for a part), and `coverage` how long each spaxel was exposed. What a stack makes of the rows
//! themselves is handed out by `placed` (their numbers) and `rejected` (those that failed the test).

pub mod blocks;
mod budget;
pub mod celestial;
pub mod cells;
pub mod centres;
pub mod cosmic;
pub(crate) mod covariance;
mod coverage;
pub(crate) mod drizzle;
pub mod exposure;
pub(crate) mod extent;
pub mod gather;
pub mod grid;
mod heights;
pub mod image;
pub mod index;
mod keys;
pub mod options;
mod order;
pub mod pixtable;
mod placed;
pub mod position;
mod rejected;
pub mod resample;
mod rows;
mod runs;
mod samples;
pub(crate) mod screen;
pub mod slab;
pub mod smallfield;
pub(crate) mod sort;
mod spacing;
pub mod spectral;
pub mod spread;
pub mod stack;
mod subcube;
pub(crate) mod window;

pub use cosmic::{CosmicKind, CosmicOptions};
pub use exposure::{CoordinateState, Exposure, SliceDirection};
pub use grid::{CubeGrid, GridRequest, InstrumentMode, Limits, default_step};
pub use image::{Filter, ImageAccumulator};
pub use options::StackOptions;
pub use pixtable::{Columns, PixelRows, PixelTable, RowBuffers};
pub use placed::{PlacedColumn, PlacedRows};
pub use resample::Resample;
pub use samples::Samples;
pub use slab::{RowId, Slab, StackStats};
pub use spectral::SpectralAxis;
pub use stack::Stack;
pub use subcube::MOST_VOXELS;
