//! Planning: classify, select, associate, order. Pure: headers in, canonical plan out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::inputs::{self, Producers};
use super::{Engine, EngineError, producers_first};
use crate::association::{Association, CalibPool, SlotExplained, VirtualMaster};
use crate::dataset::{Completeness, Dataset, LeftOut, Selected};
use crate::frame::{Category, ClassifiedFrame, Frame, FrameRef};
use crate::id::{DatasetId, FrameId, InstrumentId, JobId, RecipeId, TaskId};
use crate::observe::Event;
use crate::plan::{InputSource, Overlaid, Plan, PlannedJob, Readiness, Resources};
use crate::traits::{AssociateError, RecipeDyn, RecipeSpec, SelectError, Selection};

/// What a backend lacks for a task without a native recipe.
const NO_RECIPE: &str = "needs the esorex backend";

impl Engine {
    /// Names the kind of every frame; frames that cannot be named are left out with the reason.
    ///
    /// A frame that is listed twice counts once. The result is in order of frame names.
    ///
    /// # Errors
    /// None of a single frame; kept for selectors whose rules as a whole cannot be used.
    pub fn classify(&self, mut frames: Vec<Frame>) -> Result<(Vec<ClassifiedFrame>, Vec<LeftOut>), EngineError> {
        self.overlay(&mut frames);
        Ok(self.name_frames(frames))
    }

    /// Edits headers as the overlays say and lists what was edited, in order of frame names.
    fn overlay(&self, frames: &mut [Frame]) -> Vec<Overlaid> {
        if self.overlays.is_empty() {
            return Vec::new();
        }
        let mut edited: Vec<Overlaid> = frames
            .iter_mut()
            .filter_map(|frame| {
                let edits = self.overlays.apply(frame.id.as_str(), &mut frame.header);
                let frame = frame.id.clone();
                (!edits.is_empty()).then_some(Overlaid { frame, edits })
            })
            .collect();
        edited.sort_by(|a, b| a.frame.cmp(&b.frame));
        edited.dedup();
        edited
    }

    fn name_frames(&self, mut frames: Vec<Frame>) -> (Vec<ClassifiedFrame>, Vec<LeftOut>) {
        frames.sort_by(|a, b| (&a.id, &a.location).cmp(&(&b.id, &b.location)));
        let mut classified: Vec<ClassifiedFrame> = Vec::with_capacity(frames.len());
        let mut left_out = Vec::new();
        let mut seen: Option<(FrameId, String)> = None;
        for frame in frames {
            if let Some((id, location)) = &seen
                && *id == frame.id
            {
                if *location != frame.location {
                    let reason = format!("{} has the same name as {location}", frame.location);
                    left_out.push(LeftOut::error(frame.id, reason));
                }
                continue;
            }
            seen = Some((frame.id.clone(), frame.location.clone()));
            match self.instrument.selector().classify(&frame) {
                Ok(Some((tag, category))) => classified.push(ClassifiedFrame { frame, tag, category }),
                Ok(None) => left_out.push(nameless(&frame, &self.instrument.id())),
                Err(SelectError::Rejected { reason, .. }) => left_out.push(LeftOut::info(frame.id, reason)),
                Err(error) => left_out.push(LeftOut::error(frame.id, error.to_string())),
            }
        }
        (classified, left_out)
    }

