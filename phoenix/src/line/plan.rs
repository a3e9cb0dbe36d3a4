//! Steps 1 to 3: select candidates, read headers and block information, form datasets, associate. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use phoenix_archive::frames::{FrameQuery, HeaderState, Listing, Span, list_frames, nights, time_of};
use phoenix_archive::info::{NightInfo, night_info};
use phoenix_archive::store::{Store, StoreOptions};
use phoenix_core::association::SlotExplained;
use phoenix_core::dataset::LeftOut;
use phoenix_core::deep::{DeepGroups, DeepRequest};
use phoenix_core::engine::{Engine, Forecast};
use phoenix_core::frame::Frame;
use phoenix_core::id::{JobId, TaskId};
use phoenix_core::observe::Event;
use phoenix_core::plan::{Plan, Readiness};
use phoenix_core::registry::Registry;
use phoenix_core::traits::{Instrument, Selection};
use phoenix_core::unit::Night;
use phoenix_io::fits::card::parse_header;
use phoenix_io::fits::unpack_leading;
use serde_json::Value;

use super::folder::{read_json, write_json, write_whole};
use super::{BlockChange, Line, LineError, Settings, ab};
use crate::backend::Backed;
use crate::choice::BlockSource;
use crate::controls::Controls;

/// A plan and what is known about its observing blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The observing blocks of each night.
    pub blocks: Vec<NightInfo>,
    /// What the run will take, as far as that is known.
    pub forecast: Forecast,
    /// How historical association blocks and the rules of today differ.
    pub block_changes: Vec<BlockChange>,
    /// The texts of the blocks that were taken, by job.
    pub block_texts: BTreeMap<JobId, String>,
    /// How exposures are put together across blocks, if that was asked for.
    pub deep: Option<DeepGroups>,
}

/// Plans a run. Reads the store, writes nothing: this is the dry run.
///
/// # Errors
/// `Instrument`, `Store`, `Engine`, or `Stopped`.
pub fn plan(registry: &Registry, settings: &Settings, controls: &Controls) -> Result<Planned, LineError> {
    let instrument = instrument(registry, settings)?;
    if let Some(reason) = settings.deep.as_ref().and_then(DeepRequest::fault) {
        return Err(LineError::DeepLimit { reason });
    }
    let store = open_store(&settings.archive)?;
    let mut offered = candidates(&store, &instrument, settings, controls)?;
    let (fetched, unread) = ab::fetch(&store, settings, controls)?;
    if controls.cancel.is_cancelled() {
        return Err(LineError::Stopped);
    }
    let engine = learned(&offered.engine, settings)?;
    let frames = std::mem::take(&mut offered.frames);
    let deep = match &settings.deep {
        Some(request) => {
            let rejected = std::mem::take(&mut offered.rejected);
            let groups = super::deep::groups(&*instrument, &offered.engine, frames.clone(), request)?;
            Some(super::deep::with_left_out(groups, rejected))
        }
        None => None,
    };
    let copies = if fetched.is_empty() { Vec::new() } else { frames.clone() };
    let request = request(settings, offered.reaches_out);
    let mut plan = engine.plan(frames, &request, &settings.label())?;
    let mut merged = ab::Merged {
        changes: Vec::new(),
        texts: BTreeMap::new(),
        plan,
    };
    if settings.source_of_jobs() == BlockSource::Fetch || !fetched.is_empty() {
        let today = ab::Today {
            engine: &offered.engine,
            frames: copies,
            request: &request,
            idle: offered.left_out.iter().map(|left| left.frame.clone()).collect(),
            source: settings.source_of_jobs(),
        };
        merged = ab::merge(today, merged.plan, &fetched)?;
    }
    plan = merged.plan;
    let forecast = engine.forecast(&plan, &BTreeSet::new(), controls.budget.threads)?;
    plan.left_out.extend(offered.left_out);
    plan.left_out.extend(unread);
    plan.left_out.sort();
    controls.observer.on(&Event::PlanReady {
        jobs: plan.jobs.len(),
        not_ready: plan.jobs.iter().filter(|job| job.readiness != Readiness::Ready).count(),
    });
    Ok(Planned {
        plan,
        blocks: offered.blocks,
        forecast,
        block_changes: merged.changes,
        block_texts: merged.texts,
        deep,
    })
}

