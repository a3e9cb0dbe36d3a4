//! One job from its record to its products in their place.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::bind::product_ref;
use super::overlaid::OverlaidReader;
use super::{Engine, RunIo, is_interrupted, is_processed, processed, same_software, same_work, state};
use crate::caveat::Caveat;
use crate::frame::FrameRef;
use crate::id::JobId;
use crate::observe::Event;
use crate::plan::{Overlaid, Plan, PlannedJob, Resources, Usage};
use crate::product::StoredProduct;
use crate::provenance::Record;
use crate::traits::{Committed, Halt, InputSet, JobRecord, Outcome, RecipeDyn, RecipeError, RunContext, StateError};

/// What one job ended with, before the run takes notice.
#[derive(Debug)]
pub(super) enum End {
    /// Products were made now.
    Done { record: JobRecord, outcome: Outcome },
    /// The products were there already.
    Skipped { record: JobRecord },
    /// An error ended it.
    Failed {
        record: JobRecord,
        error: RecipeError,
        wall_s: f64,
    },
    /// The state could not be kept.
    Unrecorded(StateError),
}

/// One job with everything it needs to know of the run.
pub(super) struct Work<'a> {
    pub(super) engine: &'a Engine,
    pub(super) io: &'a RunIo<'a>,
    pub(super) job: &'a PlannedJob,
    /// The plan that the store held before this run.
    pub(super) earlier: Option<&'a Plan>,
    /// Frames whose headers were edited before they were named.
    pub(super) overlays: &'a [Overlaid],
    /// The products of each producer.
    pub(super) upstream: Vec<Upstream>,
    /// Everything that is made from the products of this job, producers first.
    pub(super) below: Vec<&'a PlannedJob>,
    pub(super) share: Resources,
}

/// A producer as its consumer sees it.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    pub(super) job: JobId,
    pub(super) products: Vec<StoredProduct>,
}