    /// Decides what to do with a set of frames. Opens no file, reads no pixel.
    ///
    /// # Contract
    /// * The same frames in any order give the same plan (tested in `tests/engine_plan.rs`).
    /// * Every frame is an input of a job or is left out with a reason.
    /// * A frame that cannot be grouped is left out; it does not stop the plan for the others.
    ///
    /// # Errors
    /// If rules, configuration or parameter overrides cannot be used, or if datasets need each other's products.
    pub fn plan(&self, mut frames: Vec<Frame>, request: &Selection, label: &str) -> Result<Plan, EngineError> {
        let overlays = self.overlay(&mut frames);
        let (mut classified, left_out) = self.name_frames(frames);
        // A frame left out beside a used one of its name would be hidden by it below.
        let known: BTreeSet<&FrameId> = classified.iter().map(|frame| &frame.frame.id).collect();
        let (twins, mut left_out): (Vec<_>, Vec<_>) =
            left_out.into_iter().partition(|left| known.contains(&left.frame));
        let mut selected = self.select(&mut classified, request, &mut left_out)?;
        selected
            .datasets
            .sort_by(|a, b| (&a.id, &a.task).cmp(&(&b.id, &b.task)));
        if let Some([twin, _]) = selected
            .datasets
            .array_windows::<2>()
            .find(|[first, second]| first.id == second.id)
        {
            return Err(EngineError::DuplicateJob {
                job: JobId::from(twin.id.as_str()),
            });
        }
        let producers = self.producers(&selected.datasets);
        let jobs = self.jobs(&selected, &classified, &producers)?;
        let mut jobs = producers_first(jobs)?;
        inputs::pass_down_faults(&mut jobs);
        self.expect_resources(&mut jobs, &producers);
        left_out.extend(selected.left_out);
        let mut left_out = complete_left_out(left_out, &jobs, &classified);
        left_out.extend(twins);
        left_out.sort();
        let plan = Plan {
            version: Plan::VERSION,
            instrument: self.instrument.id(),
            label: label.to_owned(),
            left_out,
            jobs,
            overlays,
        };
        self.observer.on(&Event::PlanReady {
            jobs: plan.jobs.len(),
            not_ready: plan.jobs.iter().filter(|job| job.readiness != Readiness::Ready).count(),
        });
        Ok(plan)
    }

    /// Plans one job from a set of frames whose kinds are given, in the order given.
    ///
    /// # Errors
    /// `UnknownTask`, or `Parameter` if an override is not usable.
    pub fn plan_job(&self, task: &TaskId, frames: Vec<FrameRef>, label: &str) -> Result<Plan, EngineError> {
        let recipe = self.instrument.recipe(task).ok_or_else(|| EngineError::UnknownTask {
            task: task.clone(),
            known: self.instrument.tasks().iter().map(ToString::to_string).collect(),
        })?;
        let spec = recipe.spec_dyn();
        let dataset = DatasetId::from(label);
        let resources = recipe.resources_dyn(&frames);
        let inputs: Vec<InputSource> = frames.into_iter().map(|frame| InputSource::Frame { frame }).collect();
        let mut faults = Vec::new();
        inputs::check_counts(spec, &inputs, &mut faults);
        let job = PlannedJob {
            id: job_id(&dataset, task),
            dataset,
            task: task.clone(),
            recipe: spec.id.clone(),
            key: BTreeMap::new(),
            inputs,
            slots: Vec::new(),
            params: self.params_of(task, recipe)?,
            readiness: readiness(true, faults),
            resources,
        };
        Ok(Plan {
            version: Plan::VERSION,
            instrument: self.instrument.id(),
            label: label.to_owned(),
            jobs: vec![job],
            left_out: Vec::new(),
            overlays: Vec::new(),
        })
    }

    /// Fills in expected memory and threads; `jobs` has producers first.
    ///
    /// The size of a product that does not exist yet is what its recipe says of everything that the job reads.
    fn expect_resources(&self, jobs: &mut [PlannedJob], producers: &Producers<'_>) {
        let mut bytes_made: BTreeMap<JobId, u64> = BTreeMap::new();
        for job in jobs {
            let frames: Vec<FrameRef> = job
                .inputs
                .iter()
                .map(|input| match input {
                    InputSource::Frame { frame } => frame.clone(),
                    InputSource::Job { job: producer, tag } => FrameRef {
                        id: FrameId::from(producer.as_str()),
                        tag: tag.clone(),
                        location: String::new(),
                        size_bytes: bytes_made.get(producer).copied(),
                        digest: None,
                    },
                })
                .collect();
            let sum = frames.iter().filter_map(|frame| frame.size_bytes).sum();
            let recipe = self.instrument.recipe(&job.task);
            let made = recipe.map_or(sum, |recipe| recipe.product_bytes_dyn(sum));
            bytes_made.insert(job.id.clone(), made);
            let spec: Option<&RecipeSpec> = producers.get(&job.dataset).and_then(|(_, spec)| *spec);
            let declared = || spec.map(|spec| spec.resources.estimate(&frames));
            let known = recipe.map(|recipe| recipe.resources_dyn(&frames));
            job.resources = known.or_else(declared).unwrap_or_default();
        }
    }

