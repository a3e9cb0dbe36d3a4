//! Tasks that wait for each other's products.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{Comparison, Place, Scope};
use super::book::{RuleBook, TaskRule};
use super::code::{Code, Term};
use super::keys::KeyId;

/// Tasks of which each waits for the next, the last for the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Circle {
    /// The tasks in order of the book.
    pub(super) tasks: Vec<String>,
    /// Whether every wait is for something that is required.
    pub(super) is_required: bool,
    /// Where the first of them stands.
    pub(super) place: Place,
}

/// Returns what a condition demands of one key of the candidate.
fn demands(code: &Code) -> Vec<(KeyId, &str)> {
    code.conjuncts()
        .iter()
        .filter_map(|part| match part {
            Code::Compare(Term::Key(Scope::This, key), Comparison::Equal, Term::Text(text)) => Some((*key, &**text)),
            _ => None,
        })
        .collect()
}

/// Tells whether a product of `maker` can fill a slot: a key that the slot demands is set to just that.
fn makes(maker: &TaskRule, demands: &[(KeyId, &str)]) -> bool {
    maker.products.iter().any(|made| {
        let set = |key: KeyId| {
            made.assigns
                .iter()
                .rev()
                .find(|(set, _)| *set == key)
                .map(|(_, term)| term)
        };
        let is_met = |key: KeyId, value: &str| matches!(set(key), Some(Term::Text(text)) if **text == *value);
        let is_refused = |key: KeyId, value: &str| matches!(set(key), Some(Term::Text(text)) if **text != *value);
        demands.iter().any(|(key, value)| is_met(*key, value))
            && !demands.iter().any(|(key, value)| is_refused(*key, value))
    })
}

/// Returns every group of tasks that wait for each other, required waits first judged alone.
pub(super) fn waiting_circles(book: &RuleBook) -> Vec<Circle> {
    let required = circles(book, true);
    let mut all = circles(book, false);
    for circle in &mut all {
        circle.is_required = required
            .iter()
            .any(|other| other.tasks.iter().all(|task| circle.tasks.contains(task)));
    }
    all
}

fn circles(book: &RuleBook, only_required: bool) -> Vec<Circle> {
    let tasks = book.tasks();
    let mut waits: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (n, rule) in tasks.iter().enumerate() {
        for slot in &rule.slots {
            if slot.bounds.max == Some(0) || (only_required && slot.bounds.min == Some(0)) {
                continue;
            }
            let demands = demands(&slot.condition);
            let makers = tasks.iter().enumerate().filter(|(_, maker)| makes(maker, &demands));
            waits.entry(n).or_default().extend(makers.map(|(m, _)| m));
        }
    }
    let reach: Vec<BTreeSet<usize>> = (0..tasks.len()).map(|n| reachable(n, &waits)).collect();
    let is_in = |n: usize, m: usize| reach.get(n).is_some_and(|reached| reached.contains(&m));
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for n in 0..tasks.len() {
        if !is_in(n, n) || !seen.insert(n) {
            continue;
        }
        let members: Vec<usize> = (0..tasks.len())
            .filter(|m| *m == n || (is_in(n, *m) && is_in(*m, n)))
            .collect();
        seen.extend(&members);
        circles.push(Circle {
            tasks: members
                .iter()
                .filter_map(|m| tasks.get(*m))
                .map(|rule| rule.task.to_string())
                .collect(),
            is_required: only_required,
            place: tasks.get(n).map(|rule| rule.place).unwrap_or_default(),
        });
    }
    circles
}

fn reachable(from: usize, waits: &BTreeMap<usize, BTreeSet<usize>>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<usize> = waits.get(&from).into_iter().flatten().copied().collect();
    while let Some(n) = open.pop() {
        if reached.insert(n) {
            open.extend(waits.get(&n).into_iter().flatten());
        }
    }
    reached
}
