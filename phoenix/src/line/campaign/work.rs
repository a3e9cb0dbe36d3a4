//! The loop over the nights.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use phoenix_core::observe::Event;
use phoenix_core::registry::Registry;
use phoenix_core::traits::{Halt, JobStore, QcStore, Stage};
use phoenix_core::unit::{Mjd, Night};
use phoenix_io::{RunLock, SqliteState};
use serde::{Deserialize, Serialize};

use super::gate::{GivenUp, Lack, lacks};
use super::state::{self, CampaignReport};
use crate::choice::Mode;
use crate::controls::Controls;
use crate::line::fault::with_causes;
use crate::line::folder::{read_json, write_json};
use crate::line::{Line, LineError, LineReport, Nights, Settings};

/// What a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CampaignKind {
    /// The history of an instrument: every night is worked as it comes.
    Batch,
    /// The last month: it starts when its calibrations are certified or given up.
    Stream,
}

impl CampaignKind {
    /// Returns the name that the command uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Stream => "stream",
        }
    }
}

/// What a campaign was asked for; the settings' nights are all of its nights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Request {
    kind: CampaignKind,
    settings: Settings,
}

/// Many nights over one folder, one run for each.
///
/// # Contract
/// * It may be stopped or killed at any moment and called again: nights that are done stay as they are.
/// * The failure of one night is recorded with the night and stops no other.
/// * Two processes never work on one campaign.
#[derive(Debug)]
pub struct Campaign {
    root: PathBuf,
    request: Request,
    state: Arc<SqliteState>,
    controls: Controls,
    _lock: RunLock,
}

impl Campaign {
    /// Begins a campaign, or goes on with the same one.
    ///
    /// # Errors
    /// `OtherRun` if the folder holds another run or campaign; `State` if another process holds it.
    pub fn begin(
        settings: Settings,
        kind: CampaignKind,
        folder: impl AsRef<Path>,
        controls: Controls,
    ) -> Result<Self, LineError> {
        let root = std::path::absolute(folder.as_ref()).map_err(LineError::folder(folder.as_ref(), "found"))?;
        let mut request = Request { kind, settings };
        if kind == CampaignKind::Stream && request.settings.mode.is_none() {
            // The stream waits for certified masters, so it works with them.
            request.settings.mode = Some(Mode::Idp);
        }
        if is_campaign(&root) {
            let kept: Request = read_json(&request_file(&root))?;
            let dated = Settings {
                date: kept.settings.date.clone(),
                ..request.settings.clone()
            };
            let other = |difference: String| LineError::OtherRun {
                path: root.clone(),
                difference,
            };
            if kept.kind != kind {
                return Err(other(format!("it is a {}, not a {}", kept.kind.name(), kind.name())));
            }
            if let Some(difference) = crate::line::resume::difference(&kept.settings, &dated) {
                return Err(other(difference));
            }
            request = kept;
        } else if crate::line::RunFolder::new(&root).holds_run() {
            return Err(LineError::OtherRun {
                path: root,
                difference: "it is the run of one plan, not a campaign of nights".to_owned(),
            });
        }
        Self::open(root, request, controls)
    }

    /// Opens a campaign that was begun before.
    ///
    /// # Errors
    /// `NoRun` if the folder holds none; `State` if another process holds it.
    pub fn reopen(folder: impl AsRef<Path>, controls: Controls) -> Result<Self, LineError> {
        let root = std::path::absolute(folder.as_ref()).map_err(LineError::folder(folder.as_ref(), "found"))?;
        if !is_campaign(&root) {
            return Err(LineError::NoRun { path: root });
        }
        let request = read_json(&request_file(&root))?;
        Self::open(root, request, controls)
    }

