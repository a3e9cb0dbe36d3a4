//! How a rule book and its validity table name frames and shape tasks.

use std::collections::{BTreeSet, HashMap};

use super::error::BuildError;
use super::slots::SlotPlan;
use crate::frame::Category;
use crate::header::{Key, Value};
use crate::id::{InstrumentId, RecipeId, Tag, TaskId};
use crate::rules::ast::{Comparison, Scope};
use crate::rules::code::{Code, Term};
use crate::rules::eval::{Keys, Operand};
use crate::rules::table::{FrameTable, RowId};
use crate::rules::{Assigned, KeyId, Record, RuleBook, TaskRule, Trigger, Validity};
use crate::traits::{InputSpec, ParamSpec, RecipeSpec, ResourceModel};

/// What the rules make of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// No rule names it.
    Unknown,
    /// It is of this kind.
    Kind(Tag, Category),
    /// An exclusive book gives it two kinds.
    Ambiguous(Tag, Tag),
    /// A rule leaves it out, with its reason.
    Rejected(String),
}

/// The keys with a meaning of their own.
#[derive(Debug, Clone)]
struct Meanings {
    tags: Vec<KeyId>,
    category: KeyId,
    dpr_category: KeyId,
    pro_category: KeyId,
    pro_science: KeyId,
    reject: KeyId,
    instrument: KeyId,
    template: KeyId,
    arcfile: KeyId,
}

/// A rule book with its validity table, ready to select and to associate.
#[derive(Debug, Clone)]
pub struct Policy {
    book: RuleBook,
    validity: Validity,
    instrument: InstrumentId,
    meanings: Meanings,
    /// The slots of each task, in the order of `RuleBook::tasks`.
    slots: Vec<Vec<SlotPlan>>,
    n_stocks: usize,
    /// The task of each trigger.
    tasks: Vec<Option<usize>>,
}

impl Policy {
    /// Joins a rule book and a validity table.
    ///
    /// # Errors
    /// If the instrument cannot be told, or the table names a calibration that no slot asks for.
    pub fn new(mut book: RuleBook, validity: Validity) -> Result<Self, BuildError> {
        let mut key = |name: &str| book.intern(&Key::new(name));
        let meanings = Meanings {
            category: key("CATG"),
            dpr_category: key("DPR.CATG"),
            pro_category: key("PRO.CATG"),
            pro_science: key("PRO.SCIENCE"),
            reject: key("DO.REJECT"),
            instrument: key("INSTRUME"),
            template: key("TPL.START"),
            arcfile: key("ARCFILE"),
            tags: validity.tag_keys.iter().map(|name| key(name.as_str())).collect(),
        };
        let instrument = match &validity.instrument {
            Some(instrument) => instrument.clone(),
            None => instrument_of(&book, meanings.instrument)?,
        };
        let mut slots: Vec<Vec<SlotPlan>> = book
            .tasks()
            .iter()
            .map(|task| task.slots.iter().map(|slot| SlotPlan::new(slot, &validity)).collect())
            .collect();
        let asked: BTreeSet<&Tag> = slots.iter().flatten().map(|slot| &slot.tag).collect();
        if let Some(tag) = validity.calibrations.keys().find(|tag| !asked.contains(tag)) {
            return Err(BuildError::UnknownCalibration { tag: tag.clone() });
        }
        let mut stocks: HashMap<String, usize> = HashMap::new();
        for slot in slots.iter_mut().flatten() {
            let n = stocks.len();
            slot.stock = *stocks.entry(slot.stock_spelling(book.keys())).or_insert(n);
        }
        let task_of = |trigger: &Trigger| book.tasks().iter().position(|rule| rule.task == trigger.task);
        Ok(Self {
            tasks: book.triggers().iter().map(task_of).collect(),
            book,
            validity,
            instrument,
            meanings,
            slots,
            n_stocks: stocks.len(),
        })
    }

    /// Returns the rule book.
    pub fn book(&self) -> &RuleBook {
        &self.book
    }

    /// Returns the validity table.
    pub fn validity(&self) -> &Validity {
        &self.validity
    }

    /// Returns the instrument.
    pub fn instrument(&self) -> &InstrumentId {
        &self.instrument
    }

    /// Returns an empty table whose classes decide what `named` says.
    pub fn table(&self) -> FrameTable {
        FrameTable::new(&self.book, &self.looked_at())
    }

