//! Jobs of historical blocks among those that the rules of today make.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::association::Fill;
use phoenix_core::dataset::LeftOut;
use phoenix_core::engine::{Engine, producers_first};
use phoenix_core::frame::Frame;
use phoenix_core::id::{DatasetId, FrameId, JobId};
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness};
use phoenix_core::traits::Selection;

use super::Fetched;
use super::change::{BlockChange, CalibrationChange, calibrations};
use super::resolve::{Known, Resolved, frames_of};
use crate::choice::BlockSource;
use crate::line::LineError;

/// What blocks are put among: the rules of today and what they see.
#[derive(Debug)]
pub(in crate::line) struct Today<'a> {
    /// The rules.
    pub(in crate::line) engine: &'a Engine,
    /// The frames that the plan was made of.
    pub(in crate::line) frames: Vec<Frame>,
    /// The request that it was made for.
    pub(in crate::line) request: &'a Selection,
    /// Frames that the mode does not work with.
    pub(in crate::line) idle: BTreeSet<FrameId>,
    /// How far blocks count.
    pub(in crate::line) source: BlockSource,
}

/// A plan in which blocks count, how they differ from the rules, and the texts of those that were taken.
#[derive(Debug)]
pub(in crate::line) struct Merged {
    pub(in crate::line) plan: Plan,
    pub(in crate::line) changes: Vec<BlockChange>,
    pub(in crate::line) texts: BTreeMap<JobId, String>,
}

/// Puts the jobs of blocks into a plan.
///
/// # Contract
/// * A block takes the place of the job that the rules make of the same dataset, or of any of its main frames; no frame
///   is worked twice by one task.
/// * With `fetch`, jobs without a block are left out; with `optimise`, calibrations of a block give way to better ones.
/// * Whatever differs between block and rules is told, whichever is taken.
pub(in crate::line) fn merge(today: Today<'_>, mut plan: Plan, fetched: &[Fetched]) -> Result<Merged, LineError> {
    let (classified, _) = today.engine.classify(today.frames)?;
    let selector = today.engine.instrument().selector();
    let datasets = selector
        .select(&classified, today.request)
        .map(|selected| selected.datasets)
        .unwrap_or_default();
    let known = Known {
        engine: today.engine,
        frames: classified.iter().map(|frame| (&frame.frame.id, frame)).collect(),
        datasets: &datasets,
    };
    let before: BTreeSet<FrameId> = used(&plan.jobs);
    let mut made = std::mem::take(&mut plan.jobs);
    let mut merged = Merging::default();
    for block in fetched {
        let Some(mut resolved) = known.resolve(block)? else {
            plan.left_out.push(aside(block, "it asks for no recipe"));
            continue;
        };
        if resolved.main.iter().any(|frame| today.idle.contains(frame)) {
            plan.left_out.push(aside(block, "the mode does not work its frames"));
            continue;
        }
        if merged.jobs.iter().any(|job| job.dataset == resolved.job.dataset) {
            plan.left_out.push(aside(block, "another block has its name"));
            continue;
        }
        let is_twin = |job: &PlannedJob| {
            let shares = || frames_of(job).any(|frame| resolved.main.contains(&frame.id));
            job.dataset == resolved.job.dataset || (job.task == resolved.job.task && shares())
        };
        let (twins, others): (Vec<_>, Vec<_>) = made.into_iter().partition(is_twin);
        made = others;
        let change = compare(block, &mut resolved, twins.first(), today.source);
        for twin in &twins {
            merged.renamed.insert(twin.id.clone(), resolved.job.id.clone());
            merged
                .regrouped
                .insert(twin.dataset.clone(), resolved.job.dataset.clone());
        }
        merged
            .texts
            .insert(resolved.job.id.clone(), text_of(block, &resolved, &change));
        merged.changes.push(change);
        merged.jobs.push(known.settle(block, resolved));
    }
    if today.source != BlockSource::Fetch {
        merged.jobs.extend(made);
    }
    merged.rename();
    merged.close();
    let jobs = producers_first(merged.jobs)?;
    let after = used(&jobs);
    plan.left_out.retain(|left| !after.contains(&left.frame));
    let idle = before.difference(&after);
    plan.left_out
        .extend(idle.map(|frame| LeftOut::info(frame.clone(), "no association block names it")));
    plan.left_out.sort();
    plan.jobs = jobs;
    Ok(Merged {
        plan,
        changes: merged.changes,
        texts: merged.texts,
    })
}

fn aside(block: &Fetched, why: &str) -> LeftOut {
    LeftOut::info(
        FrameId::from(block.name()),
        format!("the association block is not worked: {why}"),
    )
}

fn used(jobs: &[PlannedJob]) -> BTreeSet<FrameId> {
    jobs.iter().flat_map(frames_of).map(|frame| frame.id.clone()).collect()
}

