//! An instrument from data: a rule book and a validity table become selector, associator and outlines of recipes.
//!
//! `policy` joins the two and names frames; `grouping`, `cascade` and `selector` make datasets; `slots` takes a slot's
//! conditions apart, `shelf` holds the candidates of a plan by slot, joined values and time, `associator` fills slots and `explain`
//! tells why; `memo` concludes once per combination of values; `draft` plans many years as numbers; `instrument` is the builder.

mod associator;
mod cascade;
mod draft;
mod error;
mod explain;
mod grouping;
mod instrument;
mod memo;
mod policy;
mod selector;
mod shelf;
mod slots;

pub use associator::RuleAssociator;
pub use draft::{Draft, DraftChange, DraftError, DraftFill, DraftFrames, Replanned, StoredFrames};
pub use error::BuildError;
pub use instrument::{RuleInstrument, RuleInstrumentBuilder, ScorerBook};
pub use policy::{Named, Policy};
pub use selector::RuleSelector;
pub use shelf::Refusal;