    /// Returns the keys that the naming of frames looks at, beside those that the rules name.
    pub(crate) fn looked_at(&self) -> Vec<KeyId> {
        let mut extra = vec![
            self.meanings.category,
            self.meanings.dpr_category,
            self.meanings.pro_category,
            self.meanings.pro_science,
            self.meanings.reject,
            self.meanings.instrument,
        ];
        extra.extend(&self.meanings.tags);
        extra
    }

    /// Returns the task of a trigger, by its place among the tasks of the book.
    pub(crate) fn task_of(&self, trigger: usize) -> Option<usize> {
        self.tasks.get(trigger).copied().flatten()
    }

    /// Returns the number of stocks of candidates that slots choose from.
    pub(crate) fn n_stocks(&self) -> usize {
        self.n_stocks
    }

    /// Returns the key that opens a template.
    pub(crate) fn template_key(&self) -> KeyId {
        self.meanings.template
    }

    /// Tells whether a key holds the name of the file: without it, the frame's own name serves.
    pub(crate) fn is_file_name(&self, key: KeyId) -> bool {
        key == self.meanings.arcfile
    }

    /// Returns the place of a task among the tasks of the book.
    pub(crate) fn task_index(&self, task: &TaskId) -> Option<usize> {
        self.book.tasks().iter().position(|rule| rule.task == *task)
    }

    /// Returns the slots of a task.
    pub(crate) fn slots(&self, task_index: usize) -> &[SlotPlan] {
        self.slots.get(task_index).map(Vec::as_slice).unwrap_or_default()
    }

    /// Tells what the rules make of a frame: of its values after classification and of what was assigned.
    pub fn named(&self, values: &dyn Keys, assigned: &[Assigned]) -> Named {
        let text = |key: KeyId| match values.value(key) {
            Some(Operand::Text(text)) => Some(text.into_owned()),
            _ => None,
        };
        let set = |key: KeyId| {
            assigned
                .iter()
                .filter(move |assigned| assigned.key == key)
                .filter_map(|assigned| match &assigned.value {
                    Value::Text(text) if !text.is_empty() => Some(&**text),
                    _ => None,
                })
        };
        if let Some(reason) = set(self.meanings.reject).next_back() {
            return Named::Rejected(reason.to_owned());
        }
        let Some(key) = self.meanings.tags.iter().find(|key| set(**key).next().is_some()) else {
            return self.named_by_product(values);
        };
        let last = set(*key).next_back().unwrap_or_default();
        if self.validity.is_exclusive
            && let Some(other) = set(*key).find(|other| *other != last)
        {
            return Named::Ambiguous(Tag::from(other), Tag::from(last));
        }
        let category = match set(self.meanings.category).next_back() {
            Some("SCIENCE") => Category::Science,
            Some("MASTER") => Category::Master,
            Some("PRODUCT") => Category::Product,
            Some("OTHER" | "ACQUISITION" | "TEST" | "TECHNICAL") => Category::Other,
            _ if text(self.meanings.pro_category).is_some() => self.product_category(values),
            Some("CALIB") => Category::RawCalib,
            _ => match text(self.meanings.dpr_category).as_deref() {
                Some("SCIENCE") => Category::Science,
                Some("CALIB") => Category::RawCalib,
                _ => Category::Other,
            },
        };
        Named::Kind(Tag::from(last), category)
    }

    /// A product of this instrument that no rule names is what its `PRO.CATG` says.
    fn named_by_product(&self, values: &dyn Keys) -> Named {
        let instrument = Operand::Text(self.instrument.as_str().into());
        match values.value(self.meanings.pro_category) {
            Some(Operand::Text(category)) if values.value(self.meanings.instrument) == Some(instrument) => {
                Named::Kind(Tag::from(category.as_ref()), self.product_category(values))
            }
            _ => Named::Unknown,
        }
    }

    fn product_category(&self, values: &dyn Keys) -> Category {
        match values.value(self.meanings.pro_science) {
            Some(Operand::Logical(true)) => Category::Product,
            _ => Category::Master,
        }
    }

    /// Writes the kind of a frame into its row, where the caller's kind counts more than what the rules say.
    pub(crate) fn set_tag(&self, table: &mut FrameTable, row: RowId, tag: &Tag) {
        let Some(key) = self.meanings.tags.first() else { return };
        let has_tag = self
            .meanings
            .tags
            .iter()
            .any(|key| table.row(row).value(*key) == Some(Operand::Text(tag.as_str().into())));
        if !has_tag {
            let atom = table.intern(&Operand::Text(tag.as_str().into()));
            table.set(row, *key, atom);
        }
    }

