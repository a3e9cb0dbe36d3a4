//! Stacks across blocks, nights and runs: how exposures were put together, what was measured, what a new exposure changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use phoenix_core::dataset::LeftOut;
use phoenix_core::deep::{DeepGroup, DeepGroups, DeepRequest};
use phoenix_core::engine::Engine;
use phoenix_core::frame::{ClassifiedFrame, Frame, FrameRef};
use phoenix_core::id::{DatasetId, FrameId, JobId};
use phoenix_core::plan::{InputSource, Plan, PlannedJob};
use phoenix_core::product::{ColumnData, Table};
use phoenix_core::traits::{FrameReader, Halt, Instrument, JobRecord, JobStore, SelectError, Stage};
use phoenix_io::{FitsReader, SqliteState};
use serde::{Deserialize, Serialize};

use super::folder::{read_json, write_json};
use super::{LineError, Planned, RunFolder, Settings};

/// The kind of product that carries measured quality.
const LIST: &str = "OFFSET_LIST";

/// What becomes of a product that was made before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "update", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeepUpdate {
    /// It was not made before.
    New,
    /// It was made from the same exposures in the same way; it stays unless the content of a file has changed.
    Unchanged,
    /// It is begun anew.
    Restart {
        /// Why it cannot be continued, in plain words.
        #[serde(rename = "update_because")]
        because: String,
    },
}

/// What was measured of one exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MeasuredExposure {
    /// The first 23 characters of `DATE-OBS`.
    pub date_obs: String,
    /// Weight, 1 in the median; 0 if it is left out.
    pub weight: f64,
    /// Seeing.
    pub fwhm_arcsec: Option<f64>,
    /// Noise of a pixel of the sky in the white image.
    pub noise: Option<f64>,
    /// Share of the light that came through, 1 in the median.
    pub transparency: Option<f64>,
    /// Why it is left out of the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// A group, and how its product stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GroupReport {
    /// The group.
    #[serde(flatten)]
    pub group: DeepGroup,
    /// What this plan changes.
    #[serde(flatten)]
    pub update: DeepUpdate,
    /// What was measured; empty before it was.
    pub measured: Vec<MeasuredExposure>,
    /// White images that an earlier run lends instead of their being made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lent: Option<LentImages>,
}

/// Images of single exposures that an earlier run made of the same content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LentImages {
    /// The folder of the earlier run.
    pub lender: PathBuf,
    /// Jobs whose products lie there.
    pub jobs: Vec<JobId>,
    /// Whether they were taken; before, names, sizes and parameters agree, and content is still to be compared.
    pub is_taken: bool,
}

/// How exposures were put together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeepReport {
    /// What was asked for.
    pub batch: String,
    /// How they were to be put together.
    pub request: DeepRequest,
    /// The groups.
    pub groups: Vec<GroupReport>,
    /// Exposures of the batch that are in no group, with the reason.
    pub left_out: Vec<LeftOut>,
}

impl DeepReport {
    /// Tells how a plan puts exposures together; `None` if it is no stack across blocks.
    ///
    /// # Errors
    /// If the folder holds a run whose plan or state cannot be read.
    pub fn of_plan(settings: &Settings, planned: &Planned, folder: &RunFolder) -> Result<Option<Self>, LineError> {
        let (Some(request), Some(groups)) = (&settings.deep, &planned.deep) else {
            return Ok(None);
        };
        let kept = Kept {
            groups: groups.clone(),
            updates: updates(groups, &planned.plan, folder)?,
        };
        Self::of(settings, request, kept, &planned.plan, folder).map(Some)
    }

    /// Tells how the run in a folder put exposures together; `None` if it is no stack across blocks.
    ///
    /// # Errors
    /// If settings, plan or state cannot be read.
    pub fn of_run(folder: &RunFolder) -> Result<Option<Self>, LineError> {
        let settings = super::resume::settings_of(folder)?;
        let Some(request) = settings.deep.as_ref().filter(|_| folder.deep().is_file()) else {
            return Ok(None);
        };
        let (kept, plan): (Kept, Plan) = (read_json(&folder.deep())?, read_json(&folder.plan())?);
        Self::of(&settings, request, kept, &plan, folder).map(Some)
    }

