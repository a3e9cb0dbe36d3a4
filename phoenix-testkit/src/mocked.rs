//! An instrument whose outlined tasks are all done by mocks, and plans as people read them in snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;

use phoenix_core::association::Fill;
use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, JobId, Tag, TaskId};
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness};
use phoenix_core::traits::{
    Associator, DatasetSelector, DeepSelector, DeliverySpec, Ingestor, Instrument, QcScorer, RecipeDyn, RecipeSpec,
};

use crate::mock::{CallLog, MockRecipe};

/// An instrument that has a mock for every task that it outlines and has no recipe for.
#[derive(Debug)]
pub struct Mocked<I> {
    inner: I,
    mocks: BTreeMap<TaskId, MockRecipe>,
}

impl<I: Instrument> Mocked<I> {
    /// Puts mocks in the place of the missing recipes.
    pub fn new(inner: I, log: &CallLog) -> Self {
        let outlined = inner.outlined().into_iter().filter(|task| inner.recipe(task).is_none());
        let mocks = outlined
            .filter_map(|task| {
                let mock = MockRecipe::of(inner.outline(&task)?.clone(), log);
                Some((task, mock))
            })
            .collect();
        Self { inner, mocks }
    }
}

impl<I: Instrument> Instrument for Mocked<I> {
    fn id(&self) -> InstrumentId {
        self.inner.id()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        self.inner.selector()
    }

    fn associator(&self) -> &dyn Associator {
        self.inner.associator()
    }

    fn tasks(&self) -> Vec<TaskId> {
        self.mocks.keys().cloned().chain(self.inner.tasks()).collect()
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        match self.mocks.get(task) {
            Some(mock) => Some(mock),
            None => self.inner.recipe(task),
        }
    }

    fn outline(&self, task: &TaskId) -> Option<&RecipeSpec> {
        self.inner.outline(task)
    }

    fn outlined(&self) -> Vec<TaskId> {
        self.inner.outlined()
    }

    fn deep(&self) -> Option<&dyn DeepSelector> {
        self.inner.deep()
    }

    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer> {
        self.inner.scorer(tag)
    }

    fn delivery(&self, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
        self.inner.delivery(tag, header)
    }

    fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        self.inner.ingestor(transport)
    }
}

/// Counts equal words: `5 BIAS, 1 FLAT`.
fn counted(words: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
    parts.join(", ")
}

/// Writes a plan as a few lines per job: its task, its main frames, where each calibration comes from.
///
/// `@n` is the level of a calibration that exists; one that will be made is told by the task that makes it.
pub fn digest(plan: &Plan) -> Vec<String> {
    let task_of: BTreeMap<&str, &PlannedJob> = plan.jobs.iter().map(|job| (job.dataset.as_str(), job)).collect();
    let mut lines = Vec::new();
    for job in &plan.jobs {
        let state = match &job.readiness {
            Readiness::Ready => "ready".to_owned(),
            Readiness::Unsupported { reason } => format!("unsupported: {reason}"),
            Readiness::Incomplete { reasons } => format!("incomplete: {}", reasons.join("; ")),
        };
        let options = match job.params.as_object() {
            Some(options) if !options.is_empty() => {
                let set: Vec<String> = options
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
                    .collect();
                format!(" {{{}}}", set.join(" "))
            }
            _ => String::new(),
        };
        lines.push(format!("{}: {} [{state}]{options}", job.dataset, job.task));
        // An empty slot says nothing about an input of its kind that comes with a dataset below.
        let is_answered = |fill: &Fill| !matches!(fill, Fill::Missing { .. });
        let answered = job.slots.iter().filter(|slot| is_answered(&slot.fill));
        let in_slots: Vec<&Tag> = answered.map(|slot| &slot.tag).collect();
        let main = job.inputs.iter().filter_map(|input| match input {
            InputSource::Frame { frame } if !in_slots.contains(&&frame.tag) => Some(frame.tag.to_string()),
            InputSource::Job { job, tag } if !in_slots.contains(&tag) => Some(format!("{tag} by {}", task(job))),
            _ => None,
        });
        let mut slots: Vec<String> = Vec::new();
        for slot in &job.slots {
            match &slot.fill {
                Fill::Filled { level, .. } => slots.push(format!("{}@{}", slot.tag, level.0)),
                Fill::Pending { producer } => {
                    let maker = task_of.get(producer.as_str()).map_or("nobody", |job| job.task.as_str());
                    slots.push(format!("{} by {maker}", slot.tag));
                }
                Fill::Missing { .. } if slot.required => slots.push(format!("{} MISSING", slot.tag)),
                Fill::Missing { .. } => {}
            }
        }
        lines.push(format!("  of {}", counted(main)));
        if !slots.is_empty() {
            lines.push(format!("  with {}", slots.join(", ")));
        }
    }
    let unused: Vec<String> = plan
        .left_out
        .iter()
        .map(|left| format!("left out: {}: {}", left.frame, left.reason))
        .collect();
    lines.extend(unused);
    lines
}

/// The task in a job's name, `<dataset>:<task>`.
fn task(job: &JobId) -> &str {
    job.as_str().rsplit(':').next().unwrap_or_default()
}