    /// The same for a record.
    pub(crate) fn set_record_tag(&self, record: &mut Record, tag: &Tag) {
        let is_tag = |key: &KeyId| record.value(*key) == Some(Operand::Text(tag.as_str().into()));
        if let Some(key) = self.meanings.tags.first()
            && !self.meanings.tags.iter().any(is_tag)
        {
            record.set(*key, Some(Value::Text(tag.as_str().into())));
        }
    }

    /// Returns the key that names a product's kind.
    pub(crate) fn product_key(&self) -> KeyId {
        self.meanings.pro_category
    }

    /// Returns the kinds of frame that a trigger names.
    pub(crate) fn main_tags(&self, trigger: &Trigger) -> Vec<Tag> {
        let mut tags = Vec::new();
        texts_of(
            &trigger.condition,
            &|scope, key| {
                matches!(scope, Scope::This | Scope::Last)
                    && (self.meanings.tags.contains(&key) || key == self.meanings.pro_category)
            },
            &mut |text| {
                let tag = Tag::from(text);
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            },
        );
        tags
    }

    /// Tells what the recipe of a task takes and makes; `None` if the book names no recipe for it.
    pub(crate) fn outline(&self, rule: &TaskRule) -> Option<RecipeSpec> {
        let recipe = rule.recipe.as_ref().filter(|recipe| recipe.as_str() != "none")?;
        let mut inputs: Vec<InputSpec> = Vec::new();
        for trigger in self.book.triggers().iter().filter(|trigger| trigger.task == rule.task) {
            let tags = self.main_tags(trigger);
            // Any of several kinds may start the task: then none of them is needed by itself.
            let min = if tags.len() == 1 {
                trigger.bounds.min.unwrap_or(1)
            } else {
                0
            };
            for tag in tags {
                if inputs.iter().all(|input| input.tag != tag) {
                    inputs.push(InputSpec {
                        tag,
                        min: min as usize,
                        max: None,
                        is_main: true,
                    });
                }
            }
        }
        let slots = self.task_index(&rule.task).map(|index| self.slots(index));
        for slot in slots.unwrap_or_default().iter().filter(|slot| slot.is_asked_for) {
            if inputs.iter().all(|input| input.tag != slot.tag) {
                inputs.push(InputSpec {
                    tag: slot.tag.clone(),
                    // A slot may be closed for an epoch: the association says what is missing, not the count.
                    min: 0,
                    max: slot.max,
                    is_main: false,
                });
            }
        }
        Some(RecipeSpec {
            id: RecipeId::from(recipe.as_str()),
            doc: format!("Does {} as the rules of {} declare it.", rule.task, self.instrument),
            pipeline: format!("rules of {}", self.instrument),
            inputs,
            outputs: rule.products.iter().map(|made| made.tag.clone()).collect(),
            params: rule
                .options
                .iter()
                .map(|(name, value)| ParamSpec {
                    name: name.to_string(),
                    doc: "set by the rule book".to_owned(),
                    values: value.to_string(),
                })
                .collect(),
            references: Vec::new(),
            resources: ResourceModel {
                base_bytes: 512 << 20,
                bytes_per_input_byte: 2.0,
                max_threads: 1,
            },
        })
    }
}

/// Calls `take` on every text that a condition compares with a wanted key for equality.
fn texts_of(code: &Code, wanted: &dyn Fn(Scope, KeyId) -> bool, take: &mut dyn FnMut(&str)) {
    match code {
        Code::Or(parts) | Code::And(parts) => parts.iter().for_each(|part| texts_of(part, wanted, take)),
        Code::Compare(Term::Key(scope, key), Comparison::Equal, Term::Text(text))
        | Code::Compare(Term::Text(text), Comparison::Equal, Term::Key(scope, key))
            if wanted(*scope, *key) =>
        {
            take(text);
        }
        _ => {}
    }
}

/// Returns the one value that the rules compare `INSTRUME` with.
fn instrument_of(book: &RuleBook, key: KeyId) -> Result<InstrumentId, BuildError> {
    let mut names = BTreeSet::new();
    let conditions = book
        .classifiers()
        .iter()
        .map(|rule| &rule.condition)
        .chain(book.triggers().iter().map(|rule| &rule.condition));
    for condition in conditions {
        texts_of(condition, &|_, found| found == key, &mut |text| {
            names.insert(text.to_owned());
        });
    }
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(InstrumentId::from(name)),
        (first, second) => Err(BuildError::Instrument {
            found: first.into_iter().chain(second).chain(names).collect(),
        }),
    }
}
