//! Rows to groups: which frames start which task together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::memo::Memo;
use super::policy::Policy;
use crate::rules::eval::{Keys, Operand, Scene};
use crate::rules::table::{Atom, FrameTable, RowId};
use crate::rules::{KeyId, Moment, Trigger};
use crate::unit::Night;

/// Frames that start one task together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Group {
    /// The number of the trigger in the book.
    pub(crate) trigger: u16,
    /// How many rows are too few; 0 if there are enough.
    pub(crate) n_short: u16,
    /// Where its rows stand in the list of all, in order of time.
    pub(crate) begin: u32,
    pub(crate) end: u32,
}

impl Group {
    /// Returns the trigger's place in the book.
    pub(crate) fn trigger(&self) -> usize {
        usize::from(self.trigger)
    }

    /// Returns the rows of the group out of the list of all.
    pub(crate) fn rows<'r>(&self, all: &'r [RowId]) -> &'r [RowId] {
        all.get(self.begin as usize..self.end as usize).unwrap_or_default()
    }
}

/// Why a row is in no group though a task wanted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Astray {
    /// A grouping key of this trigger is absent.
    NoKey(usize, KeyId),
    /// It has no time.
    NoTime,
    /// Its group begins in another night than the one asked for.
    OtherNight,
}

/// The groups of a table and the rows that are in none though a task wanted them.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) list: Vec<Group>,
    /// The rows of all groups.
    pub(crate) rows: Vec<RowId>,
    pub(crate) astray: Vec<(RowId, Astray)>,
}

/// What is asked of the grouping.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Only groups that begin in this night.
    pub(crate) night: Option<Night>,
    /// Most rows of one group of science frames.
    pub(crate) max_combine: Option<usize>,
    /// Tells whether a row is a science frame.
    pub(crate) is_science: &'a dyn Fn(RowId) -> bool,
}

/// What holds rows together, as a number: a chain of trigger, values and night, one link after the other.
#[derive(Debug, Default)]
struct Chains {
    links: HashMap<(u32, u64), u32>,
    n: u32,
}

impl Chains {
    fn link(&mut self, chain: u32, value: u64) -> u32 {
        let n = &mut self.n;
        *self.links.entry((chain, value)).or_insert_with(|| {
            *n += 1;
            *n
        })
    }
}

/// How a trigger holds rows together.
struct Bins {
    /// The grouping keys that all rows of a profile agree in: the chain of their values, or the key that is absent.
    shared: Memo<Result<u32, KeyId>>,
    shared_keys: Vec<KeyId>,
    own_keys: Vec<KeyId>,
    is_single: bool,
    is_one_piece: bool,
}

impl Bins {
    fn new(policy: &Policy, table: &FrameTable, rule: &Trigger) -> Self {
        let template = policy.template_key();
        let mut keys = rule.group_by.clone();
        if rule.is_per_template && !keys.contains(&template) {
            keys.push(template);
        }
        // A template is one piece of work even if it runs over noon; other keys come again every night.
        let is_one_piece = keys.contains(&template) || keys.iter().any(|key| policy.is_file_name(*key));
        let is_single = keys.is_empty();
        let is_shared = |key: &KeyId| table.is_shared(*key) && !policy.is_file_name(*key);
        let (shared_keys, own_keys): (Vec<KeyId>, Vec<KeyId>) = keys.into_iter().partition(is_shared);
        Self {
            shared: Memo::new(table, shared_keys.clone()),
            shared_keys,
            own_keys,
            is_single,
            is_one_piece,
        }
    }

    /// Returns what holds a row together with others, or the grouping key that it lacks.
    fn bin(
        &mut self,
        policy: &Policy,
        table: &FrameTable,
        row: RowId,
        trigger: usize,
        (moment, chains): (Moment, &mut Chains),
    ) -> Result<u32, KeyId> {
        let value = |key: &KeyId| match table.row_equal_atom(row, *key) {
            Atom::NONE if policy.is_file_name(*key) => Ok(FrameTable::own_atom(row).number()),
            Atom::NONE => Err(*key),
            atom => Ok(atom.number()),
        };
        let keys = &self.shared_keys;
        let mut chain = self.shared.get(table, row, || {
            let mut chain = chains.link(0, trigger as u64);
            for key in keys {
                chain = chains.link(chain, u64::from(value(key)?));
            }
            Ok(chain)
        })?;
        for key in &self.own_keys {
            chain = chains.link(chain, u64::from(value(key)?));
        }
        if !self.is_one_piece {
            chain = chains.link(chain, moment.night_number().cast_unsigned());
        }
        Ok(chain)
    }
}

