//! Associations: the calibrations of one dataset, real or still to be made.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::frame::{ClassifiedFrame, FrameRef};
use crate::header::Header;
use crate::id::{DatasetId, Tag, TaskId};

/// How well a calibration matches: 0 is inside the calibration plan, higher is weaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MatchLevel(pub u8);

/// What stands in one calibration slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fill", rename_all = "lowercase")]
pub enum Fill {
    /// Frames that exist.
    Filled {
        /// The frames.
        frames: Vec<FrameRef>,
        /// How well they match.
        level: MatchLevel,
        /// Time from the dataset to the calibration in days, signed.
        dt_days: f64,
        /// Why these.
        reason: String,
    },
    /// A product that another dataset of the plan will make.
    Pending {
        /// The dataset that makes it.
        producer: DatasetId,
    },
    /// Nothing fits.
    Missing {
        /// Why.
        reason: String,
    },
}

/// One declared slot and its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// The kind of calibration.
    pub tag: Tag,
    /// Whether the task cannot run without it.
    pub required: bool,
    /// What was found.
    #[serde(flatten)]
    pub fill: Fill,
}

/// The calibrations of one dataset; every declared slot appears.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// The slots in declared order.
    pub slots: Vec<Slot>,
}

/// A master that does not exist yet but that a planned dataset will make.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualMaster {
    /// What it will be.
    pub tag: Tag,
    /// The dataset that makes it.
    pub producer: DatasetId,
    /// The task of that dataset.
    pub task: TaskId,
    /// The header keys it will inherit, for matching.
    pub header: Arc<Header>,
}

/// Where the frames that exist and the planned products of each kind stand.
type ByTag<'a> = HashMap<&'a Tag, (Vec<usize>, Vec<usize>)>;

/// The candidates for calibration slots, with an index by kind.
///
/// A pool serves every dataset of a plan, so it also holds what an associator works out once for all of them.
#[derive(Default)]
pub struct CalibPool<'a> {
    /// Masters, statics and raw calibrations that exist.
    pub real: &'a [ClassifiedFrame],
    /// Products that the plan will make, those of the dataset at hand included.
    pub planned: &'a [VirtualMaster],
    by_tag: OnceLock<ByTag<'a>>,
    prepared: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl<'a> CalibPool<'a> {
    /// Returns a pool of frames that exist and products that the plan will make.
    pub fn new(real: &'a [ClassifiedFrame], planned: &'a [VirtualMaster]) -> Self {
        Self {
            real,
            planned,
            ..Self::default()
        }
    }

    fn by_tag(&self, tag: &Tag) -> Option<&(Vec<usize>, Vec<usize>)> {
        let index = self.by_tag.get_or_init(|| {
            let mut index: ByTag<'a> = HashMap::new();
            for (n, frame) in self.real.iter().enumerate() {
                index.entry(&frame.tag).or_default().0.push(n);
            }
            for (n, master) in self.planned.iter().enumerate() {
                index.entry(&master.tag).or_default().1.push(n);
            }
            index
        });
        index.get(tag)
    }

    /// Returns the frames of one kind.
    pub fn real_of(&self, tag: &Tag) -> impl Iterator<Item = &'a ClassifiedFrame> {
        let found = self.by_tag(tag).map(|(real, _)| real.as_slice()).unwrap_or_default();
        found.iter().filter_map(|n| self.real.get(*n))
    }

    /// Returns the products of one kind that other datasets than `own` will make: nothing calibrates itself.
    pub fn planned_of(&self, tag: &Tag, own: &DatasetId) -> impl Iterator<Item = &'a VirtualMaster> {
        let found = self
            .by_tag(tag)
            .map(|(_, planned)| planned.as_slice())
            .unwrap_or_default();
        found
            .iter()
            .filter_map(|n| self.planned.get(*n))
            .filter(move |master| master.producer != *own)
    }

    /// Returns what `prepare` makes of this pool; it is called once, the first time.
    ///
    /// `None` if another associator prepared something else for this pool.
    pub fn prepared<T: Any + Send + Sync>(&self, prepare: impl FnOnce() -> T) -> Option<&T> {
        self.prepared.get_or_init(|| Box::new(prepare())).downcast_ref()
    }
}

impl fmt::Debug for CalibPool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CalibPool")
            .field("real", &self.real.len())
            .field("planned", &self.planned.len())
            .finish_non_exhaustive()
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It was taken.
    Chosen {
        /// How well it matches.
        level: MatchLevel,
        /// Time from the dataset to it in days, signed; absent if it has no time.
        dt_days: Option<f64>,
    },
    /// It fits, but another is better.
    Outranked {
        /// How well it matches.
        level: MatchLevel,
        /// Time from the dataset to it in days, signed; absent if it has no time.
        dt_days: Option<f64>,
        /// Where it stands among those that fit, from 1.
        place: usize,
    },
    /// It does not fit.
    Refused {
        /// The first rule that refused it.
        rule: String,
    },
}

/// One candidate of a slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateExplained {
    /// The frame, or the dataset that will make it.
    pub name: String,
    /// Whether it is still to be made.
    pub is_planned: bool,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// One slot of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotExplained {
    /// The kind of calibration.
    pub tag: Tag,
    /// Fewest files.
    pub min: usize,
    /// Why the slot was not searched; then there are no candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shut: Option<String>,
    /// The candidates: those that fit, the best first, then those that do not, by name.
    pub candidates: Vec<CandidateExplained>,
    /// How many files of the pool are of other kinds and were not looked at.
    pub n_other_kinds: usize,
}

impl SlotExplained {
    /// Says in one sentence why nothing was taken.
    pub(crate) fn summary(&self) -> String {
        if let Some(shut) = &self.shut {
            return shut.clone();
        }
        if self.candidates.is_empty() {
            return format!("there is no {}", self.tag);
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for candidate in &self.candidates {
            if let Verdict::Refused { rule } = &candidate.verdict {
                let rule = rule.split_once(" (").map_or(rule.as_str(), |(rule, _)| rule);
                *counts.entry(rule).or_default() += 1;
            }
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let each: Vec<String> = counts.iter().map(|(rule, n)| format!("{n} × {rule}")).collect();
        format!("none of {} fits: {}", self.candidates.len(), each.join("; "))
    }
}
