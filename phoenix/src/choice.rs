//! The choices that a project file, the line and the command share: kind of batch, review, arithmetic, job source.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A setting cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {expected}")]
pub struct SettingError {
    text: String,
    expected: &'static str,
}

impl SettingError {
    /// Says what a text was expected to be.
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            expected,
        }
    }
}

/// Gives an enumeration of plain names its text form.
macro_rules! named {
    ($kind:ident, $expected:literal, $($value:ident => $name:literal),+) => {
        impl $kind {
            const ALL: &[Self] = &[$(Self::$value),+];

            /// Returns the name that files and the command use.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name),+
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $kind {
            type Err = SettingError;

            fn from_str(text: &str) -> Result<Self, SettingError> {
                let is_it = |value: &&Self| value.name().eq_ignore_ascii_case(text);
                let found = Self::ALL.iter().find(is_it);
                found.copied().ok_or_else(|| SettingError::new(text, $expected))
            }
        }
    };
}

/// What kind of batch a run is.
///
/// Without a mode the rule books decide: masters of the archive where they fit, else masters made by this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Mode {
    /// Science with the archive's certified masters; raw calibrations are not worked.
    Idp,
    /// Masters of an epoch made anew from raw calibrations and judged by stored scores; science is not worked.
    Mcalib,
    /// Every master made from raw calibrations, then science with them.
    Complete,
    /// Science of one run or target across nights, with certified masters; the batch key is no date.
    Deep,
}

named!(Mode, "mode (IDP, MCALIB, COMPLETE, DEEP)",
    Idp => "IDP", Mcalib => "MCALIB", Complete => "COMPLETE", Deep => "DEEP");

/// Who decides whether a product is delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewPolicy {
    /// Nobody: every product goes on.
    None,
    /// The scores: what is green throughout goes on, the rest waits for a person.
    #[default]
    Auto,
    /// A person, for every product.
    Manual,
}

named!(ReviewPolicy, "review policy (none, auto, manual)",
    None => "none", Auto => "auto", Manual => "manual");

/// Which arithmetic makes the products.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Numerics {
    /// Ours, with the defects repaired.
    #[default]
    Phoenix,
    /// Equal to ESO's pipeline, its defects included.
    Eso,
}

named!(Numerics, "numerics (phoenix, eso)", Phoenix => "phoenix", Eso => "eso");

/// Where jobs come from: association blocks of the store, the rules of today, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockSource {
    /// The rules alone.
    Make,
    /// The blocks alone; what has none is not worked.
    Fetch,
    /// A dataset's block where the store has one, else the rules.
    #[default]
    Prefer,
    /// As `prefer`, but calibrations of a block give way where the rules of today find better ones.
    Optimise,
}

named!(BlockSource, "source of association blocks (make, fetch, prefer, optimise)",
    Make => "make", Fetch => "fetch", Prefer => "prefer", Optimise => "optimise");

#[cfg(test)]
mod tests {
    use super::{BlockSource, Mode, Numerics, ReviewPolicy};

    #[test]
    fn a_choice_is_read_in_any_case_and_a_mistake_names_what_there_is() {
        assert_eq!("idp".parse(), Ok(Mode::Idp));
        assert_eq!("DEEP".parse(), Ok(Mode::Deep));
        assert_eq!("optimise".parse(), Ok(BlockSource::Optimise));
        assert_eq!("eso".parse(), Ok(Numerics::Eso));
        let error = "all".parse::<ReviewPolicy>().map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("\"all\" is no review policy (none, auto, manual)".to_owned())
        );
    }
}
