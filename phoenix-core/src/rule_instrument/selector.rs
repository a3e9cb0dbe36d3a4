//! The selector that a rule book makes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::grouping::{Asked, Astray, Group, group, key_values};
use super::policy::{Named, Policy};
use crate::dataset::{Completeness, Dataset, LeftOut, Selected};
use crate::frame::{Category, ClassifiedFrame, Frame};
use crate::id::{DatasetId, Tag, TaskId};
use crate::rules::table::{FrameTable, RowId};
use crate::rules::{Moment, Trigger};
use crate::traits::{DatasetSelector, SelectError, Selection};

/// Selects as a rule book says.
///
/// # Contract
/// * `select execute` gives the tasks, `group by` what belongs together; without it every frame is a dataset.
/// * A group whose keys name no template or file is split at noon UTC; a template is one piece of work.
/// * A task whose condition holds for a planned product gives a dataset without frames that needs the product's.
#[derive(Debug, Clone)]
pub struct RuleSelector {
    policy: Arc<Policy>,
}

impl RuleSelector {
    /// Returns the selector of a policy.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }
}

impl DatasetSelector for RuleSelector {
    fn classify(&self, frame: &Frame) -> Result<Option<(Tag, Category)>, SelectError> {
        let (record, assigned) = self.policy.book().classify(&frame.header);
        match self.policy.named(&record, &assigned) {
            Named::Unknown => Ok(None),
            Named::Kind(tag, category) => Ok(Some((tag, category))),
            Named::Ambiguous(first, second) => Err(SelectError::Ambiguous {
                frame: frame.id.clone(),
                first,
                second,
            }),
            Named::Rejected(reason) => Err(SelectError::Rejected {
                frame: frame.id.clone(),
                reason,
            }),
        }
    }

    fn select(&self, frames: &[ClassifiedFrame], request: &Selection) -> Result<Selected, SelectError> {
        let policy = &*self.policy;
        let mut sorted: Vec<&ClassifiedFrame> = frames.iter().collect();
        sorted.sort_by_cached_key(|frame| (Moment::of_header(&frame.frame.header), frame.frame.id.clone()));
        let mut table = policy.table();
        let mut rows = Vec::with_capacity(sorted.len());
        for frame in &sorted {
            let row = table.push(policy.book(), &frame.frame.header);
            table.classify(policy.book(), row);
            policy.set_tag(&mut table, row, &frame.tag);
            rows.push(row);
        }
        let frame_of = |row: RowId| sorted.get(row.0 as usize).copied();
        let asked = Asked {
            night: request.night,
            max_combine: request.max_combine,
            is_science: &|row| frame_of(row).is_some_and(|frame| frame.category == Category::Science),
        };
        let found = group(policy, &table, &rows, &asked);
        let mut used: BTreeSet<RowId> = found
            .groups
            .iter()
            .flat_map(|group| group.rows.iter().copied())
            .collect();
        let mut selected = Selected::default();
        for (row, astray) in &found.astray {
            let Some(frame) = frame_of(*row) else { continue };
            used.insert(*row);
            selected.left_out.push(left_out(policy, frame, *astray, request));
        }
        for frame in rows
            .iter()
            .filter(|row| !used.contains(row))
            .filter_map(|row| frame_of(*row))
        {
            selected.left_out.push(idle(frame));
        }
        let mut names = Names::default();
        let mut made: Vec<(Dataset, RowId)> = Vec::new();
        for group in &found.groups {
            let (Some(trigger), Some(first)) = (policy.book().triggers().get(group.trigger), group.rows.first()) else {
                continue;
            };
            let members: Vec<ClassifiedFrame> = group.rows.iter().filter_map(|row| frame_of(*row)).cloned().collect();
            let Some(name) = members.first().map(|frame| frame.frame.id.as_str()) else {
                continue;
            };
            let dataset = Dataset {
                id: names.name(name, trigger, group.rows.len()),
                task: trigger.task.clone(),
                key: key_values(policy, &table, trigger, *first),
                completeness: completeness(trigger, group),
                frames: members,
                needs: Vec::new(),
            };
            made.push((dataset, *first));
        }
        cascade(policy, &mut table, &mut made, &mut names);
        selected.datasets = made.into_iter().map(|(dataset, _)| dataset).collect();
        selected
            .datasets
            .sort_by(|a, b| (&a.id, &a.task).cmp(&(&b.id, &b.task)));
        selected.left_out.sort();
        selected.left_out.dedup();
        Ok(selected)
    }
}

fn completeness(trigger: &Trigger, group: &Group) -> Completeness {
    if group.n_short == 0 {
        return Completeness::Complete;
    }
    let n_rows = group.rows.len();
    let reason = format!(
        "{} needs {} frames, there are {n_rows}",
        trigger.task,
        n_rows + group.n_short
    );
    Completeness::Incomplete { reasons: vec![reason] }
}

