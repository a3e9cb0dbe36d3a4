//! Executing a plan: workers take admitted jobs until none is left; the job store is true at every moment.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::{End, Upstream, Work, with_sources};
use super::{Admitted, Engine, EngineError, Executor, JobOutcome, JobReport, RunReport, Schedule, state};
use crate::id::JobId;
use crate::observe::{Event, JobEnd};
use crate::plan::{Plan, PlannedJob};
use crate::traits::{FrameReader, Halt, JobRecord, JobStore, RecipeError, SinkFactory, Stage, StateError};

/// The ports of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunIo<'a> {
    /// Where frames are read.
    pub reader: &'a dyn FrameReader,
    /// Where products go.
    pub sinks: &'a dyn SinkFactory,
    /// Where the state of jobs is kept.
    pub jobs: &'a dyn JobStore,
}

/// What the workers share.
#[derive(Debug)]
struct Progress {
    schedule: Schedule,
    reports: Vec<Option<JobReport>>,
    fatal: Option<StateError>,
}

struct Run<'a> {
    engine: &'a Engine,
    plan: &'a Plan,
    io: &'a RunIo<'a>,
    earlier: Option<&'a Plan>,
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Engine {
    /// Executes a plan, or what is left of it.
    ///
    /// # Contract
    /// * The plan is saved first; after that the job store is true at every moment, also after `kill -9`.
    /// * A job that is recorded as processed, of unchanged work, with unchanged inputs and with its products intact is
    ///   skipped.
    /// * One failed job never ends the run; jobs below it are `Blocked` with the reason.
    /// * After cancellation no job starts and nothing of a running one is stored.
    /// * The products do not depend on the executor or the budget.
    ///
    /// # Errors
    /// `OtherInstrument`, an inconsistent plan, or `State` if the state of the jobs cannot be kept: then running jobs
    /// end, no other job starts, and what was recorded is safe.
    pub fn execute(&self, plan: &Plan, io: &RunIo<'_>, executor: &dyn Executor) -> Result<RunReport, EngineError> {
        if plan.instrument != self.instrument.id() {
            return Err(EngineError::OtherInstrument {
                plan: plan.instrument.clone(),
                engine: self.instrument.id(),
            });
        }
        let width = executor.width().max(1);
        let mut schedule = Schedule::new(plan, self.budget, width)?;
        let earlier = io.jobs.plan()?;
        io.jobs.save_plan(plan)?;
        let unready = schedule.block_unready(plan);
        let run = Run {
            engine: self,
            plan,
            io,
            earlier: earlier.as_ref(),
            progress: Mutex::new(Progress {
                schedule,
                reports: vec![None; plan.jobs.len()],
                fatal: None,
            }),
            changed: Condvar::new(),
        };
        run.block(unready);
        executor.run(width.min(plan.jobs.len()), &|| run.work());
        run.finish()
    }
}

