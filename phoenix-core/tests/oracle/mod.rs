//! Random worlds of rules and frames, and what must come of them.

pub(crate) mod dice;
pub(crate) mod scene;
pub(crate) mod world;
