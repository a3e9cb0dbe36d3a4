//! The plan: what will be done with what, as canonical JSON. Planning is pure; execution follows the plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::association::Slot;
use crate::dataset::LeftOut;
use crate::frame::FrameRef;
use crate::header::{Edit, Header};
use crate::id::{DatasetId, FrameId, InstrumentId, JobId, RecipeId, Tag, TaskId};

/// Where one input of a job comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum InputSource {
    /// A frame that exists.
    Frame {
        /// The frame.
        #[serde(flatten)]
        frame: FrameRef,
    },
    /// Every product of that kind which another job of the plan makes.
    Job {
        /// The producer.
        job: JobId,
        /// The kind of product.
        tag: Tag,
    },
}

/// Whether a job can be executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Readiness {
    /// All inputs are there or will be made.
    Ready,
    /// The registered backends have no recipe for it.
    Unsupported {
        /// What is needed.
        reason: String,
    },
    /// Frames or required calibrations are missing.
    Incomplete {
        /// One sentence each.
        reasons: Vec<String>,
    },
}

/// One job of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedJob {
    /// The job's name, unique in the plan.
    pub id: JobId,
    /// The dataset it works on.
    pub dataset: DatasetId,
    /// The kind of work.
    pub task: TaskId,
    /// The recipe that does it; equal to the task's name unless configured otherwise.
    pub recipe: RecipeId,
    /// The grouping keys of the dataset.
    pub key: BTreeMap<String, String>,
    /// Main inputs and calibrations in canonical order.
    pub inputs: Vec<InputSource>,
    /// The calibration slots as they were filled, with level, time difference and reason.
    pub slots: Vec<Slot>,
    /// The complete parameter set.
    pub params: serde_json::Value,
    /// Whether it can be executed.
    pub readiness: Readiness,
    /// Expected memory in bytes and useful threads.
    pub resources: Resources,
}

impl PlannedJob {
    /// Returns the jobs whose products this one needs.
    pub fn producers(&self) -> impl Iterator<Item = &JobId> {
        self.inputs.iter().filter_map(|input| match input {
            InputSource::Job { job, .. } => Some(job),
            InputSource::Frame { .. } => None,
        })
    }
}

/// What a job takes from the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Peak resident memory in bytes, mapped pages included.
    pub memory_bytes: u64,
    /// Threads that the job can use well.
    pub threads: usize,
    /// Memory in bytes without which the job cannot be begun; 0 where none is known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor_bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

/// What a job took from the machine; absent where nobody could measure it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time of all threads, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// Peak resident memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Usage {
    /// Tells whether nothing was measured.
    pub fn is_unknown(&self) -> bool {
        self.cpu_s.is_none() && self.peak_bytes.is_none()
    }
}

/// A complete plan.
///
/// # Contract
/// * Canonical: the same frames in any order give the same JSON, byte for byte.
/// * Acyclic: producers stand before consumers in `jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this layout.
    pub version: u32,
    /// The instrument.
    pub instrument: InstrumentId,
    /// The night, month or run that was asked for, as the caller names it.
    pub label: String,
    /// The jobs, producers first.
    pub jobs: Vec<PlannedJob>,
    /// Frames that were seen and not used, with the reason.
    pub left_out: Vec<LeftOut>,
    /// Frames whose headers were edited before they were named, with the edits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<Overlaid>,
}

/// A frame whose header was edited before it was named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlaid {
    /// The frame.
    pub frame: FrameId,
    /// The edits in order, each with author and reason.
    pub edits: Vec<Edit>,
}

impl Overlaid {
    /// Edits the header that a recipe reads; what is known beside the file is not for recipes.
    pub fn apply(&self, header: &mut Header) {
        for edit in self.for_recipes() {
            edit.apply(header);
        }
    }

    /// Returns the edits that recipes see, in order.
    pub fn for_recipes(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter().filter(|edit| !edit.is_note)
    }
}

impl Plan {
    /// Version of the JSON layout that this crate writes.
    pub const VERSION: u32 = 1;

    /// Returns the plan as canonical JSON with a final newline.
    ///
    /// # Errors
    /// If a parameter cannot be written as JSON (a key that is no string).
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads a plan back.
    ///
    /// # Errors
    /// If the text is no plan of a known version.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let plan: Self = serde_json::from_str(text)?;
        if plan.version == Self::VERSION {
            Ok(plan)
        } else {
            Err(serde::de::Error::custom(format!(
                "plan version {} is not {}",
                plan.version,
                Self::VERSION
            )))
        }
    }

    /// Returns the job of that name.
    pub fn job(&self, id: &JobId) -> Option<&PlannedJob> {
        self.jobs.iter().find(|job| job.id == *id)
    }

    /// Tells whether every job can be executed.
    pub fn is_executable(&self) -> bool {
        self.jobs.iter().all(|job| job.readiness == Readiness::Ready)
    }
}