    fn of(
        settings: &Settings,
        request: &DeepRequest,
        kept: Kept,
        plan: &Plan,
        folder: &RunFolder,
    ) -> Result<Self, LineError> {
        let state = folder.state();
        let state = if state.is_file() {
            Some(SqliteState::open_existing(state)?)
        } else {
            None
        };
        let mut groups = Vec::new();
        for group in kept.groups.groups {
            let update = kept.updates.get(&group.dataset).cloned().unwrap_or(DeepUpdate::New);
            // What was measured for another set of exposures says nothing of this one.
            let measured = match (&state, product_job(plan, &group.dataset), &update) {
                (Some(state), Some(job), DeepUpdate::Unchanged) => measured(state, job)?,
                (Some(state), Some(job), _) if folder.deep().is_file() => {
                    let known: BTreeSet<&str> = group.exposures.iter().map(|e| e.date_obs.as_str()).collect();
                    let found = measured(state, job)?;
                    let is_same =
                        found.len() == known.len() && found.iter().all(|m| known.contains(m.date_obs.as_str()));
                    if is_same { found } else { Vec::new() }
                }
                _ => Vec::new(),
            };
            let lent = lent(settings, plan, &group, state.as_ref())?;
            groups.push(GroupReport {
                group,
                update,
                measured,
                lent,
            });
        }
        Ok(Self {
            batch: settings.label(),
            request: request.clone(),
            groups,
            left_out: kept.groups.left_out,
        })
    }
}

/// Returns the folder of the earlier run that may lend images, where the settings name one.
pub(super) fn lender(settings: &Settings) -> Option<&Path> {
    settings.deep.as_ref()?;
    settings.judgement.history.as_deref()?.parent()
}

/// Tells which images of a group an earlier run lends, or has lent.
fn lent(
    settings: &Settings,
    plan: &Plan,
    group: &DeepGroup,
    state: Option<&SqliteState>,
) -> Result<Option<LentImages>, LineError> {
    let Some(lender) = lender(settings) else {
        return Ok(None);
    };
    let exposures: BTreeSet<&FrameId> = group.exposures.iter().map(|exposure| &exposure.frame).collect();
    let of_group = |job: &&PlannedJob| {
        job.dataset != group.dataset && main_frames(job).count() == 1 && main_frames(job).all(|f| exposures.contains(f))
    };
    let (mut may_be, mut taken) = (Vec::new(), Vec::new());
    for job in plan.jobs.iter().filter(of_group) {
        match state.map(|state| state.get(&job.id)).transpose()?.flatten() {
            // What was never begun here and is there was lent.
            Some(record) if record.stage >= Stage::Processed && record.attempts == 0 => taken.push(job.id.clone()),
            None if phoenix_io::sink::holds_products_of(lender, job) => may_be.push(job.id.clone()),
            Some(_) | None => {}
        }
    }
    let (jobs, is_taken) = if taken.is_empty() {
        (may_be, false)
    } else {
        (taken, true)
    };
    Ok((!jobs.is_empty()).then(|| LentImages {
        lender: lender.to_path_buf(),
        jobs,
        is_taken,
    }))
}

/// What a run folder keeps of the grouping.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    groups: DeepGroups,
    updates: BTreeMap<DatasetId, DeepUpdate>,
}

/// Keeps the grouping beside the plan; called before the plan of an earlier start is replaced.
pub(super) fn keep(folder: &RunFolder, planned: &Planned) -> Result<(), LineError> {
    let Some(groups) = &planned.deep else { return Ok(()) };
    let kept = Kept {
        groups: groups.clone(),
        updates: updates(groups, &planned.plan, folder)?,
    };
    write_json(&folder.deep(), &kept)
}

/// Groups frames as the plan does; a frame that cannot be grouped is left out with the reason.
pub(super) fn groups(
    instrument: &dyn Instrument,
    engine: &Engine,
    frames: Vec<Frame>,
    request: &DeepRequest,
) -> Result<DeepGroups, LineError> {
    let Some(selector) = instrument.deep() else {
        return Err(LineError::NoDeep {
            instrument: instrument.id(),
        });
    };
    let (mut classified, _) = engine.classify(frames)?;
    let mut lost = Vec::new();
    loop {
        match selector.groups(&classified, request) {
            Ok(mut groups) => {
                groups.left_out.extend(lost);
                groups.left_out.sort();
                return Ok(groups);
            }
            Err(error) => {
                let reason = error.to_string();
                let (SelectError::MissingKeyword { frame, .. }
                | SelectError::Ambiguous { frame, .. }
                | SelectError::Rejected { frame, .. }) = error
                else {
                    return Err(LineError::Engine(error.into()));
                };
                let before = classified.len();
                classified.retain(|member: &ClassifiedFrame| member.frame.id != frame);
                if classified.len() == before {
                    return Err(LineError::Engine(SelectError::Rejected { frame, reason }.into()));
                }
                lost.push(LeftOut::error(frame, reason));
            }
        }
    }
}

