//! What may run next: order of the graph, short before long, and what fits into the budget; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Budget, EngineError};
use crate::plan::{Plan, Readiness, Resources};

/// A job that may start, with what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Its place in the plan.
    pub index: usize,
    /// Threads and memory that it may use.
    pub share: Resources,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running(Resources),
    Ended,
}

#[derive(Debug, Clone)]
struct Entry {
    expected: Resources,
    open_producers: usize,
    consumers: Vec<usize>,
    state: State,
}

/// The state of a run as far as it decides what starts next.
///
/// # Contract
/// * A job is admitted once, and only after all its producers have ended well.
/// * The shares of running jobs never exceed the budget together.
/// * Among jobs that could start, the one with the smallest expected memory comes first: it grows with the input, as
///   the time does. Ties go by place in the plan.
/// * A job larger than the whole budget runs alone.
#[derive(Debug, Clone)]
pub struct Schedule {
    entries: Vec<Entry>,
    unready: Vec<(usize, String)>,
    ready: BTreeSet<(u64, usize)>,
    budget: Budget,
    width: usize,
    used: Resources,
    n_running: usize,
    n_ended: usize,
}

impl Schedule {
    /// Returns the schedule of a plan for an executor of a given width.
    ///
    /// # Errors
    /// `UnknownProducer` if a job needs one that is not in the plan, `DuplicateJob` if two have one name, `Cycle` if
    /// a producer stands behind its consumer.
    pub fn new(plan: &Plan, budget: Budget, width: usize) -> Result<Self, EngineError> {
        let mut places = BTreeMap::new();
        for (index, job) in plan.jobs.iter().enumerate() {
            if places.insert(&job.id, index).is_some() {
                return Err(EngineError::DuplicateJob { job: job.id.clone() });
            }
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(plan.jobs.len());
        let mut unready = Vec::new();
        for (index, job) in plan.jobs.iter().enumerate() {
            let mut producers = BTreeSet::new();
            for producer in job.producers() {
                let place = *places.get(producer).ok_or_else(|| EngineError::UnknownProducer {
                    job: job.id.clone(),
                    producer: producer.clone(),
                })?;
                producers.insert(place);
            }
            for &producer in &producers {
                entries
                    .get_mut(producer)
                    .ok_or_else(|| EngineError::Cycle {
                        jobs: vec![job.id.to_string()],
                    })?
                    .consumers
                    .push(index);
            }
            match &job.readiness {
                Readiness::Ready => {}
                Readiness::Unsupported { reason } => unready.push((index, reason.clone())),
                Readiness::Incomplete { reasons } => unready.push((index, reasons.join("; "))),
            }
            entries.push(Entry {
                expected: job.resources,
                open_producers: producers.len(),
                consumers: Vec::new(),
                state: State::Waiting,
            });
        }
        let ready = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.open_producers == 0)
            .map(|(index, entry)| (entry.expected.memory_bytes, index))
            .collect();
        Ok(Self {
            entries,
            unready,
            ready,
            budget,
            width: width.max(1),
            used: Resources::default(),
            n_running: 0,
            n_ended: 0,
        })
    }

    /// Ends every job that cannot run by itself and everything below it; returns them with the reasons.
    ///
    /// To be called once, before the first `admit`.
    pub fn block_unready(&mut self, plan: &Plan) -> Vec<(usize, String)> {
        let mut blocked = Vec::new();
        for (index, reason) in std::mem::take(&mut self.unready) {
            if self.entries.get(index).is_none_or(|entry| entry.state == State::Ended) {
                continue;
            }
            let name = plan.jobs.get(index).map_or("", |job| job.id.as_str());
            let below = self.end(index, Some(&format!("job {name} cannot run: {reason}")));
            blocked.push((index, reason));
            blocked.extend(below);
        }
        blocked
    }

    /// Returns the next job that may start now and takes its share from the budget.
    pub fn admit(&mut self) -> Option<Admitted> {
        let candidates: Vec<Resources> = self
            .ready
            .iter()
            .take(self.width)
            .filter_map(|&(_, index)| self.entries.get(index).map(|entry| entry.expected))
            .collect();
        let share = self.budget.share(self.used, self.n_running, self.width, &candidates)?;
        let (_, index) = self.ready.pop_first()?;
        let entry = self.entries.get_mut(index)?;
        entry.state = State::Running(share);
        self.used.memory_bytes += share.memory_bytes;
        self.used.threads += share.threads;
        self.n_running += 1;
        Some(Admitted { index, share })
    }

    /// Ends a job, well or with a reason; returns the jobs that are blocked by it, with that reason.
    pub fn end(&mut self, index: usize, failure: Option<&str>) -> Vec<(usize, String)> {
        let Some(consumers) = self.close(index) else {
            return Vec::new();
        };
        let Some(reason) = failure else {
            for consumer in consumers {
                if let Some(entry) = self.entries.get_mut(consumer) {
                    entry.open_producers = entry.open_producers.saturating_sub(1);
                    if entry.open_producers == 0 && entry.state == State::Waiting {
                        self.ready.insert((entry.expected.memory_bytes, consumer));
                    }
                }
            }
            return Vec::new();
        };
        let mut blocked = BTreeSet::new();
        let mut open = consumers;
        while let Some(consumer) = open.pop() {
            if let Some(below) = self.close(consumer) {
                blocked.insert(consumer);
                open.extend(below);
            }
        }
        blocked.into_iter().map(|index| (index, reason.to_owned())).collect()
    }

    /// Marks a job as ended and returns its consumers; `None` if it had ended already.
    fn close(&mut self, index: usize) -> Option<Vec<usize>> {
        let entry = self.entries.get_mut(index)?;
        match entry.state {
            State::Ended => return None,
            State::Running(share) => {
                self.used.memory_bytes -= share.memory_bytes;
                self.used.threads -= share.threads;
                self.n_running -= 1;
            }
            State::Waiting => {
                self.ready.remove(&(entry.expected.memory_bytes, index));
            }
        }
        entry.state = State::Ended;
        self.n_ended += 1;
        Some(entry.consumers.clone())
    }

    /// Tells whether every job has ended.
    pub fn is_done(&self) -> bool {
        self.n_ended == self.entries.len()
    }

    /// Returns how many jobs run now.
    pub fn n_running(&self) -> usize {
        self.n_running
    }

    /// Returns what the running jobs may use together.
    pub fn used(&self) -> Resources {
        self.used
    }
}