    fn open(root: PathBuf, request: Request, controls: Controls) -> Result<Self, LineError> {
        std::fs::create_dir_all(&root).map_err(LineError::folder(&root, "made"))?;
        let lock = RunLock::acquire(&root)?;
        if !is_campaign(&root) {
            write_json(&request_file(&root), &request)?;
        }
        let state = Arc::new(SqliteState::open(root.join("state.db"))?);
        Ok(Self {
            root,
            request,
            state,
            controls,
            _lock: lock,
        })
    }

    /// Tells whether a folder holds a campaign.
    pub fn is_at(folder: impl AsRef<Path>) -> bool {
        is_campaign(folder.as_ref())
    }

    /// Waits no longer for a kind of calibration, in one night or in all.
    ///
    /// # Errors
    /// If the list cannot be kept.
    pub fn give_up(&self, given: GivenUp) -> Result<(), LineError> {
        let mut all = given_up(&self.root)?;
        all.retain(|known| known.tag != given.tag || known.night != given.night);
        all.push(given);
        all.sort();
        write_json(&given_up_file(&self.root), &all)
    }

    /// Works every night that is not done, as far as the campaign may go at the time `now`.
    ///
    /// # Errors
    /// `Stopped` after cancellation; otherwise only if the state of the nights cannot be kept.
    pub fn run(&self, registry: &Registry, now: Mjd) -> Result<CampaignReport, LineError> {
        let open: Vec<Night> = (self.request.settings.nights.iter())
            .filter(|night| !self.is_done(*night))
            .collect();
        let waits_for = match self.request.kind {
            CampaignKind::Batch => Vec::new(),
            CampaignKind::Stream => match self.gate(registry, &open, now)? {
                Ok(()) => Vec::new(),
                Err(waits_for) => return self.report_with(waits_for, now),
            },
        };
        for night in open {
            if self.controls.cancel.is_cancelled() {
                return Err(LineError::Stopped);
            }
            self.work(registry, night, now)?;
        }
        self.report_with(waits_for, now)
    }

