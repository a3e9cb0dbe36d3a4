//! Groups and what starts from their products: every piece of work that a set of frames gives.

use std::ops::Range;

use super::grouping::{Asked, Astray, Group, group};
use super::memo::Memo;
use super::policy::Policy;
use crate::rules::table::{FrameTable, ProductForm, RowId};

/// One piece of work: a group of frames, or of planned products.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Work {
    /// The group; its rows are products if `needs` names their makers.
    pub(crate) group: Group,
    /// Where the pieces of work stand whose products it takes.
    needs: (u32, u32),
    /// The rows of the products that it will make, in the order of its action; none if it cannot be worked.
    products: (u32, u32),
    /// The frame that it is named after: its first, or that of the first work that it needs.
    pub(crate) root: RowId,
}

impl Work {
    /// Tells whether it starts from frames that exist.
    pub(crate) fn is_of_frames(&self) -> bool {
        self.needs.0 == self.needs.1
    }

    /// Returns the rows of its products.
    pub(crate) fn products(&self) -> impl ExactSizeIterator<Item = RowId> + use<> {
        let products: Range<u32> = self.products.0..self.products.1;
        products.map(RowId)
    }
}

/// Every piece of work, makers before takers, and the rows that are in none though a task wanted them.
#[derive(Debug, Default)]
pub(crate) struct Works {
    pub(crate) list: Vec<Work>,
    rows: Vec<RowId>,
    needs: Vec<u32>,
    pub(crate) astray: Vec<(RowId, Astray)>,
}

impl Works {
    /// Returns the rows of a piece of work in order of time.
    pub(crate) fn rows(&self, work: &Work) -> &[RowId] {
        work.group.rows(&self.rows)
    }

    /// Returns the first row of a piece of work.
    pub(crate) fn first(&self, work: &Work) -> Option<RowId> {
        self.rows(work).first().copied()
    }

    /// Returns the pieces of work whose products one takes.
    pub(crate) fn needs(&self, work: &Work) -> &[u32] {
        let (begin, end) = work.needs;
        self.needs.get(begin as usize..end as usize).unwrap_or_default()
    }
}

/// What the products of each task will carry.
type Forms = Vec<Vec<Memo<ProductForm>>>;

/// Finds every piece of work; `rows` are classified and in order of time, then name. Products are added to the table.
pub(crate) fn works(policy: &Policy, table: &mut FrameTable, rows: &[RowId], asked: &Asked<'_>) -> Works {
    let found = group(policy, table, rows, asked);
    let mut all = Works {
        list: Vec::with_capacity(found.list.len()),
        rows: found.rows,
        needs: Vec::new(),
        astray: found.astray,
    };
    let mut forms: Forms = policy
        .book()
        .tasks()
        .iter()
        .map(|task| task.products.iter().map(|_| Memo::new(table, Vec::new())).collect())
        .collect();
    for group in found.list {
        let root = group.rows(&all.rows).first().copied().unwrap_or(RowId(u32::MAX));
        let products = made_of(policy, table, &group, root, &mut forms);
        all.list.push(Work {
            group,
            needs: (0, 0),
            products,
            root,
        });
    }
    let mut fresh = 0..all.list.len();
    let any_night = Asked {
        night: None,
        max_combine: None,
        is_science: &|_| false,
    };
    // A task that starts from its own products would go on for ever; the number of tasks bounds any true cascade.
    for _ in 0..policy.book().tasks().len() {
        // The products of one round follow each other in the table.
        let mut products = Vec::new();
        let mut makers = Vec::new();
        for n in fresh.clone() {
            for row in all.list.get(n).into_iter().flat_map(Work::products) {
                products.push(row);
                makers.push(n as u32);
            }
        }
        let Some(RowId(base)) = products.first().copied() else {
            break;
        };
        let found = group(policy, table, &products, &any_night);
        let begin = all.list.len();
        let shift = all.rows.len() as u32;
        for group in found.list {
            let from = all.needs.len();
            for row in group.rows(&found.rows) {
                let maker = makers.get((row.0 - base) as usize).copied();
                // Products of one maker follow each other.
                if maker != all.needs.get(from..).and_then(|needs| needs.last()).copied() {
                    all.needs.extend(maker);
                }
            }
            let needs = all.needs.get(from..).unwrap_or_default();
            let triggers = policy.book().triggers();
            let task = |trigger: usize| triggers.get(trigger).map(|rule| &rule.task);
            let maker_of = |n: &u32| all.list.get(*n as usize);
            let is_own = |n: &u32| maker_of(n).is_some_and(|work| task(work.group.trigger()) == task(group.trigger()));
            let root = needs.first().and_then(maker_of).map(|work| work.root);
            let (Some(root), false) = (root, needs.iter().any(is_own)) else {
                all.needs.truncate(from);
                continue;
            };
            let first = group.rows(&found.rows).first().copied().unwrap_or(root);
            let made = made_of(policy, table, &group, first, &mut forms);
            all.list.push(Work {
                group: Group {
                    begin: group.begin + shift,
                    end: group.end + shift,
                    ..group
                },
                needs: (from as u32, all.needs.len() as u32),
                products: made,
                root,
            });
        }
        all.rows.extend_from_slice(&found.rows);
        fresh = begin..all.list.len();
        if fresh.is_empty() {
            break;
        }
    }
    all
}

/// Adds what a group will make, if it is complete; returns the rows from and up to which it stands.
fn made_of(policy: &Policy, table: &mut FrameTable, group: &Group, first: RowId, forms: &mut Forms) -> (u32, u32) {
    let begin = table.len() as u32;
    let task = policy.task_of(group.trigger());
    let rule = task.and_then(|task| policy.book().tasks().get(task));
    let forms = task.and_then(|task| forms.get_mut(task));
    if let (Some(rule), Some(forms), true) = (rule, forms, group.n_short == 0 && group.begin < group.end) {
        for (made, memo) in rule.products.iter().zip(forms) {
            let form = if let Some(form) = memo.known(table, first) {
                form.clone()
            } else {
                let form = table.product_form(policy.book(), first, &made.assigns);
                if form.is_of_profile {
                    memo.keep(table, first, form.clone());
                }
                form
            };
            table.push_formed(first, &form);
        }
    }
    (begin, table.len() as u32)
}
