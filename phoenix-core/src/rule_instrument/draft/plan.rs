//! The draft: every job by numbers, made at once or after a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use super::fills::{Choice, DraftFill, Fills};
use super::frames::{Classified, DraftError, DraftFrames};
use super::names::WorkNames;
use super::reuse::{Before, Reuse};
use crate::engine::{Executor, Inline};
use crate::frame::Category;
use crate::header::Header;
use crate::id::{DatasetId, Tag, TaskId};
use crate::rule_instrument::cascade::{Works, works};
use crate::rule_instrument::grouping::Asked;
use crate::rule_instrument::policy::Policy;
use crate::rule_instrument::shelf::{Origin, Shelf};
use crate::rule_instrument::slots::SlotPlan;
use crate::rules::table::{FrameTable, RowId};
use crate::traits::Selection;

/// One change of what a draft is made from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DraftChange<'c> {
    /// Other rules or another validity table.
    Rules(Arc<Policy>),
    /// A frame that is new, or whose header is another than before.
    Frame {
        /// Its name.
        name: &'c str,
        /// Its header.
        header: &'c Header,
    },
    /// A verdict: the frame takes no part any more.
    Rejected(&'c str),
    /// A verdict taken back: the frame takes part again.
    Accepted(&'c str),
}

/// What a change did to a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replanned {
    /// How many slots there are.
    pub n_slots: usize,
    /// For how many of them the candidates had to be looked at anew.
    pub n_chosen: usize,
}

/// What a draft decides.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) works: Works,
    pub(super) names: WorkNames,
    pub(super) shelf: Shelf,
    /// Where the fills of each piece of work begin.
    begins: Vec<u32>,
    fills: Fills,
    n_left_out: usize,
    /// How many frames there were.
    pub(super) n_frames: usize,
}

/// A plan of numbers.
#[derive(Debug)]
pub struct Draft {
    frames: DraftFrames,
    request: Selection,
    planned: Planned,
}

impl Draft {
    /// Plans every piece of work that the frames give.
    ///
    /// # Contract
    /// * It decides what `Engine::plan` decides from the same headers (tested in `tests/rules_draft.rs`).
    pub fn new(frames: DraftFrames, request: &Selection) -> Self {
        Self::with_executor(frames, request, &Inline)
    }

    /// Plans on several threads.
    ///
    /// # Contract
    /// * The draft does not depend on the executor.
    pub fn with_executor(mut frames: DraftFrames, request: &Selection, executor: &dyn Executor) -> Self {
        let (planned, _) = plan(&mut frames, request, executor, None);
        Self {
            frames,
            request: request.clone(),
            planned,
        }
    }