fn left_out(policy: &Policy, frame: &ClassifiedFrame, astray: Astray, request: &Selection) -> LeftOut {
    let id = frame.frame.id.clone();
    match astray {
        Astray::NoTime => LeftOut::error(
            id,
            "it has neither MJD-OBS nor a readable DATE-OBS: it cannot be grouped",
        ),
        Astray::NoKey(trigger, key) => {
            let key = policy.book().keys().key(key).map_or("?", |key| key.short()).to_owned();
            let task = policy
                .book()
                .triggers()
                .get(trigger)
                .map_or("?", |rule| rule.task.as_str());
            LeftOut::error(
                id,
                format!("key {key} is missing, it is needed to group {} for {task}", frame.tag),
            )
        }
        Astray::OtherNight => {
            let night = request.night.map_or_else(String::new, |night| format!(" {night}"));
            LeftOut::info(id, format!("its group does not begin in the night{night}"))
        }
    }
}

/// Why a frame that no task wants is in no dataset.
fn idle(frame: &ClassifiedFrame) -> LeftOut {
    let id = frame.frame.id.clone();
    let tag = &frame.tag;
    match frame.category {
        Category::Master | Category::RawCalib => {
            LeftOut::info(id, format!("{tag} starts no task: it is offered to the association"))
        }
        Category::Science => LeftOut::warning(id, format!("no rule starts a task from {tag}, though it is science")),
        Category::Product => LeftOut::info(id, format!("{tag} is a product: nothing is made of it here")),
        Category::Other => LeftOut::info(id, format!("{tag} is neither science nor calibration")),
    }
}

/// Gives datasets their names, each once.
#[derive(Default)]
pub(crate) struct Names {
    taken: BTreeMap<String, TaskId>,
}

impl Names {
    /// Names a dataset after its first frame; the task is added where the plain name is taken.
    pub(crate) fn name(&mut self, first: &str, trigger: &Trigger, n_frames: usize) -> DatasetId {
        let kind = match &trigger.suffix {
            Some(suffix) => suffix,
            None if trigger.group_by.is_empty() && n_frames == 1 => "sgl",
            None => "tpl",
        };
        let plain = format!("{first}_{kind}");
        let long = format!("{plain}_{}", trigger.task);
        let name = [plain, long].into_iter().find(|name| !self.taken.contains_key(name));
        // The third of one name and task: two triggers of one task found the same frames.
        let name = name.unwrap_or_else(|| format!("{first}_{kind}_{}_{}", trigger.task, self.taken.len()));
        self.taken.insert(name.clone(), trigger.task.clone());
        DatasetId::from(name)
    }
}

/// Adds the datasets that start from planned products, level by level.
fn cascade(policy: &Policy, table: &mut FrameTable, made: &mut Vec<(Dataset, RowId)>, names: &mut Names) {
    let mut fresh = 0..made.len();
    // A task that starts from its own products would go on for ever; the number of tasks bounds any true cascade.
    for _ in 0..policy.book().tasks().len() {
        let mut products: Vec<RowId> = Vec::new();
        let mut producer: HashMap<RowId, usize> = HashMap::new();
        for n in fresh.clone() {
            let Some((dataset, first)) = made.get(n) else { continue };
            let rule = policy.book().task(&dataset.task);
            if dataset.completeness != Completeness::Complete {
                continue;
            }
            for product in rule.map(|rule| rule.products.as_slice()).unwrap_or_default() {
                let (row, _) = table.push_product(policy.book(), *first, &product.assigns);
                products.push(row);
                producer.insert(row, n);
            }
        }
        let asked = Asked {
            night: None,
            max_combine: None,
            is_science: &|_| false,
        };
        let found = group(policy, table, &products, &asked);
        fresh = made.len()..made.len();
        for group in &found.groups {
            let Some(trigger) = policy.book().triggers().get(group.trigger) else {
                continue;
            };
            let above: Vec<usize> = group.rows.iter().filter_map(|row| producer.get(row).copied()).collect();
            let own_task = |n: &usize| made.get(*n).is_some_and(|(dataset, _)| dataset.task == trigger.task);
            let (Some(first), false) = (group.rows.first(), above.iter().any(own_task)) else {
                continue;
            };
            let mut needs: Vec<DatasetId> = above
                .iter()
                .filter_map(|n| made.get(*n))
                .map(|(dataset, _)| dataset.id.clone())
                .collect();
            needs.dedup();
            let Some(stem) = needs
                .first()
                .map(|id| id.as_str().rsplit_once('_').map_or(id.as_str(), |(stem, _)| stem))
            else {
                continue;
            };
            let dataset = Dataset {
                id: names.name(stem, trigger, group.rows.len()),
                task: trigger.task.clone(),
                key: key_values(policy, table, trigger, *first),
                frames: Vec::new(),
                completeness: completeness(trigger, group),
                needs,
            };
            made.push((dataset, *first));
        }
        fresh.end = made.len();
        if fresh.is_empty() {
            return;
        }
    }
}
