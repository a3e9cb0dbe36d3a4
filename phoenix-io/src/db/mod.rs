//! The state of a run in one SQLite file, behind the ports of core.
//!
//! `open` opens and checks the file, `migrate` brings its layout up to date, `jobs`, `qc`, `ledger` and `costs` are the ports,
//! `fault` sorts what SQLite says by what the caller can do.

mod costs;
mod fault;
mod jobs;
mod ledger;
mod migrate;
mod open;
mod qc;

pub use open::SqliteState;
