//! Executing a plan: workers take admitted jobs until none is left; the job store is true at every moment.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::job::{End, Upstream, Work, with_sources};
use super::{Admitted, Engine, EngineError, Executor, JobOutcome, JobReport, RunReport, Schedule, Verdict, state};
use crate::id::JobId;
use crate::observe::{Event, JobEnd};
use crate::plan::{Plan, PlannedJob, Usage};
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
    /// Jobs that will be tried again, with the moment from which on.
    resting: Vec<(Instant, usize)>,
    /// How often each job was tried.
    tries: Vec<u32>,
    /// The job that has had the process to itself since it began, with the processor time of that moment.
    alone: Option<(usize, Option<f64>)>,
    fatal: Option<StateError>,
}

/// How long a worker sleeps that has nothing to do but to wait for a moment: cancellation sets a flag and wakes nobody.
const NAP: Duration = Duration::from_millis(100);

struct Run<'a> {
    engine: &'a Engine,
    plan: &'a Plan,
    io: &'a RunIo<'a>,
    earlier: Option<&'a Plan>,
    places: BTreeMap<&'a JobId, usize>,
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
    /// * A job that failed for a passing reason is tried again, as `Retry` says; one that took more memory than its
    ///   share, with more.
    /// * What each job took is recorded where a cost store is set, and decides what later runs expect.
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
        let expected = self.expectations(plan);
        let mut schedule = Schedule::expecting(plan, &expected, self.budget, width)?;
        let earlier = io.jobs.plan()?;
        io.jobs.save_plan(plan)?;
        let unready = schedule.block_unready(plan);
        let run = Run {
            engine: self,
            plan,
            io,
            earlier: earlier.as_ref(),
            places: plan
                .jobs
                .iter()
                .enumerate()
                .map(|(place, job)| (&job.id, place))
                .collect(),
            progress: Mutex::new(Progress {
                schedule,
                reports: vec![None; plan.jobs.len()],
                resting: Vec::new(),
                tries: vec![0; plan.jobs.len()],
                alone: None,
                fatal: None,
            }),
            changed: Condvar::new(),
        };
        run.block(unready);
        executor.run(width.min(plan.jobs.len()), &|| run.work());
        run.finish()
    }
}

impl Progress {
    /// Lets jobs whose pause is over wait for their turn.
    fn wake(&mut self, now: Instant) {
        let schedule = &mut self.schedule;
        self.resting.retain(|(from, index)| {
            let is_over = *from <= now;
            if is_over {
                schedule.wake(*index);
            }
            !is_over
        });
    }
}

