//! The associator that a rule book makes.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::explain::explain_slot;
use super::policy::Policy;
use super::shelf::{Fit, NameOrder, Origin, Shelf, Shut, Wanting};
use super::slots::SlotPlan;
use crate::association::{Association, CalibPool, Fill, MatchLevel, Slot, SlotExplained};
use crate::dataset::Dataset;
use crate::frame::FrameRef;
use crate::id::{DatasetId, FrameId, TaskId};
use crate::rules::code::Term;
use crate::rules::eval::{Keys, Scene};
use crate::rules::table::{FrameTable, RowId};
use crate::rules::{Moment, Record, TimeRule};
use crate::traits::{AssociateError, Associator};

/// Fills slots as a rule book and its validity table say.
///
/// # Contract
/// * Every slot of the task's action appears: filled, pending or missing.
/// * Level, then preference, then distance in time, then what exists, then the name decide.
/// * What the choice takes is what `explain` calls chosen (tested against an oracle in `tests/associate_oracle.rs`).
#[derive(Debug, Clone)]
pub struct RuleAssociator {
    policy: Arc<Policy>,
}

/// What a pool is to a rule book: worked out once for all datasets of a plan.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) table: FrameTable,
    pub(crate) shelf: Shelf,
    /// Where the name of each candidate stands in the order of all names of its sort.
    ranks: Vec<u32>,
    /// The place of each shelf entry in the pool: real frames first, then planned products.
    producers: HashMap<DatasetId, u32>,
    n_real: usize,
}

/// The main frame that conditions call `inputFile`.
pub(crate) enum Input<'p> {
    Frame(Box<Record>),
    Product(&'p FrameTable, RowId),
}

impl Keys for Input<'_> {
    fn value(&self, key: crate::rules::KeyId) -> Option<crate::rules::eval::Operand<'_>> {
        match self {
            Self::Frame(record) => record.value(key),
            Self::Product(table, row) => table.value(table.atom(*row, key)),
        }
    }
}

impl Prepared {
    fn new(policy: &Policy, pool: &CalibPool<'_>) -> Self {
        let book = policy.book();
        let mut table = policy.table();
        let mut names: Vec<&FrameId> = pool.real.iter().map(|frame| &frame.frame.id).collect();
        names.sort();
        let mut makers: Vec<&DatasetId> = pool.planned.iter().map(|master| &master.producer).collect();
        makers.sort();
        makers.dedup();
        let rank = |found: Result<usize, usize>| found.unwrap_or_else(|place| place) as u32;
        let mut origins = Vec::with_capacity(pool.real.len() + pool.planned.len());
        let mut ranks = Vec::with_capacity(origins.capacity());
        for frame in pool.real {
            let row = table.push(book, &frame.frame.header);
            table.classify(book, row);
            policy.set_tag(&mut table, row, &frame.tag);
            ranks.push(rank(names.binary_search(&&frame.frame.id)));
            origins.push(Origin { row, producer: None });
        }
        let mut raw_rows: HashMap<*const crate::header::Header, RowId> = HashMap::new();
        for master in pool.planned {
            let raw = *raw_rows.entry(Arc::as_ptr(&master.header)).or_insert_with(|| {
                let row = table.push(book, &master.header);
                table.classify(book, row);
                row
            });
            let declared = book
                .task(&master.task)
                .and_then(|rule| rule.products.iter().find(|made| made.tag == master.tag));
            let (row, _) = if let Some(made) = declared {
                table.push_product(book, raw, &made.assigns)
            } else {
                let category = Term::Text(master.tag.as_str().into());
                table.push_product(book, raw, &vec![(policy.product_key(), category)])
            };
            let number = rank(makers.binary_search(&&master.producer));
            ranks.push(number);
            origins.push(Origin {
                row,
                producer: Some(number),
            });
        }
        let producers = makers.into_iter().cloned().zip(0..).collect();
        Self {
            shelf: Shelf::new(policy, &table, origins),
            table,
            ranks,
            producers,
            n_real: pool.real.len(),
        }
    }
}

impl RuleAssociator {
    /// Returns the associator of a policy.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }

    fn prepared<'p>(&self, pool: &'p CalibPool<'_>) -> Option<&'p Prepared> {
        pool.prepared(|| Prepared::new(&self.policy, pool))
    }

