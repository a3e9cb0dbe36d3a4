//! Which choices of an earlier draft still stand.
//!
//! A choice depends on the slot as the rules write it, on the values and the time of the dataset's first frame, and on the
//! candidates within the reach of the windows. Rows, pieces of work and candidates of both drafts are paired; where a
//! bucket of candidates differs, the times between its first and its last difference are what changed.

use super::fills::DraftFill;
use super::names::WorkNames;
use super::plan::Planned;
use crate::rule_instrument::cascade::{Work, Works};
use crate::rule_instrument::policy::Policy;
use crate::rule_instrument::shelf::{Bucket, Shelf, Stock};
use crate::rule_instrument::slots::SlotPlan;
use crate::rules::Moment;
use crate::rules::table::{CutRows, FrameTable, RowId};

/// Stands for no number.
const NONE: u32 = u32::MAX;

/// The times in which the candidates of a bucket changed, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    Nowhere,
    Between(i64, i64),
    Anywhere,
}

/// A draft as it was before a change.
pub(super) struct Before<'a> {
    pub(super) policy: &'a Policy,
    pub(super) planned: &'a Planned,
    pub(super) rows: &'a CutRows,
}

/// The choices of an earlier draft that still stand.
pub(super) struct Reuse<'a> {
    before: &'a Before<'a>,
    /// The number that each piece of work had; `NONE` if it is not what it was.
    works: Vec<u32>,
    /// The number that each earlier piece of work has now.
    now: Vec<u32>,
    /// The task that each task was, slot by slot where the slot is what it was.
    slots: Vec<Vec<Option<usize>>>,
    /// What changed in each bucket of each stock.
    changed: Vec<Vec<Changed>>,
}

/// The rows and pieces of work that both drafts have, by the numbers of the new one.
struct Pairs {
    works: Vec<u32>,
    rows: Vec<u32>,
}

impl<'a> Reuse<'a> {
    /// Compares two drafts.
    pub(super) fn new(
        before: &'a Before<'a>,
        policy: &Policy,
        table: &FrameTable,
        (works, names, shelf): (&Works, &WorkNames, &Shelf),
    ) -> Self {
        let triggers = triggers_before(policy, before.policy);
        let pairs = Pairs::new(before, table, works, names, &triggers);
        let slots = slots_before(policy, before.policy);
        let mut now = vec![NONE; before.planned.works.list.len()];
        for (number, old) in (0..).zip(&pairs.works) {
            if let Some(place) = now.get_mut(*old as usize) {
                *place = number;
            }
        }
        let mut changed: Vec<Vec<Changed>> = vec![Vec::new(); policy.n_stocks()];
        for (task, slots) in slots.iter().enumerate() {
            for (plan, (n, old_task)) in policy.slots(task).iter().zip((0..).zip(slots)) {
                let old_plan = old_task.and_then(|old| before.policy.slots(old).get(n));
                let (Some(old_plan), Some(place)) = (old_plan, changed.get_mut(plan.stock)) else {
                    continue;
                };
                let old = before.planned.shelf.known_stock(old_plan);
                if let (true, Some(old), Some(stock)) = (place.is_empty(), old, shelf.stock(plan, table)) {
                    *place = differences((stock, shelf), (old, &before.planned.shelf), &pairs);
                }
            }
        }
        Self {
            before,
            works: pairs.works,
            now,
            slots,
            changed,
        }
    }

    /// Returns what stands in a slot, and the frames in it, if the earlier choice still stands.
    pub(super) fn known(
        &self,
        (work, task, n): (usize, usize, usize),
        (plan, bucket): (&SlotPlan, u32),
        moment: Option<Moment>,
    ) -> Option<(DraftFill, &[RowId])> {
        let old = self.works.get(work).copied().filter(|old| *old != NONE)? as usize;
        (*self.slots.get(task)?.get(n)?)?;
        match *self.changed.get(plan.stock)?.get(bucket as usize)? {
            Changed::Nowhere => {}
            Changed::Anywhere => return None,
            Changed::Between(from, to) => {
                let (earliest, latest) = moment.and_then(|moment| plan.plan.reach(moment))?;
                if earliest.ms() <= to && from <= latest.ms() {
                    return None;
                }
            }
        }
        let planned = self.before.planned;
        let fill = *planned.fills_of(old).get(n)?;
        Some(match fill {
            DraftFill::Pending(producer) => {
                let now = self.now.get(producer as usize).copied().filter(|now| *now != NONE)?;
                (DraftFill::Pending(now), &[])
            }
            DraftFill::Filled { .. } => (fill, planned.taken_of(fill)),
            DraftFill::Missing => (fill, &[]),
        })
    }
}

/// Returns the trigger that each trigger was, as far as names and slots depend on it.
fn triggers_before(policy: &Policy, before: &Policy) -> Vec<Option<usize>> {
    let old = before.book().triggers();
    let mut is_free = vec![true; old.len()];
    let triggers = policy.book().triggers().iter();
    triggers
        .map(|rule| {
            let found = old.iter().zip(&is_free).position(|(other, is_free)| {
                *is_free
                    && other.task == rule.task
                    && other.suffix == rule.suffix
                    && other.group_by.is_empty() == rule.group_by.is_empty()
            })?;
            *is_free.get_mut(found)? = false;
            Some(found)
        })
        .collect()
}

