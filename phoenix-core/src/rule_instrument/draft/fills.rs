//! The choice of calibrations for many jobs at once.

use std::cmp::Ordering;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use super::frames::DraftFrames;
use super::names::WorkNames;
use super::reuse::Reuse;
use crate::association::MatchLevel;
use crate::engine::Executor;
use crate::rule_instrument::cascade::Works;
use crate::rule_instrument::memo::Memo;
use crate::rule_instrument::policy::Policy;
use crate::rule_instrument::shelf::{Fit, NameOrder, Shelf, Wanting};
use crate::rule_instrument::slots::SlotPlan;
use crate::rules::table::{FrameTable, RowId};

/// How many jobs a worker takes at a time.
const CHUNK: usize = 4096;

/// What stands in a slot of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftFill {
    /// Nothing fits, or nothing is asked for.
    Missing,
    /// So many frames that exist, from this place of the draft's list on.
    Filled {
        /// Where the first stands.
        begin: u32,
        /// How many.
        n_frames: u16,
        /// The weakest level among them.
        level: MatchLevel,
    },
    /// A product of another piece of work, by its number.
    Pending(u32),
}

/// What stands in the slots of some pieces of work.
#[derive(Debug, Default)]
pub(super) struct Fills {
    /// Slot by slot, work by work.
    pub(super) list: Vec<DraftFill>,
    pub(super) taken: Vec<RowId>,
    /// How many choices were made anew.
    pub(super) n_chosen: usize,
}

impl Fills {
    fn take(&mut self, rows: impl Iterator<Item = RowId>, level: MatchLevel) {
        let begin = self.taken.len();
        self.taken.extend(rows);
        self.list.push(DraftFill::Filled {
            begin: begin as u32,
            n_frames: (self.taken.len() - begin) as u16,
            level,
        });
    }

    fn append(&mut self, other: &Self) {
        let shift = self.taken.len() as u32;
        self.taken.extend_from_slice(&other.taken);
        self.n_chosen += other.n_chosen;
        self.list.extend(other.list.iter().map(|fill| match fill {
            DraftFill::Filled { begin, n_frames, level } => DraftFill::Filled {
                begin: begin + shift,
                n_frames: *n_frames,
                level: *level,
            },
            other => *other,
        }));
    }
}

/// Everything that choices are made from.
pub(super) struct Choice<'a> {
    pub(super) policy: &'a Policy,
    pub(super) frames: &'a DraftFrames,
    pub(super) works: &'a Works,
    pub(super) names: &'a WorkNames,
    pub(super) shelf: &'a Shelf,
    pub(super) reuse: Option<&'a Reuse<'a>>,
}

impl NameOrder for Choice<'_> {
    fn compare(&self, a: u32, b: u32) -> Ordering {
        match (self.shelf.origin(a), self.shelf.origin(b)) {
            (Some(a), Some(b)) => match (a.producer, b.producer) {
                (Some(a), Some(b)) => self.names.compare(self.frames, self.works, a, b),
                _ => self.frames.name(a.row).cmp(self.frames.name(b.row)),
            },
            _ => Ordering::Equal,
        }
    }
}

/// What one worker remembers of a slot.
struct SlotMemo {
    is_shut: Memo<bool>,
    /// The number of the bucket that the dataset's joined values lead to.
    bucket: Memo<Option<u32>>,
}

impl SlotMemo {
    fn new(plan: &SlotPlan, table: &FrameTable) -> Self {
        let joined = plan.joins().map(|(_, dataset)| dataset).collect();
        Self {
            is_shut: Memo::new(table, plan.dataset_keys()),
            bucket: Memo::new(table, joined),
        }
    }
}

