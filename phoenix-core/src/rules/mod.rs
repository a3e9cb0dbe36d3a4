//! The rule language of ESO's data flow: Organisation, Classification, Association.

pub mod ast;
mod atoms;
mod book;
pub mod check;
pub mod code;
mod columns;
pub mod dic;
mod error;
pub mod eval;
mod explain;
mod keys;
mod lex;
mod logic;
mod parse;
mod print;
pub mod table;
pub mod time;
pub mod validity;
mod waits;

pub use book::{Assigned, Assigns, Classifier, Made, RuleBook, SlotRule, TaskRule, Trigger};
pub use error::RuleError;
pub use explain::Explained;
pub use keys::{KeyId, KeyTable, Record};
pub use time::{Moment, TimeRule};
pub use validity::{CalibrationPlan, Preference, Validity};
