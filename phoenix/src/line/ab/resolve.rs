//! One historical block as a job of today: its frames as they lie now, its recipe as it is installed now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use phoenix_core::association::{CalibPool, Fill, MatchLevel, Slot};
use phoenix_core::dataset::{Completeness, Dataset};
use phoenix_core::engine::{Engine, EngineError};
use phoenix_core::frame::{Category, ClassifiedFrame, FrameRef};
use phoenix_core::id::{FrameId, Tag, TaskId};
use phoenix_core::plan::{InputSource, PlannedJob, Readiness};
use phoenix_core::traits::{RecipeDyn, RecipeSpec};

use super::Fetched;

/// The level of a calibration that a block names and no window of today covers.
pub(super) const OUTSIDE: MatchLevel = MatchLevel(9);
/// What a recipe is called that is not to be run.
const NO_RECIPE: &str = "none";

/// What is known today: the frames of the store with their kinds, and the instrument behind an engine.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) engine: &'a Engine,
    pub(super) frames: BTreeMap<&'a FrameId, &'a ClassifiedFrame>,
    pub(super) datasets: &'a [Dataset],
}

/// A block that became a job.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) job: PlannedJob,
    /// Its main frames.
    pub(super) main: BTreeSet<FrameId>,
    /// The kinds of calibration whose fill the rules of today would not give.
    pub(super) refused: BTreeMap<Tag, String>,
    /// Frames that it names and the store does not hold.
    pub(super) absent: BTreeSet<FrameId>,
    /// What else keeps it from being worked.
    pub(super) reasons: Vec<String>,
}

