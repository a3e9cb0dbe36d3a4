//! The line itself: one instrument, one run folder, one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use phoenix_core::engine::Engine;
use phoenix_core::id::JobId;
use phoenix_core::observe::{Event, JobEnd};
use phoenix_core::plan::{Plan, Readiness};
use phoenix_core::registry::Registry;
use phoenix_core::traits::{Halt, Instrument, JobRecord, JobStore, Stage};
use phoenix_io::{DirSinks, ProcessMeter, RunLock, SqliteState};

use super::costs::Costs;
use super::fault::{Fault, guarded};
use super::{LineError, LineReport, RunFolder, Settings, Step};
use crate::controls::Controls;

/// One run: ten steps over one folder.
///
/// # Contract
/// * Every step may be called again, by this process or another, and does only what is missing.
/// * Two processes never work on one folder: the second gets `StateError::Held`.
/// * The failure of one job is recorded with the job; an error is returned only if the run as a whole cannot go on.
/// * After `kill -9` at any moment, `reopen` and `run` give the same bits as an undisturbed run.
#[derive(Debug)]
pub struct Line {
    pub(super) instrument: Arc<dyn Instrument>,
    pub(super) settings: Settings,
    pub(super) folder: RunFolder,
    pub(super) state: Arc<SqliteState>,
    /// The state of earlier runs, which is read alone.
    pub(super) history: Option<Arc<SqliteState>>,
    pub(super) controls: Controls,
    chosen: BTreeSet<JobId>,
    _lock: RunLock,
}

impl Line {
    /// Plans a run and lays its folder; if the folder holds the same run already, its state is kept.
    ///
    /// Nothing is written unless the store could be read and the night be planned.
    ///
    /// # Errors
    /// `Instrument`, `Store`, `Engine` before anything is written; `OtherRun` if the folder is taken; `State` if
    /// another process holds it.
    pub fn begin(
        registry: &Registry,
        settings: Settings,
        folder: impl AsRef<Path>,
        controls: Controls,
    ) -> Result<Self, LineError> {
        let folder = RunFolder::new(folder.as_ref());
        let settings = super::resume::agreed_settings(&folder, settings)?;
        let instrument = super::plan::instrument(registry, &settings)?;
        let planned = super::plan(registry, &settings, &controls)?;
        let line = Self::open(instrument, settings, folder, controls)?;
        line.keep_plan(&planned)?;
        Ok(line)
    }

    /// Opens a run that was begun before; what a killed process left half-written is removed.
    ///
    /// # Errors
    /// `NoRun` if the folder holds none; `State` if another process holds it.
    pub fn reopen(registry: &Registry, folder: impl AsRef<Path>, controls: Controls) -> Result<Self, LineError> {
        let folder = RunFolder::new(folder.as_ref());
        let settings = super::resume::settings_of(&folder)?;
        let instrument = super::plan::instrument(registry, &settings)?;
        let line = Self::open(instrument, settings, folder, controls)?;
        if !line.folder.plan().is_file() {
            // The process was killed between its settings and its plan.
            let planned = super::plan(registry, &line.settings, &line.controls)?;
            line.keep_plan(&planned)?;
        }
        Ok(line)
    }

    fn open(
        instrument: Arc<dyn Instrument>,
        settings: Settings,
        folder: RunFolder,
        controls: Controls,
    ) -> Result<Self, LineError> {
        folder.create()?;
        let lock = RunLock::acquire(folder.root())?;
        folder.sweep()?;
        DirSinks::new(folder.root())
            .sweep()
            .map_err(|error| LineError::Folder {
                path: folder.work(),
                verb: "swept",
                source: std::io::Error::other(error),
            })?;
        super::resume::keep_settings(&folder, &settings)?;
        let state = Arc::new(SqliteState::open(folder.state())?);
        let history = super::costs::history(&settings)?.map(Arc::new);
        Ok(Self {
            instrument,
            settings,
            folder,
            state,
            history,
            controls,
            chosen: BTreeSet::new(),
            _lock: lock,
        })
    }

