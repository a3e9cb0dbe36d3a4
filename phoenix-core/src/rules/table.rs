//! Many frames by the keys that the rules name: columns of numbered values, so that equal values are equal numbers.

use std::collections::HashMap;

pub use super::atoms::Atom;
use super::atoms::Atoms;
use super::book::{Assigned, Assigns, RuleBook};
pub use super::columns::ProfileId;
use super::columns::{Columns, Place, Profiles};
use super::eval::{Keys, Operand, Scene};
use super::keys::{KeyId, Record};
use super::time::Moment;
use crate::header::{Header, Key, Value};

/// The number of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

/// What classification made of one combination of values.
#[derive(Debug, Clone, Default)]
pub struct RowClass {
    /// Every assignment in order.
    pub assigned: Vec<Assigned>,
    /// The columns that the rules set.
    changes: Vec<(u32, Atom)>,
}

/// The number of a combination of values that classification looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(u32);

impl ClassId {
    /// Returns the number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a product will carry, as far as its first frame decides it.
#[derive(Debug, Clone)]
pub(crate) struct ProductForm {
    profile: ProfileId,
    /// The values that are not those of its first frame, by their columns.
    own: Vec<(u32, Atom)>,
    class: ClassId,
    /// Whether every frame of the first one's profile gives the same.
    pub(crate) is_of_profile: bool,
}

/// The rows of a table before it was cut, so that later rows can be compared with them.
#[derive(Debug)]
pub(crate) struct CutRows {
    rows: Vec<ProfileId>,
    /// The values of the rows that were cut off.
    own: Vec<Vec<Atom>>,
    n_kept: usize,
}

impl CutRows {
    /// Returns how many rows there were.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns how many rows were kept.
    pub(crate) fn n_kept(&self) -> usize {
        self.n_kept
    }
}

/// Frames as rows, keys as columns.
///
/// # Contract
/// * A row says the same as the `Record` of the same header, under every key that a rule names.
/// * Classification rules are applied once per combination of the values that they look at.
#[derive(Debug, Clone)]
pub struct FrameTable {
    columns: Columns,
    profiles: Profiles,
    rows: Vec<ProfileId>,
    times: Vec<i64>,
    own: Vec<Vec<Atom>>,
    atoms: Atoms,
    /// The keys whose values decide a class, those that rules assign included.
    deciding: Vec<KeyId>,
    /// The keys that a product does not inherit from its raw frame: what rules assigned, and `DPR`.
    raw_only: Vec<KeyId>,
    known: HashMap<Box<[Atom]>, ClassId>,
    classes: Vec<RowClass>,
    /// Class and profile afterwards by profile, where the profile alone decides.
    classified: Option<Vec<Option<(ClassId, ProfileId)>>>,
    /// The key of each card of the last header and its number: headers of one instrument are alike.
    last_cards: Vec<(Key, Option<KeyId>)>,
}

/// The stored form of no time.
const NO_TIME: i64 = i64::MIN;

impl FrameTable {
    /// Returns an empty table for the keys of a rule book; `extra` keys decide a class too.
    pub fn new(book: &RuleBook, extra: &[KeyId]) -> Self {
        let columns = Columns::new(book, extra);
        let mut table = Self {
            profiles: Profiles::new(columns.shared.len()),
            rows: Vec::new(),
            times: Vec::new(),
            own: vec![Vec::new(); columns.own.len()],
            columns,
            atoms: Atoms::default(),
            deciding: Vec::new(),
            raw_only: Vec::new(),
            known: HashMap::new(),
            classes: Vec::new(),
            classified: None,
            last_cards: Vec::new(),
        };
        table.study(book, extra);
        table
    }

