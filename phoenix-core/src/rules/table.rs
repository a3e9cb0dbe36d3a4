//! Many frames by the keys that the rules name: columns of numbered values, so that equal values are equal numbers.

use std::collections::HashMap;
use std::sync::Arc;

use super::book::{Assigned, Assigns, RuleBook};
use super::eval::{Keys, Operand, Scene};
use super::keys::{KeyId, Record};
use super::time::Moment;
use crate::header::{Header, Key, Value};

/// A numbered value; `Atom::NONE` stands for undefined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(u32);

impl Atom {
    /// Undefined.
    pub const NONE: Self = Self(0);
}

/// The number of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

#[derive(Debug, Clone)]
enum Stored {
    Logical(bool),
    Number(f64),
    Text(Arc<str>),
}

/// Every value that occurs, once.
#[derive(Debug, Clone, Default)]
struct Atoms {
    values: Vec<Stored>,
    numbers: HashMap<u64, Atom>,
    texts: HashMap<Arc<str>, Atom>,
    logicals: [Option<Atom>; 2],
}

/// The bits by which numbers are equal; `None` for a value that equals nothing, not even itself.
fn number_key(value: f64) -> Option<u64> {
    (!value.is_nan()).then(|| if value == 0.0 { 0 } else { value.to_bits() })
}

impl Atoms {
    fn add(&mut self, value: Stored) -> Atom {
        self.values.push(value);
        Atom(self.values.len() as u32)
    }

    fn find(&self, value: &Operand<'_>) -> Option<Atom> {
        match value {
            Operand::Logical(value) => self.logicals[usize::from(*value)],
            Operand::Number(value) => self.numbers.get(&number_key(*value)?).copied(),
            Operand::Text(text) => self.texts.get(text.as_ref()).copied(),
        }
    }

    fn intern(&mut self, value: &Operand<'_>) -> Atom {
        if let Some(atom) = self.find(value) {
            return atom;
        }
        match value {
            Operand::Logical(value) => {
                let atom = self.add(Stored::Logical(*value));
                self.logicals[usize::from(*value)] = Some(atom);
                atom
            }
            Operand::Number(value) => {
                let atom = self.add(Stored::Number(*value));
                if let Some(key) = number_key(*value) {
                    self.numbers.insert(key, atom);
                }
                atom
            }
            Operand::Text(text) => {
                let text: Arc<str> = Arc::from(text.as_ref());
                let atom = self.add(Stored::Text(text.clone()));
                self.texts.insert(text, atom);
                atom
            }
        }
    }

    fn value(&self, atom: Atom) -> Option<Operand<'_>> {
        let stored = self.values.get((atom.0 as usize).checked_sub(1)?)?;
        Some(match stored {
            Stored::Logical(value) => Operand::Logical(*value),
            Stored::Number(value) => Operand::Number(*value),
            Stored::Text(text) => Operand::Text(text.as_ref().into()),
        })
    }
}

/// What classification made of one combination of values.
#[derive(Debug, Clone, Default)]
pub struct RowClass {
    /// Every assignment in order.
    pub assigned: Vec<Assigned>,
    changes: Vec<(KeyId, Atom)>,
}

/// The number of a combination of values that classification looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(u32);

/// Frames as rows, keys as columns.
///
/// # Contract
/// * A row says the same as the `Record` of the same header.
/// * Classification rules are applied once per combination of the values that they look at.
#[derive(Debug, Clone)]
pub struct FrameTable {
    columns: Vec<Vec<Atom>>,
    moments: Vec<Option<Moment>>,
    atoms: Atoms,
    /// The keys whose values decide a class, those that rules assign included.
    deciding: Vec<KeyId>,
    /// The keys that a product does not inherit from its raw frame: what rules assigned, and `DPR`.
    raw_only: Vec<KeyId>,
    known: HashMap<Box<[Atom]>, ClassId>,
    classes: Vec<RowClass>,
    /// The key of each card of the last header and its number: headers of one instrument are alike.
    last_cards: Vec<(Key, Option<KeyId>)>,
}