impl Work<'_> {
    /// Does the job, or finds that it is done.
    ///
    /// A panic anywhere below fails this job alone; unwinding drops the sink, which leaves nothing.
    pub(super) fn perform(&self) -> End {
        let known = match self.io.jobs.get(&self.job.id) {
            Ok(known) => known,
            Err(error) => return End::Unrecorded(error),
        };
        // A job that a person wants done again is known, and is not taken from elsewhere.
        let is_new = known.is_none();
        let found = known.unwrap_or_else(|| JobRecord::planned(self.job.id.clone()));
        let start = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| self.perform_unguarded((&found, is_new), start))) {
            Ok(end) => end,
            Err(panic) => End::Failed {
                record: state::fetched(&found),
                error: RecipeError::Panicked {
                    message: panic_message(&*panic),
                },
                wall_s: start.elapsed().as_secs_f64(),
            },
        }
    }

    fn perform_unguarded(&self, (found, is_new): (&JobRecord, bool), start: Instant) -> End {
        if self.is_done(found) {
            return self.skip(found);
        }
        self.engine.observer.on(&Event::JobStarted { job: &self.job.id });
        if let Err(error) = self.restart(found) {
            return End::Unrecorded(error);
        }
        let mut record = state::restarted(found);
        match self.process((found, is_new), &mut record) {
            Ok(Made::Now(products, caveats, outcome)) => {
                let record = processed(&record, products, caveats, start.elapsed().as_secs_f64());
                match self.io.jobs.put(&record) {
                    Ok(()) => End::Done { record, outcome },
                    Err(error) => End::Unrecorded(error),
                }
            }
            Ok(Made::Before(committed)) => {
                let record = processed(&record, committed.products, committed.caveats, 0.0);
                match self.io.jobs.put(&record) {
                    Ok(()) => End::Skipped { record },
                    Err(error) => End::Unrecorded(error),
                }
            }
            Err(Fault::State(error)) => End::Unrecorded(error),
            Err(Fault::Recipe(error)) => End::Failed {
                record,
                error,
                wall_s: start.elapsed().as_secs_f64(),
            },
        }
    }

    /// Enters that the job is done again, and with it everything that was made from its products.
    ///
    /// Jobs below come first: at no moment may one of them count as done whose input is about to change.
    fn restart(&self, found: &JobRecord) -> Result<(), StateError> {
        for job in &self.below {
            if let Some(below) = self.io.jobs.get(&job.id)?.filter(is_processed) {
                self.io.jobs.put(&state::restarted(&below))?;
            }
        }
        // That an attempt was interrupted must stay known until its products have been looked for.
        if is_processed(found) || found.halt.is_some() {
            self.io.jobs.put(&state::restarted(found))?;
        }
        Ok(())
    }

    /// Leaves a job as it is, but for a block from a run in which a job above it failed.
    fn skip(&self, found: &JobRecord) -> End {
        let mut record = found.clone();
        if let Some(Halt::Blocked { .. }) = &record.halt {
            record.halt = None;
            if let Err(error) = self.io.jobs.put(&record) {
                return End::Unrecorded(error);
            }
        }
        End::Skipped { record }
    }

    /// Tells whether the job was done before: recorded, of the same work, with its products intact.
    fn is_done(&self, record: &JobRecord) -> bool {
        is_processed(record)
            && self
                .earlier
                .and_then(|plan| plan.job(&self.job.id))
                .is_some_and(|earlier| same_work(earlier, self.job))
            && self
                .engine
                .instrument
                .recipe(&self.job.task)
                .is_none_or(|recipe| same_software(record, &recipe.spec_dyn().pipeline))
            && record.products.iter().all(|product| {
                let frame = product_ref(&self.job.id, product);
                self.io
                    .reader
                    .digest(&frame)
                    .is_ok_and(|digest| digest == product.digest)
            })
    }

    fn process(&self, (found, is_new): (&JobRecord, bool), job_record: &mut JobRecord) -> Result<Made, Fault> {
        let recipe = self
            .engine
            .instrument
            .recipe(&self.job.task)
            .ok_or_else(|| RecipeError::Inputs {
                reason: format!("task {} has no recipe", self.job.task),
            })?;
        job_record.pipeline = Some(recipe.spec_dyn().pipeline.clone());
        let (budget_bytes, floor_bytes) = (self.engine.budget.memory_bytes, self.job.resources.floor_bytes);
        if budget_bytes < floor_bytes {
            // Before anything is read: the inputs may be large, and no try can help.
            return Err(Fault::Recipe(RecipeError::Memory {
                budget_bytes,
                floor_bytes,
            }));
        }
        let frames = self.bind()?;
        let mut provenance = self.provenance(recipe.spec_dyn(), &frames);
        if is_interrupted(found)
            && let Some(committed) = self.io.sinks.committed(&provenance).map_err(RecipeError::from)?
        {
            return Ok(Made::Before(committed));
        }
        if is_new && let Some(inherited) = self.io.sinks.inherit(&provenance).map_err(RecipeError::from)? {
            return Ok(Made::Before(inherited));
        }
        *job_record = JobRecord {
            pipeline: job_record.pipeline.take(),
            ..state::fetched(job_record)
        };
        self.io.jobs.put(job_record).map_err(Fault::State)?;
        let made = self.run(recipe, &frames, &mut provenance, &mut job_record.usage);
        let (products, outcome) = made?;
        Ok(Made::Now(products, provenance.caveats, outcome))
    }

    fn run(
        &self,
        recipe: &dyn RecipeDyn,
        frames: &[FrameRef],
        provenance: &mut Record,
        usage: &mut Usage,
    ) -> Result<(Vec<StoredProduct>, Outcome), RecipeError> {
        let cancel = &self.engine.cancel;
        let mut sink = self.io.sinks.open(&self.job.id)?;
        let outcome = {
            let context = RunContext::new(&self.job.id, provenance)
                .with_cancel(cancel.clone())
                .with_observer(self.engine.observer.clone())
                .with_budget(self.share.threads, self.share.memory_bytes);
            let reader = OverlaidReader::new(self.io.reader, &provenance.overlays);
            let result = recipe.execute_dyn(
                &InputSet::new(frames),
                &self.job.params,
                &reader,
                sink.as_product_sink(),
                &context,
            );
            *usage = context.usage();
            result?
        };
        if cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        for caveat in &outcome.caveats {
            if !provenance.caveats.contains(caveat) {
                provenance.caveats.push(caveat.clone());
            }
        }
        let products = sink.commit(provenance)?;
        Ok((products, outcome))
    }
}

/// Where the products of a job come from.
enum Made {
    /// The recipe made them, with these reservations.
    Now(Vec<StoredProduct>, Vec<Caveat>, Outcome),
    /// An attempt committed them whose process died before it could record it, or another run made them.
    Before(Committed),
}

enum Fault {
    Recipe(RecipeError),
    State(StateError),
}

impl From<RecipeError> for Fault {
    fn from(error: RecipeError) -> Self {
        Self::Recipe(error)
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// Returns an error with its sources on one line.
pub(super) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