    /// Groups frames; a frame that cannot be grouped moves from `classified` to `left_out`.
    fn select(
        &self,
        classified: &mut Vec<ClassifiedFrame>,
        request: &Selection,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Selected, EngineError> {
        loop {
            let error = match self.instrument.selector().select(classified, request) {
                Ok(selected) => return Ok(selected),
                Err(error) => error,
            };
            let (SelectError::MissingKeyword { frame, .. }
            | SelectError::Ambiguous { frame, .. }
            | SelectError::Rejected { frame, .. }) = &error;
            let Some(place) = classified.iter().position(|candidate| candidate.frame.id == *frame) else {
                return Err(error.into());
            };
            classified.remove(place);
            left_out.push(LeftOut::error(frame.clone(), error.to_string()));
        }
    }

    fn producers(&self, datasets: &[Dataset]) -> Producers<'_> {
        datasets
            .iter()
            .map(|dataset| {
                let spec = self.spec_of(&dataset.task);
                (dataset.id.clone(), (job_id(&dataset.id, &dataset.task), spec))
            })
            .collect()
    }

    /// Tells for one job of a plan, made of the same frames and request, which candidates each slot had and the first
    /// rule that refused each of them.
    ///
    /// `None` if the plan has no such job or the instrument keeps no account of its choices.
    ///
    /// # Errors
    /// As `plan`.
    pub fn explain(
        &self,
        frames: Vec<Frame>,
        request: &Selection,
        job: &JobId,
    ) -> Result<Option<Vec<SlotExplained>>, EngineError> {
        let (mut classified, mut left_out) = self.classify(frames)?;
        let selected = self.select(&mut classified, request, &mut left_out)?;
        let is_wanted = |dataset: &&Dataset| job_id(&dataset.id, &dataset.task) == *job;
        let Some(dataset) = selected.datasets.iter().find(is_wanted) else {
            return Ok(None);
        };
        let real = calibrations(&classified);
        let planned = virtual_masters(&selected.datasets, &self.producers(&selected.datasets));
        let explained = self.instrument.explain(dataset, &CalibPool::new(&real, &planned));
        Ok(explained.transpose()?)
    }

    fn jobs(
        &self,
        selected: &Selected,
        classified: &[ClassifiedFrame],
        producers: &Producers<'_>,
    ) -> Result<Vec<PlannedJob>, EngineError> {
        let real = calibrations(classified);
        let planned = virtual_masters(&selected.datasets, producers);
        let pool = CalibPool::new(&real, &planned);
        selected
            .datasets
            .iter()
            .map(|dataset| self.job(dataset, &pool, producers))
            .collect()
    }

    fn job(
        &self,
        dataset: &Dataset,
        pool: &CalibPool<'_>,
        producers: &Producers<'_>,
    ) -> Result<PlannedJob, EngineError> {
        let recipe = self.instrument.recipe(&dataset.task);
        let spec = self.spec_of(&dataset.task);
        let mut faults = inputs::dataset_faults(dataset);
        let association = match self.instrument.associator().associate(dataset, pool) {
            Ok(association) => association,
            Err(AssociateError::UnknownTask { .. }) if recipe.is_none() => Association::default(),
            Err(error @ AssociateError::UnknownTask { .. }) => return Err(error.into()),
            Err(error) => {
                faults.push(error.to_string());
                Association::default()
            }
        };
        let mut inputs = inputs::main_inputs(dataset, spec, producers, &mut faults);
        inputs.extend(inputs::calib_inputs(&association, producers, &mut faults));
        if let Some(spec) = spec {
            inputs::check_counts(spec, &inputs, &mut faults);
        }
        Ok(PlannedJob {
            id: job_id(&dataset.id, &dataset.task),
            dataset: dataset.id.clone(),
            task: dataset.task.clone(),
            recipe: spec.map_or_else(|| RecipeId::from(dataset.task.as_str()), |spec| spec.id.clone()),
            key: dataset.key.clone(),
            inputs,
            slots: association.slots,
            params: match recipe {
                Some(recipe) => self.params_of(&dataset.task, recipe)?,
                None => serde_json::Value::Object(spec.map(options_of).unwrap_or_default()),
            },
            readiness: readiness(recipe.is_some(), faults),
            resources: Resources::default(),
        })
    }