impl FrameTable {
    /// Returns an empty table for the keys of a rule book; `extra` keys decide a class too.
    pub fn new(book: &RuleBook, extra: &[KeyId]) -> Self {
        let (mut deciding, mut raw_only) = (extra.to_vec(), Vec::new());
        for rule in book.classifiers() {
            rule.condition.for_each_key(&mut |_, key| deciding.push(key));
            for (key, term) in &rule.assigns {
                raw_only.push(*key);
                term.for_each_key(&mut |_, key| deciding.push(key));
            }
        }
        deciding.extend_from_slice(&raw_only);
        raw_only.extend(book.keys().keys().iter().filter_map(|key| {
            let is_raw = key.as_str().starts_with("ESO.DPR.");
            book.keys().id(key).filter(|_| is_raw)
        }));
        for keys in [&mut deciding, &mut raw_only] {
            keys.sort_unstable();
            keys.dedup();
        }
        Self {
            columns: vec![Vec::new(); book.keys().keys().len()],
            moments: Vec::new(),
            atoms: Atoms::default(),
            deciding,
            raw_only,
            known: HashMap::new(),
            classes: Vec::new(),
            last_cards: Vec::new(),
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// Adds a frame by its header.
    pub fn push(&mut self, book: &RuleBook, header: &Header) -> RowId {
        let moment = Moment::of_header(header);
        let mut values: Vec<Atom> = vec![Atom::NONE; self.columns.len()];
        for (n, card) in header.cards().iter().enumerate() {
            let id = match self.last_cards.get(n) {
                Some((key, id)) if *key == card.key => *id,
                _ => {
                    let id = book.keys().id(&card.key);
                    self.last_cards.truncate(n);
                    self.last_cards.push((card.key.clone(), id));
                    id
                }
            };
            if let Some(id) = id
                && let Some(place) = values.get_mut(id.index())
            {
                let value = Operand::of(&card.value);
                *place = value.map_or(Atom::NONE, |value| self.intern_like_last(id, &value));
            }
        }
        self.push_atoms(values.into_iter(), moment)
    }

    /// Returns the number of a value, looking first at what the last row has under the same key.
    fn intern_like_last(&mut self, key: KeyId, value: &Operand<'_>) -> Atom {
        let last = self.columns.get(key.index()).and_then(|column| column.last()).copied();
        match last {
            Some(last) if self.atoms.value(last).as_ref() == Some(value) => last,
            _ => self.atoms.intern(value),
        }
    }

    /// Adds a frame by the values that the rules name and its time.
    pub fn push_values<'v>(
        &mut self,
        values: impl IntoIterator<Item = (KeyId, Operand<'v>)>,
        moment: Option<Moment>,
    ) -> RowId {
        let row = self.push_atoms(std::iter::empty(), moment);
        for (key, value) in values {
            let before = RowId(row.0.saturating_sub(1));
            let last = self.atom(before, key);
            let is_last = self.atoms.value(last).as_ref() == Some(&value);
            let atom = if is_last { last } else { self.atoms.intern(&value) };
            self.set(row, key, atom);
        }
        row
    }

    /// Adds a copy of a row.
    pub fn push_copy(&mut self, row: RowId) -> RowId {
        let moment = self.moment(row);
        let values: Vec<Atom> = self
            .columns
            .iter()
            .map(|column| column.get(row.0 as usize).copied().unwrap_or_default())
            .collect();
        self.push_atoms(values.into_iter(), moment)
    }

    fn push_atoms(&mut self, mut values: impl Iterator<Item = Atom>, moment: Option<Moment>) -> RowId {
        for column in &mut self.columns {
            column.push(values.next().unwrap_or_default());
        }
        self.moments.push(moment);
        RowId(self.moments.len() as u32 - 1)
    }

    /// Returns when a frame was taken.
    pub fn moment(&self, row: RowId) -> Option<Moment> {
        self.moments.get(row.0 as usize).copied().flatten()
    }

    /// Returns the numbered value of a key.
    pub fn atom(&self, row: RowId, key: KeyId) -> Atom {
        self.columns
            .get(key.index())
            .and_then(|column| column.get(row.0 as usize))
            .copied()
            .unwrap_or_default()
    }

    /// Returns a number that stands for the row itself and for no value.
    pub(crate) fn own_atom(row: RowId) -> Atom {
        Atom(u32::MAX - row.0)
    }

    /// Returns the value of a numbered value.
    pub fn value(&self, atom: Atom) -> Option<Operand<'_>> {
        self.atoms.value(atom)
    }

    /// Returns the number of a value under which every value that `==` calls equal is found; `None` if none occurs.
    pub fn equal_atom(&self, value: &Operand<'_>) -> Option<Atom> {
        match value {
            Operand::Logical(value) => self.letter(*value),
            other => self.atoms.find(other),
        }
    }

    /// Returns the number that stands for a logical and its letter alike.
    fn letter(&self, value: bool) -> Option<Atom> {
        let letter = Operand::Text(if value { "T" } else { "F" }.into());
        self.atoms
            .find(&letter)
            .or_else(|| self.atoms.find(&Operand::Logical(value)))
    }

    /// Returns the numbered value of a key as `equal_atom` would find it; `NONE` if it equals nothing.
    pub fn row_equal_atom(&self, row: RowId, key: KeyId) -> Atom {
        let atom = self.atom(row, key);
        match self.value(atom) {
            Some(Operand::Logical(value)) => self.letter(value).unwrap_or(atom),
            Some(Operand::Number(value)) if value.is_nan() => Atom::NONE,
            _ => atom,
        }
    }

    /// Returns the number of a value, giving it one if it has none.
    pub fn intern(&mut self, value: &Operand<'_>) -> Atom {
        self.atoms.intern(value)
    }

    /// Sets the value of a key.
    pub fn set(&mut self, row: RowId, key: KeyId, atom: Atom) {
        if let Some(place) = self
            .columns
            .get_mut(key.index())
            .and_then(|column| column.get_mut(row.0 as usize))
        {
            *place = atom;
        }
    }

    /// Returns a row as values by key.
    pub fn row(&self, row: RowId) -> Row<'_> {
        Row { table: self, row }
    }