/// Groups rows; `rows` are classified and in order of time, then name.
pub(crate) fn group(policy: &Policy, table: &FrameTable, rows: &[RowId], asked: &Asked<'_>) -> Groups {
    let triggers = policy.book().triggers();
    let mut bins: Vec<Bins> = triggers.iter().map(|rule| Bins::new(policy, table, rule)).collect();
    let mut found = Groups::default();
    let mut chains = Chains::default();
    // The bin of each chain, the trigger of each bin, and the bin of each row that is in one.
    let mut bin_of: Vec<u32> = Vec::new();
    let mut trigger_of: Vec<usize> = Vec::new();
    let mut members: Vec<(u32, RowId)> = Vec::new();
    let mut matches = Matches::new(policy, table, rows);
    for (n, row) in rows.iter().enumerate() {
        for trigger in matches.of(n, *row).iter().copied() {
            let Some(bins) = bins.get_mut(trigger) else { continue };
            let Some(moment) = table.moment(*row) else {
                found.astray.push((*row, Astray::NoTime));
                break;
            };
            if bins.is_single {
                // One dataset per frame.
                members.push((trigger_of.len() as u32, *row));
                trigger_of.push(trigger);
                continue;
            }
            match bins.bin(policy, table, *row, trigger, (moment, &mut chains)) {
                Ok(chain) => {
                    let chain = chain as usize;
                    if bin_of.len() <= chain {
                        bin_of.resize(chain + 1, u32::MAX);
                    }
                    let Some(bin) = bin_of.get_mut(chain) else { continue };
                    if *bin == u32::MAX {
                        *bin = trigger_of.len() as u32;
                        trigger_of.push(trigger);
                    }
                    members.push((*bin, *row));
                }
                Err(key) => found.astray.push((*row, Astray::NoKey(trigger, key))),
            }
        }
    }
    // Bins come in the order of their first rows; the sort keeps the rows of one in order.
    members.sort_by_key(|(bin, _)| *bin);
    let rows: Vec<RowId> = members.iter().map(|(_, row)| *row).collect();
    let mut begin = 0;
    for (members, trigger) in members.chunk_by(|a, b| a.0 == b.0).zip(trigger_of) {
        let end = begin + members.len();
        if let (Some(rule), Some(rows)) = (triggers.get(trigger), rows.get(begin..end)) {
            close(table, (trigger, rule), rows, asked, &mut found);
        }
        begin = end;
    }
    found
}

/// Makes groups of the rows of one bin: the night that was asked for, no more rows than allowed.
fn close(
    table: &FrameTable,
    (trigger, rule): (usize, &Trigger),
    rows: &[RowId],
    asked: &Asked<'_>,
    found: &mut Groups,
) {
    if let Some(wanted) = asked.night
        && rows.first().and_then(|row| table.moment(*row)).map(Moment::night) != Some(wanted)
    {
        found.astray.extend(rows.iter().map(|row| (*row, Astray::OtherNight)));
        return;
    }
    let is_science = rows.first().is_some_and(|row| (asked.is_science)(*row));
    let limits = [
        rule.bounds.max.map(|max| max as usize),
        asked.max_combine.filter(|_| is_science),
    ];
    let max = limits.into_iter().flatten().filter(|max| *max > 0).min();
    let n_parts = max.map_or(1, |max| rows.len().div_ceil(max));
    let min = rule.bounds.min.unwrap_or(1) as usize;
    let mut rest = rows;
    for left in (1..=n_parts).rev() {
        let (part, after) = rest.split_at(rest.len().div_ceil(left));
        rest = after;
        let begin = found.rows.len() as u32;
        found.rows.extend_from_slice(part);
        found.list.push(Group {
            trigger: u16::try_from(trigger).unwrap_or(u16::MAX),
            n_short: u16::try_from(min.saturating_sub(part.len())).unwrap_or(u16::MAX),
            begin,
            end: found.rows.len() as u32,
        });
    }
}

