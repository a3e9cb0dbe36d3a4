//! Plans of many years: the same decisions as a plan's, kept as numbers.
//!
//! A plan in full spells every frame where it is used. A draft of a million frames and 200,000 jobs holds rows and
//! numbers instead, and spells a job only when it is asked for.

use std::sync::Arc;

use super::cascade::{Work, works};
use super::grouping::Asked;
use super::policy::{Named, Policy};
use super::selector::Names;
use super::shelf::{Origin, Shelf, Wanting};
use crate::association::MatchLevel;
use crate::frame::Category;
use crate::header::Header;
use crate::id::{DatasetId, Tag, TaskId};
use crate::rules::eval::Operand;
use crate::rules::table::{ClassId, FrameTable, RowId};
use crate::rules::{KeyId, Moment};
use crate::traits::Selection;

/// Frames by their names and the keys that the rules name.
#[derive(Debug)]
pub struct DraftFrames {
    policy: Arc<Policy>,
    table: FrameTable,
    /// Every name, one after the other, and where each ends.
    names: String,
    ends: Vec<u32>,
}

impl DraftFrames {
    /// Returns no frames of a policy.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            table: policy.table(),
            policy,
            names: String::new(),
            ends: Vec::new(),
        }
    }

    /// Adds a frame by the values that the rules name and its time.
    pub fn push<'v>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (KeyId, Operand<'v>)>,
        moment: Option<Moment>,
    ) {
        self.table.push_values(values, moment);
        self.note(name);
    }

    /// Adds a frame by its header.
    pub fn push_header(&mut self, name: &str, header: &Header) {
        self.table.push(self.policy.book(), header);
        self.note(name);
    }

    fn note(&mut self, name: &str) {
        self.names.push_str(name);
        self.ends.push(self.names.len() as u32);
    }

    /// Returns the number of frames.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Tells whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the name of a frame.
    pub fn name(&self, row: RowId) -> &str {
        let n = row.0 as usize;
        let begin = n
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(n).copied().unwrap_or(begin);
        self.names.get(begin as usize..end as usize).unwrap_or_default()
    }
}

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

/// A plan of numbers.
#[derive(Debug)]
pub struct Draft {
    frames: DraftFrames,
    works: Vec<Work>,
    ids: Vec<DatasetId>,
    shelf: Shelf,
    /// Where the fills of each piece of work begin.
    begins: Vec<u32>,
    fills: Vec<DraftFill>,
    taken: Vec<RowId>,
    n_left_out: usize,
}

impl Draft {
    /// Plans every piece of work that the frames give.
    ///
    /// # Contract
    /// * It decides what `Engine::plan` decides from the same headers (tested in `tests/rules_draft.rs`).
    pub fn new(mut frames: DraftFrames, request: &Selection) -> Self {
        let policy = frames.policy.clone();
        let n_frames = frames.len() as u32;
        let mut categories: Vec<Option<Category>> = Vec::with_capacity(frames.len());
        let mut known: Vec<(ClassId, Option<Category>)> = Vec::new();
        let mut place: std::collections::HashMap<ClassId, usize> = std::collections::HashMap::new();
        for row in (0..n_frames).map(RowId) {
            let class = frames.table.classify(policy.book(), row);
            let at = *place.entry(class).or_insert_with(|| {
                let assigned = frames.table.class(class).map(|class| class.assigned.as_slice());
                let category = match policy.named(&frames.table.row(row), assigned.unwrap_or_default()) {
                    Named::Kind(_, category) => Some(category),
                    _ => None,
                };
                known.push((class, category));
                known.len() - 1
            });
            categories.push(known.get(at).and_then(|(_, category)| *category));
        }
        let category = |row: RowId| categories.get(row.0 as usize).copied().flatten();
        let mut rows: Vec<RowId> = (0..n_frames)
            .map(RowId)
            .filter(|row| category(*row).is_some())
            .collect();
        rows.sort_by(|a, b| {
            let time = |row: &RowId| frames.table.moment(*row);
            time(a).cmp(&time(b)).then_with(|| frames.name(*a).cmp(frames.name(*b)))
        });
        let asked = Asked {
            night: request.night,
            max_combine: request.max_combine,
            is_science: &|row| category(row) == Some(Category::Science),
        };
        let found = works(&policy, &mut frames.table, &rows, &asked);
        let mut by_name: Vec<RowId> = rows
            .iter()
            .copied()
            .filter(|row| category(*row) != Some(Category::Science))
            .collect();
        by_name.sort_by(|a, b| frames.name(*a).cmp(frames.name(*b)));
        let mut origins: Vec<Origin> = by_name
            .into_iter()
            .zip(0..)
            .map(|(row, rank)| Origin {
                row,
                producer: None,
                rank,
            })
            .collect();
        let ids = name_works(&frames, &found.works);
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by(|a, b| ids.get(*a).cmp(&ids.get(*b)));
        let mut ranks = vec![0; ids.len()];
        for (n, rank) in order.into_iter().zip(0..) {
            if let Some(place) = ranks.get_mut(n) {
                *place = rank;
            }
        }
        for ((work, number), rank) in found.works.iter().zip(0..).zip(ranks) {
            origins.extend(work.products.iter().map(|row| Origin {
                row: *row,
                producer: Some(number),
                rank,
            }));
        }
        let n_used: usize = found
            .works
            .iter()
            .filter(|work| work.needs.is_empty())
            .map(|work| work.group.rows.len())
            .sum();
        let mut draft = Self {
            n_left_out: frames.len().saturating_sub(n_used),
            frames,
            works: found.works,
            ids,
            shelf: Shelf::new(&policy, origins),
            begins: Vec::new(),
            fills: Vec::new(),
            taken: Vec::new(),
        };
        draft.associate(&policy);
        draft
    }

