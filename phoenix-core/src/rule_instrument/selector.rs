//! The selector that a rule book makes.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::cascade::works;
use super::grouping::{Asked, Astray, Group, key_values};
use super::policy::{Named, Policy};
use crate::dataset::{Completeness, Dataset, LeftOut, Selected};
use crate::frame::{Category, ClassifiedFrame, Frame};
use crate::id::{DatasetId, Tag};
use crate::rules::table::RowId;
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
        let found = works(policy, &mut table, &rows, &asked);
        let own_rows = found.list.iter().filter(|work| work.is_of_frames());
        let mut used: BTreeSet<RowId> = own_rows.flat_map(|work| found.rows(work).iter().copied()).collect();
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
        let mut ids: Vec<DatasetId> = Vec::with_capacity(found.list.len());
        for work in &found.list {
            let group = &work.group;
            let rows = found.rows(work);
            let (Some(trigger), Some(first)) = (policy.book().triggers().get(group.trigger()), rows.first()) else {
                continue;
            };
            let mut frames = Vec::new();
            if work.is_of_frames() {
                frames.extend(rows.iter().filter_map(|row| frame_of(*row)).cloned());
            }
            let needs = found.needs(work).iter();
            let needs: Vec<DatasetId> = needs.filter_map(|n| ids.get(*n as usize).cloned()).collect();
            let id = match (frames.first(), needs.first()) {
                (Some(first), _) => names.name(first.frame.id.as_str(), trigger, rows.len()),
                (None, Some(maker)) => names.name_after(maker.as_str(), trigger, rows.len()),
                (None, None) => continue,
            };
            ids.push(id.clone());
            selected.datasets.push(Dataset {
                id,
                task: trigger.task.clone(),
                key: key_values(policy, &table, trigger, *first),
                completeness: completeness(trigger, group, rows.len()),
                frames,
                needs,
            });
        }
        selected
            .datasets
            .sort_by(|a, b| (&a.id, &a.task).cmp(&(&b.id, &b.task)));
        selected.left_out.sort();
        selected.left_out.dedup();
        Ok(selected)
    }
}

fn completeness(trigger: &Trigger, group: &Group, n_rows: usize) -> Completeness {
    if group.n_short == 0 {
        return Completeness::Complete;
    }
    let reason = format!(
        "{} needs {} frames, there are {n_rows}",
        trigger.task,
        n_rows + usize::from(group.n_short)
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
struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Names a dataset after its first frame; the task is added where the plain name is taken.
    fn name(&mut self, first: &str, trigger: &Trigger, n_frames: usize) -> DatasetId {
        let kind = kind(trigger, n_frames);
        let plain = format!("{first}_{kind}");
        let long = format!("{plain}_{}", trigger.task);
        let name = [plain, long].into_iter().find(|name| !self.taken.contains(name));
        // The third of one name and task: two triggers of one task found the same frames.
        let name = name.unwrap_or_else(|| format!("{first}_{kind}_{}_{}", trigger.task, self.taken.len()));
        self.taken.insert(name.clone());
        DatasetId::from(name)
    }

    /// Names a dataset that starts from products after the first dataset that makes them.
    fn name_after(&mut self, maker: &str, trigger: &Trigger, n_frames: usize) -> DatasetId {
        let stem = maker.split_once('_').map_or(maker, |(stem, _)| stem);
        self.name(stem, trigger, n_frames)
    }
}

/// Returns the end of a dataset's name.
pub(crate) fn kind(trigger: &Trigger, n_frames: usize) -> &str {
    match &trigger.suffix {
        Some(suffix) => suffix,
        None if trigger.group_by.is_empty() && n_frames == 1 => "sgl",
        None => "tpl",
    }
}
