//! Building blocks that instruments share; an instrument that needs none of them may still use core alone.
//!
//! - `inherit`: which cards a product takes over from its first input;
//! - `stamp`: the provenance record in a product header, in front of the records of earlier steps;
//! - `wcs`: world coordinates of cubes, to and from header cards;
//! - `units`: unit texts as ESO's pipelines and the FITS standard spell them;
//! - `param`: parameter values as people type them;
//! - `closest`: choice of a calibration by level, time and name;
//! - `apertures`: sources in one plane, for quality keywords;
//! - `keyword_scores`: scorers that read header keywords, from `qc.toml`;
//! - `spectra`: parts of names that instruments for spectra share;
//! - `sorted`: pixel tables in no order, sorted outside the memory;
//! - `rules`: an instrument that is data, put together from its texts;
//! - `delivery`: `products/*.toml`; `policy`: an ingestor around a transport;
//! - `threads`: a pool of its own for each run; `stage`: what a kernel hears and tells in it;
//! - `finished`: planes of a cube that another attempt takes up.

pub mod apertures;
pub mod closest;
pub mod delivery;
pub mod finished;
pub mod inherit;
pub mod keyword_scores;
pub mod param;
pub mod policy;
pub mod rules;
pub mod sorted;
pub mod spectra;
pub mod stage;
pub mod stamp;
pub mod threads;
pub mod units;
pub mod wcs;

pub use phoenix_qc as qc;