    /// Returns what the recipe of a task takes and makes: the native recipe's own word, else the instrument's outline.
    fn spec_of(&self, task: &TaskId) -> Option<&RecipeSpec> {
        let native = self.instrument.recipe(task).map(RecipeDyn::spec_dyn);
        native.or_else(|| self.instrument.outline(task))
    }

    /// Returns a recipe's defaults with the options that the instrument sets for the task and the caller's overrides.
    ///
    /// # Errors
    /// `Parameter` if an override is not usable.
    pub fn params_of(&self, task: &TaskId, recipe: &dyn RecipeDyn) -> Result<serde_json::Value, EngineError> {
        let mut params = recipe.default_params_dyn();
        if let (Some(params), Some(outline)) = (params.as_object_mut(), self.instrument.outline(task)) {
            for (name, text) in options_of(outline) {
                if let Some(slot) = params.get_mut(&name) {
                    *slot = option_like(slot, text);
                }
            }
        }
        let Some(overrides) = self.params.get(task) else {
            return Ok(params);
        };
        let fault = |name: &str, reason: &str| EngineError::Parameter {
            task: task.clone(),
            name: name.to_owned(),
            reason: reason.to_owned(),
        };
        let (Some(params_map), Some(overrides)) = (params.as_object_mut(), overrides.as_object()) else {
            return Err(fault("", "overrides and defaults must be objects"));
        };
        for (name, value) in overrides {
            match params_map.get_mut(name) {
                Some(slot) => *slot = value.clone(),
                None => return Err(fault(name, "the recipe has no such parameter")),
            }
        }
        Ok(params)
    }
}

/// The keys by which raw frames are told apart.
/// Source: ESO DICD, data product keywords.
const KIND_KEYS: [&str; 3] = ["DPR.CATG", "DPR.TYPE", "DPR.TECH"];

/// Leaves out a frame that no rule names: a raw frame of the instrument that lacks the keys for it is lost, anything
/// else is no frame for us.
fn nameless(frame: &Frame, instrument: &InstrumentId) -> LeftOut {
    let header = &frame.header;
    let missing: Vec<&str> = KIND_KEYS.into_iter().filter(|key| header.get(*key).is_none()).collect();
    let is_raw = header
        .str("INSTRUME")
        .is_ok_and(|name| name.trim() == instrument.as_str())
        && header.get("PRO.CATG").is_none();
    let plain = format!("its kind is not known to {instrument}");
    match missing.as_slice() {
        [] => LeftOut::info(frame.id.clone(), plain),
        _ if !is_raw => LeftOut::info(frame.id.clone(), plain),
        [key] => LeftOut::error(frame.id.clone(), format!("{plain}: key {key} is missing")),
        keys => LeftOut::error(
            frame.id.clone(),
            format!("{plain}: keys {} are missing", keys.join(", ")),
        ),
    }
}

/// Returns what may calibrate: everything but science.
fn calibrations(classified: &[ClassifiedFrame]) -> Vec<ClassifiedFrame> {
    let calibrates = |frame: &&ClassifiedFrame| frame.category != Category::Science;
    classified.iter().filter(calibrates).cloned().collect()
}

/// Returns the options that an outline sets, as text.
fn options_of(outline: &RecipeSpec) -> serde_json::Map<String, serde_json::Value> {
    let is_set = |value: &str| !value.is_empty();
    let set = outline.params.iter().filter(|param| is_set(&param.values));
    set.map(|param| (param.name.clone(), param.values.clone().into()))
        .collect()
}

