//! A rule book made ready: classification rules, tasks and actions with their keys numbered.

use super::ast::{Action, Block, Bounds, Item, Place, RuleText, Source};
use super::code::{Code, Term};
use super::error::RuleError;
use super::eval::{Operand, Scene};
use super::explain::Explained;
use super::keys::{KeyId, KeyTable, Record};
use crate::header::{Header, Key, Value};
use crate::id::{RecipeId, Tag, TaskId};

/// What a block assigns, in order.
pub type Assigns = Vec<(KeyId, Term)>;

/// A classification rule.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// Where it stands in the text.
    pub place: Place,
    /// When it applies.
    pub condition: Code,
    /// What it sets.
    pub assigns: Assigns,
}

/// What starts a task.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Where it stands in the text.
    pub place: Place,
    /// The task.
    pub task: TaskId,
    /// How many main frames it takes.
    pub bounds: Bounds,
    /// Which frames are its main frames.
    pub condition: Code,
    /// The keys that hold a dataset together; empty for one dataset per frame.
    pub group_by: Vec<KeyId>,
    /// Whether it waits for a finished template, `SIG.TEMPLATE`.
    pub is_per_template: bool,
    /// The end of the dataset's name, from the template clause.
    pub suffix: Option<Box<str>>,
}

/// One calibration slot of a task.
#[derive(Debug, Clone)]
pub struct SlotRule {
    /// Where it stands in the text.
    pub place: Place,
    /// The kind that the files are to the recipe.
    pub tag: Tag,
    /// How many files it takes.
    pub bounds: Bounds,
    /// Where the files come from.
    pub source: Source,
    /// Which files fit.
    pub condition: Code,
}

/// One kind of product of a task.
#[derive(Debug, Clone)]
pub struct Made {
    /// The name in the rule book.
    pub name: Box<str>,
    /// `PRO.CATG` if the block sets it to a text, else the name.
    pub tag: Tag,
    /// The header keys that it sets.
    pub assigns: Assigns,
}

/// What a task needs and makes.
#[derive(Debug, Clone)]
pub struct TaskRule {
    /// Where it stands in the text.
    pub place: Place,
    /// The task.
    pub task: TaskId,
    /// The recipe; `None` if the action names none.
    pub recipe: Option<RecipeId>,
    /// The recipe's options as name and value.
    pub options: Vec<(Box<str>, Box<str>)>,
    /// The calibration slots in order.
    pub slots: Vec<SlotRule>,
    /// The products in order.
    pub products: Vec<Made>,
    /// How urgent it is.
    pub priority: Option<u32>,
}

/// One assignment that classification made.
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    /// The number of the rule among the classification rules.
    pub rule: usize,
    /// The key.
    pub key: KeyId,
    /// The value.
    pub value: Value,
}

/// A rule book ready for evaluation.
///
/// # Contract
/// * Evaluation is pure and never fails: a missing keyword makes a comparison false.
/// * Classification rules apply in order; none stops the others, a later assignment overrides an earlier one.
#[derive(Debug, Clone)]
pub struct RuleBook {
    text: RuleText,
    keys: KeyTable,
    classifiers: Vec<Classifier>,
    triggers: Vec<Trigger>,
    tasks: Vec<TaskRule>,
    /// How many of the keys the text names; those behind were asked for by callers.
    n_named: usize,
}