    /// Restricts all steps to some jobs.
    ///
    /// # Errors
    /// `UnknownJob` if the plan lacks one.
    pub fn with_jobs(mut self, jobs: impl IntoIterator<Item = JobId>) -> Result<Self, LineError> {
        let plan = self.plan()?;
        for job in jobs {
            if plan.job(&job).is_none() {
                return Err(LineError::UnknownJob { job: job.to_string() });
            }
            self.chosen.insert(job);
        }
        Ok(self)
    }

    /// Returns what the run was asked for.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns where the run lies.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Does every step that is left, and writes the pages.
    ///
    /// # Errors
    /// `Stopped` after cancellation; otherwise only if the run as a whole cannot go on.
    pub fn run(&self) -> Result<LineReport, LineError> {
        for step in Step::ALL {
            self.do_step(step)?;
        }
        self.finish()
    }

    /// Does one step on what earlier steps left, and writes the pages.
    ///
    /// # Errors
    /// As `run`.
    pub fn step(&self, step: Step) -> Result<LineReport, LineError> {
        self.do_step(step)?;
        self.finish()
    }

    fn do_step(&self, step: Step) -> Result<(), LineError> {
        if self.controls.cancel.is_cancelled() {
            return Err(LineError::Stopped);
        }
        match step {
            // `begin` and `reopen` leave a plan.
            Step::Plan => Ok(()),
            Step::Fetch => self.fetch(),
            Step::Process => self.process(),
            Step::Quality => self.quality(),
            Step::Review => self.review(),
            Step::Convert => self.convert(),
            Step::Ingest => self.ingest(),
        }
    }

    /// Returns an engine with the settings' parameters that learns what jobs take.
    pub(super) fn engine(&self) -> Engine {
        super::plan::engine(&self.instrument, &self.settings, &self.controls)
            .with_costs(Arc::new(Costs {
                own: Arc::clone(&self.state),
                history: self.history.clone(),
            }))
            .with_meter(Arc::new(ProcessMeter::new()))
    }

    /// Tells whether all jobs were asked for.
    pub(super) fn chosen_all(&self) -> bool {
        self.chosen.is_empty()
    }

    /// Tells whether a job is among those that were asked for.
    pub(super) fn is_chosen(&self, job: &JobId) -> bool {
        self.chosen.is_empty() || self.chosen.contains(job)
    }

    /// Returns the chosen jobs that have come to a stage and no further, in plan order.
    pub(super) fn jobs_at(&self, plan: &Plan, stage: Stage) -> Result<Vec<JobRecord>, LineError> {
        let mut records: BTreeMap<JobId, JobRecord> = (self.state.all()?.into_iter())
            .map(|record| (record.job.clone(), record))
            .collect();
        let is_open = |record: &JobRecord| {
            record.stage == stage && !matches!(record.halt, Some(Halt::Rejected { .. } | Halt::Blocked { .. }))
        };
        Ok((plan.jobs.iter())
            .filter(|job| self.is_chosen(&job.id) && job.readiness == Readiness::Ready)
            .filter_map(|job| records.remove(&job.id))
            .filter(is_open)
            .collect())
    }

    /// Does one step for every job that waits for it; a job that fails keeps its stage and is recorded as failed.
    pub(super) fn for_each(
        &self,
        step: Step,
        records: Vec<JobRecord>,
        work: impl Fn(&mut JobRecord) -> Result<(), Fault>,
    ) -> Result<(), LineError> {
        if !records.is_empty() {
            self.controls.observer.on(&Event::StepStarted {
                step: step.name(),
                items: records.len(),
            });
        }
        for mut record in records {
            if self.controls.cancel.is_cancelled() {
                return Err(LineError::Stopped);
            }
            record.halt = None;
            let before = record.clone();
            match guarded(|| work(&mut record)) {
                Ok(()) => self.state.put(&record)?,
                Err(Fault::Job { error, status }) => self.fail(before, error, status)?,
                Err(Fault::Run(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Records that a job goes no further.
    pub(super) fn fail(
        &self,
        mut record: JobRecord,
        error: String,
        status: phoenix_core::error::Status,
    ) -> Result<(), LineError> {
        self.controls.observer.on(&Event::JobFinished {
            job: &record.job,
            end: JobEnd::Failed(&error),
            wall_s: 0.0,
        });
        record.halt = Some(Halt::Failed { error, status });
        Ok(self.state.put(&record)?)
    }
}