impl Known<'_> {
    /// Turns a block into a job; `None` if it asks for no work.
    pub(super) fn resolve(&self, fetched: &Fetched) -> Result<Option<Resolved>, EngineError> {
        let mut job = fetched.job.clone();
        if job.recipe.as_str().eq_ignore_ascii_case(NO_RECIPE) {
            return Ok(None);
        }
        let mut resolved = Resolved {
            main: frames_of(&job).map(|frame| frame.id.clone()).collect(),
            job: job.clone(),
            refused: BTreeMap::new(),
            absent: BTreeSet::new(),
            reasons: Vec::new(),
        };
        let Some((task, spec)) = self.task_of(&job) else {
            return Ok(Some(resolved));
        };
        job.id = format!("{}:{task}", job.dataset).into();
        job.task = task;
        job.recipe = spec.id.clone();
        (resolved.main, resolved.absent) = self.place_inputs(fetched, &mut job, spec);
        resolved.refused = self.judge(fetched, &mut job, &resolved.main);
        resolved.reasons = self.take_params(fetched, &mut job)?;
        resolved.job = job;
        Ok(Some(resolved))
    }

    /// Tells at the end whether the job can be worked and what it will take.
    pub(super) fn settle(&self, fetched: &Fetched, resolved: Resolved) -> PlannedJob {
        let Resolved {
            mut job,
            absent,
            mut reasons,
            ..
        } = resolved;
        let Some((_, spec)) = self.task_of(&job) else {
            job.readiness = Readiness::Unsupported {
                reason: format!("needs recipe {}, which {} names", job.recipe, fetched.name()),
            };
            return job;
        };
        let lost = frames_of(&job).filter(|frame| absent.contains(&frame.id));
        reasons.extend(lost.map(|frame| format!("{} names {}, which is not in the store", fetched.name(), frame.id)));
        check_counts(fetched, &job, spec, &mut reasons);
        let frames: Vec<FrameRef> = frames_of(&job).cloned().collect();
        let recipe = self.engine.instrument().recipe(&job.task);
        job.resources = match recipe {
            Some(recipe) => recipe.resources_dyn(&frames),
            None => spec.resources.estimate(&frames),
        };
        let has_recipe = recipe.is_some();
        job.readiness = match (has_recipe, reasons.is_empty()) {
            (false, _) => Readiness::Unsupported {
                reason: "needs the esorex backend".to_owned(),
            },
            (true, true) => Readiness::Ready,
            (true, false) => Readiness::Incomplete { reasons },
        };
        job
    }

    /// Finds the task by its name, else by the recipe that the block names.
    fn task_of(&self, job: &PlannedJob) -> Option<(TaskId, &RecipeSpec)> {
        let instrument = self.engine.instrument();
        let spec = |task: &TaskId| {
            let native = instrument.recipe(task).map(RecipeDyn::spec_dyn);
            native.or_else(|| instrument.outline(task))
        };
        if let Some(spec) = spec(&job.task) {
            return Some((job.task.clone(), spec));
        }
        let tasks = instrument.tasks().into_iter().chain(instrument.outlined());
        tasks
            .filter_map(|task| Some((task.clone(), spec(&task)?)))
            .find(|(_, spec)| spec.id == job.recipe)
    }

    /// Puts every frame where it lies now and names its kind; returns the main frames and those that are not there.
    fn place_inputs(
        &self,
        fetched: &Fetched,
        job: &mut PlannedJob,
        spec: &RecipeSpec,
    ) -> (BTreeSet<FrameId>, BTreeSet<FrameId>) {
        let is_main_kind = |tag: &Tag| spec.inputs.iter().any(|input| input.is_main && input.tag == *tag);
        let calibrations: BTreeSet<String> = (fetched.block.all("MCALIB"))
            .flat_map(|entry| entry.value.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let (mut main, mut absent) = (BTreeSet::new(), BTreeSet::new());
        for input in &mut job.inputs {
            let InputSource::Frame { frame } = input else { continue };
            let is_calibration = calibrations.contains(&frame.location);
            match self.frames.get(&frame.id) {
                Some(known) => {
                    frame.location.clone_from(&known.frame.location);
                    frame.size_bytes = known.frame.size_bytes;
                    // ESO's raw types are no kinds of ours; the kind of a calibration is its product category.
                    if !fetched.is_own() && (!is_calibration || known.category == Category::Master) {
                        frame.tag.clone_from(&known.tag);
                    }
                }
                None if Path::new(&frame.location).is_file() => {}
                None => {
                    absent.insert(frame.id.clone());
                }
            }
            // A digest of then would only say that the file was written anew since.
            frame.digest = None;
            if is_main_kind(&frame.tag) && !is_calibration {
                main.insert(frame.id.clone());
            }
        }
        (main, absent)
    }

    /// Asks the rules of today what they think of the block's own calibrations, and fills the slots with them.
    fn judge(&self, fetched: &Fetched, job: &mut PlannedJob, main: &BTreeSet<FrameId>) -> BTreeMap<Tag, String> {
        let mut by_tag: BTreeMap<Tag, Vec<FrameRef>> = BTreeMap::new();
        for frame in frames_of(job).filter(|frame| !main.contains(&frame.id)) {
            by_tag.entry(frame.tag.clone()).or_default().push(frame.clone());
        }
        let recorded = std::mem::take(&mut job.slots);
        let pool: Vec<ClassifiedFrame> = (by_tag.values().flatten())
            .filter_map(|frame| self.frames.get(&frame.id).map(|known| (*known).clone()))
            .collect();
        let dataset = self.dataset(job, main);
        let today = dataset.and_then(|dataset| {
            let pool = CalibPool::new(&pool, &[]);
            self.engine.instrument().associator().associate(&dataset, &pool).ok()
        });
        let mut refused = BTreeMap::new();
        for (tag, frames) in by_tag {
            let then = recorded.iter().find(|slot| slot.tag == tag);
            let now = today
                .iter()
                .flat_map(|association| &association.slots)
                .find(|slot| slot.tag == tag);
            let required = then.or(now).is_none_or(|slot| slot.required);
            let (level, dt_days, why) = match (now.map(|slot| &slot.fill), then.map(|slot| &slot.fill)) {
                (Some(Fill::Missing { reason }), recorded) => {
                    refused.insert(tag.clone(), reason.clone());
                    let recorded = recorded.and_then(level_of);
                    let (level, dt_days) = recorded.unwrap_or((OUTSIDE, 0.0));
                    (level, dt_days, format!("the rules of today refuse it: {reason}"))
                }
                (
                    Some(Fill::Filled {
                        level, dt_days, reason, ..
                    }),
                    _,
                )
                | (
                    _,
                    Some(Fill::Filled {
                        level, dt_days, reason, ..
                    }),
                ) => (*level, *dt_days, reason.clone()),
                _ => (OUTSIDE, 0.0, "no rule of today asks for it".to_owned()),
            };
            job.slots.push(Slot {
                tag,
                required,
                fill: Fill::Filled {
                    frames,
                    level,
                    dt_days,
                    reason: format!("named by {}; {why}", fetched.name()),
                },
            });
        }
        // What the block left open, or has from other jobs, stays as it was recorded.
        let is_open = |slot: &Slot| !matches!(slot.fill, Fill::Filled { .. });
        job.slots.extend(recorded.into_iter().filter(is_open));
        refused
    }

    /// Returns the dataset of a block: as it is selected today, else of the block's own frames.
    fn dataset(&self, job: &PlannedJob, main: &BTreeSet<FrameId>) -> Option<Dataset> {
        let same = |dataset: &&Dataset| {
            let frames: BTreeSet<FrameId> = dataset.frames.iter().map(|frame| frame.frame.id.clone()).collect();
            dataset.task == job.task && (dataset.id == job.dataset || (!frames.is_empty() && frames == *main))
        };
        if let Some(known) = self.datasets.iter().find(same) {
            return Some(known.clone());
        }
        let frames: Vec<ClassifiedFrame> = (main.iter())
            .filter_map(|id| self.frames.get(id).map(|known| (*known).clone()))
            .collect();
        (!frames.is_empty()).then(|| Dataset {
            id: job.dataset.clone(),
            task: job.task.clone(),
            key: job.key.clone(),
            frames,
            needs: Vec::new(),
            completeness: Completeness::Complete,
        })
    }

    /// Completes the parameters: the recipe's defaults, then the block's, then those that were asked for now; returns
    /// what of the block cannot be taken.
    fn take_params(&self, fetched: &Fetched, job: &mut PlannedJob) -> Result<Vec<String>, EngineError> {
        let mut reasons = Vec::new();
        let Some(recipe) = self.engine.instrument().recipe(&job.task) else {
            return Ok(reasons);
        };
        let defaults = recipe.default_params_dyn();
        let mut params = self.engine.params_of(&job.task, recipe)?;
        if let (Some(own), Some(params)) = (job.params.as_object(), params.as_object_mut()) {
            for (name, value) in own {
                match params.get_mut(name) {
                    // What was asked for now differs from the default and wins.
                    Some(slot) if defaults.get(name) == Some(slot) => slot.clone_from(value),
                    Some(_) => {}
                    None => reasons.push(format!(
                        "{} sets parameter {name}, which recipe {} does not have",
                        fetched.name(),
                        job.recipe
                    )),
                }
            }
        }
        job.params = params;
        Ok(reasons)
    }
}

/// Returns level and time difference of a slot that is filled.
pub(super) fn level_of(fill: &Fill) -> Option<(MatchLevel, f64)> {
    match fill {
        Fill::Filled { level, dt_days, .. } => Some((*level, *dt_days)),
        _ => None,
    }
}

pub(super) fn frames_of(job: &PlannedJob) -> impl Iterator<Item = &FrameRef> {
    job.inputs.iter().filter_map(|input| match input {
        InputSource::Frame { frame } => Some(frame),
        InputSource::Job { .. } => None,
    })
}

fn check_counts(fetched: &Fetched, job: &PlannedJob, spec: &RecipeSpec, reasons: &mut Vec<String>) {
    for wanted in &spec.inputs {
        let tag = |input: &InputSource| match input {
            InputSource::Frame { frame } => frame.tag == wanted.tag,
            InputSource::Job { tag, .. } => *tag == wanted.tag,
        };
        let found = job.inputs.iter().filter(|input| tag(input)).count();
        if found < wanted.min {
            reasons.push(format!(
                "{} names {found} of {}, recipe {} needs {}",
                fetched.name(),
                wanted.tag,
                job.recipe,
                wanted.min
            ));
        }
    }
}