    /// Tells whether the month may start; if not, each night that was not begun is marked as waiting.
    fn gate(&self, registry: &Registry, open: &[Night], now: Mjd) -> Result<Result<(), Vec<Lack>>, LineError> {
        let fresh: Vec<Night> = open.iter().copied().filter(|night| !self.was_begun(*night)).collect();
        let last = self.request.settings.nights.last();
        if now.0 < last.span().1.0 && !fresh.is_empty() {
            for night in &fresh {
                state::waits(&self.state, *night, format!("the month ends with the night of {last}"))?;
            }
            return Ok(Err(Vec::new()));
        }
        let given = given_up(&self.root)?;
        let mut waits_for = Vec::new();
        for night in &fresh {
            if self.controls.cancel.is_cancelled() {
                return Err(LineError::Stopped);
            }
            match crate::line::plan(registry, &self.settings_of(*night), &self.controls) {
                Ok(planned) => waits_for.extend(lacks(*night, &planned.plan, &given)),
                Err(LineError::EmptyNight { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if waits_for.is_empty() {
            return Ok(Ok(()));
        }
        for night in &fresh {
            let own: Vec<String> = (waits_for.iter())
                .filter(|lack| lack.night == night.to_string())
                .map(|lack| lack.tag.to_string())
                .collect();
            let because = if own.is_empty() {
                "other nights of the month wait for calibrations".to_owned()
            } else {
                format!("no certified {}", own.join(", "))
            };
            state::waits(&self.state, *night, because)?;
        }
        Ok(Err(waits_for))
    }

    fn work(&self, registry: &Registry, night: Night, now: Mjd) -> Result<(), LineError> {
        self.controls.observer.on(&Event::StepStarted {
            step: &format!("night {night}"),
            items: 1,
        });
        state::begins(&self.state, night)?;
        let instrument = self.request.settings.instrument.as_str();
        let folder = self.folder(night);
        let line = Line::begin(registry, self.settings_of(night), &folder, self.controls.clone());
        match line.and_then(|line| line.run()) {
            Ok(report) => {
                self.keep_scores(&folder, &report)?;
                state::ends(&self.state, instrument, night, Some(&report), now)
            }
            // A night without frames has nothing to deliver.
            Err(LineError::EmptyNight { .. }) => state::ends(&self.state, instrument, night, None, now),
            Err(error @ (LineError::Stopped | LineError::State(_))) => Err(error),
            Err(error) => state::fails(&self.state, night, with_causes(&error), error.status()),
        }
    }

    /// Keeps a night's scores with the campaign: masters of later nights are judged by them.
    fn keep_scores(&self, folder: &Path, report: &LineReport) -> Result<(), LineError> {
        let night = SqliteState::open_existing(folder.join("state.db"))?;
        let rows = night.rows()?;
        for job in &report.jobs {
            for product in &job.products {
                let key = crate::line::quality::product_key(&job.job, &product.name);
                if let Some(report) = night.report(&key)? {
                    let own: Vec<_> = rows.iter().filter(|row| row.product == key).cloned().collect();
                    self.state.save(&report, &own)?;
                }
            }
        }
        Ok(())
    }

    fn settings_of(&self, night: Night) -> Settings {
        let mut settings = self.request.settings.clone();
        settings.nights = Nights::one(night);
        if settings.mode == Some(Mode::Mcalib) && settings.judgement.history.is_none() {
            settings.judgement.history = Some(self.root.join("state.db"));
        }
        settings
    }

    fn folder(&self, night: Night) -> PathBuf {
        self.root.join("nights").join(night.to_string())
    }

    fn is_done(&self, night: Night) -> bool {
        let record = self.state.get(&night.to_string().into()).ok().flatten();
        record.is_some_and(|record| record.stage == Stage::Ingested && record.halt.is_none())
    }

    fn was_begun(&self, night: Night) -> bool {
        let record = self.state.get(&night.to_string().into()).ok().flatten();
        record.is_some_and(|record| record.stage > Stage::Planned && !matches!(record.halt, Some(Halt::Blocked { .. })))
    }

    fn report_with(&self, waits_for: Vec<Lack>, now: Mjd) -> Result<CampaignReport, LineError> {
        let report = report(&self.root, &self.request, &self.state, waits_for, now)?;
        write_json(&self.root.join("campaign-report.json"), &report)?;
        Ok(report)
    }

    /// Tells how a campaign stands, beside a process that may be working on it.
    ///
    /// # Errors
    /// `NoRun` if the folder holds none; otherwise if its state cannot be read.
    pub fn peek(folder: impl AsRef<Path>, now: Mjd) -> Result<CampaignReport, LineError> {
        let root = folder.as_ref();
        if !is_campaign(root) {
            return Err(LineError::NoRun { path: root.to_owned() });
        }
        let request = read_json(&request_file(root))?;
        let state = SqliteState::open_existing(root.join("state.db"))?;
        report(root, &request, &state, Vec::new(), now)
    }
}

fn report(
    root: &Path,
    request: &Request,
    state: &SqliteState,
    waits_for: Vec<Lack>,
    now: Mjd,
) -> Result<CampaignReport, LineError> {
    let settings = &request.settings;
    let nights: Result<Vec<_>, _> = settings
        .nights
        .iter()
        .map(|night| state::of(state, night, now))
        .collect();
    Ok(CampaignReport {
        instrument: settings.instrument.to_string(),
        label: settings.label(),
        folder: root.display().to_string(),
        kind: request.kind.name().to_owned(),
        nights: nights?,
        waits_for,
    })
}

fn request_file(root: &Path) -> PathBuf {
    root.join("campaign.json")
}

fn given_up_file(root: &Path) -> PathBuf {
    root.join("given-up.json")
}

fn is_campaign(root: &Path) -> bool {
    request_file(root).is_file()
}

fn given_up(root: &Path) -> Result<Vec<GivenUp>, LineError> {
    let path = given_up_file(root);
    if path.is_file() {
        read_json(&path)
    } else {
        Ok(Vec::new())
    }
}
