//! What was concluded from a row's values, remembered once per combination of them.

use std::collections::HashMap;

use crate::rules::KeyId;
use crate::rules::table::{Atom, FrameTable, RowId};

/// Conclusions from the values of a row under some keys.
///
/// # Contract
/// * `make` is called once per combination of values, or once per profile of the table where profiles decide alone.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    keys: Vec<KeyId>,
    is_shared: bool,
    by_profile: Vec<Option<T>>,
    by_values: HashMap<Box<[Atom]>, T>,
}

impl<T: Clone> Memo<T> {
    /// Returns an empty memory for these keys.
    pub(crate) fn new(table: &FrameTable, mut keys: Vec<KeyId>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self {
            is_shared: keys.iter().all(|key| table.is_shared(*key)),
            keys,
            by_profile: Vec::new(),
            by_values: HashMap::new(),
        }
    }

    /// Returns what is remembered of a row's profile.
    pub(crate) fn known(&self, table: &FrameTable, row: RowId) -> Option<&T> {
        self.by_profile.get(table.profile(row).index())?.as_ref()
    }

    /// Remembers a conclusion for a row's profile.
    pub(crate) fn keep(&mut self, table: &FrameTable, row: RowId, made: T) {
        let place = table.profile(row).index();
        if self.by_profile.len() <= place {
            self.by_profile.resize(place + 1, None);
        }
        if let Some(slot) = self.by_profile.get_mut(place) {
            *slot = Some(made);
        }
    }

    /// Returns the conclusion for a row.
    pub(crate) fn get(&mut self, table: &FrameTable, row: RowId, make: impl FnOnce() -> T) -> T {
        if self.is_shared {
            if let Some(known) = self.known(table, row) {
                return known.clone();
            }
            let made = make();
            self.keep(table, row, made.clone());
            return made;
        }
        let signature = table.signature(row, &self.keys);
        self.by_values.entry(signature).or_insert_with(make).clone()
    }
}
