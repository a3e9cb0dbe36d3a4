//! How a dataset, its calibrations and the producers above it become the inputs of a job; pure.

use std::collections::BTreeMap;

use crate::association::{Association, Fill};
use crate::dataset::{Completeness, Dataset};
use crate::id::{DatasetId, JobId, Tag};
use crate::plan::{InputSource, PlannedJob, Readiness};
use crate::traits::{InputSpec, RecipeSpec};

/// The kind that stands for every product of a job, where no recipe tells which of them are needed.
pub const ANY_TAG: &str = "*";

/// The jobs that work on each dataset, with the recipe's specification where there is one.
pub(super) type Producers<'a> = BTreeMap<DatasetId, (JobId, Option<&'a RecipeSpec>)>;

/// Returns the main inputs of a dataset: its frames, then the products of the datasets it needs.
///
/// Reasons why an input cannot be had are added to `faults`.
pub(super) fn main_inputs(
    dataset: &Dataset,
    spec: Option<&RecipeSpec>,
    producers: &Producers<'_>,
    faults: &mut Vec<String>,
) -> Vec<InputSource> {
    let mut inputs: Vec<InputSource> = dataset
        .frames
        .iter()
        .map(|frame| InputSource::Frame { frame: frame.to_ref() })
        .collect();
    for needed in &dataset.needs {
        let Some((job, producer)) = producers.get(needed) else {
            faults.push(format!("dataset {needed}, which it needs, is not in the selection"));
            continue;
        };
        let tags = passed_tags(*producer, spec);
        if tags.is_empty() {
            faults.push(format!("job {job} makes none of the inputs that it needs"));
        }
        inputs.extend(tags.into_iter().map(|tag| InputSource::Job { job: job.clone(), tag }));
    }
    inputs
}

/// Returns the kinds of product that pass from one task to the next, in the consumer's order.
fn passed_tags(producer: Option<&RecipeSpec>, consumer: Option<&RecipeSpec>) -> Vec<Tag> {
    match (producer, consumer) {
        (_, None) => vec![Tag::from(ANY_TAG)],
        (Some(producer), Some(consumer)) => consumer
            .inputs
            .iter()
            .filter(|input| producer.outputs.contains(&input.tag))
            .map(|input| input.tag.clone())
            .collect(),
        (None, Some(consumer)) => consumer
            .inputs
            .iter()
            .filter(|input| input.is_main)
            .map(|input| input.tag.clone())
            .collect(),
    }
}

/// Returns the calibrations of an association in slot order.
///
/// Reasons why a required slot cannot be filled are added to `faults`.
pub(super) fn calib_inputs(
    association: &Association,
    producers: &Producers<'_>,
    faults: &mut Vec<String>,
) -> Vec<InputSource> {
    let mut inputs = Vec::new();
    for slot in &association.slots {
        match &slot.fill {
            Fill::Filled { frames, .. } => {
                inputs.extend(frames.iter().map(|frame| InputSource::Frame { frame: frame.clone() }));
            }
            Fill::Pending { producer } => match producers.get(producer) {
                Some((job, _)) => inputs.push(InputSource::Job {
                    job: job.clone(),
                    tag: slot.tag.clone(),
                }),
                None => faults.push(format!(
                    "calibration {} is to come from dataset {producer}, which is not in the selection",
                    slot.tag
                )),
            },
            Fill::Missing { reason } if slot.required => {
                faults.push(format!("required calibration {} is missing: {reason}", slot.tag));
            }
            Fill::Missing { .. } => {}
        }
    }
    inputs
}

/// Returns why the dataset itself cannot be worked.
pub(super) fn dataset_faults(dataset: &Dataset) -> Vec<String> {
    match &dataset.completeness {
        Completeness::Complete => Vec::new(),
        Completeness::Incomplete { reasons } => reasons.clone(),
    }
}

/// Adds a fault for every kind whose number of frames the recipe refuses.
pub(super) fn check_counts(spec: &RecipeSpec, inputs: &[InputSource], faults: &mut Vec<String>) {
    for wanted in &spec.inputs {
        let n_frames = inputs
            .iter()
            .filter(|input| matches!(input, InputSource::Frame { frame } if frame.tag == wanted.tag))
            .count();
        let is_pending = inputs.iter().any(
            |input| matches!(input, InputSource::Job { tag, .. } if *tag == wanted.tag || tag.as_str() == ANY_TAG),
        );
        let is_short = n_frames < wanted.min && !is_pending;
        if is_short || wanted.max.is_some_and(|max| n_frames > max) {
            faults.push(count_fault(spec, wanted, n_frames));
        }
    }
}

fn count_fault(spec: &RecipeSpec, wanted: &InputSpec, n_frames: usize) -> String {
    let most = wanted
        .max
        .map_or_else(|| "any number of".to_owned(), |max| max.to_string());
    format!(
        "{} needs {} to {most} {} frames, there are {n_frames}",
        spec.id, wanted.min, wanted.tag
    )
}

/// Makes every job incomplete whose producers cannot run; `jobs` has producers first.
pub(super) fn pass_down_faults(jobs: &mut [PlannedJob]) {
    let mut unready: BTreeMap<JobId, String> = BTreeMap::new();
    for job in jobs {
        let above: Vec<String> = {
            let mut producers: Vec<&JobId> = job.producers().collect();
            producers.dedup();
            producers
                .into_iter()
                .filter_map(|producer| unready.get(producer).cloned())
                .collect()
        };
        match &mut job.readiness {
            Readiness::Ready if !above.is_empty() => job.readiness = Readiness::Incomplete { reasons: above },
            Readiness::Incomplete { reasons } => reasons.extend(above),
            Readiness::Ready | Readiness::Unsupported { .. } => {}
        }
        let reason = match &job.readiness {
            Readiness::Ready => continue,
            Readiness::Unsupported { reason } => reason.clone(),
            Readiness::Incomplete { reasons } => reasons.join("; "),
        };
        unready.insert(job.id.clone(), format!("job {} cannot run: {reason}", job.id));
    }
}