/// Tells for every calibration slot of a job each candidate and the first rule that refused it. Writes nothing.
///
/// # Errors
/// As `plan`; `UnknownJob` if the plan has no such job or the instrument keeps no account of its choices.
pub fn explain(
    registry: &Registry,
    settings: &Settings,
    controls: &Controls,
    job: &JobId,
) -> Result<Vec<SlotExplained>, LineError> {
    let instrument = instrument(registry, settings)?;
    let store = open_store(&settings.archive)?;
    let offered = candidates(&store, &instrument, settings, controls)?;
    let explained = offered
        .engine
        .explain(offered.frames, &request(settings, offered.reaches_out), job)?;
    explained.ok_or_else(|| LineError::UnknownJob { job: job.to_string() })
}

/// Returns the request for the plan; with calibrations of other nights among the frames it is not bound to one.
pub(super) fn request(settings: &Settings, reaches_out: bool) -> Selection {
    let mut request = Selection::new();
    if let Some(deep) = &settings.deep {
        request = request.with_deep(deep.clone());
    }
    match settings.nights.single() {
        Some(night) if !reaches_out => request.with_night(night),
        _ => request,
    }
}

/// What a plan is made of.
struct Offered {
    frames: Vec<Frame>,
    left_out: Vec<LeftOut>,
    /// Those of them that a person rejected before.
    rejected: Vec<LeftOut>,
    /// What the night log says.
    blocks: Vec<NightInfo>,
    /// An engine that knows the header edits.
    engine: Engine,
    /// Whether raw calibrations of neighbouring nights are among the frames.
    reaches_out: bool,
}

/// Returns the frames that the plan is made of, and those that were left out before.
fn candidates(
    store: &Store,
    instrument: &Arc<dyn Instrument>,
    settings: &Settings,
    controls: &Controls,
) -> Result<Offered, LineError> {
    let settings = &super::batch::with_known_nights(store, settings, controls)?;
    let listing = list(store, settings, controls)?;
    let blocks = blocks(store, settings, &listing.frames, controls)?;
    let edits = super::edits::book(settings, &blocks)?;
    let named = super::mode::Naming {
        instrument: &**instrument,
        edits: &edits,
    };
    let (mut frames, mut unused) = named.restrict(listing.frames, settings.mode);
    let engine = engine(instrument, settings, controls).with_overlays(edits.clone());
    if let Some(batch) = &settings.batch {
        let also = super::deep::nearby(&**instrument, &engine, &frames, settings)?;
        let (of_batch, others) = named.of_batch(frames, batch, &settings.instrument, &also)?;
        frames = of_batch;
        unused.extend(others);
    }
    let rejected = super::deep::rejected(settings, &frames)?;
    frames.retain(|frame| rejected.iter().all(|left| left.frame != frame.id));
    let near = super::neighbours::Neighbours {
        store,
        naming: &named,
        settings,
        controls,
    };
    let borrowed = near.needed(instrument, &frames)?;
    let reaches_out = !borrowed.is_empty();
    frames.extend(borrowed);
    Ok(Offered {
        frames,
        reaches_out,
        left_out: [listing.left_out, unused, rejected.clone()].concat(),
        rejected,
        blocks,
        engine,
    })
}

/// Returns an engine that knows what jobs took in earlier runs, where there is a history of them.
fn learned(engine: &Engine, settings: &Settings) -> Result<Engine, LineError> {
    let engine = engine.clone();
    Ok(match super::costs::history(settings)? {
        Some(history) => engine.with_costs(Arc::new(history)),
        None => engine,
    })
}

