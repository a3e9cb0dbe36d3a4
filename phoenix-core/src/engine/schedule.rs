//! What may run next: order of the graph, short before long, and what fits into the budget; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::cost::median;
use super::{Budget, EngineError, Expectation, cascades};
use crate::plan::{Plan, Readiness, Resources};

/// How often a job at the head of the queue is passed over by smaller ones before room is kept for it.
pub const PATIENCE: u32 = 8;
/// How far behind the head a job is looked for that fits beside what is running.
const REACH: usize = 64;

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
    /// Its producers are at work, or it waits for its turn.
    Waiting,
    Running(Resources),
    /// It failed and will be tried again, not yet.
    Resting,
    Ended,
}

/// The place in the queue: cost of the whole cascade, cost of the job, place in the plan.
type Rank = (u64, u64, usize);

#[derive(Debug, Clone)]
struct Entry {
    expected: Resources,
    rank: Rank,
    open_producers: usize,
    consumers: Vec<usize>,
    passed_over: u32,
    state: State,
}

/// The state of a run as far as it decides what starts next.
///
/// # Contract
/// * A job is admitted only after all its producers have ended well, and once, unless it is tried `again`.
/// * The shares of running jobs never exceed the budget together.
/// * Among jobs that could start, those of the cheapest cascade come first, and in it the cheapest job: short before
///   long. Cost is the expected wall time; where it is not known it follows from the expected memory, which grows with
///   the input, as the time does. Ties go by place in the plan.
/// * A job that does not fit beside what is running is passed over by cheaper ones at most `PATIENCE` times.
/// * A job larger than the whole budget runs alone.
#[derive(Debug, Clone)]
pub struct Schedule {
    entries: Vec<Entry>,
    unready: Vec<(usize, String)>,
    ready: BTreeSet<Rank>,
    budget: Budget,
    width: usize,
    used: Resources,
    n_running: usize,
    n_ended: usize,
}

impl Schedule {
    /// Returns the schedule of a plan for an executor of a given width, with what the plan declares.
    ///
    /// # Errors
    /// `UnknownProducer` if a job needs one that is not in the plan, `DuplicateJob` if two have one name, `Cycle` if
    /// a producer stands behind its consumer.
    pub fn new(plan: &Plan, budget: Budget, width: usize) -> Result<Self, EngineError> {
        let declared: Vec<Expectation> = plan.jobs.iter().map(Expectation::declared).collect();
        Self::expecting(plan, &declared, budget, width)
    }

