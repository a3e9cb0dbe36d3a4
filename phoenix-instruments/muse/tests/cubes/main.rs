//! `muse_cube_combine`: its contract on small files, and its values beside mpdaf's on the same files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod contract;
mod files;
mod peer;
#[path = "../support/mod.rs"]
mod support;