impl RuleBook {
    /// Reads a rule book and makes it ready.
    ///
    /// # Errors
    /// `Syntax` or `Pattern`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        Self::compile(RuleText::parse(text)?)
    }

    /// Makes a rule book ready.
    ///
    /// # Errors
    /// `Pattern` if a regular expression cannot be compiled.
    pub fn compile(text: RuleText) -> Result<Self, RuleError> {
        let mut keys = KeyTable::default();
        let (mut classifiers, mut triggers, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
        for item in &text.items {
            match item {
                Item::If(rule) => classifiers.push(Classifier {
                    place: rule.place,
                    condition: Code::compile(&rule.condition, &mut keys)?,
                    assigns: assigns(&rule.block, &mut keys)?,
                }),
                Item::Execute(rule) => {
                    let condition = Code::compile(&rule.condition, &mut keys)?;
                    triggers.push(Trigger {
                        place: rule.place,
                        task: TaskId::new(rule.task.clone()),
                        bounds: rule.bounds,
                        is_per_template: condition.names_template(),
                        condition,
                        group_by: rule.group_by.iter().map(|name| keys.intern(&name.key)).collect(),
                        suffix: rule.template.as_ref().map(|(_, suffix)| suffix.clone()),
                    });
                }
                Item::Action(action) => tasks.push(task(action, &mut keys)?),
            }
        }
        Ok(Self {
            text,
            n_named: keys.keys().len(),
            keys,
            classifiers,
            triggers,
            tasks,
        })
    }

    /// Returns the text that the book was made from.
    pub fn text(&self) -> &RuleText {
        &self.text
    }

    /// Returns the keys that the rules name.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// Gives a key a number, so that records carry it though no rule names it.
    pub fn intern(&mut self, key: &Key) -> KeyId {
        self.keys.intern(key)
    }

    /// Returns the numbers of the keys that the text names.
    pub(super) fn named_keys(&self) -> impl Iterator<Item = KeyId> {
        (0..self.n_named).map(KeyId::of_index)
    }

    /// Returns the keys that classification rules set.
    pub(super) fn assigned_by_rules(&self) -> Vec<KeyId> {
        let assigns = self.classifiers.iter().flat_map(|rule| &rule.assigns);
        assigns.map(|(key, _)| *key).collect()
    }

    /// Returns the keys that classification rules set and those that a product does not inherit.
    pub(super) fn assigned_keys(&self) -> Vec<KeyId> {
        let raw = self
            .keys
            .keys()
            .iter()
            .filter(|key| key.as_str().starts_with("ESO.DPR."));
        let raw = raw.filter_map(|key| self.keys.id(key));
        raw.chain(self.assigned_by_rules()).collect()
    }

    /// Returns the classification rules in order.
    pub fn classifiers(&self) -> &[Classifier] {
        &self.classifiers
    }

    /// Returns what starts tasks, in order.
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    /// Returns the actions in order.
    pub fn tasks(&self) -> &[TaskRule] {
        &self.tasks
    }

    /// Returns the action of a task; the first one if there are several.
    pub fn task(&self, task: &TaskId) -> Option<&TaskRule> {
        self.tasks.iter().find(|rule| rule.task == *task)
    }

    /// Takes from a header what the rules name, and applies the classification rules.
    pub fn classify(&self, header: &Header) -> (Record, Vec<Assigned>) {
        let mut record = self.keys.record(header);
        let assigned = self.apply(&mut record);
        (record, assigned)
    }

    /// Applies the classification rules to a record; assignments stand in it afterwards and are returned in order.
    ///
    /// Values that an earlier call set are seen, so that a caller can carry a template's variables from file to file.
    pub fn apply(&self, record: &mut Record) -> Vec<Assigned> {
        let mut made = Vec::new();
        for (rule, classifier) in self.classifiers.iter().enumerate() {
            if !classifier.condition.holds(&Scene::of(record)) {
                continue;
            }
            for (key, term) in &classifier.assigns {
                let value = term.value(&Scene::of(record)).map(|value| value.to_value());
                record.set(*key, value.clone());
                if let Some(value) = value {
                    made.push(Assigned { rule, key: *key, value });
                }
            }
        }
        made
    }

    /// Explains every classification rule for a header, in order, each with its place.
    pub fn explain(&self, header: &Header) -> Vec<(Place, Explained)> {
        let mut record = self.keys.record(header);
        let mut explained = Vec::with_capacity(self.classifiers.len());
        for classifier in &self.classifiers {
            let outcome = classifier.condition.explain(&Scene::of(&record), &self.keys);
            if outcome.holds {
                for (key, term) in &classifier.assigns {
                    let value = term.value(&Scene::of(&record)).map(|value| value.to_value());
                    record.set(*key, value);
                }
            }
            explained.push((classifier.place, outcome));
        }
        explained
    }
}

fn assigns(block: &Block, keys: &mut KeyTable) -> Result<Assigns, RuleError> {
    block
        .assigns
        .iter()
        .map(|assign| Ok((keys.intern(&assign.key.key), Term::compile(&assign.value, keys)?)))
        .collect()
}

fn task(action: &Action, keys: &mut KeyTable) -> Result<TaskRule, RuleError> {
    let slots = action
        .selects()
        .map(|select| {
            Ok(SlotRule {
                place: select.place,
                tag: Tag::new(select.tag.clone()),
                bounds: select.bounds,
                source: select.source.clone(),
                condition: Code::compile(&select.condition, keys)?,
            })
        })
        .collect::<Result<_, RuleError>>()?;
    let category = keys.intern(&Key::new("PRO.CATG"));
    let products = action
        .products()
        .map(|product| {
            let assigns = assigns(&product.block, keys)?;
            let tag = assigns.iter().rev().find_map(|(key, term)| match term {
                Term::Text(text) if *key == category => Some(Tag::new(text.clone())),
                _ => None,
            });
            Ok(Made {
                name: product.name.clone(),
                tag: tag.unwrap_or_else(|| Tag::new(product.name.clone())),
                assigns,
            })
        })
        .collect::<Result<_, RuleError>>()?;
    let recipe = action.recipe();
    let options = recipe.map(|recipe| recipe.options.iter().flat_map(|text| options(text)).collect());
    Ok(TaskRule {
        place: action.place,
        task: TaskId::new(action.task.clone()),
        recipe: recipe.map(|recipe| RecipeId::new(recipe.name.clone())),
        options: options.unwrap_or_default(),
        slots,
        products,
        priority: action.parts.iter().rev().find_map(|part| match part {
            super::ast::Part::Priority { value, .. } => Some(*value),
            _ => None,
        }),
    })
}

/// Reads `--name=value --other=value`; a name alone is switched on.
fn options(text: &str) -> Vec<(Box<str>, Box<str>)> {
    text.split_whitespace()
        .filter_map(|word| word.strip_prefix("--"))
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.into(), value.into()),
            None => (word.into(), "TRUE".into()),
        })
        .collect()
}

impl std::fmt::Display for Assigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match Operand::of(&self.value) {
            Some(value) => write!(f, "{value}"),
            None => f.write_str("undefined"),
        }
    }
}
