//! XSHOOTER for PHOENIX: slit spectra of three arms (stare, nod, offset).
//!
//! The instrument is data: `rules/xshooter.oca` names frames, groups them and says what each recipe takes and makes,
//! `rules/validity.toml` when a calibration fits, `rules/qc.toml` what is good, `products/delivery.toml` what goes to the
//! archive. The recipes are those of ESO's pipeline; every task tells an outside backend what to run.

mod delivery;
mod score;

/// The rule book: classes, datasets, calibrations, recipes.
pub const RULES: &str = include_str!("../rules/xshooter.oca");
/// Windows in time, levels and break points of the calibrations.
pub const VALIDITY: &str = include_str!("../rules/validity.toml");