    /// Finds out which keys decide a class, and forgets every class.
    fn study(&mut self, book: &RuleBook, extra: &[KeyId]) {
        let (mut deciding, mut raw_only) = (extra.to_vec(), book.assigned_by_rules());
        for rule in book.classifiers() {
            rule.condition.for_each_key(&mut |_, key| deciding.push(key));
            for (_, term) in &rule.assigns {
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
        let is_shared = deciding.iter().all(|key| self.columns.is_shared(*key));
        self.classified = is_shared.then(Vec::new);
        self.deciding = deciding;
        self.raw_only = raw_only;
        self.known.clear();
        self.classes.clear();
        self.last_cards.clear();
    }

    /// Takes another rule book; the rows stay as they are and have to be classified again.
    ///
    /// # Errors
    /// The keys that the book needs and that the table has no column for; the table is as it was.
    pub fn rebook(&mut self, book: &RuleBook, extra: &[KeyId]) -> Result<(), Vec<Key>> {
        let (shared, own) = (self.columns.shared.clone(), self.columns.own.clone());
        self.columns = Columns::fixed(shared, own, book, extra)?;
        self.study(book, extra);
        Ok(())
    }

    /// Returns the keys that a rule book needs and that the table has no column for, or none that it may set.
    pub fn lacking(&self, book: &RuleBook, extra: &[KeyId]) -> Vec<Key> {
        let (shared, own) = (self.columns.shared.clone(), self.columns.own.clone());
        Columns::fixed(shared, own, book, extra).err().unwrap_or_default()
    }

    /// Returns the keys that have a column.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.columns.shared.iter().chain(&self.columns.own)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a frame by its header.
    pub fn push(&mut self, book: &RuleBook, header: &Header) -> RowId {
        let moment = Moment::of_header(header);
        let mut values: Vec<Atom> = vec![Atom::NONE; self.columns.n_keys()];
        for (n, card) in header.cards().iter().enumerate() {
            let id = match self.last_cards.get(n) {
                Some((key, id)) if *key == card.key => *id,
                _ => {
                    let id = book.keys().id(&card.key);
                    let id = id.filter(|id| self.columns.at(*id) != Place::Nowhere);
                    self.last_cards.truncate(n);
                    self.last_cards.push((card.key.clone(), id));
                    id
                }
            };
            if let Some(id) = id
                && let Some(place) = values.get_mut(id.index())
            {
                let value = Operand::of(&card.value);
                *place = value.map_or(Atom::NONE, |value| self.atoms.intern(&value));
            }
        }
        self.push_atoms(&values, moment)
    }

    /// Adds a frame by the values that the rules name and its time.
    pub fn push_values<'v>(
        &mut self,
        values: impl IntoIterator<Item = (KeyId, Operand<'v>)>,
        moment: Option<Moment>,
    ) -> RowId {
        let mut atoms: Vec<Atom> = vec![Atom::NONE; self.columns.n_keys()];
        for (key, value) in values {
            if let Some(place) = atoms.get_mut(key.index())
                && self.columns.at(key) != Place::Nowhere
            {
                *place = self.atoms.intern(&value);
            }
        }
        self.push_atoms(&atoms, moment)
    }

    /// Adds a row by its values in the order of the key numbers.
    fn push_atoms(&mut self, values: &[Atom], moment: Option<Moment>) -> RowId {
        let mut shared = vec![Atom::NONE; self.columns.shared.len()];
        let mut own = vec![Atom::NONE; self.columns.own.len()];
        for (n, atom) in values.iter().enumerate() {
            let place = match self.columns.at(KeyId::of_index(n)) {
                Place::Shared(column) => shared.get_mut(column as usize),
                Place::Own(column) => own.get_mut(column as usize),
                Place::Nowhere => None,
            };
            if let Some(place) = place {
                *place = *atom;
            }
        }
        let profile = self.profiles.intern(&shared);
        self.push_row(profile, own.into_iter(), moment)
    }

    fn push_row(&mut self, profile: ProfileId, mut own: impl Iterator<Item = Atom>, moment: Option<Moment>) -> RowId {
        for column in &mut self.own {
            column.push(own.next().unwrap_or_default());
        }
        self.rows.push(profile);
        self.times.push(moment.map_or(NO_TIME, Moment::ms));
        RowId(self.rows.len() as u32 - 1)
    }

    /// Returns when a frame was taken.
    pub fn moment(&self, row: RowId) -> Option<Moment> {
        let ms = self.times.get(row.0 as usize).copied();
        ms.filter(|ms| *ms != NO_TIME).map(Moment::from_ms)
    }

    /// Returns the numbered value of a key.
    pub fn atom(&self, row: RowId, key: KeyId) -> Atom {
        match self.columns.at(key) {
            Place::Shared(column) => self.profiles.atom(self.profile(row), column),
            Place::Own(column) => self.own_at(row, column),
            Place::Nowhere => Atom::NONE,
        }
    }

    fn own_at(&self, row: RowId, column: u32) -> Atom {
        let column = self.own.get(column as usize);
        column
            .and_then(|column| column.get(row.0 as usize))
            .copied()
            .unwrap_or_default()
    }

    /// Returns the combination of shared values of a row.
    pub fn profile(&self, row: RowId) -> ProfileId {
        self.rows.get(row.0 as usize).copied().unwrap_or(ProfileId(u32::MAX))
    }

    /// Returns the number of combinations of shared values.
    pub fn n_profiles(&self) -> usize {
        self.profiles.len()
    }

    /// Tells whether a key has the same value in all rows of a profile.
    pub fn is_shared(&self, key: KeyId) -> bool {
        self.columns.is_shared(key)
    }

    /// Tells whether a row has the same values as one that was cut off.
    pub(crate) fn is_alike(&self, row: RowId, before: &CutRows, old: RowId) -> bool {
        let n_kept = before.n_kept;
        let is_own_alike = |(column, cut): (&Vec<Atom>, &Vec<Atom>)| {
            let mine = column.get(row.0 as usize);
            match (old.0 as usize).checked_sub(n_kept) {
                Some(place) => mine == cut.get(place),
                None => mine == column.get(old.0 as usize),
            }
        };
        Some(&self.profile(row)) == before.rows.get(old.0 as usize)
            && self.own.iter().zip(&before.own).all(is_own_alike)
    }

    /// Cuts the table to its first rows and gives them these profiles: what they were before classification.
    pub(crate) fn restore(&mut self, profiles: &[ProfileId]) -> CutRows {
        let n_kept = profiles.len();
        let rows = std::mem::replace(&mut self.rows, profiles.to_vec());
        self.times.truncate(n_kept);
        CutRows {
            rows,
            own: self
                .own
                .iter_mut()
                .map(|column| column.split_off(n_kept.min(column.len())))
                .collect(),
            n_kept,
        }
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
            Operand::Logical(value) => self.atoms.letter(*value),
            other => self.atoms.find(other),
        }
    }

    /// Returns the numbered value of a key as `equal_atom` would find it; `NONE` if it equals nothing.
    pub fn row_equal_atom(&self, row: RowId, key: KeyId) -> Atom {
        let atom = self.atom(row, key);
        match self.value(atom) {
            Some(Operand::Logical(value)) => self.atoms.letter(value).unwrap_or(atom),
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
        let place = row.0 as usize;
        match self.columns.at(key) {
            Place::Shared(column) => {
                if let Some(profile) = self.rows.get_mut(place) {
                    *profile = self.profiles.changed(*profile, &[(column, atom)]);
                }
            }
            Place::Own(column) => {
                let column = self.own.get_mut(column as usize);
                if let Some(slot) = column.and_then(|column| column.get_mut(place)) {
                    *slot = atom;
                }
            }
            Place::Nowhere => {}
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
        let profile = self.profile(row);
        let known = self.classified.as_ref().and_then(|all| all.get(profile.index()));
        let (class, after) = match known {
            Some(Some(known)) => *known,
            _ => self.classify_anew(book, row, profile),
        };
        if let Some(place) = self.rows.get_mut(row.0 as usize) {
            *place = after;
        }
        class
    }

    fn classify_anew(&mut self, book: &RuleBook, row: RowId, profile: ProfileId) -> (ClassId, ProfileId) {
        let signature = self.signature(row, &self.deciding);
        let class = match self.known.get(&signature) {
            Some(class) => *class,
            None => self.add_class(book, row, signature),
        };
        let changes = self.classes.get(class.0 as usize).map(|class| class.changes.as_slice());
        let after = self.profiles.changed(profile, changes.unwrap_or_default());
        if let Some(all) = &mut self.classified {
            if all.len() <= profile.index() {
                all.resize(profile.index() + 1, None);
            }
            if let Some(place) = all.get_mut(profile.index()) {
                *place = Some((class, after));
            }
        }
        (class, after)
    }

    fn add_class(&mut self, book: &RuleBook, row: RowId, signature: Box<[Atom]>) -> ClassId {
        let mut record = self.record(book, row);
        let assigned = book.apply(&mut record);
        let mut changes = Vec::with_capacity(self.raw_only.len());
        for key in &self.raw_only {
            if let Place::Shared(column) = self.columns.at(*key) {
                let value = record.get(*key).and_then(Operand::of);
                let atom = value.map_or(Atom::NONE, |value| self.atoms.intern(&value));
                changes.push((column, atom));
            }
        }
        let class = ClassId(self.classes.len() as u32);
        self.classes.push(RowClass { assigned, changes });
        self.known.insert(signature, class);
        class
    }

    /// Returns what classification made of one combination of values.
    pub fn class(&self, class: ClassId) -> Option<&RowClass> {
        self.classes.get(class.0 as usize)
    }

    /// Adds what a product will carry: the keys of its first main frame without those that describe the raw frame
    /// (`DPR` and what rules assigned), those that its block sets, and what the classification rules make of both.
    pub fn push_product(&mut self, book: &RuleBook, first: RowId, assigns: &Assigns) -> (RowId, ClassId) {
        let form = self.product_form(book, first, assigns);
        (self.push_formed(first, &form), form.class)
    }

    /// Finds out what a product will carry.
    pub(crate) fn product_form(&mut self, book: &RuleBook, first: RowId, assigns: &Assigns) -> ProductForm {
        let mut is_of_profile = self.classified.is_some();
        let set: Vec<(KeyId, Option<Value>)> = assigns
            .iter()
            .map(|(key, term)| {
                term.for_each_key(&mut |_, read| is_of_profile &= self.columns.is_shared(read));
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
        let row = self.push_row(self.profile(first), std::iter::empty(), None);
        for column in 0..self.own.len() as u32 {
            self.set_own(row, column, self.own_at(first, column));
        }
        for key in self.raw_only.clone() {
            self.set(row, key, Atom::NONE);
        }
        for (key, atom) in &values {
            self.set(row, *key, *atom);
        }
        let class = self.classify(book, row);
        // What the block says stands above what the rules conclude.
        for (key, atom) in &values {
            self.set(row, *key, *atom);
        }
        let own = values.iter().filter_map(|(key, atom)| match self.columns.at(*key) {
            Place::Own(column) => Some((column, *atom)),
            _ => None,
        });
        let own = own.collect();
        let form = ProductForm {
            profile: self.profile(row),
            own,
            class,
            is_of_profile,
        };
        self.restore_len(row);
        form
    }

    fn set_own(&mut self, row: RowId, column: u32, atom: Atom) {
        let column = self.own.get_mut(column as usize);
        if let Some(place) = column.and_then(|column| column.get_mut(row.0 as usize)) {
            *place = atom;
        }
    }

    /// Takes the last row away again.
    fn restore_len(&mut self, last: RowId) {
        let n = last.0 as usize;
        self.rows.truncate(n);
        self.times.truncate(n);
        self.own.iter_mut().for_each(|column| column.truncate(n));
    }

    /// Adds a product of a frame in a form that was found out before.
    pub(crate) fn push_formed(&mut self, first: RowId, form: &ProductForm) -> RowId {
        let place = first.0 as usize;
        for column in &mut self.own {
            let atom = column.get(place).copied().unwrap_or_default();
            column.push(atom);
        }
        self.rows.push(form.profile);
        self.times.push(self.times.get(place).copied().unwrap_or(NO_TIME));
        let row = RowId(self.rows.len() as u32 - 1);
        for (column, atom) in &form.own {
            self.set_own(row, *column, *atom);
        }
        row
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

mod store;
pub use store::{ColumnStore, ColumnsError};

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
