//! PHOENIX, ESO's science-grade production line, as a library to embed.
//!
//! | you want | use |
//! |---|---|
//! | typed products of a few frames | [`default_registry`], [`core::engine::Engine`], [`io`] |
//! | one recipe on one set of frames | [`single`], [`sof`] |
//! | ESO's own pipelines | [`backend`] |
//! | a project in a file | [`project`], [`choice`] |
//! | a whole night, from store to archive | [`mod@line`] (feature `archive`) |
//! | the parts | [`core`], [`io`], [`qc`], [`archive`], [`muse`], [`uves`], [`giraffe`], [`xshooter`], [`sim`] |
//!
//! Features: `giraffe`, `muse`, `uves`, `xshooter` (instruments), `archive` (stores, standard, the line), `plot` (previews), `tables` (trends and
//! catalogues on polars), `sim` (simulators); all but `sim` are on by default.

pub mod backend;
pub mod choice;
pub mod controls;
#[cfg(all(feature = "archive", feature = "muse", feature = "sim"))]
pub mod demo;
#[cfg(feature = "archive")]
pub mod line;
pub mod machine;
pub mod project;
pub mod single;
pub mod sof;

#[cfg(feature = "archive")]
pub use phoenix_archive as archive;
pub use phoenix_core as core;
pub use phoenix_core::prelude;
#[cfg(feature = "giraffe")]
pub use phoenix_giraffe as giraffe;
pub use phoenix_io as io;
#[cfg(feature = "muse")]
pub use phoenix_muse as muse;
#[cfg(feature = "archive")]
pub use phoenix_qc as qc;
#[cfg(feature = "sim")]
pub use phoenix_sim as sim;
#[cfg(feature = "uves")]
pub use phoenix_uves as uves;
#[cfg(feature = "xshooter")]
pub use phoenix_xshooter as xshooter;

use phoenix_core::registry::Registry;

/// The instruments that are built in cannot be set up: a rule file of the build is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the built-in instruments cannot be set up")]
pub struct SetupError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Returns a registry with every instrument that is built in.
///
/// # Errors
/// If an instrument's own rules are wrong, which its tests exclude.
pub fn default_registry() -> Result<Registry, SetupError> {
    #[allow(unused_mut, reason = "no instrument may be built in")]
    let mut registry = Registry::new();
    #[cfg(feature = "giraffe")]
    phoenix_giraffe::register(&mut registry).map_err(|error| SetupError(Box::new(error)))?;
    #[cfg(feature = "muse")]
    phoenix_muse::register(&mut registry).map_err(|error| SetupError(Box::new(error)))?;
    #[cfg(feature = "uves")]
    phoenix_uves::register(&mut registry).map_err(|error| SetupError(Box::new(error)))?;
    #[cfg(feature = "xshooter")]
    phoenix_xshooter::register(&mut registry).map_err(|error| SetupError(Box::new(error)))?;
    Ok(registry)
}