/// Returns the instrument with the backends that the settings choose.
pub(super) fn instrument(registry: &Registry, settings: &Settings) -> Result<Arc<dyn Instrument>, LineError> {
    let mut instrument = registry.get(settings.instrument.as_str())?;
    if !settings.texts.is_empty() {
        let wanted = instrument.id();
        instrument = instrument.rewritten(&settings.texts)?;
        let found = instrument.id();
        if found != wanted {
            return Err(LineError::OtherInstrument { found, wanted });
        }
    }
    if settings.backend.is_default() {
        return Ok(instrument);
    }
    Ok(Arc::new(Backed::new(instrument, settings.backend.clone())))
}

fn list(store: &Store, settings: &Settings, controls: &Controls) -> Result<Listing, LineError> {
    let span = Span::nights(settings.nights.first(), settings.nights.last());
    let query = FrameQuery::new(span).with_instrument(settings.instrument.clone());
    let fault = |source| LineError::Store {
        location: settings.archive.clone(),
        source,
    };
    let listing = phoenix_archive::wait_unless_stopped(list_frames(store, &decode, &query), &controls.cancel)?
        .ok_or(LineError::Stopped)?
        .map_err(fault)?;
    if !listing.is_empty_night() {
        return Ok(listing);
    }
    let known = phoenix_archive::wait_unless_stopped(nights(store, &settings.instrument), &controls.cancel)?;
    Err(LineError::EmptyNight {
        instrument: settings.instrument.clone(),
        label: settings.nights.to_string(),
        location: settings.archive.clone(),
        saw: saw(&listing, &known.ok_or(LineError::Stopped)?.map_err(fault)?),
    })
}

/// Most folders that the account of an empty span names.
const MOST_NAMED: usize = 3;

/// Tells where was looked for frames, how many files were there, and which nights the store has instead.
fn saw(listing: &Listing, known: &[String]) -> String {
    let folders: Vec<String> = (listing.looked.iter())
        .map(|looked| match looked.folder.as_str() {
            "" => format!("{} of other times or instruments in the folder", looked.n_files),
            folder => format!("{} in {folder}", looked.n_files),
        })
        .collect();
    let mut text = format!("frames seen: {}", shortened(&folders));
    if !known.is_empty() {
        text.push_str("; nights that it has: ");
        text.push_str(&shortened(known));
    }
    text
}

/// Joins words; of many only the first and the last.
fn shortened(words: &[String]) -> String {
    match words {
        [first, second, .., last] if words.len() > MOST_NAMED => {
            format!("{first}, {second} … {last} ({} in all)", words.len())
        }
        _ => words.join(", "),
    }
}

/// Reads comments and grades of the nights; they are welcome and not needed, so a fault is a warning.
fn blocks(
    store: &Store,
    settings: &Settings,
    frames: &[Frame],
    controls: &Controls,
) -> Result<Vec<NightInfo>, LineError> {
    let mut blocks = Vec::new();
    // Masters lie outside the nights that are asked for, and a batch has few of the nights between its ends.
    let nights: BTreeSet<Night> = (frames.iter())
        .filter_map(|frame| time_of(&frame.header).map(Night::of))
        .filter(|night| settings.nights.first() <= *night && *night <= settings.nights.last())
        .collect();
    for night in nights {
        let info = phoenix_archive::wait_unless_stopped(night_info(store, night), &controls.cancel)?;
        match info.ok_or(LineError::Stopped)? {
            Ok(info) if info.blocks.is_empty() => {}
            Ok(info) => blocks.push(info),
            Err(error) => controls.observer.on(&Event::Warning {
                message: &super::fault::with_causes(&error),
            }),
        }
    }
    Ok(blocks)
}

/// Opens a store to read from; a folder must be there.
pub(super) fn open_store(location: &str) -> Result<Store, LineError> {
    open(location, &StoreOptions::new())
}

