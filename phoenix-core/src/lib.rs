//! Vocabulary, the five traits and the engine of PHOENIX; opens no file.
//!
//! Data flow, one direction: `Header -> Tag -> Dataset -> Association -> Plan -> arrays -> Product + caveats ->
//! Measurements -> QcReport -> SealedProduct -> receipt`. No later type is an argument of an earlier stage.

pub mod association;
pub mod cancel;
pub mod caveat;
pub mod dataset;
pub mod deep;
pub mod dq;
pub mod engine;
pub mod error;
pub mod frame;
pub mod header;
pub mod id;
pub mod observe;
pub mod plan;
pub mod prelude;
pub mod product;
pub mod provenance;
pub mod registry;
pub mod rule_instrument;
pub mod rules;
pub mod traits;
pub mod unit;
