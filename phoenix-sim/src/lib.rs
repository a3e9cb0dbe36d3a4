//! Seeded simulators of PHOENIX: frames, headers and their truth. Values only; files are written by phoenix-io.
//!
//! `scene` is the sky, `geometry` and `detector` the instrument, `exposure` turns both into pixels slice by slice;
//! `observation` places an exposure in a block, `pixtable` makes the product. Model and limits: docs/simulator.md.
//!
//! `echelle` and `fibre` are the optics of slit and fibre spectrographs, `ccd` their detectors, `thar` their arc lamp; `nights`
//! makes raw frames, headers and catalogues of whole nights of them. `night` is the way to all of these.

pub mod ccd;
pub mod conditions;
mod cosmic;
mod defects;
pub mod detector;
pub mod echelle;
pub mod exposure;
pub mod fibre;
pub mod geometry;
pub mod grid;
mod header;
pub mod night;
pub mod nights;
pub mod observation;
pub mod offsets;
mod paranal;
pub mod pixtable;
mod projection;
pub mod psf;
mod random;
pub mod scene;
pub mod slice;
pub mod thar;
pub mod truth;

pub use cosmic::Hit;
pub use projection::SkyPoint;