/// Opens a store to deliver to; a folder is made if it is not there.
pub(super) fn open_delivery(location: &str) -> Result<Store, LineError> {
    open(location, &StoreOptions::new().with_create(true))
}

fn open(location: &str, options: &StoreOptions) -> Result<Store, LineError> {
    Store::open(location, options).map_err(|source| LineError::Store {
        location: location.to_owned(),
        source,
    })
}

/// Lists the frames of other nights than those that were asked for; a night without frames is none.
pub(super) fn list_nights(
    store: &Store,
    settings: &Settings,
    (first, last): (Night, Night),
    controls: &Controls,
) -> Result<Vec<Frame>, LineError> {
    let query = FrameQuery::new(Span::nights(first, last))
        .with_instrument(settings.instrument.clone())
        .without_calib();
    let listing = phoenix_archive::wait_unless_stopped(list_frames(store, &decode, &query), &controls.cancel)?
        .ok_or(LineError::Stopped)?
        .map_err(|source| LineError::Store {
            location: settings.archive.clone(),
            source,
        })?;
    Ok(listing.frames)
}

/// Decodes the primary header from the first bytes of a file, packed by gzip or `compress` or not.
fn decode(_name: &str, bytes: &[u8], is_whole: bool) -> HeaderState {
    let damaged = |reason: &str| HeaderState::Damaged {
        reason: reason.to_owned(),
    };
    let bytes = unpack_leading(bytes);
    if !b"SIMPLE  =".starts_with(&bytes[..bytes.len().min(9)]) {
        return damaged("it does not begin with SIMPLE");
    }
    match parse_header(&bytes) {
        Some(header) => HeaderState::Read(header),
        None if is_whole => damaged("its primary header has no END"),
        None => HeaderState::NeedsMore,
    }
}

/// Returns an engine with the settings' parameters for every task that has them.
pub(super) fn engine(instrument: &Arc<dyn Instrument>, settings: &Settings, controls: &Controls) -> Engine {
    let mut engine = controls.engine(Arc::clone(instrument));
    if let Some(project) = &settings.project {
        engine = engine.with_rules(project.clone());
    }
    let deep = settings.deep.as_ref().zip(instrument.deep());
    let needed = deep
        .map(|(request, selector)| selector.params(request))
        .unwrap_or_default();
    // A project's rule book need not name the tasks of a stack.
    let tasks: BTreeSet<TaskId> = instrument.tasks().into_iter().chain(needed.keys().cloned()).collect();
    for task in tasks {
        let mut params = settings.params.get(&task).cloned().unwrap_or_default();
        for (name, value) in needed.get(&task).into_iter().flatten() {
            // What the caller sets wins.
            params.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let has_numerics =
            (instrument.recipe(&task)).is_some_and(|recipe| recipe.default_params_dyn().get("numerics").is_some());
        if has_numerics {
            params.insert("numerics".to_owned(), settings.numerics.name().into());
        }
        if !params.is_empty() {
            engine = engine.with_params(task, Value::Object(params));
        }
    }
    engine
}

impl Line {
    /// Returns the plan of the run.
    ///
    /// # Errors
    /// If the plan cannot be read.
    pub fn plan(&self) -> Result<Plan, LineError> {
        read_json(&self.folder.plan())
    }

    pub(super) fn blocks(&self) -> Result<Vec<NightInfo>, LineError> {
        read_json(&self.folder.blocks())
    }

    /// Writes the plan beside the state; it is the last thing that makes a run complete.
    pub(super) fn keep_plan(&self, planned: &Planned) -> Result<(), LineError> {
        write_json(&self.folder.blocks(), &planned.blocks)?;
        write_json(&self.folder.forecast(), &planned.forecast)?;
        super::deep::keep(&self.folder, planned)?;
        self.keep_blocks(planned)?;
        let text = planned.plan.to_json().map_err(|source| LineError::Document {
            path: self.folder.plan(),
            source,
        })?;
        write_whole(&self.folder.plan(), text.as_bytes())
    }
}