/// Adds exposures that were left out before they could be grouped.
pub(super) fn with_left_out(mut groups: DeepGroups, more: Vec<LeftOut>) -> DeepGroups {
    groups.left_out.extend(more);
    groups.left_out.sort();
    groups
}

/// Returns the frames of all groups that hold an exposure of the batch, if those are asked for.
pub(super) fn nearby(
    instrument: &dyn Instrument,
    engine: &Engine,
    frames: &[Frame],
    settings: &Settings,
) -> Result<BTreeSet<FrameId>, LineError> {
    let (Some(request), Some(batch)) = (settings.deep.as_ref().filter(|deep| deep.takes_nearby), &settings.batch)
    else {
        return Ok(BTreeSet::new());
    };
    let of_batch: BTreeSet<&FrameId> = (frames.iter())
        .filter(|frame| batch.holds(&frame.header))
        .map(|frame| &frame.id)
        .collect();
    let found = groups(instrument, engine, frames.to_vec(), request)?.groups.into_iter();
    let touching = found.filter(|group| {
        group
            .exposures
            .iter()
            .any(|exposure| of_batch.contains(&exposure.frame))
    });
    Ok(touching
        .flat_map(|group| group.exposures)
        .map(|exposure| exposure.frame)
        .collect())
}

/// Returns the frames whose own product a person rejected in an earlier run, with the person's reason.
pub(super) fn rejected(settings: &Settings, frames: &[Frame]) -> Result<Vec<LeftOut>, LineError> {
    let Some(history) = settings
        .deep
        .as_ref()
        .map(|_| super::costs::history(settings))
        .transpose()?
        .flatten()
    else {
        return Ok(Vec::new());
    };
    let Some(plan) = history.plan()? else {
        return Ok(Vec::new());
    };
    let known: BTreeSet<&FrameId> = frames.iter().map(|frame| &frame.id).collect();
    let mut left_out = Vec::new();
    for record in history.all()? {
        let (Some(Halt::Rejected { because }), Some(job)) = (&record.halt, plan.job(&record.job)) else {
            continue;
        };
        // A product of several exposures says nothing of each of them.
        let exposures: Vec<&FrameId> = main_frames(job).filter(|frame| known.contains(frame)).collect();
        if let [frame] = exposures.as_slice() {
            let reason = format!("its product was rejected in review ({}): {because}", record.job);
            left_out.push(LeftOut::info((*frame).clone(), reason));
        }
    }
    left_out.sort();
    left_out.dedup_by(|a, b| a.frame == b.frame);
    Ok(left_out)
}

/// Returns the frames that a job works on, without its calibrations.
pub(super) fn main_frames(job: &PlannedJob) -> impl Iterator<Item = &FrameId> {
    let calibrates = |frame: &FrameRef| job.slots.iter().any(|slot| slot.tag == frame.tag);
    job.inputs.iter().filter_map(move |input| match input {
        InputSource::Frame { frame } if !calibrates(frame) => Some(&frame.id),
        _ => None,
    })
}

/// Returns the job that makes a group's product.
fn product_job<'p>(plan: &'p Plan, dataset: &DatasetId) -> Option<&'p PlannedJob> {
    plan.jobs.iter().find(|job| job.dataset == *dataset)
}

fn frames_of(job: &PlannedJob) -> BTreeSet<&FrameId> {
    let frames = job.inputs.iter().filter_map(|input| match input {
        InputSource::Frame { frame } => Some(&frame.id),
        InputSource::Job { .. } => None,
    });
    frames.collect()
}

/// Tells for each group what the new plan changes against the run in the folder.
fn updates(groups: &DeepGroups, plan: &Plan, folder: &RunFolder) -> Result<BTreeMap<DatasetId, DeepUpdate>, LineError> {
    let earlier: Option<Plan> = if folder.plan().is_file() && folder.state().is_file() {
        Some(read_json(&folder.plan())?)
    } else {
        None
    };
    let Some(earlier) = earlier else {
        return Ok(groups
            .groups
            .iter()
            .map(|group| (group.dataset.clone(), DeepUpdate::New))
            .collect());
    };
    let state = SqliteState::open_existing(folder.state())?;
    let mut updates = BTreeMap::new();
    for group in &groups.groups {
        let Some(job) = product_job(plan, &group.dataset) else {
            continue;
        };
        let update = match predecessor(&earlier, job) {
            None => DeepUpdate::New,
            Some(before) if !is_made(&state, &before.id)? => DeepUpdate::New,
            Some(before) => compared(before, job, group),
        };
        updates.insert(group.dataset.clone(), update);
    }
    Ok(updates)
}

