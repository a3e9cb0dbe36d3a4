//! The keys that a rule book names, numbered, and the values of one frame by that number.

use std::collections::HashMap;

use super::eval::{Keys, Operand};
use crate::header::{Header, Key, Value};

/// The number of a key in one rule book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// Returns the number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn of_index(index: usize) -> Self {
        Self(index as u32)
    }
}

/// Every key that a rule book names, in order of first mention.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    keys: Vec<Key>,
    ids: HashMap<Key, KeyId>,
}

impl KeyTable {
    /// Returns the number of a key, giving it one if it has none.
    pub fn intern(&mut self, key: &Key) -> KeyId {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = KeyId(self.keys.len() as u32);
        self.keys.push(key.clone());
        self.ids.insert(key.clone(), id);
        id
    }

    /// Returns the number of a key that the rules name.
    pub fn id(&self, key: &Key) -> Option<KeyId> {
        self.ids.get(key).copied()
    }

    /// Returns the key of a number.
    pub fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(id.index())
    }

    /// Returns the keys in order of their numbers.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Takes from a header what the rules name.
    pub fn record(&self, header: &Header) -> Record {
        let mut record = Record {
            values: vec![None; self.keys.len()].into(),
        };
        for card in header.cards() {
            if let Some(id) = self.id(&card.key) {
                record.set(id, Some(card.value.clone()));
            }
        }
        record
    }
}

/// The values of one frame under the keys of one rule book.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    values: Box<[Option<Value>]>,
}

impl Record {
    /// Returns the header value of a key.
    pub fn get(&self, key: KeyId) -> Option<&Value> {
        self.values.get(key.index())?.as_ref()
    }

    /// Sets or removes the value of a key.
    pub fn set(&mut self, key: KeyId, value: Option<Value>) {
        if let Some(place) = self.values.get_mut(key.index()) {
            *place = value;
        }
    }
}

impl Keys for Record {
    fn value(&self, key: KeyId) -> Option<Operand<'_>> {
        self.get(key).and_then(Operand::of)
    }
}