/// Returns the task that each task was, for each slot that is what it was.
fn slots_before(policy: &Policy, before: &Policy) -> Vec<Vec<Option<usize>>> {
    let old_tasks = before.book().tasks();
    let tasks = policy.book().tasks().iter().enumerate();
    tasks
        .map(|(task, rule)| {
            let old = old_tasks.iter().position(|old| old.task == rule.task);
            let old_slots = old.map(|old| before.slots(old)).unwrap_or_default();
            let slots = policy.slots(task).iter().enumerate();
            slots
                .map(|(n, plan)| {
                    let is_same =
                        |other: &SlotPlan| other.spelling(before.book().keys()) == plan.spelling(policy.book().keys());
                    old.filter(|_| old_slots.get(n).is_some_and(is_same))
                })
                .collect()
        })
        .collect()
}

impl Pairs {
    fn new(
        before: &Before<'_>,
        table: &FrameTable,
        works: &Works,
        names: &WorkNames,
        triggers: &[Option<usize>],
    ) -> Self {
        let old = before.planned;
        let n_kept = before.rows.n_kept();
        // The earlier pieces of work by their first rows: a chain for each row.
        let mut first_of = vec![NONE; before.rows.len()];
        let mut next = vec![NONE; old.works.list.len()];
        for (number, work) in old.works.list.iter().enumerate().rev() {
            let first = old.works.first(work).map(|row| row.0 as usize);
            let head = first.and_then(|first| first_of.get_mut(first));
            if let (Some(head), Some(next)) = (head, next.get_mut(number)) {
                *next = *head;
                *head = number as u32;
            }
        }
        let mut pairs = Self {
            works: Vec::with_capacity(works.list.len()),
            rows: vec![NONE; table.len()],
        };
        for (row, place) in (0..).zip(pairs.rows.iter_mut()).take(n_kept) {
            let is_there = (row as usize) < before.planned.n_frames;
            if is_there && table.is_alike(RowId(row), before.rows, RowId(row)) {
                *place = row;
            }
        }
        for (number, work) in works.list.iter().enumerate() {
            let found = pairs.find(before, works, (number, work), (&first_of, &next), (names, triggers));
            pairs.works.push(found.unwrap_or(NONE));
            let Some(earlier) = found.and_then(|found| old.works.list.get(found as usize)) else {
                continue;
            };
            for (row, was) in work.products().zip(earlier.products()) {
                if table.is_alike(row, before.rows, was)
                    && let Some(place) = pairs.rows.get_mut(row.0 as usize)
                {
                    *place = was.0;
                }
            }
        }
        pairs
    }

    /// Finds what a piece of work was: of the same first row, name and number of products.
    fn find(
        &self,
        before: &Before<'_>,
        works: &Works,
        (number, work): (usize, &Work),
        (first_of, next): (&[u32], &[u32]),
        (names, triggers): (&WorkNames, &[Option<usize>]),
    ) -> Option<u32> {
        let old = before.planned;
        let trigger = triggers.get(work.group.trigger()).copied().flatten()?;
        let first = works.first(work)?;
        let row = self.rows.get(first.0 as usize).copied().filter(|row| *row != NONE)?;
        let mut candidate = first_of.get(row as usize).copied().unwrap_or(NONE);
        while let Some(other) = old.works.list.get(candidate as usize) {
            let is_it = other.group.trigger() == trigger
                && other.root == work.root
                && other.is_of_frames() == work.is_of_frames()
                && other.products().len() == work.products().len()
                && (old.works.rows(other).len() == 1) == (works.rows(work).len() == 1)
                && names.is_alike(number, &old.names, candidate as usize);
            if is_it {
                return Some(candidate);
            }
            candidate = next.get(candidate as usize).copied().unwrap_or(NONE);
        }
        None
    }
}

/// Compares the buckets of a stock with what they were.
fn differences((stock, shelf): (&Stock, &Shelf), (old, old_shelf): (&Stock, &Shelf), pairs: &Pairs) -> Vec<Changed> {
    let mut changed = vec![Changed::Anywhere; stock.buckets.len()];
    for (joined, place) in stock.entries() {
        let bucket = stock.buckets.get(place as usize);
        let was = old.find(joined).and_then(|was| old.buckets.get(was as usize));
        if let (Some(bucket), Some(was), Some(place)) = (bucket, was, changed.get_mut(place as usize)) {
            *place = difference((bucket, shelf), (was, old_shelf), pairs);
        }
    }
    changed
}

fn difference((bucket, shelf): (&Bucket, &Shelf), (was, old_shelf): (&Bucket, &Shelf), pairs: &Pairs) -> Changed {
    let is_same = |(candidate, old): (&u32, &u32)| match (shelf.origin(*candidate), old_shelf.origin(*old)) {
        (Some(origin), Some(old)) => {
            let maker = |producer: u32| pairs.works.get(producer as usize).copied();
            pairs.rows.get(origin.row.0 as usize) == Some(&old.row.0) && origin.producer.and_then(maker) == old.producer
        }
        _ => false,
    };
    let (now, then) = (&bucket.candidates, &was.candidates);
    let n_ahead = now.iter().zip(then).take_while(|pair| is_same(*pair)).count();
    if n_ahead == now.len() && n_ahead == then.len() {
        return Changed::Nowhere;
    }
    let most = now.len().min(then.len()) - n_ahead;
    let behind = now.iter().rev().zip(then.iter().rev());
    let n_behind = behind.take(most).take_while(|pair| is_same(*pair)).count();
    let mut span: Option<(i64, i64)> = None;
    for bucket in [bucket, was] {
        let n = bucket.candidates.len();
        if n - n_behind > bucket.times_ms.len() {
            // Some of those that differ have no time.
            return Changed::Anywhere;
        }
        for time in bucket.times_ms.get(n_ahead..n - n_behind).unwrap_or_default() {
            let (from, to) = span.unwrap_or((*time, *time));
            span = Some((from.min(*time), to.max(*time)));
        }
    }
    span.map_or(Changed::Anywhere, |(from, to)| Changed::Between(from, to))
}
