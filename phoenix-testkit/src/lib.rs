//! Conformance suite, fakes and peers for backends of PHOENIX.
//!
//! Public, because third parties need it: an instrument outside this workspace proves itself with the same functions.
//!
//! - `books`: rule books held against each other;
//! - `conformance`: the contracts of the five traits as functions, each named by the sentence it checks;
//! - `eso`: our rule books beside ESO's on real headers;
//! - `fake`: in-memory ports;
//! - `matrix`: an instrument's calibration plan as a document;
//! - `mock`: recipes that record their inputs, for wiring tests;
//! - `mocked`: an instrument with mocks in the place of outside recipes, and plans as people read them;
//! - `golden`: comparison of arrays by quantiles and by bits;
//! - `peers`: ESO's pipelines, checkers and reference data, with one rule for their absence.

pub mod books;
pub mod conformance;
pub mod eso;
pub mod fake;
pub mod golden;
pub mod matrix;
pub mod mock;
pub mod mocked;
pub mod peers;
