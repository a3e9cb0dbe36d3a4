//! A calibration slot taken apart: which of its conditions look at the candidate alone, which join it to the dataset.

use super::shelf::MOST_JOINS;
use crate::id::Tag;
use crate::rules::ast::{Comparison, Scope};
use crate::rules::code::{Code, Term};
use crate::rules::validity::ZeroMax;
use crate::rules::{CalibrationPlan, KeyId, KeyTable, Preference, SlotRule, Validity};

/// What one condition of a slot looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The candidate alone.
    Candidate,
    /// The dataset alone.
    Dataset,
    /// A key of the candidate must equal a key of the dataset.
    Join {
        /// The candidate's key.
        candidate: KeyId,
        /// The dataset's key.
        dataset: KeyId,
    },
    /// Anything else.
    Both,
}

impl Look {
    fn at(code: &Code) -> Self {
        if let Code::Compare(Term::Key(left_scope, left), Comparison::Equal, Term::Key(right_scope, right)) = code {
            match (left_scope, right_scope) {
                (Scope::This, Scope::Input) => {
                    return Self::Join {
                        candidate: *left,
                        dataset: *right,
                    };
                }
                (Scope::Input, Scope::This) => {
                    return Self::Join {
                        candidate: *right,
                        dataset: *left,
                    };
                }
                _ => {}
            }
        }
        let (mut sees_candidate, mut sees_dataset) = (false, false);
        code.for_each_key(&mut |scope, _| match scope {
            Scope::This => sees_candidate = true,
            _ => sees_dataset = true,
        });
        match (sees_candidate, sees_dataset) {
            (true, false) => Self::Candidate,
            (false, true) => Self::Dataset,
            _ => Self::Both,
        }
    }
}

/// A slot with its plan.
#[derive(Debug, Clone)]
pub(crate) struct SlotPlan {
    pub(crate) tag: Tag,
    pub(crate) min: usize,
    /// Most files; `None` for any number.
    pub(crate) max: Option<usize>,
    /// Whether the slot is asked for at all: `maxRet = 0` may say that it is not.
    pub(crate) is_asked_for: bool,
    pub(crate) plan: CalibrationPlan,
    pub(crate) prefer: Preference,
    /// The conditions in the order of the text, each with what it looks at.
    pub(crate) conditions: Vec<(Look, Code)>,
    /// The number of its stock: slots that ask for the same of a candidate alone choose from one.
    pub(crate) stock: usize,
}

impl SlotPlan {
    pub(crate) fn new(rule: &SlotRule, validity: &Validity) -> Self {
        let plan = validity.calibrations.get(&rule.tag).cloned().unwrap_or_default();
        let is_zero = rule.bounds.max == Some(0);
        Self {
            tag: rule.tag.clone(),
            min: rule.bounds.min.unwrap_or(1) as usize,
            max: match rule.bounds.max {
                Some(0) => None,
                Some(max) => Some(max as usize),
                None => Some(rule.bounds.min.unwrap_or(1).max(1) as usize),
            },
            is_asked_for: !is_zero || validity.zero_max == ZeroMax::Unlimited,
            prefer: plan.prefer.unwrap_or(validity.prefer),
            plan,
            conditions: limited(rule),
            stock: 0,
        }
    }

    /// Spells what it asks of a candidate alone and which of a candidate's keys it joins.
    pub(crate) fn stock_spelling(&self, keys: &KeyTable) -> String {
        let mut asks: Vec<String> = self.looking(Look::Candidate).map(|code| code.spelling(keys)).collect();
        asks.sort();
        let joins = self.joins().filter_map(|(candidate, _)| keys.key(candidate));
        asks.extend(joins.map(|key| format!("= {key}")));
        asks.join("\n")
    }

    /// Spells everything that the choice of this slot depends on, candidates aside.
    pub(crate) fn spelling(&self, keys: &KeyTable) -> String {
        let conditions: Vec<String> = self.conditions.iter().map(|(_, code)| code.spelling(keys)).collect();
        let (min, max, is_asked_for) = (self.min, self.max, self.is_asked_for);
        format!(
            "{} {min} {max:?} {is_asked_for} {:?} {:?}\n{}",
            self.tag,
            self.prefer,
            self.plan,
            conditions.join("\n")
        )
    }

    /// Returns the dataset's keys that the conditions on the dataset alone look at.
    pub(crate) fn dataset_keys(&self) -> Vec<KeyId> {
        let mut keys = Vec::new();
        for code in self.looking(Look::Dataset) {
            code.for_each_key(&mut |_, key| keys.push(key));
        }
        keys
    }

    /// Returns the joined keys in order: the candidate's, the dataset's.
    pub(crate) fn joins(&self) -> impl Iterator<Item = (KeyId, KeyId)> {
        self.conditions.iter().filter_map(|(look, _)| match look {
            Look::Join { candidate, dataset } => Some((*candidate, *dataset)),
            _ => None,
        })
    }

    /// Returns the conditions of one look.
    pub(crate) fn looking(&self, wanted: Look) -> impl Iterator<Item = &Code> {
        self.conditions
            .iter()
            .filter(move |(look, _)| *look == wanted)
            .map(|(_, code)| code)
    }

    /// Returns the keys of the conditions that look at the candidate alone.
    pub(crate) fn candidate_keys(&self) -> Vec<KeyId> {
        let mut keys = Vec::new();
        for code in self.looking(Look::Candidate) {
            code.for_each_key(&mut |_, key| keys.push(key));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// Takes the conditions of a slot apart; joins beyond those that the index holds are compared one by one.
fn limited(rule: &SlotRule) -> Vec<(Look, Code)> {
    let mut n_joins = 0;
    let mut look = |code: &Code| match Look::at(code) {
        Look::Join { .. } if n_joins == MOST_JOINS => Look::Both,
        Look::Join { candidate, dataset } => {
            n_joins += 1;
            Look::Join { candidate, dataset }
        }
        other => other,
    };
    let conditions = rule.condition.conjuncts().iter();
    conditions.map(|code| (look(code), code.clone())).collect()
}