impl Run<'_> {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One worker: takes admitted jobs until none is left.
    fn work(&self) {
        while let Some((admitted, job, upstream)) = self.take() {
            let end = Work {
                engine: self.engine,
                io: self.io,
                plan: self.plan,
                job,
                earlier: self.earlier,
                upstream,
                share: admitted.share,
            }
            .perform();
            if catch_unwind(AssertUnwindSafe(|| self.settle(admitted.index, job, end))).is_err() {
                // Without this the other workers would wait for the job for ever.
                self.progress()
                    .schedule
                    .end(admitted.index, Some("its end could not be recorded"));
            }
            self.changed.notify_all();
        }
        self.changed.notify_all();
    }

    /// Waits for the next job that may start; `None` if this worker has nothing more to do.
    fn take(&self) -> Option<(Admitted, &PlannedJob, Vec<Upstream>)> {
        let mut progress = self.progress();
        loop {
            if progress.fatal.is_some() || progress.schedule.is_done() || self.engine.cancel.is_cancelled() {
                return None;
            }
            if let Some(admitted) = progress.schedule.admit() {
                let job = self.plan.jobs.get(admitted.index)?;
                return Some((admitted, job, self.upstream(&progress, job)));
            }
            if progress.schedule.n_running() == 0 {
                return None;
            }
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn upstream(&self, progress: &Progress, job: &PlannedJob) -> Vec<Upstream> {
        let place = |id: &JobId| self.plan.jobs.iter().position(|candidate| candidate.id == *id);
        job.producers()
            .filter_map(|id| {
                let place = place(id)?;
                let report = progress.reports.get(place)?.as_ref()?;
                Some(Upstream {
                    job: id.clone(),
                    products: report.products.clone(),
                })
            })
            .collect()
    }

    /// Enters the end of a job into store, report and schedule, and tells the observer.
    fn settle(&self, index: usize, job: &PlannedJob, end: End) {
        let mut report = JobReport {
            job: job.id.clone(),
            task: job.task.clone(),
            end: JobOutcome::Done,
            products: Vec::new(),
            caveats: Vec::new(),
            figures: Vec::new(),
            wall_s: 0.0,
        };
        let mut failure = None;
        match end {
            End::Done { record, outcome } => {
                report.products = record.products;
                report.caveats = record.caveats;
                report.figures = outcome.figures;
                report.wall_s = record.wall_s;
            }
            End::Skipped { record } => {
                if let Some(Halt::Rejected { because }) = &record.halt {
                    failure = Some(format!("the product of job {} was rejected: {because}", job.id));
                }
                report.end = JobOutcome::Skipped {
                    because: format!("it is {} already", stage_name(record.stage)),
                };
                report.products = record.products;
                report.caveats = record.caveats;
                report.wall_s = record.wall_s;
            }
            End::Failed {
                error: RecipeError::Stopped,
                wall_s,
                ..
            } => {
                report.end = JobOutcome::Stopped;
                report.wall_s = wall_s;
            }
            End::Failed { record, error, wall_s } => {
                let (text, status) = (with_sources(&error), error.status());
                failure = Some(format!("job {} failed: {text}", job.id));
                if let Err(error) = self.io.jobs.put(&state::failed(&record, text.clone(), status)) {
                    return self.give_up(error);
                }
                report.end = JobOutcome::Failed { error: text, status };
                report.wall_s = wall_s;
            }
            End::Unrecorded(error) => return self.give_up(error),
        }
        let is_stopped = report.end == JobOutcome::Stopped;
        self.tell(&report);
        let blocked = {
            let mut progress = self.progress();
            if let Some(slot) = progress.reports.get_mut(index) {
                *slot = Some(report);
            }
            // Below a stopped job nothing is blocked: it starts when the run is resumed.
            if is_stopped {
                Vec::new()
            } else {
                progress.schedule.end(index, failure.as_deref())
            }
        };
        self.block(blocked);
    }

    /// Records and reports jobs that cannot run.
    fn block(&self, blocked: Vec<(usize, String)>) {
        for (index, because) in blocked {
            let Some(job) = self.plan.jobs.get(index) else { continue };
            let stored = self.io.jobs.get(&job.id).and_then(|found| {
                let record = found.unwrap_or_else(|| JobRecord::planned(job.id.clone()));
                self.io.jobs.put(&state::blocked(&record, because.clone()))
            });
            if let Err(error) = stored {
                return self.give_up(error);
            }
            let report = JobReport {
                job: job.id.clone(),
                task: job.task.clone(),
                end: JobOutcome::Blocked { because },
                products: Vec::new(),
                caveats: Vec::new(),
                figures: Vec::new(),
                wall_s: 0.0,
            };
            self.tell(&report);
            if let Some(slot) = self.progress().reports.get_mut(index) {
                *slot = Some(report);
            }
        }
    }

    /// Remembers that the state cannot be kept; no further job starts.
    fn give_up(&self, error: StateError) {
        self.progress().fatal.get_or_insert(error);
    }

    /// Tells the observer; one that panics harms nobody but itself.
    fn tell(&self, report: &JobReport) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.tell_unguarded(report)));
    }

    fn tell_unguarded(&self, report: &JobReport) {
        let observer = &self.engine.observer;
        let job = &report.job;
        let end = match &report.end {
            JobOutcome::Done => {
                for caveat in &report.caveats {
                    observer.on(&Event::Caveat { job, caveat });
                }
                for product in &report.products {
                    observer.on(&Event::Stored { job, product });
                }
                JobEnd::Done
            }
            JobOutcome::Skipped { because } => JobEnd::Skipped(because),
            JobOutcome::Failed { error, .. } => JobEnd::Failed(error),
            JobOutcome::Blocked { because } => JobEnd::Blocked(because),
            JobOutcome::Stopped => JobEnd::Stopped,
        };
        observer.on(&Event::JobFinished {
            job,
            end,
            wall_s: report.wall_s,
        });
    }

    fn finish(self) -> Result<RunReport, EngineError> {
        let progress = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = progress.fatal {
            return Err(error.into());
        }
        let jobs = self
            .plan
            .jobs
            .iter()
            .zip(progress.reports)
            .map(|(job, report)| {
                report.unwrap_or_else(|| JobReport {
                    job: job.id.clone(),
                    task: job.task.clone(),
                    end: JobOutcome::Stopped,
                    products: Vec::new(),
                    caveats: Vec::new(),
                    figures: Vec::new(),
                    wall_s: 0.0,
                })
            })
            .collect();
        Ok(RunReport { jobs })
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Planned => "planned",
        Stage::Fetched => "fetched",
        Stage::Processed => "processed",
        Stage::Scored => "scored",
        Stage::Reviewed => "reviewed",
        Stage::Converted => "converted",
        Stage::Ingested => "ingested",
    }
}