/// Returns the text that goes beside the plan: the historical one, or the new one with a note on what changed.
fn text_of(block: &Fetched, resolved: &Resolved, change: &BlockChange) -> String {
    if !change.calibrations.iter().any(|calibration| calibration.is_taken) {
        return block.block.to_text();
    }
    let value = |qualifier: &str| block.block.get(qualifier).unwrap_or_default().to_owned();
    let context = phoenix_io::ab::AbContext {
        instrument: value("INSTRUMENT"),
        date: value("DATE"),
        mode: value("BATCH_ID").split('_').next().unwrap_or_default().to_owned(),
        drs_type: value("DRS_TYPE"),
    };
    let mut new = phoenix_io::ab::AssociationBlock::from_job(&resolved.job, &context);
    let differences = phoenix_io::ab::compare(&block.block, &new);
    new.note_differences(&block.address, &differences);
    new.to_text()
}

#[derive(Debug, Default)]
struct Merging {
    jobs: Vec<PlannedJob>,
    changes: Vec<BlockChange>,
    texts: BTreeMap<JobId, String>,
    renamed: BTreeMap<JobId, JobId>,
    regrouped: BTreeMap<DatasetId, DatasetId>,
}

impl Merging {
    /// Lets jobs that needed a job of the rules need the block's instead.
    fn rename(&mut self) {
        for job in &mut self.jobs {
            for input in &mut job.inputs {
                if let InputSource::Job { job: producer, .. } = input
                    && let Some(new) = self.renamed.get(producer)
                {
                    producer.clone_from(new);
                }
            }
            for slot in &mut job.slots {
                if let Fill::Pending { producer } = &mut slot.fill
                    && let Some(new) = self.regrouped.get(producer)
                {
                    producer.clone_from(new);
                }
            }
        }
    }

    /// A job whose producer is not in the plan cannot be worked.
    fn close(&mut self) {
        let known: BTreeSet<JobId> = self.jobs.iter().map(|job| job.id.clone()).collect();
        for job in &mut self.jobs {
            let mut lacking = Vec::new();
            job.inputs.retain(|input| match input {
                InputSource::Job { job: producer, tag } if !known.contains(producer) => {
                    lacking.push(format!("{tag} of {producer}, which is not in the plan"));
                    false
                }
                _ => true,
            });
            if lacking.is_empty() {
                continue;
            }
            match &mut job.readiness {
                Readiness::Incomplete { reasons } => reasons.append(&mut lacking),
                Readiness::Ready => job.readiness = Readiness::Incomplete { reasons: lacking },
                Readiness::Unsupported { .. } => {}
            }
        }
    }
}

/// Tells how a block differs from today's job, and takes better calibrations where that is asked for.
fn compare(block: &Fetched, resolved: &mut Resolved, twin: Option<&PlannedJob>, source: BlockSource) -> BlockChange {
    let mut change = BlockChange {
        job: resolved.job.id.clone(),
        block: block.address.clone(),
        is_made_today: twin.is_some(),
        calibrations: twin.map_or_else(Vec::new, |twin| calibrations(&resolved.job.slots, &twin.slots)),
        others: Vec::new(),
    };
    let Some(twin) = twin else { return change };
    for calibration in &mut change.calibrations {
        if let Some(because) = better(calibration, resolved) {
            calibration.because = because;
            if source == BlockSource::Optimise {
                take(calibration, resolved, twin);
            }
        }
    }
    change
}

/// Returns why today's calibration is the better one; `None` if the block's own stays.
fn better(calibration: &CalibrationChange, resolved: &Resolved) -> Option<String> {
    if calibration.new.is_empty() {
        return None;
    }
    if calibration.old.is_empty() {
        return Some("the block names none".to_owned());
    }
    let is_lost = |name: &String| resolved.absent.contains(&FrameId::from(name.as_str()));
    if calibration.old.iter().any(is_lost) {
        return Some("the old one is not in the store".to_owned());
    }
    if let Some(reason) = resolved.refused.get(&calibration.tag) {
        return Some(format!("the rules of today refuse the old one: {reason}"));
    }
    match (calibration.old_level, calibration.new_level) {
        (Some(old), Some(new)) if new < old => Some(format!("level {old} becomes {new}")),
        _ => None,
    }
}

/// Puts today's calibration of a kind in the place of the block's own.
fn take(calibration: &mut CalibrationChange, resolved: &mut Resolved, twin: &PlannedJob) {
    let tag = &calibration.tag;
    let main = resolved.main.clone();
    let is_it = |input: &InputSource| match input {
        InputSource::Frame { frame } => frame.tag == *tag && !main.contains(&frame.id),
        InputSource::Job { tag: made, .. } => made == tag,
    };
    resolved.job.inputs.retain(|input| !is_it(input));
    resolved
        .job
        .inputs
        .extend(twin.inputs.iter().filter(|input| is_it(input)).cloned());
    resolved.job.slots.retain(|slot| slot.tag != *tag);
    resolved
        .job
        .slots
        .extend(twin.slots.iter().filter(|slot| slot.tag == *tag).cloned());
    calibration.is_taken = true;
}
