//! ESO's recipes and rules take what the simulators make, and find in it what was put in.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot write its files or run its peer has nothing to go on with"
)]

mod chain;
mod classes;
mod giraffe;
mod pixel_tables;
mod support;
mod uves;
