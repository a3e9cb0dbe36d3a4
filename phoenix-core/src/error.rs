//! What a caller can do about an error; there is no enum of everything.

use serde::{Deserialize, Serialize};

/// Tells whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The same call fails again: the input or the configuration must change.
    Permanent,
    /// The same call may succeed later: a network, a lock, a busy server.
    Temporary,
    /// It was temporary, was retried, and stayed: a person must look.
    Persistent,
}
