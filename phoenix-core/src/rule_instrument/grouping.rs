//! Rows to groups: which frames start which task together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::policy::Policy;
use crate::rules::eval::{Keys, Operand, Scene};
use crate::rules::table::{Atom, FrameTable, RowId};
use crate::rules::{KeyId, Moment, Trigger};
use crate::unit::Night;

/// Frames that start one task together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// The number of the trigger in the book.
    pub(crate) trigger: usize,
    /// The rows in order of time.
    pub(crate) rows: Vec<RowId>,
    /// The night of the first row.
    pub(crate) night: Night,
    /// How many rows are too few; 0 if there are enough.
    pub(crate) n_short: usize,
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
    pub(crate) groups: Vec<Group>,
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

type Bin = (usize, Vec<Atom>, Option<Night>);

/// Groups rows; `rows` are classified and in order of time, then name.
pub(crate) fn group(policy: &Policy, table: &FrameTable, rows: &[RowId], asked: &Asked<'_>) -> Groups {
    let matched = matches(policy, table, rows);
    let mut found = Groups::default();
    let mut bins: HashMap<Bin, Vec<RowId>> = HashMap::new();
    let mut order: Vec<Bin> = Vec::new();
    for (row, triggers) in rows.iter().zip(matched) {
        for trigger in triggers.iter().copied() {
            let Some(rule) = policy.book().triggers().get(trigger) else {
                continue;
            };
            let Some(moment) = table.moment(*row) else {
                found.astray.push((*row, Astray::NoTime));
                break;
            };
            match bin(policy, table, *row, (trigger, rule), moment) {
                Ok(bin) => {
                    if let Some(members) = bins.get_mut(&bin) {
                        members.push(*row);
                    } else {
                        order.push(bin.clone());
                        bins.insert(bin, vec![*row]);
                    }
                }
                Err(key) => found.astray.push((*row, Astray::NoKey(trigger, key))),
            }
        }
    }
    for bin in order {
        let rows = bins.remove(&bin).unwrap_or_default();
        let Some(rule) = policy.book().triggers().get(bin.0) else {
            continue;
        };
        close(table, (bin.0, rule), &rows, asked, &mut found);
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
    let Some(night) = rows.first().and_then(|row| table.moment(*row)).map(Moment::night) else {
        return;
    };
    if asked.night.is_some_and(|wanted| wanted != night) {
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
    let mut rest = rows;
    for left in (1..=n_parts).rev() {
        let (part, after) = rest.split_at(rest.len().div_ceil(left));
        rest = after;
        let min = rule.bounds.min.unwrap_or(1) as usize;
        let night = part
            .first()
            .and_then(|row| table.moment(*row))
            .map_or(night, Moment::night);
        found.groups.push(Group {
            trigger,
            rows: part.to_vec(),
            night,
            n_short: min.saturating_sub(part.len()),
        });
    }
}

/// Returns what holds a row together with others, or the grouping key that it lacks.
fn bin(
    policy: &Policy,
    table: &FrameTable,
    row: RowId,
    (trigger, rule): (usize, &Trigger),
    moment: Moment,
) -> Result<Bin, KeyId> {
    let template = policy.template_key();
    let mut keys = rule.group_by.clone();
    if rule.is_per_template && !keys.contains(&template) {
        keys.push(template);
    }
    if keys.is_empty() {
        // One dataset per frame: rows are distinct, so the row itself is the bin.
        return Ok((trigger, vec![FrameTable::own_atom(row)], None));
    }
    let mut values = Vec::with_capacity(keys.len());
    for key in &keys {
        match table.row_equal_atom(row, *key) {
            Atom::NONE if policy.is_file_name(*key) => values.push(FrameTable::own_atom(row)),
            Atom::NONE => return Err(*key),
            atom => values.push(atom),
        }
    }
    // A template is one piece of work even if it runs over noon; other keys come again every night.
    let is_one_piece = keys.contains(&template) || keys.iter().any(|key| policy.is_file_name(*key));
    Ok((trigger, values, (!is_one_piece).then(|| moment.night())))
}

/// Returns the triggers whose condition holds, for each row.
fn matches(policy: &Policy, table: &FrameTable, rows: &[RowId]) -> Vec<Arc<[usize]>> {
    let triggers = policy.book().triggers();
    let mut keys: Vec<KeyId> = Vec::new();
    for trigger in triggers.iter().filter(|trigger| !trigger.is_per_template) {
        trigger.condition.for_each_key(&mut |_, key| keys.push(key));
    }
    keys.sort_unstable();
    keys.dedup();
    let mut known: HashMap<Box<[Atom]>, Arc<[usize]>> = HashMap::new();
    let mut matched: Vec<Arc<[usize]>> = rows
        .iter()
        .map(|row| {
            let signature = table.signature(*row, &keys);
            let found = known.entry(signature).or_insert_with(|| {
                let values = table.row(*row);
                let scene = Scene::of(&values);
                let holds =
                    |trigger: &&(usize, &Trigger)| !trigger.1.is_per_template && trigger.1.condition.holds(&scene);
                triggers
                    .iter()
                    .enumerate()
                    .filter(|found| holds(&found))
                    .map(|(n, _)| n)
                    .collect()
            });
            found.clone()
        })
        .collect();
    if triggers.iter().any(|trigger| trigger.is_per_template) {
        match_templates(policy, table, rows, &mut matched);
    }
    matched
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