impl Run<'_> {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One worker: takes admitted jobs until none is left.
    fn work(&self) {
        while let Some((admitted, work)) = self.take() {
            let (job, end) = (work.job, work.perform());
            if catch_unwind(AssertUnwindSafe(|| self.settle(admitted, job, end))).is_err() {
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
    fn take(&self) -> Option<(Admitted, Work<'_>)> {
        let mut progress = self.progress();
        loop {
            if progress.fatal.is_some() || progress.schedule.is_done() || self.engine.cancel.is_cancelled() {
                return None;
            }
            progress.wake(Instant::now());
            if let Some(admitted) = progress.schedule.admit() {
                let job = self.plan.jobs.get(admitted.index)?;
                if let Some(tries) = progress.tries.get_mut(admitted.index) {
                    *tries += 1;
                }
                progress.alone = self.begin_alone(&progress, admitted.index);
                let below = progress.schedule.below(admitted.index);
                let work = Work {
                    engine: self.engine,
                    io: self.io,
                    job,
                    earlier: self.earlier,
                    overlays: &self.plan.overlays,
                    upstream: self.upstream(&progress, job),
                    below: below
                        .into_iter()
                        .filter_map(|place| self.plan.jobs.get(place))
                        .collect(),
                    share: admitted.share,
                };
                return Some((admitted, work));
            }
            progress = if !progress.resting.is_empty() {
                let woken = self.changed.wait_timeout(progress, NAP);
                woken.unwrap_or_else(PoisonError::into_inner).0
            } else if progress.schedule.n_running() == 0 {
                return None;
            } else {
                self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    fn upstream(&self, progress: &Progress, job: &PlannedJob) -> Vec<Upstream> {
        job.producers()
            .filter_map(|id| {
                let place = *self.places.get(id)?;
                let report = progress.reports.get(place)?.as_ref()?;
                Some(Upstream {
                    job: id.clone(),
                    products: report.products.clone(),
                })
            })
            .collect()
    }

    /// Enters the end of a job into store, report and schedule, and tells the observer.
    fn settle(&self, admitted: Admitted, job: &PlannedJob, end: End) {
        let (index, share) = (admitted.index, admitted.share);
        let measured = self.measured(index);
        let tries = self.progress().tries.get(index).copied().unwrap_or(1);
        let mut report = JobReport {
            tries,
            ..JobReport::without_run(&job.id, &job.task, JobOutcome::Done)
        };
        let mut failure = None;
        match end {
            End::Done { mut record, outcome } => {
                let noted = record.usage;
                if noted.is_unknown() && !measured.is_unknown() {
                    record.usage = measured;
                    if let Err(error) = self.io.jobs.put(&record) {
                        return self.give_up(error);
                    }
                }
                report.products = record.products;
                report.caveats = record.caveats;
                report.figures = outcome.figures;
                report.wall_s = record.wall_s;
                report.usage = record.usage;
                // A recipe inside the process fills the share it is given, so its peak teaches nothing.
                let taught = Usage {
                    cpu_s: record.usage.cpu_s,
                    peak_bytes: noted.peak_bytes,
                };
                self.engine.learn(job, share, record.wall_s, taught, true);
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
                report.usage = record.usage;
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
                let text = with_sources(&error);
                if matches!(error, RecipeError::Memory { .. }) {
                    self.engine.learn(job, share, wall_s, record.usage, false);
                }
                let verdict = self.engine.retry.judge(&error, tries, share, self.engine.budget);
                let Verdict::Final(status) = verdict else {
                    return self.try_again(index, job, verdict, tries, &text);
                };
                report.usage = record.usage;
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

    /// Notes that a job begins with the process to itself, or that none has it any more.
    fn begin_alone(&self, progress: &Progress, index: usize) -> Option<(usize, Option<f64>)> {
        let meter = self
            .engine
            .meter
            .as_ref()
            .filter(|_| progress.schedule.n_running() == 1)?;
        meter.restart_peak();
        Some((index, meter.cpu_s()))
    }

    /// Returns what a job took if it had the process to itself all the time.
    fn measured(&self, index: usize) -> Usage {
        let alone = self.progress().alone.take_if(|(job, _)| *job == index);
        let (Some((_, before_s)), Some(meter)) = (alone, &self.engine.meter) else {
            return Usage::default();
        };
        Usage {
            cpu_s: meter.cpu_s().zip(before_s).map(|(now_s, before_s)| now_s - before_s),
            peak_bytes: meter.peak_bytes(),
        }
    }

    /// Puts a job back into the queue.
    fn try_again(&self, index: usize, job: &PlannedJob, verdict: Verdict, tries: u32, because: &str) {
        let (pause, memory_bytes) = match verdict {
            Verdict::After(pause) => (pause, 0),
            Verdict::WithMemory(bytes) => (Duration::ZERO, bytes),
            Verdict::Final(_) => return,
        };
        let _ = catch_unwind(AssertUnwindSafe(|| {
            self.engine.observer.on(&Event::Retry {
                job: &job.id,
                attempt: tries,
                because,
            });
        }));
        let mut progress = self.progress();
        progress.schedule.again(index, memory_bytes);
        progress.resting.push((Instant::now() + pause, index));
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
            let report = JobReport::without_run(&job.id, &job.task, JobOutcome::Blocked { because });
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
                report.unwrap_or_else(|| JobReport::without_run(&job.id, &job.task, JobOutcome::Stopped))
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
