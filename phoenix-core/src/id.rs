//! Newtypes for the names that travel through the line.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Wraps a name as it is.
            pub fn new(name: impl Into<Box<str>>) -> Self {
                Self(name.into())
            }

            /// Returns the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::new(name)
            }
        }
    };
}

name_type!(
    /// The archive name of a frame without suffix, e.g. `MUSE.2016-05-01T01:02:03.456`; else its file stem.
    FrameId
);
name_type!(
    /// The kind of a frame as the pipelines' set of frames spells it, e.g. `PIXTABLE_REDUCED`.
    Tag
);
name_type!(
    /// A kind of work that a dataset asks for, e.g. `muse_exp_combine`.
    TaskId
);
name_type!(
    /// A recipe by ESO's name, e.g. `muse_exp_combine`.
    RecipeId
);
name_type!(
    /// An instrument as `INSTRUME` spells it, e.g. `MUSE`.
    InstrumentId
);
name_type!(
    /// A dataset: the association-block name, e.g. `MUSE.2014-11-07T07:42:57.317_pst`.
    DatasetId
);
name_type!(
    /// One planned job: the dataset's name and the task.
    JobId
);
name_type!(
    /// A content digest, the name of its algorithm, a colon and hexadecimal digits.
    Digest
);