    /// Returns the schedule of a plan with what each of its jobs is expected to take, in plan order.
    ///
    /// # Errors
    /// As `new`.
    pub fn expecting(plan: &Plan, expected: &[Expectation], budget: Budget, width: usize) -> Result<Self, EngineError> {
        let mut places = BTreeMap::new();
        for (index, job) in plan.jobs.iter().enumerate() {
            if places.insert(&job.id, index).is_some() {
                return Err(EngineError::DuplicateJob { job: job.id.clone() });
            }
        }
        let ranks = ranks(plan, expected);
        let mut entries: Vec<Entry> = Vec::with_capacity(plan.jobs.len());
        let mut unready = Vec::new();
        for (index, (job, rank)) in plan.jobs.iter().zip(ranks).enumerate() {
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
                expected: expected.get(index).map_or(job.resources, |expected| expected.resources),
                rank,
                open_producers: producers.len(),
                consumers: Vec::new(),
                passed_over: 0,
                state: State::Waiting,
            });
        }
        let ready = entries
            .iter()
            .filter(|entry| entry.open_producers == 0)
            .map(|entry| entry.rank)
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
        if self.n_running >= self.width {
            return None;
        }
        let queue: Vec<(usize, Resources)> = self
            .ready
            .iter()
            .take(REACH)
            .filter_map(|&(.., index)| Some((index, self.entries.get(index)?.expected)))
            .collect();
        let (head, _) = *queue.first()?;
        for (position, &(index, expected)) in queue.iter().enumerate() {
            let ahead = queue.iter().skip(position).take(self.width);
            let candidates: Vec<Resources> = ahead.map(|(_, expected)| *expected).collect();
            if let Some(mut share) = self.budget.share(self.used, self.n_running, self.width, &candidates) {
                if position > 0 {
                    // What is free beyond its need is left for the one that waits.
                    share.memory_bytes = share.memory_bytes.min(expected.memory_bytes);
                    let entry = self.entries.get_mut(head)?;
                    entry.passed_over += 1;
                }
                return self.start(index, share);
            }
            if position == 0 && self.entries.get(head)?.passed_over >= PATIENCE {
                return None;
            }
        }
        None
    }

    fn start(&mut self, index: usize, share: Resources) -> Option<Admitted> {
        let entry = self.entries.get_mut(index)?;
        self.ready.remove(&entry.rank);
        entry.state = State::Running(share);
        self.used.memory_bytes += share.memory_bytes;
        self.used.threads += share.threads;
        self.n_running += 1;
        Some(Admitted { index, share })
    }

    /// Takes a running job back that is to be tried again, with at least this much memory; it waits for `wake`.
    pub fn again(&mut self, index: usize, memory_bytes: u64) {
        if let Some(entry) = self.entries.get_mut(index)
            && let State::Running(share) = entry.state
        {
            self.used.memory_bytes -= share.memory_bytes;
            self.used.threads -= share.threads;
            self.n_running -= 1;
            entry.state = State::Resting;
            entry.expected.memory_bytes = entry.expected.memory_bytes.max(memory_bytes);
        }
    }

    /// Lets a job that was taken back wait for its turn.
    pub fn wake(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index)
            && entry.state == State::Resting
        {
            entry.state = State::Waiting;
            self.ready.insert(entry.rank);
        }
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
                        self.ready.insert(entry.rank);
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
            State::Waiting | State::Resting => {
                self.ready.remove(&entry.rank);
            }
        }
        entry.state = State::Ended;
        self.n_ended += 1;
        Some(entry.consumers.clone())
    }

    /// Returns the places of everything below a job, producers first.
    pub fn below(&self, index: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![index];
        while let Some(place) = open.pop() {
            for &consumer in self
                .entries
                .get(place)
                .map_or(&[] as &[usize], |entry| &entry.consumers)
            {
                if found.insert(consumer) {
                    open.push(consumer);
                }
            }
        }
        found
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

/// Returns the place of each job in the queue.
fn ranks(plan: &Plan, expected: &[Expectation]) -> Vec<Rank> {
    let costs = costs_us(expected);
    let cost = |index: usize| costs.get(index).copied().unwrap_or_default();
    let cascades = cascades(plan);
    let mut totals: BTreeMap<usize, u64> = BTreeMap::new();
    for (index, cascade) in cascades.iter().enumerate() {
        let total = totals.entry(*cascade).or_default();
        *total = total.saturating_add(cost(index));
    }
    let total = |cascade: &usize| totals.get(cascade).copied().unwrap_or_default();
    let ranked = cascades.iter().enumerate();
    ranked
        .map(|(index, cascade)| (total(cascade), cost(index), index))
        .collect()
}

/// Returns the cost of each job in microseconds of wall time.
///
/// Where the time is not known, it is guessed from the memory at the rate of the jobs whose time is; where no time is
/// known at all, a byte counts as a microsecond.
fn costs_us(expected: &[Expectation]) -> Vec<u64> {
    let known = expected.iter().filter_map(|expected| {
        let bytes = expected.resources.memory_bytes.max(1) as f64;
        Some(expected.wall_s? / bytes)
    });
    let s_per_byte = median(known.collect()).unwrap_or(1e-6);
    let cost_s = |expected: &Expectation| {
        let guessed_s = expected.resources.memory_bytes as f64 * s_per_byte;
        expected.wall_s.unwrap_or(guessed_s)
    };
    expected
        .iter()
        .map(|expected| (cost_s(expected) * 1e6) as u64)
        .collect()
}