    /// Plans again after some changes.
    ///
    /// # Contract
    /// * The draft is what a new one of the changed frames and rules would be (tested in `tests/rules_replan.rs`); pieces
    ///   of work may have other numbers.
    /// * Candidates are looked at only for slots whose choice the changes can touch.
    ///
    /// # Errors
    /// See [`DraftError`]; the draft is as it was.
    pub fn replan(&mut self, changes: &[DraftChange<'_>], executor: &dyn Executor) -> Result<Replanned, DraftError> {
        let old_policy = self.frames.policy.clone();
        self.check(changes)?;
        let raw = self.frames.raw().to_vec();
        let rows = self.frames.table.restore(&raw);
        let mut outcome = Ok(());
        for change in changes {
            outcome = match change {
                DraftChange::Rules(policy) => self.frames.rebook(policy.clone()),
                DraftChange::Frame { name, header } => {
                    self.frames.replace(name, header);
                    Ok(())
                }
                DraftChange::Rejected(name) => self.frames.set_rejected(name, true),
                DraftChange::Accepted(name) => self.frames.set_rejected(name, false),
            };
            if outcome.is_err() {
                break;
            }
        }
        let (planned, n_chosen) = {
            let before = Before {
                policy: &old_policy,
                planned: &self.planned,
                rows: &rows,
            };
            plan(&mut self.frames, &self.request, executor, Some(&before))
        };
        self.planned = planned;
        outcome.map(|()| Replanned {
            n_slots: self.planned.fills.list.len(),
            n_chosen,
        })
    }

    /// Refuses changes that cannot be made, before any is.
    fn check(&self, changes: &[DraftChange<'_>]) -> Result<(), DraftError> {
        for change in changes {
            match change {
                DraftChange::Rules(policy) => self.frames.check_rules(policy)?,
                DraftChange::Rejected(name) | DraftChange::Accepted(name) if !self.frames.has(name) => {
                    let is_new = |change: &DraftChange<'_>| matches!(change, DraftChange::Frame { name: new, .. } if new == name);
                    if !changes.iter().any(is_new) {
                        return Err(DraftError::UnknownFrame {
                            name: (*name).to_owned(),
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns what the draft is made from.
    pub fn frames_of(&self) -> &DraftFrames {
        &self.frames
    }

    /// Returns the number of pieces of work.
    pub fn len(&self) -> usize {
        self.planned.works.list.len()
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.planned.works.list.is_empty()
    }

    /// Returns how many frames are in no piece of work.
    pub fn n_left_out(&self) -> usize {
        self.planned.n_left_out
    }

    /// Returns the task of a piece of work.
    pub fn task(&self, work: usize) -> Option<&TaskId> {
        let work = self.planned.works.list.get(work)?;
        let trigger = self.frames.policy.book().triggers().get(work.group.trigger())?;
        Some(&trigger.task)
    }

    /// Returns the names of the main frames of a piece of work; none if it starts from products.
    pub fn frames(&self, work: usize) -> Vec<&str> {
        let work = self.planned.works.list.get(work).filter(|work| work.is_of_frames());
        let rows = work.map(|work| self.planned.works.rows(work)).unwrap_or_default();
        rows.iter().map(|row| self.frames.name(*row)).collect()
    }

    /// Returns the pieces of work whose products a piece of work starts from.
    pub fn needs(&self, work: usize) -> &[u32] {
        let work = self.planned.works.list.get(work);
        work.map(|work| self.planned.works.needs(work)).unwrap_or_default()
    }

    /// Returns the slots of a piece of work with what stands in them.
    pub fn slots(&self, work: usize) -> Vec<(&Tag, DraftFill)> {
        let plans = self.planned.works.list.get(work);
        let plans = plans.map(|work| slots_of(&self.frames.policy, work.group.trigger()));
        let fills = self.planned.fills_of(work).iter().copied();
        plans
            .unwrap_or_default()
            .iter()
            .map(|plan| &plan.tag)
            .zip(fills)
            .collect()
    }

    /// Returns the names of the frames in a slot.
    pub fn taken(&self, fill: DraftFill) -> Vec<&str> {
        let rows = self.planned.taken_of(fill).iter();
        rows.map(|row| self.frames.name(*row)).collect()
    }

    /// Returns the name of a piece of work, which is that of the dataset of a plan.
    pub fn dataset_id(&self, work: usize) -> Option<DatasetId> {
        let planned = &self.planned;
        planned
            .names
            .spelling(&self.frames, &planned.works, work)
            .map(DatasetId::from)
    }
}

impl Planned {
    /// Returns what stands in the slots of a piece of work.
    pub(super) fn fills_of(&self, work: usize) -> &[DraftFill] {
        let place = |n: usize| self.begins.get(n).map(|place| *place as usize);
        match (place(work), place(work + 1)) {
            (Some(begin), Some(end)) => self.fills.list.get(begin..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Returns the frames in a slot.
    pub(super) fn taken_of(&self, fill: DraftFill) -> &[RowId] {
        match fill {
            DraftFill::Filled { begin, n_frames, .. } => {
                let begin = begin as usize;
                self.fills
                    .taken
                    .get(begin..begin + usize::from(n_frames))
                    .unwrap_or_default()
            }
            _ => &[],
        }
    }
}

fn slots_of(policy: &Policy, trigger: usize) -> &[SlotPlan] {
    policy
        .task_of(trigger)
        .map(|task| policy.slots(task))
        .unwrap_or_default()
}

/// Plans; returns the plan and how many choices were made anew.
fn plan(
    frames: &mut DraftFrames,
    request: &Selection,
    executor: &dyn Executor,
    before: Option<&Before<'_>>,
) -> (Planned, usize) {
    let policy = frames.policy.clone();
    let Classified { categories, rows } = frames.classify();
    let category = |row: RowId| categories.get(row.0 as usize).copied().flatten();
    let asked = Asked {
        night: request.night,
        max_combine: request.max_combine,
        is_science: &|row| category(row) == Some(Category::Science),
    };
    let works = works(&policy, &mut frames.table, &rows, &asked);
    let real = rows.iter().filter(|row| category(**row) != Some(Category::Science));
    let mut origins: Vec<Origin> = real
        .map(|row| Origin {
            row: *row,
            producer: None,
        })
        .collect();
    for (number, work) in (0..).zip(&works.list) {
        origins.extend(work.products().map(|row| Origin {
            row,
            producer: Some(number),
        }));
    }
    let of_frames = works.list.iter().filter(|work| work.is_of_frames());
    let n_used: usize = of_frames.map(|work| works.rows(work).len()).sum();
    let is_plain = frames.has_plain_names();
    let names = WorkNames::new(frames, &works, is_plain);
    let shelf = Shelf::new(&policy, &frames.table, origins);
    stock_up(&policy, &frames.table, &shelf, executor);
    let reuse = before.map(|before| Reuse::new(before, &policy, &frames.table, (&works, &names, &shelf)));
    let choice = Choice {
        policy: &policy,
        frames,
        works: &works,
        names: &names,
        shelf: &shelf,
        reuse: reuse.as_ref(),
    };
    let fills = choice.make(executor);
    let n_chosen = fills.n_chosen;
    drop(reuse);
    let mut begins = Vec::with_capacity(works.list.len() + 1);
    let mut begin = 0;
    for work in &works.list {
        begins.push(begin);
        begin += slots_of(&policy, work.group.trigger()).len() as u32;
    }
    begins.push(begin);
    let planned = Planned {
        n_left_out: frames.len().saturating_sub(n_used),
        n_frames: frames.len(),
        works,
        names,
        shelf,
        begins,
        fills,
    };
    (planned, n_chosen)
}

/// Sorts the candidates of every slot, one stock after the other on each thread.
fn stock_up(policy: &Policy, table: &FrameTable, shelf: &Shelf, executor: &dyn Executor) {
    let n_tasks = policy.book().tasks().len();
    let plans: Vec<&SlotPlan> = (0..n_tasks).flat_map(|task| policy.slots(task)).collect();
    let next = AtomicUsize::new(0);
    executor.run(executor.width(), &|| {
        while let Some(plan) = plans.get(next.fetch_add(1, Memory::Relaxed)) {
            shelf.stock(plan, table);
        }
    });
}