/// Returns an option's text as the kind of value that stands in its place.
fn option_like(default: &serde_json::Value, text: serde_json::Value) -> serde_json::Value {
    let written = text.as_str().unwrap_or_default();
    let value = match default {
        serde_json::Value::Bool(_) => written.to_ascii_lowercase().parse::<bool>().ok().map(Into::into),
        serde_json::Value::Number(_) => written.parse::<serde_json::Number>().ok().map(Into::into),
        _ => None,
    };
    value.unwrap_or(text)
}

fn job_id(dataset: &DatasetId, task: &TaskId) -> JobId {
    JobId::from(format!("{dataset}:{task}"))
}

fn readiness(has_recipe: bool, faults: Vec<String>) -> Readiness {
    if !has_recipe {
        Readiness::Unsupported {
            reason: NO_RECIPE.to_owned(),
        }
    } else if faults.is_empty() {
        Readiness::Ready
    } else {
        Readiness::Incomplete { reasons: faults }
    }
}

/// The products of every dataset that can be worked, as candidates for calibration slots.
fn virtual_masters(datasets: &[Dataset], producers: &Producers<'_>) -> Vec<VirtualMaster> {
    let mut masters = Vec::new();
    let by_id: BTreeMap<&DatasetId, &Dataset> = datasets.iter().map(|dataset| (&dataset.id, dataset)).collect();
    for dataset in datasets {
        let spec = producers.get(&dataset.id).and_then(|(_, spec)| *spec);
        let (Some(spec), Completeness::Complete) = (spec, &dataset.completeness) else {
            continue;
        };
        let header = Arc::new(
            first_frame(dataset, &by_id)
                .map(|frame| frame.frame.header.clone())
                .unwrap_or_default(),
        );
        masters.extend(spec.outputs.iter().map(|tag| VirtualMaster {
            tag: tag.clone(),
            producer: dataset.id.clone(),
            task: dataset.task.clone(),
            header: header.clone(),
        }));
    }
    masters
}

/// Returns the first main frame of a dataset, or of those whose products it needs.
fn first_frame<'d>(dataset: &'d Dataset, by_id: &BTreeMap<&DatasetId, &'d Dataset>) -> Option<&'d ClassifiedFrame> {
    let mut at = dataset;
    // Every step goes up one producer; more steps than datasets would be a cycle, which is refused elsewhere.
    for _ in 0..=by_id.len() {
        if let Some(frame) = at.frames.first() {
            return Some(frame);
        }
        at = at.needs.iter().find_map(|needed| by_id.get(needed))?;
    }
    None
}

/// Returns who was left out, without frames that a job uses after all and with every frame that nobody mentioned.
fn complete_left_out(left_out: Vec<LeftOut>, jobs: &[PlannedJob], classified: &[ClassifiedFrame]) -> Vec<LeftOut> {
    let used: BTreeSet<&FrameId> = jobs
        .iter()
        .flat_map(|job| &job.inputs)
        .filter_map(|input| match input {
            InputSource::Frame { frame } => Some(&frame.id),
            InputSource::Job { .. } => None,
        })
        .collect();
    let known: BTreeSet<&FrameId> = classified.iter().map(|frame| &frame.frame.id).collect();
    let mut complete: BTreeSet<LeftOut> = left_out
        .into_iter()
        .filter(|entry| !(known.contains(&entry.frame) && used.contains(&entry.frame)))
        .collect();
    let mentioned: BTreeSet<FrameId> = complete.iter().map(|entry| entry.frame.clone()).collect();
    complete.extend(
        classified
            .iter()
            .filter(|frame| !used.contains(&frame.frame.id) && !mentioned.contains(&frame.frame.id))
            .map(|frame| {
                let reason = format!("no dataset uses a frame of kind {}", frame.tag);
                LeftOut::info(frame.frame.id.clone(), reason)
            }),
    );
    complete.into_iter().collect()
}