/// The triggers whose condition holds, row by row.
struct Matches<'a> {
    policy: &'a Policy,
    table: &'a FrameTable,
    memo: Memo<Arc<[usize]>>,
    /// Those of every row, where some triggers wait for finished templates.
    with_templates: Option<Vec<Arc<[usize]>>>,
}

impl<'a> Matches<'a> {
    fn new(policy: &'a Policy, table: &'a FrameTable, rows: &[RowId]) -> Self {
        let triggers = policy.book().triggers();
        let mut keys: Vec<KeyId> = Vec::new();
        for trigger in triggers.iter().filter(|trigger| !trigger.is_per_template) {
            trigger.condition.for_each_key(&mut |_, key| keys.push(key));
        }
        let mut matches = Self {
            policy,
            table,
            memo: Memo::new(table, keys),
            with_templates: None,
        };
        if triggers.iter().any(|trigger| trigger.is_per_template) {
            let mut matched: Vec<Arc<[usize]>> = rows.iter().map(|row| matches.plain(*row)).collect();
            match_templates(policy, table, rows, &mut matched);
            matches.with_templates = Some(matched);
        }
        matches
    }

    /// Returns the triggers of a row, which is the `n`th.
    fn of(&mut self, n: usize, row: RowId) -> Arc<[usize]> {
        match &self.with_templates {
            Some(matched) => matched.get(n).cloned().unwrap_or_default(),
            None => self.plain(row),
        }
    }

    fn plain(&mut self, row: RowId) -> Arc<[usize]> {
        let (policy, table) = (self.policy, self.table);
        self.memo.get(table, row, || {
            let values = table.row(row);
            let scene = Scene::of(&values);
            let triggers = policy.book().triggers().iter().enumerate();
            let found = triggers.filter(|(_, rule)| !rule.is_per_template && rule.condition.holds(&scene));
            found.map(|(n, _)| n).collect()
        })
    }
}

/// Adds the triggers that wait for finished templates: each row is looked at beside the last of its template.
fn match_templates(policy: &Policy, table: &FrameTable, rows: &[RowId], matched: &mut [Arc<[usize]>]) {
    let mut templates: BTreeMap<Atom, Vec<usize>> = BTreeMap::new();
    for (n, row) in rows.iter().enumerate() {
        templates
            .entry(table.atom(*row, policy.template_key()))
            .or_default()
            .push(n);
    }
    templates.remove(&Atom::NONE);
    for members in templates.into_values() {
        let Some(last) = members.last().and_then(|n| rows.get(*n)) else {
            continue;
        };
        let last = table.row(*last);
        for n in members {
            let (Some(row), Some(found)) = (rows.get(n), matched.get_mut(n)) else {
                continue;
            };
            let values = table.row(*row);
            let scene = Scene {
                this: &values,
                input: None,
                last: Some(&last),
                is_template_done: true,
            };
            let triggers = policy.book().triggers().iter().enumerate();
            let more = triggers.filter(|(_, trigger)| trigger.is_per_template && trigger.condition.holds(&scene));
            let mut all: Vec<usize> = found.iter().copied().chain(more.map(|(n, _)| n)).collect();
            all.sort_unstable();
            *found = all.into();
        }
    }
}

/// Returns the grouping keys of a group and their values.
pub(crate) fn key_values(
    policy: &Policy,
    table: &FrameTable,
    trigger: &Trigger,
    row: RowId,
) -> BTreeMap<String, String> {
    let values = table.row(row);
    trigger
        .group_by
        .iter()
        .filter_map(|key| {
            let name = policy.book().keys().key(*key)?;
            let value = values.value(*key).as_ref().map(Operand::spelling)?;
            Some((name.short().to_owned(), value))
        })
        .collect()
}
