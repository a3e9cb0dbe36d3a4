//! The names of jobs, spelled only when they are asked for.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::frames::DraftFrames;
use crate::rule_instrument::cascade::{Work, Works};
use crate::rule_instrument::selector::kind;

/// How a name is told from others of the same frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Frame and kind.
    Plain,
    /// Frame, kind and task.
    Long,
    /// Frame, kind, task and a number.
    Numbered(u32),
}

/// The name of every piece of work, which is that of the dataset of a plan.
#[derive(Debug, Default)]
pub(super) struct WorkNames {
    forms: Vec<Form>,
}

/// The names given so far, by their hashes.
struct Taken {
    hasher: RandomState,
    /// The work of each hash; of several with one hash, the first.
    first: HashMap<u64, u32>,
    /// Names whose hash another name has.
    others: HashMap<String, u32>,
    n: u32,
}

impl WorkNames {
    /// Names every piece of work; earlier ones have the first choice.
    pub(super) fn new(frames: &DraftFrames, works: &Works, is_plain: bool) -> Self {
        if is_plain {
            return Self::of_plain(frames, works);
        }
        let mut names = Self {
            forms: Vec::with_capacity(works.list.len()),
        };
        let mut taken = Taken {
            hasher: RandomState::new(),
            first: HashMap::with_capacity(works.list.len()),
            others: HashMap::new(),
            n: 0,
        };
        let mut spelled = String::new();
        for (number, work) in (0..).zip(&works.list) {
            let form = [Form::Plain, Form::Long].into_iter().find(|form| {
                spell(&mut spelled, frames, works, work, *form);
                !names.is_taken(&taken, frames, works, &spelled)
            });
            // The third of one name and task: two triggers of one task found the same frames.
            let form = form.unwrap_or(Form::Numbered(taken.n));
            spell(&mut spelled, frames, works, work, form);
            if !names.is_taken(&taken, frames, works, &spelled) {
                taken.n += 1;
                let hash = taken.hasher.hash_one(spelled.as_str());
                if let std::collections::hash_map::Entry::Vacant(place) = taken.first.entry(hash) {
                    place.insert(number);
                } else {
                    taken.others.insert(spelled.clone(), number);
                }
            }
            names.forms.push(form);
        }
        names
    }

    /// Does the same where frame names are distinct and have no underscore: only pieces of work of one frame can then
    /// have one name, and their ends decide.
    fn of_plain(frames: &DraftFrames, works: &Works) -> Self {
        let mut forms: Vec<Form> = Vec::with_capacity(works.list.len());
        // The last piece of work named after each frame, and the one before each.
        let mut last = vec![u32::MAX; frames.len()];
        let mut before: Vec<u32> = Vec::with_capacity(works.list.len());
        let mut ends = (String::new(), String::new());
        for (number, work) in (0..).zip(&works.list) {
            let newest = last.get(work.root.0 as usize).copied().unwrap_or(u32::MAX);
            let mut is_taken = |form: Form| {
                let mut other = newest;
                while let (Some(earlier), Some(its)) = (works.list.get(other as usize), forms.get(other as usize)) {
                    let both_plain = form == Form::Plain && *its == Form::Plain;
                    let is_same = if both_plain {
                        kind_of(frames, works, earlier) == kind_of(frames, works, work)
                    } else {
                        spell_end(&mut ends.0, frames, works, earlier, *its);
                        spell_end(&mut ends.1, frames, works, work, form);
                        ends.0 == ends.1
                    };
                    if is_same {
                        return true;
                    }
                    other = before.get(other as usize).copied().unwrap_or(u32::MAX);
                }
                false
            };
            let form = [Form::Plain, Form::Long].into_iter().find(|form| !is_taken(*form));
            // Every name so far is distinct: as many are taken as there are pieces of work before this.
            forms.push(form.unwrap_or(Form::Numbered(number)));
            before.push(newest);
            if let Some(place) = last.get_mut(work.root.0 as usize) {
                *place = number;
            }
        }
        Self { forms }
    }

    fn is_taken(&self, taken: &Taken, frames: &DraftFrames, works: &Works, name: &str) -> bool {
        match taken.first.get(&taken.hasher.hash_one(name)) {
            None => false,
            Some(owner) => {
                self.spelling(frames, works, *owner as usize).as_deref() == Some(name)
                    || taken.others.contains_key(name)
            }
        }
    }

    /// Returns the name of a piece of work.
    pub(super) fn spelling(&self, frames: &DraftFrames, works: &Works, number: usize) -> Option<String> {
        let mut name = String::new();
        spell(
            &mut name,
            frames,
            works,
            works.list.get(number)?,
            *self.forms.get(number)?,
        );
        Some(name)
    }

    /// Compares the names of two pieces of work.
    pub(super) fn compare(&self, frames: &DraftFrames, works: &Works, a: u32, b: u32) -> Ordering {
        let spelling = |number: u32| self.spelling(frames, works, number as usize);
        if a == b {
            Ordering::Equal
        } else {
            spelling(a).cmp(&spelling(b))
        }
    }

    /// Tells whether the names of two pieces of work of the same frame and trigger are spelled alike.
    pub(super) fn is_alike(&self, number: usize, other: &Self, of_other: usize) -> bool {
        self.forms.get(number) == other.forms.get(of_other)
    }
}

fn spell(name: &mut String, frames: &DraftFrames, works: &Works, work: &Work, form: Form) {
    name.clear();
    let first = frames.name(work.root);
    name.push_str(if work.is_of_frames() {
        first
    } else {
        first.split_once('_').map_or(first, |(stem, _)| stem)
    });
    spell_end_onto(name, frames, works, work, form);
}

/// Spells what follows the frame in a name.
fn spell_end(end: &mut String, frames: &DraftFrames, works: &Works, work: &Work, form: Form) {
    end.clear();
    spell_end_onto(end, frames, works, work, form);
}

fn kind_of<'f>(frames: &'f DraftFrames, works: &Works, work: &Work) -> Option<&'f str> {
    let trigger = frames.policy.book().triggers().get(work.group.trigger())?;
    Some(kind(trigger, works.rows(work).len()))
}

fn spell_end_onto(name: &mut String, frames: &DraftFrames, works: &Works, work: &Work, form: Form) {
    let Some(trigger) = frames.policy.book().triggers().get(work.group.trigger()) else {
        return;
    };
    name.push('_');
    name.push_str(kind(trigger, works.rows(work).len()));
    if form != Form::Plain {
        name.push('_');
        name.push_str(trigger.task.as_str());
    }
    if let Form::Numbered(n) = form {
        name.push('_');
        name.push_str(&n.to_string());
    }
}