impl Choice<'_> {
    /// Chooses for every piece of work.
    pub(super) fn make(&self, executor: &dyn Executor) -> Fills {
        let n_chunks = self.works.list.len().div_ceil(CHUNK);
        let done: Mutex<Vec<Option<Fills>>> = Mutex::new((0..n_chunks).map(|_| None).collect());
        let next = AtomicUsize::new(0);
        executor.run(executor.width().min(n_chunks.max(1)), &|| {
            let mut memos = self.memos();
            loop {
                let chunk = next.fetch_add(1, Memory::Relaxed);
                if chunk >= n_chunks {
                    break;
                }
                let fills = self.chunk(chunk, &mut memos);
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = done.get_mut(chunk) {
                    *place = Some(fills);
                }
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut all = Fills::default();
        all.list
            .reserve_exact(done.iter().flatten().map(|part| part.list.len()).sum());
        all.taken
            .reserve_exact(done.iter().flatten().map(|part| part.taken.len()).sum());
        for (n, part) in done.into_iter().enumerate() {
            // What no worker did is done here.
            all.append(&part.unwrap_or_else(|| self.chunk(n, &mut self.memos())));
        }
        all
    }

    fn memos(&self) -> Vec<Vec<Option<SlotMemo>>> {
        let n_tasks = self.policy.book().tasks().len();
        let of_task = |task: usize| self.policy.slots(task).iter().map(|_| None).collect();
        (0..n_tasks).map(of_task).collect()
    }

    fn chunk(&self, chunk: usize, memos: &mut [Vec<Option<SlotMemo>>]) -> Fills {
        let table = &self.frames.table;
        let mut fills = Fills::default();
        let mut fits: Vec<Fit> = Vec::new();
        let works = self.works.list.iter().enumerate().skip(chunk * CHUNK).take(CHUNK);
        for (number, work) in works {
            let task = self.policy.task_of(work.group.trigger());
            let (Some(task), Some(first)) = (task, self.works.first(work)) else {
                continue;
            };
            let input = table.row(first);
            let wanting = Wanting {
                input: &input,
                moment: table.moment(first),
                own: Some(number as u32),
                order: self,
            };
            let Some(memos) = memos.get_mut(task) else { continue };
            for ((n, plan), memo) in self.policy.slots(task).iter().enumerate().zip(memos) {
                let memo = memo.get_or_insert_with(|| SlotMemo::new(plan, table));
                self.slot(
                    (number, task, n),
                    (plan, memo),
                    (first, &wanting),
                    (&mut fills, &mut fits),
                );
            }
        }
        fills
    }

    fn slot(
        &self,
        (number, task, n): (usize, usize, usize),
        (plan, memo): (&SlotPlan, &mut SlotMemo),
        (first, wanting): (RowId, &Wanting<'_>),
        (fills, fits): (&mut Fills, &mut Vec<Fit>),
    ) {
        let table = &self.frames.table;
        let is_shut = Shelf::shut_in_time(plan, wanting.moment).is_some()
            || memo
                .is_shut
                .get(table, first, || Shelf::shut_by_dataset(plan, wanting).is_some());
        let stock = self.shelf.stock(plan, table).filter(|_| !is_shut);
        let found = stock.and_then(|stock| {
            let bucket = memo.bucket.get(table, first, || {
                let joined: Vec<_> = plan.joins().map(|(_, key)| table.row_equal_atom(first, key)).collect();
                let is_whole = !joined.contains(&crate::rules::table::Atom::NONE);
                stock.find(&joined).filter(|_| is_whole)
            })?;
            Some((bucket, stock.buckets.get(bucket as usize)?))
        });
        let Some((place, bucket)) = found else {
            fills.list.push(DraftFill::Missing);
            return;
        };
        if let Some(reuse) = self.reuse
            && let Some((fill, taken)) = reuse.known((number, task, n), (plan, place), wanting.moment)
        {
            match fill {
                DraftFill::Filled { level, .. } => fills.take(taken.iter().copied(), level),
                other => fills.list.push(other),
            }
            return;
        }
        fills.n_chosen += 1;
        self.shelf.pick(bucket, plan, table, wanting, fits);
        let producer = fits.first().and_then(|fit| self.shelf.origin(fit.candidate)?.producer);
        match producer {
            Some(producer) => fills.list.push(DraftFill::Pending(producer)),
            None if fits.is_empty() || fits.len() < plan.min => fills.list.push(DraftFill::Missing),
            None => {
                let level = fits.iter().map(|fit| fit.level).max().unwrap_or(MatchLevel(0));
                let rows = fits.iter().filter_map(|fit| self.shelf.origin(fit.candidate));
                fills.take(rows.map(|origin| origin.row), level);
            }
        }
    }
}
