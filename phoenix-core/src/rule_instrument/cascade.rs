//! Groups and what starts from their products: every piece of work that a set of frames gives.

use std::collections::HashMap;

use super::grouping::{Asked, Astray, Group, group};
use super::policy::Policy;
use crate::rules::table::{FrameTable, RowId};

/// One piece of work: a group of frames, or of planned products.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// The group; its rows are products if `needs` names their makers.
    pub(crate) group: Group,
    /// The pieces of work whose products it takes, by their numbers.
    pub(crate) needs: Vec<usize>,
    /// The row of each product that it will make, in the order of its action; empty if it cannot be worked.
    pub(crate) products: Vec<RowId>,
}

/// Every piece of work, makers before takers, and the rows that are in none though a task wanted them.
#[derive(Debug, Default)]
pub(crate) struct Works {
    pub(crate) works: Vec<Work>,
    pub(crate) astray: Vec<(RowId, Astray)>,
}

/// Finds every piece of work; `rows` are classified and in order of time, then name. Products are added to the table.
pub(crate) fn works(policy: &Policy, table: &mut FrameTable, rows: &[RowId], asked: &Asked<'_>) -> Works {
    let found = group(policy, table, rows, asked);
    let mut all = Works {
        works: found
            .groups
            .into_iter()
            .map(|group| made_of(policy, table, group, Vec::new()))
            .collect(),
        astray: found.astray,
    };
    let mut fresh = 0..all.works.len();
    let any_night = Asked {
        night: None,
        max_combine: None,
        is_science: &|_| false,
    };
    // A task that starts from its own products would go on for ever; the number of tasks bounds any true cascade.
    for _ in 0..policy.book().tasks().len() {
        let mut maker: HashMap<RowId, usize> = HashMap::new();
        let mut products = Vec::new();
        for n in fresh.clone() {
            for row in all
                .works
                .get(n)
                .map(|work| work.products.as_slice())
                .unwrap_or_default()
            {
                maker.insert(*row, n);
                products.push(*row);
            }
        }
        let found = group(policy, table, &products, &any_night);
        let begin = all.works.len();
        for group in found.groups {
            let mut needs: Vec<usize> = group.rows.iter().filter_map(|row| maker.get(row).copied()).collect();
            needs.dedup();
            let task = |trigger: usize| policy.book().triggers().get(trigger).map(|rule| &rule.task);
            let own = |n: &usize| {
                all.works
                    .get(*n)
                    .is_some_and(|work| task(work.group.trigger) == task(group.trigger))
            };
            if !needs.iter().any(own) {
                let work = made_of(policy, table, group, needs);
                all.works.push(work);
            }
        }
        fresh = begin..all.works.len();
        if fresh.is_empty() {
            break;
        }
    }
    all
}

/// Adds what a group will make, if it is complete.
fn made_of(policy: &Policy, table: &mut FrameTable, group: Group, needs: Vec<usize>) -> Work {
    let trigger = policy.book().triggers().get(group.trigger);
    let rule = trigger.and_then(|trigger| policy.book().task(&trigger.task));
    let products = match (rule, group.rows.first()) {
        (Some(rule), Some(first)) if group.n_short == 0 => rule
            .products
            .iter()
            .map(|made| table.push_product(policy.book(), *first, &made.assigns).0)
            .collect(),
        _ => Vec::new(),
    };
    Work { group, needs, products }
}
