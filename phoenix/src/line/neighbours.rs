//! Raw calibrations of neighbouring nights: a night runs from noon to noon UTC, and the calibrations of its morning are taken
//! after that noon.

use std::collections::BTreeSet;
use std::sync::Arc;

use phoenix_archive::frames::time_of;
use phoenix_archive::store::Store;
use phoenix_core::association::{Fill, MatchLevel, Slot};
use phoenix_core::engine::above;
use phoenix_core::frame::Frame;
use phoenix_core::id::{FrameId, JobId, Tag};
use phoenix_core::plan::{InputSource, Plan};
use phoenix_core::traits::Instrument;
use phoenix_core::unit::{Mjd, Night};

use super::mode::{Naming, made_here};
use super::plan::{list_nights, request};
use super::{LineError, Settings};
use crate::choice::Mode;
use crate::controls::Controls;

/// Farthest night that is looked into, whatever the windows say: a month, beyond which listing costs more than it finds.
const MOST_NIGHTS: u32 = 31;
/// Farthest night for what a job can do without, and for what no task makes.
const NEAR_NIGHTS: u32 = 3;

/// Where raw calibrations of other nights are looked for.
pub(super) struct Neighbours<'a> {
    pub(super) store: &'a Store,
    pub(super) naming: &'a Naming<'a>,
    pub(super) settings: &'a Settings,
    pub(super) controls: &'a Controls,
}

impl Neighbours<'_> {
    /// Returns the raw calibrations of other nights from which something is made that the own frames need.
    ///
    /// # Contract
    /// * A night that has everything in the calibration plan's own windows (level 0) looks into no other night.
    /// * Else it looks farther night by night, as far as the windows reach of what is missing or could fit better.
    /// * What is returned is used: science of other nights, and calibrations that nothing here needs, stay where they are.
    ///
    /// # Errors
    /// If the store cannot be listed, or a plan cannot be made.
    pub(super) fn needed(&self, instrument: &Arc<dyn Instrument>, own: &[Frame]) -> Result<Vec<Frame>, LineError> {
        if !self.may_look() {
            return Ok(Vec::new());
        }
        let silent = self.controls.clone().with_observer(Arc::new(()));
        let engine = super::plan::engine(instrument, self.settings, &silent).with_overlays(self.naming.edits.clone());
        let own_ids: BTreeSet<&FrameId> = own.iter().map(|frame| &frame.id).collect();
        let made = made_here(&**instrument);
        let (mut borrowed, mut reached): (Vec<Frame>, u32) = (Vec::new(), 0);
        loop {
            let frames = [own, &borrowed].concat();
            let plan = engine.plan(frames, &request(self.settings, reached > 0), &self.settings.label())?;
            let needed = needed_jobs(&plan, &own_ids);
            let wanted = nights_wanted(&**instrument, &plan, &needed, &made);
            if wanted <= reached {
                let used = frames_of(&plan, &needed);
                borrowed.retain(|frame| used.contains(&frame.id));
                return Ok(borrowed);
            }
            let next = (2 * reached + 1).min(wanted);
            borrowed.extend(self.around(reached + 1, next, &own_ids)?);
            reached = next;
        }
    }

    /// Tells whether raw calibrations are worked with, and whether nights bound the frames.
    fn may_look(&self) -> bool {
        let makes_masters = matches!(self.settings.mode, None | Some(Mode::Mcalib | Mode::Complete));
        makes_masters && self.settings.batch.is_none() && self.settings.deep.is_none()
    }

    /// Lists the raw calibrations of the nights that lie so far before the first night and behind the last.
    fn around(&self, nearest: u32, farthest: u32, own: &BTreeSet<&FrameId>) -> Result<Vec<Frame>, LineError> {
        let nights = self.settings.nights;
        let (first, last) = (nights.first(), nights.last());
        let mut found = Vec::new();
        for span in [
            (
                shifted(first, -f64::from(farthest)),
                shifted(first, -f64::from(nearest)),
            ),
            (shifted(last, f64::from(nearest)), shifted(last, f64::from(farthest))),
        ] {
            let listed = list_nights(self.store, self.settings, span, self.controls)?;
            found.extend(listed.into_iter().filter(|frame| {
                let night = time_of(&frame.header).map(Night::of);
                night.is_some_and(|night| span.0 <= night && night <= span.1)
                    && !own.contains(&frame.id)
                    && self.naming.is_raw_calibration(frame)
            }));
        }
        Ok(found)
    }
}

fn shifted(night: Night, days: f64) -> Night {
    let (noon, _) = night.span();
    Night::of(Mjd(noon.0 + 0.5 + days))
}

/// Returns the jobs that work on the own frames, and everything that these need.
fn needed_jobs(plan: &Plan, own: &BTreeSet<&FrameId>) -> BTreeSet<JobId> {
    let works_on_own = plan
        .jobs
        .iter()
        .filter(|job| super::deep::main_frames(job).any(|frame| own.contains(frame)));
    above(plan, &works_on_own.map(|job| job.id.clone()).collect())
}

fn frames_of(plan: &Plan, jobs: &BTreeSet<JobId>) -> BTreeSet<FrameId> {
    let inputs = plan
        .jobs
        .iter()
        .filter(|job| jobs.contains(&job.id))
        .flat_map(|job| &job.inputs);
    let frame = |input: &InputSource| match input {
        InputSource::Frame { frame } => Some(frame.id.clone()),
        InputSource::Job { .. } => None,
    };
    inputs.filter_map(frame).collect()
}

/// Returns how many nights away something may lie that is missing, or that would fit better than what is there.
fn nights_wanted(instrument: &dyn Instrument, plan: &Plan, jobs: &BTreeSet<JobId>, made: &BTreeSet<Tag>) -> u32 {
    let slots = plan
        .jobs
        .iter()
        .filter(|job| jobs.contains(&job.id))
        .flat_map(|job| &job.slots);
    let nights = |slot: &Slot| {
        let level = match &slot.fill {
            Fill::Pending { .. } => return 0,
            Fill::Filled { level, .. } => Some(*level),
            Fill::Missing { .. } if slot.required => None,
            // What is not needed is taken where the calibration plan has it.
            Fill::Missing { .. } => Some(MatchLevel(1)),
        };
        let Some(days) = instrument.reach_days(&slot.tag, level) else {
            return 0;
        };
        let is_near = !made.contains(&slot.tag) || (!slot.required && level == Some(MatchLevel(1)));
        let most = if is_near { NEAR_NIGHTS } else { MOST_NIGHTS };
        days.ceil().clamp(0.0, f64::from(most)) as u32
    };
    slots.map(nights).max().unwrap_or(0)
}