    /// Returns what conditions call `inputFile`: the first main frame, or the first product that started the task.
    fn input<'p>(&self, dataset: &Dataset, prepared: &'p Prepared) -> (Input<'p>, Option<Moment>) {
        let policy = &self.policy;
        if let Some(first) = dataset.frames.first() {
            let (mut record, _) = policy.book().classify(&first.frame.header);
            policy.set_record_tag(&mut record, &first.tag);
            return (Input::Frame(Box::new(record)), Moment::of_header(&first.frame.header));
        }
        let needed: Vec<u32> = dataset
            .needs
            .iter()
            .filter_map(|id| prepared.producers.get(id).copied())
            .collect();
        let starts = |row: RowId| {
            let values = prepared.table.row(row);
            let mut triggers = policy.book().triggers().iter().filter(|rule| rule.task == dataset.task);
            triggers.any(|rule| rule.condition.holds(&Scene::of(&values)))
        };
        let from_needed = prepared
            .shelf
            .origins()
            .iter()
            .filter(|origin| origin.producer.is_some_and(|number| needed.contains(&number)));
        let rows: Vec<RowId> = from_needed.map(|origin| origin.row).collect();
        let row = rows.iter().find(|row| starts(**row)).or(rows.first());
        match row {
            Some(row) => (Input::Product(&prepared.table, *row), prepared.table.moment(*row)),
            None => (Input::Frame(Box::default()), None),
        }
    }

    fn task(&self, dataset: &Dataset) -> Result<usize, AssociateError> {
        self.policy
            .task_index(&dataset.task)
            .ok_or_else(|| AssociateError::UnknownTask {
                dataset: dataset.id.clone(),
                task: TaskId::new(dataset.task.as_str()),
            })
    }

    /// Tells for every slot of a dataset which candidates there are, which was taken, and the first rule that refused
    /// each of the others.
    ///
    /// # Errors
    /// `UnknownTask`.
    pub fn explain(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Result<Vec<SlotExplained>, AssociateError> {
        let task = self.task(dataset)?;
        let Some(prepared) = self.prepared(pool) else {
            return Ok(Vec::new());
        };
        let (input, moment) = self.input(dataset, prepared);
        let wanting = Wanting {
            input: &input,
            moment,
            own: prepared.producers.get(&dataset.id).copied(),
            order: prepared,
        };
        let slots = self.policy.slots(task).iter();
        Ok(slots
            .map(|plan| explain_slot(&self.policy, pool, prepared, plan, &wanting))
            .collect())
    }

    fn fill(&self, pool: &CalibPool<'_>, prepared: &Prepared, plan: &SlotPlan, wanting: &Wanting<'_>) -> Fill {
        if let Some(shut) = Shelf::shut(plan, wanting) {
            return Fill::Missing {
                reason: shut_reason(&self.policy, plan, shut, wanting),
            };
        }
        let taken = prepared.shelf.picks(plan, &prepared.table, wanting);
        let Some(best) = taken.first() else {
            let explained = explain_slot(&self.policy, pool, prepared, plan, wanting);
            return Fill::Missing {
                reason: explained.summary(),
            };
        };
        if let Some(producer) = prepared.producer(pool, best.candidate) {
            return Fill::Pending {
                producer: producer.clone(),
            };
        }
        if taken.len() < plan.min {
            return Fill::Missing {
                reason: format!("{} of {} that are needed fit", taken.len(), plan.min),
            };
        }
        let frames: Vec<FrameRef> = taken
            .iter()
            .filter_map(|fit| pool.real.get(fit.candidate as usize))
            .map(|frame| FrameRef {
                tag: plan.tag.clone(),
                ..frame.to_ref()
            })
            .collect();
        Fill::Filled {
            frames,
            level: taken.iter().map(|fit| fit.level).max().unwrap_or(MatchLevel(0)),
            dt_days: days(best.later_ms),
            reason: reason(plan.plan.rule, best),
        }
    }
}

impl NameOrder for Prepared {
    fn compare(&self, a: u32, b: u32) -> Ordering {
        self.ranks.get(a as usize).cmp(&self.ranks.get(b as usize))
    }
}

impl Prepared {
    /// Returns the dataset that will make a candidate; `None` if it exists.
    pub(crate) fn producer<'a>(&self, pool: &CalibPool<'a>, candidate: u32) -> Option<&'a DatasetId> {
        let place = (candidate as usize).checked_sub(self.n_real)?;
        pool.planned.get(place).map(|master| &master.producer)
    }
}

fn days(later_ms: Option<i64>) -> f64 {
    later_ms.map_or(0.0, |milliseconds| milliseconds as f64 / 86_400_000.0)
}

fn reason(rule: TimeRule, best: &Fit) -> String {
    let which = match rule {
        TimeRule::Closest => "closest",
        TimeRule::Next => "next",
        TimeRule::Previous => "previous",
        TimeRule::SameNight => "closest of the night",
        TimeRule::Between => "one on either side",
        TimeRule::TryBetween => "one on either side if there is",
        TimeRule::ValidFrom => "valid from its time on",
    };
    match best.later_ms {
        Some(later_ms) => {
            let side = if later_ms < 0 { "before" } else { "after" };
            format!("{which}, {:.3} d {side}", days(Some(later_ms)).abs())
        }
        None => format!("{which}, valid at any time"),
    }
}

/// Says why a slot has no candidates.
pub(crate) fn shut_reason(policy: &Policy, plan: &SlotPlan, shut: Shut, wanting: &Wanting<'_>) -> String {
    match shut {
        Shut::NotAsked => "the rules ask for none (maxRet = 0)".to_owned(),
        Shut::Epoch => "it is not asked for at this time (since, until)".to_owned(),
        Shut::Dataset(n) => plan.conditions.get(n).map_or_else(String::new, |(_, code)| {
            let scene = Scene::candidate(wanting.input, wanting.input);
            let explained = code.explain(&scene, policy.book().keys());
            format!("the dataset does not fit: {}", explained.line())
        }),
    }
}

impl Associator for RuleAssociator {
    fn associate(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Result<Association, AssociateError> {
        let task = self.task(dataset)?;
        let Some(prepared) = self.prepared(pool) else {
            return Ok(Association::default());
        };
        let (input, moment) = self.input(dataset, prepared);
        let wanting = Wanting {
            input: &input,
            moment,
            own: prepared.producers.get(&dataset.id).copied(),
            order: prepared,
        };
        let slots = self.policy.slots(task).iter().map(|plan| {
            let is_shut = matches!(Shelf::shut(plan, &wanting), Some(Shut::NotAsked | Shut::Epoch));
            Slot {
                tag: plan.tag.clone(),
                required: plan.min > 0 && !is_shut,
                fill: self.fill(pool, prepared, plan, &wanting),
            }
        });
        Ok(Association { slots: slots.collect() })
    }
}
