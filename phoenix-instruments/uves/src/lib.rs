//! UVES for PHOENIX: echelle spectra of both arms (free slit, image slicer, absorption cell, dichroic).
//!
//! The instrument is data: `rules/uves.oca` names frames, groups them and says what each recipe takes and makes,
//! `rules/validity.toml` when a calibration fits, `rules/qc.toml` what is good, `products/delivery.toml` what goes to the
//! archive. The recipes are those of ESO's pipeline; every task tells an outside backend what to run.

mod delivery;
mod score;

use phoenix_core::registry::Registry;
use phoenix_core::rule_instrument::RuleInstrument;
use phoenix_kit::delivery::BuildError;
use phoenix_kit::rules::RuleKit;

/// The rule book: classes, datasets, calibrations, recipes.
pub const RULES: &str = include_str!("../rules/uves.oca");
/// Windows in time, levels and break points of the calibrations.
pub const VALIDITY: &str = include_str!("../rules/validity.toml");

/// Builds the instrument.
///
/// # Errors
/// If its own texts are wrong.
pub fn instrument() -> Result<RuleInstrument, BuildError> {
    let kit = RuleKit {
        rules: RULES,
        validity: VALIDITY,
        quality: include_str!("../rules/qc.toml"),
        readings: score::READINGS,
        delivery: include_str!("../products/delivery.toml"),
        deliver: delivery::spec,
        policy: delivery::policy(),
    };
    kit.build()
}

/// Adds the instrument to a registry.
///
/// # Errors
/// If its own texts are wrong or the name is taken.
pub fn register(registry: &mut Registry) -> Result<(), BuildError> {
    Ok(registry.register(instrument()?)?)
}