/// Returns the job that made this product before: of the same name, else the one that shares most exposures.
fn predecessor<'p>(earlier: &'p Plan, job: &PlannedJob) -> Option<&'p PlannedJob> {
    if let Some(same) = earlier.job(&job.id) {
        return Some(same);
    }
    let ours = frames_of(job);
    let shared = |other: &&PlannedJob| frames_of(other).intersection(&ours).count();
    let best = earlier
        .jobs
        .iter()
        .filter(|other| other.task == job.task)
        .max_by_key(shared)?;
    (shared(&best) > 0).then_some(best)
}

fn is_made(state: &SqliteState, job: &JobId) -> Result<bool, LineError> {
    let record: Option<JobRecord> = state.get(job)?;
    Ok(record.is_some_and(|record| record.stage >= Stage::Processed))
}

fn compared(before: &PlannedJob, job: &PlannedJob, group: &DeepGroup) -> DeepUpdate {
    let (old, new) = (frames_of(before), frames_of(job));
    if phoenix_core::engine::same_work(before, job) {
        return DeepUpdate::Unchanged;
    }
    let listed = |ids: Vec<&&FrameId>| ids.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (added, gone): (Vec<_>, Vec<_>) = (new.difference(&old).collect(), old.difference(&new).collect());
    let mut changes = Vec::new();
    if !added.is_empty() {
        changes.push(format!("{} more ({})", counted(added.len(), "exposure"), listed(added)));
    }
    if !gone.is_empty() {
        changes.push(format!("{} fewer ({})", counted(gone.len(), "exposure"), listed(gone)));
    }
    if changes.is_empty() {
        changes.push("other parameters or calibrations".to_owned());
    }
    let known = new.intersection(&old).count();
    let because = format!(
        "{}: the rejection of cosmic rays looks at all exposures of a voxel, and offsets, flux scales and weights are solved \
         over all exposures, so the sums made before are not those of {} exposures; images of the {known} known ones are kept",
        changes.join(", "),
        group.exposures.len()
    );
    DeepUpdate::Restart { because }
}

fn counted(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// Reads what was measured for a product: the list that its job takes.
fn measured(state: &SqliteState, job: &PlannedJob) -> Result<Vec<MeasuredExposure>, LineError> {
    let maker = job.inputs.iter().find_map(|input| match input {
        InputSource::Job { job, tag } if tag.as_str() == LIST => Some(job),
        _ => None,
    });
    let Some(maker) = maker else { return Ok(Vec::new()) };
    let record = state.get(maker)?.filter(|record| record.stage >= Stage::Processed);
    let product = record.and_then(|record| record.products.into_iter().find(|product| product.tag.as_str() == LIST));
    let Some(product) = product else { return Ok(Vec::new()) };
    let frame = FrameRef {
        id: product.name.as_str().into(),
        tag: product.tag.clone(),
        location: product.location.clone(),
        size_bytes: None,
        digest: None,
    };
    // A list that is gone or of another kind was not measured by us; the product's own header tells of it.
    Ok(FitsReader::new()
        .table(&frame, 1)
        .ok()
        .as_ref()
        .and_then(rows)
        .unwrap_or_default())
}

fn rows(table: &Table) -> Option<Vec<MeasuredExposure>> {
    let texts = |name: &str| match &table.column(name)?.data {
        ColumnData::Text(texts) => Some(texts.clone()),
        _ => None,
    };
    let reals = |name: &str| table.column(name)?.data.to_f64();
    let finite = |values: &[f64], n: usize| values.get(n).copied().filter(|value| value.is_finite());
    let (dates, reasons) = (texts("DATE_OBS")?, texts("REASON")?);
    let (weights, used) = (reals("WEIGHT")?, reals("USED")?);
    let (fwhm, noise, transparency) = (reals("FWHM")?, reals("NOISE")?, reals("TRANSPARENCY")?);
    let row = |(n, date_obs): (usize, String)| MeasuredExposure {
        date_obs,
        weight: finite(&weights, n).unwrap_or(0.0),
        fwhm_arcsec: finite(&fwhm, n),
        noise: finite(&noise, n),
        transparency: finite(&transparency, n),
        left_out: reasons.get(n).cloned().filter(|_| used.get(n) == Some(&0.0)),
    };
    Some(dates.into_iter().enumerate().map(row).collect())
}
