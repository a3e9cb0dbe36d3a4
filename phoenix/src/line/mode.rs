//! What kind of batch a run is: it decides which frames are offered to the plan.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use phoenix_core::dataset::LeftOut;
use phoenix_core::frame::{Category, Frame};
use phoenix_core::id::Tag;
use phoenix_core::traits::{Instrument, RecipeDyn};
use serde::{Deserialize, Serialize};

use super::SettingError;

/// What kind of batch a run is.
///
/// Without a mode the rule books decide: masters of the archive where they fit, else masters made by this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Science with the archive's certified masters; raw calibrations are not worked.
    Idp,
    /// Masters of an epoch made anew from raw calibrations; science is not worked.
    Mcalib,
    /// Every master made from raw calibrations, then science with them.
    Complete,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Idp, Self::Mcalib, Self::Complete];

    /// Returns the name, as the real PHOENIX spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idp => "IDP",
            Self::Mcalib => "MCALIB",
            Self::Complete => "COMPLETE",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let found = Self::ALL
            .into_iter()
            .find(|mode| mode.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| SettingError::new(text, "mode (IDP, MCALIB, COMPLETE)"))
    }
}

/// Takes away the frames that a mode does not work with; each is named with the reason.
pub(super) fn restrict(
    frames: Vec<Frame>,
    mode: Option<Mode>,
    instrument: &dyn Instrument,
) -> (Vec<Frame>, Vec<LeftOut>) {
    let Some(mode) = mode else {
        return (frames, Vec::new());
    };
    let made = made_here(instrument);
    let mut left_out = Vec::new();
    let mut kept = Vec::new();
    for frame in frames {
        let reason = match instrument.selector().classify(&frame) {
            Ok(Some((tag, category))) => refusal(mode, &tag, category, &made),
            // What has no kind is told by the plan itself.
            _ => None,
        };
        match reason {
            Some(reason) => left_out.push(LeftOut::info(frame.id, reason)),
            None => kept.push(frame),
        }
    }
    (kept, left_out)
}

fn refusal(mode: Mode, tag: &Tag, category: Category, made: &BTreeSet<Tag>) -> Option<String> {
    match (mode, category) {
        (Mode::Idp, Category::RawCalib) => Some(format!("mode IDP works with certified masters, not with raw {tag}")),
        (Mode::Mcalib, Category::Science) => Some(format!("mode MCALIB works no science, this is {tag}")),
        (Mode::Mcalib | Mode::Complete, Category::Master) if made.contains(tag) => {
            Some(format!("mode {mode} makes {tag} anew"))
        }
        _ => None,
    }
}

/// The kinds of product that some task of the instrument makes; statics are not among them.
fn made_here(instrument: &dyn Instrument) -> BTreeSet<Tag> {
    let tasks: BTreeSet<_> = instrument.tasks().into_iter().chain(instrument.outlined()).collect();
    let specs = tasks.iter().filter_map(|task| {
        let native = instrument.recipe(task).map(RecipeDyn::spec_dyn);
        instrument.outline(task).or(native)
    });
    specs.flat_map(|spec| spec.outputs.iter().cloned()).collect()
}
