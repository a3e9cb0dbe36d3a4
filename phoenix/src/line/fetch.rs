//! Steps 4 and 5: bring raw files and masters; files of a local store are used where they are.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_archive::fetch::{FetchOptions, FetchRequest, fetch_all};
use phoenix_core::frame::FrameRef;
use phoenix_core::id::JobId;
use phoenix_core::observe::Event;
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness};
use phoenix_core::traits::{JobStore, Stage};

use super::fault::with_causes;
use super::{Line, LineError};

impl Line {
    /// Brings the inputs of every job that is still to be processed.
    ///
    /// # Errors
    /// If the archive cannot be reached at all; a frame that cannot be brought blocks its own job alone.
    pub fn fetch(&self) -> Result<(), LineError> {
        self.localised_plan().map(drop)
    }

    /// Returns the plan with every input where the recipes can read it.
    ///
    /// A job that was processed keeps the places it was processed from, so that nothing is brought twice.
    pub(super) fn localised_plan(&self) -> Result<Plan, LineError> {
        let mut plan = self.plan()?;
        let earlier = self.state.plan()?;
        let processed: BTreeSet<JobId> = (self.state.all()?.into_iter())
            .filter(|record| record.stage >= Stage::Processed)
            .map(|record| record.job)
            .collect();
        let mut wanted = BTreeMap::new();
        for job in &mut plan.jobs {
            let known = earlier.as_ref().and_then(|earlier| earlier.job(&job.id));
            match known.filter(|known| processed.contains(&job.id) && same_frames(known, job)) {
                Some(known) => job.inputs.clone_from(&known.inputs),
                None if job.readiness == Readiness::Ready && self.is_chosen(&job.id) => {
                    for frame in frames(job) {
                        wanted.insert(frame.location.clone(), frame.digest.clone());
                    }
                }
                None => {}
            }
        }
        let places = self.bring(wanted)?;
        for job in &mut plan.jobs {
            localise(job, &places);
        }
        Ok(plan)
    }

    fn bring(
        &self,
        wanted: BTreeMap<String, Option<phoenix_core::id::Digest>>,
    ) -> Result<BTreeMap<String, Result<String, String>>, LineError> {
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let remote = wanted.keys().filter(|location| location.contains("://")).count();
        self.controls.observer.on(&Event::StepStarted {
            step: "fetch",
            items: remote,
        });
        let requests: Vec<FetchRequest> = (wanted.into_iter())
            .map(|(location, digest)| FetchRequest { location, digest })
            .collect();
        let store = super::plan::open_store(&self.settings.archive)?;
        let cache =
            std::path::absolute(self.folder.cache()).map_err(LineError::folder(self.folder.cache(), "found"))?;
        let options = FetchOptions::new();
        let transfers = fetch_all(&store, &requests, &cache, &options);
        // Dropping the transfers leaves no visible file, so that a stop need not wait for a slow archive.
        let fetched =
            phoenix_archive::wait_unless_stopped(transfers, &self.controls.cancel)?.ok_or(LineError::Stopped)?;
        let places = requests.into_iter().zip(fetched).map(|(request, fetched)| {
            let place = match fetched {
                Ok(fetched) => Ok(fetched.path.display().to_string()),
                Err(error) => Err(with_causes(&error)),
            };
            (request.location, place)
        });
        Ok(places.collect())
    }
}

fn frames(job: &PlannedJob) -> impl Iterator<Item = &FrameRef> {
    job.inputs.iter().filter_map(|input| match input {
        InputSource::Frame { frame } => Some(frame),
        InputSource::Job { .. } => None,
    })
}

/// Tells whether two jobs ask for the same frames, wherever these lie.
fn same_frames(one: &PlannedJob, other: &PlannedJob) -> bool {
    let names =
        |job: &PlannedJob| -> Vec<_> { frames(job).map(|frame| (frame.id.clone(), frame.tag.clone())).collect() };
    one.inputs.len() == other.inputs.len() && names(one) == names(other)
}

/// Puts the places into a job; a frame that could not be brought makes it incomplete.
fn localise(job: &mut PlannedJob, places: &BTreeMap<String, Result<String, String>>) {
    let mut reasons = Vec::new();
    for input in &mut job.inputs {
        let InputSource::Frame { frame } = input else { continue };
        match places.get(&frame.location) {
            Some(Ok(place)) => frame.location.clone_from(place),
            Some(Err(error)) => reasons.push(format!("frame {} could not be brought: {error}", frame.id)),
            None => {}
        }
    }
    if !reasons.is_empty() {
        job.readiness = Readiness::Incomplete { reasons };
    }
}
