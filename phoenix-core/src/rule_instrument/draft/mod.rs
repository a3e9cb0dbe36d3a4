//! Plans of many years: the same decisions as a plan's, kept as numbers.
//!
//! A plan in full spells every frame where it is used. A draft of a million frames and more jobs than that holds rows and
//! numbers instead, and spells a job only when it is asked for. `frames` holds what is planned from, `names` names jobs,
//! `fills` chooses calibrations, `plan` is the draft, and `reuse` finds out which choices a change leaves as they were.

mod fills;
mod frames;
mod names;
mod plan;
mod reuse;

pub use fills::DraftFill;
pub use frames::{DraftError, DraftFrames, StoredFrames};
pub use plan::{Draft, DraftChange, Replanned};