    fn associate(&mut self, policy: &Policy) {
        let table = &self.frames.table;
        for (work, number) in self.works.iter().zip(0..) {
            self.begins.push(self.fills.len() as u32);
            let task = task_of(policy, work).and_then(|task| policy.task_index(task));
            let (Some(task), Some(first)) = (task, work.group.rows.first()) else {
                continue;
            };
            let input = table.row(*first);
            let wanting = Wanting {
                input: &input,
                moment: table.moment(*first),
                own: Some(number),
            };
            for (n, plan) in policy.slots(task).iter().enumerate() {
                if Shelf::shut(plan, &wanting).is_some() {
                    self.fills.push(DraftFill::Missing);
                    continue;
                }
                let picked = self.shelf.picks((task, n), plan, table, &wanting);
                let producer = picked
                    .first()
                    .and_then(|fit| self.shelf.origin(fit.candidate)?.producer);
                self.fills.push(match producer {
                    Some(producer) => DraftFill::Pending(producer),
                    None if picked.is_empty() || picked.len() < plan.min => DraftFill::Missing,
                    None => {
                        let begin = self.taken.len() as u32;
                        let rows = picked.iter().filter_map(|fit| self.shelf.origin(fit.candidate));
                        self.taken.extend(rows.map(|origin| origin.row));
                        DraftFill::Filled {
                            begin,
                            n_frames: picked.len() as u16,
                            level: picked.iter().map(|fit| fit.level).max().unwrap_or(MatchLevel(0)),
                        }
                    }
                });
            }
        }
        self.begins.push(self.fills.len() as u32);
    }

    /// Returns the number of pieces of work.
    pub fn len(&self) -> usize {
        self.works.len()
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// Returns how many frames are in no piece of work.
    pub fn n_left_out(&self) -> usize {
        self.n_left_out
    }

    /// Returns the task of a piece of work.
    pub fn task(&self, work: usize) -> Option<&TaskId> {
        task_of(&self.frames.policy, self.works.get(work)?)
    }

    /// Returns the names of the main frames of a piece of work; none if it starts from products.
    pub fn frames(&self, work: usize) -> Vec<&str> {
        let work = self.works.get(work).filter(|work| work.needs.is_empty());
        let rows = work.map(|work| work.group.rows.as_slice()).unwrap_or_default();
        rows.iter().map(|row| self.frames.name(*row)).collect()
    }

    /// Returns the slots of a piece of work with what stands in them.
    pub fn slots(&self, work: usize) -> Vec<(&Tag, DraftFill)> {
        let task = self.task(work).and_then(|task| self.frames.policy.task_index(task));
        let plans = task.map(|task| self.frames.policy.slots(task)).unwrap_or_default();
        let begin = self.begins.get(work).copied().unwrap_or(0) as usize;
        let fills = self.fills.get(begin..).unwrap_or_default();
        plans.iter().map(|plan| &plan.tag).zip(fills.iter().copied()).collect()
    }

    /// Returns the names of the frames in a slot.
    pub fn taken(&self, fill: DraftFill) -> Vec<&str> {
        match fill {
            DraftFill::Filled { begin, n_frames, .. } => {
                let begin = begin as usize;
                let rows = self.taken.get(begin..begin + usize::from(n_frames)).unwrap_or_default();
                rows.iter().map(|row| self.frames.name(*row)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the names of the pieces of work, which are those of the datasets of a plan.
    pub fn dataset_ids(&self) -> &[DatasetId] {
        &self.ids
    }
}

/// Names every piece of work as its dataset would be named.
fn name_works(frames: &DraftFrames, works: &[Work]) -> Vec<DatasetId> {
    let mut names = Names::default();
    let mut ids: Vec<DatasetId> = Vec::with_capacity(works.len());
    for work in works {
        let first = work.group.rows.first().map(|row| frames.name(*row)).unwrap_or_default();
        let trigger = frames.policy.book().triggers().get(work.group.trigger);
        let id = match (trigger, work.needs.first()) {
            (Some(trigger), None) => names.name(first, trigger, work.group.rows.len()),
            (Some(trigger), Some(maker)) => {
                let above = ids.get(*maker).map(DatasetId::as_str).unwrap_or_default();
                names.name_after(above, trigger, work.group.rows.len())
            }
            (None, _) => DatasetId::from(first),
        };
        ids.push(id);
    }
    ids
}

fn task_of<'p>(policy: &'p Policy, work: &Work) -> Option<&'p TaskId> {
    policy.book().triggers().get(work.group.trigger).map(|rule| &rule.task)
}
