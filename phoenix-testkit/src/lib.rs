//! Conformance suite, fakes and peers for backends of PHOENIX.
//!
//! Public, because third parties need it: an instrument outside this workspace proves itself with the same functions.
//!
//! - `books`: rule books held against each other;
//! - `conformance`: the contracts of the five traits as functions, each named by the sentence it checks;
//! - `fake`: in-memory ports;
//! - `mock`: recipes that record their inputs, for wiring tests;
//! - `mocked`: an instrument with mocks in the place of outside recipes, and plans as people read them;
//! - `golden`: comparison of arrays by quantiles and by bits;
//! - `peers`: ESO's pipelines, checkers and reference data, with one rule for their absence.

pub mod books;
pub mod conformance;
pub mod fake;
pub mod golden;
pub mod mock;
pub mod mocked;
pub mod peers;