    /// Returns the values of some keys, for use as the key of a map.
    pub fn signature(&self, row: RowId, keys: &[KeyId]) -> Box<[Atom]> {
        keys.iter().map(|key| self.atom(row, *key)).collect()
    }

    /// Applies the classification rules to a row.
    pub fn classify(&mut self, book: &RuleBook, row: RowId) -> ClassId {
        let signature = self.signature(row, &self.deciding);
        let class = if let Some(class) = self.known.get(&signature) {
            *class
        } else {
            let mut record = self.record(book, row);
            let assigned = book.apply(&mut record);
            let changes = self
                .raw_only
                .clone()
                .into_iter()
                .map(|key| {
                    let value = record.get(key).and_then(Operand::of);
                    (key, value.map_or(Atom::NONE, |value| self.atoms.intern(&value)))
                })
                .collect();
            let class = ClassId(self.classes.len() as u32);
            self.classes.push(RowClass { assigned, changes });
            self.known.insert(signature, class);
            class
        };
        let changes = self
            .classes
            .get(class.0 as usize)
            .map(|class| class.changes.clone())
            .unwrap_or_default();
        for (key, atom) in changes {
            self.set(row, key, atom);
        }
        class
    }

    /// Returns what classification made of one combination of values.
    pub fn class(&self, class: ClassId) -> Option<&RowClass> {
        self.classes.get(class.0 as usize)
    }

    /// Adds what a product will carry: the keys of its first main frame without those that describe the raw frame
    /// (`DPR` and what rules assigned), those that its block sets, and what the classification rules make of both.
    pub fn push_product(&mut self, book: &RuleBook, first: RowId, assigns: &Assigns) -> (RowId, ClassId) {
        let set: Vec<(KeyId, Option<Value>)> = assigns
            .iter()
            .map(|(key, term)| {
                let row = self.row(first);
                let value = term.value(&Scene::of(&row)).map(|value| value.to_value());
                (*key, value)
            })
            .collect();
        let values: Vec<(KeyId, Atom)> = set
            .iter()
            .map(|(key, value)| {
                let value = value.as_ref().and_then(Operand::of);
                (*key, value.map_or(Atom::NONE, |value| self.atoms.intern(&value)))
            })
            .collect();
        let row = self.push_copy(first);
        for key in self.raw_only.clone() {
            self.set(row, key, Atom::NONE);
        }
        for (key, atom) in &values {
            self.set(row, *key, *atom);
        }
        let class = self.classify(book, row);
        // What the block says stands above what the rules conclude.
        for (key, atom) in values {
            self.set(row, key, atom);
        }
        (row, class)
    }

    /// Returns a row as a record of its own.
    pub fn record(&self, book: &RuleBook, row: RowId) -> Record {
        let mut record = book.keys().record(&Header::new());
        for key in book.keys().keys() {
            if let Some(id) = book.keys().id(key) {
                record.set(id, self.value(self.atom(row, id)).map(|value| value.to_value()));
            }
        }
        record
    }
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'t> {
    table: &'t FrameTable,
    row: RowId,
}

impl Keys for Row<'_> {
    fn value(&self, key: KeyId) -> Option<Operand<'_>> {
        self.table.value(self.table.atom(self.row, key))
    }
}
