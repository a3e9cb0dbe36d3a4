//! The columns of a table of frames: which keys there are, and which combinations of values occur.
//!
//! Frames of one setup agree in nearly every key. The values of all keys but a few are therefore kept once per
//! combination, a *profile*; a frame holds the number of its profile. What rules conclude from those keys alone is
//! concluded once per profile.

use std::collections::HashMap;

use super::atoms::Atom;
use super::book::RuleBook;
use super::keys::KeyId;
use crate::header::Key;

/// Keys that differ from exposure to exposure: a profile with one of them would hold one frame. What stands here decides
/// speed and memory, never a result.
const UNLIKE: [&str; 12] = [
    "MJD-OBS",
    "DATE-OBS",
    "UTC",
    "LST",
    "ESO.TPL.START",
    "ESO.OBS.ID",
    "ESO.OBS.START",
    "ESO.OBS.NAME",
    "ESO.OBS.TARG.NAME",
    "ARCFILE",
    "ORIGFILE",
    "OBJECT",
];

/// The number of a combination of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileId(pub(super) u32);

impl ProfileId {
    /// Returns the number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where the values of a key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: no rule asks for the key.
    Nowhere,
    /// In the profile.
    Shared(u32),
    /// With each frame.
    Own(u32),
}

/// The keys of a table.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) shared: Vec<Key>,
    pub(super) own: Vec<Key>,
    places: Vec<Place>,
}

/// Returns the keys whose values rules look at or set, each once; `extra` keys count as looked at.
pub(super) fn needed(book: &RuleBook, extra: &[KeyId]) -> Vec<KeyId> {
    let mut needed: Vec<KeyId> = book.named_keys().collect();
    needed.extend(extra);
    let template = Key::new("TPL.START");
    if book.triggers().iter().any(|trigger| trigger.is_per_template) {
        needed.extend(book.keys().id(&template));
    }
    needed.sort_unstable();
    needed.dedup();
    needed
}

impl Columns {
    /// Lays out the columns that a rule book needs.
    pub(super) fn new(book: &RuleBook, extra: &[KeyId]) -> Self {
        let assigned = book.assigned_keys();
        let (mut shared, mut own) = (Vec::new(), Vec::new());
        for id in needed(book, extra) {
            let Some(key) = book.keys().key(id) else { continue };
            // Classification changes profiles alone.
            if UNLIKE.contains(&key.as_str()) && !assigned.contains(&id) {
                own.push(key.clone());
            } else {
                shared.push(key.clone());
            }
        }
        let mut columns = Self {
            shared,
            own,
            places: Vec::new(),
        };
        columns.place(book, extra);
        columns
    }

    /// Takes columns as they are; the error names the keys that the book needs and that are not there, or that it sets
    /// though they stand with each frame.
    pub(super) fn fixed(shared: Vec<Key>, own: Vec<Key>, book: &RuleBook, extra: &[KeyId]) -> Result<Self, Vec<Key>> {
        let mut columns = Self {
            shared,
            own,
            places: Vec::new(),
        };
        let mut lacking = columns.place(book, extra);
        lacking.extend(book.assigned_keys().into_iter().filter_map(|id| {
            let is_own = matches!(columns.at(id), Place::Own(_));
            book.keys().key(id).filter(|_| is_own).cloned()
        }));
        if lacking.is_empty() { Ok(columns) } else { Err(lacking) }
    }

    /// Finds the column of every key; returns the needed keys that have none.
    fn place(&mut self, book: &RuleBook, extra: &[KeyId]) -> Vec<Key> {
        self.places = vec![Place::Nowhere; book.keys().keys().len()];
        let mut lacking = Vec::new();
        for id in needed(book, extra) {
            let Some(key) = book.keys().key(id) else { continue };
            let find = |keys: &[Key]| keys.iter().position(|other| other == key).map(|n| n as u32);
            let place = find(&self.shared)
                .map(Place::Shared)
                .or_else(|| find(&self.own).map(Place::Own));
            match (place, self.places.get_mut(id.index())) {
                (Some(place), Some(slot)) => *slot = place,
                _ => lacking.push(key.clone()),
            }
        }
        lacking
    }

    pub(super) fn at(&self, key: KeyId) -> Place {
        self.places.get(key.index()).copied().unwrap_or(Place::Nowhere)
    }

    pub(super) fn n_keys(&self) -> usize {
        self.places.len()
    }

    /// Tells whether the value of a key is the same for all frames of a profile.
    pub(super) fn is_shared(&self, key: KeyId) -> bool {
        !matches!(self.at(key), Place::Own(_))
    }
}

/// The combinations of values under the shared keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Profiles {
    width: usize,
    n: u32,
    values: Vec<Atom>,
    known: HashMap<Box<[Atom]>, ProfileId>,
}

impl Profiles {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.n as usize
    }

    pub(super) fn get(&self, profile: ProfileId) -> &[Atom] {
        let begin = profile.index() * self.width;
        self.values.get(begin..begin + self.width).unwrap_or_default()
    }

    pub(super) fn atom(&self, profile: ProfileId, column: u32) -> Atom {
        let place = profile.index() * self.width + column as usize;
        self.values.get(place).copied().unwrap_or_default()
    }

    /// Returns the number of a combination, giving it one if it has none.
    pub(super) fn intern(&mut self, values: &[Atom]) -> ProfileId {
        if let Some(profile) = self.known.get(values) {
            return *profile;
        }
        let profile = ProfileId(self.n);
        self.n += 1;
        self.values.extend_from_slice(values);
        self.known.insert(values.into(), profile);
        profile
    }

    /// Returns the profile with some values changed.
    pub(super) fn changed(&mut self, profile: ProfileId, changes: &[(u32, Atom)]) -> ProfileId {
        if changes
            .iter()
            .all(|(column, atom)| self.atom(profile, *column) == *atom)
        {
            return profile;
        }
        let mut values = self.get(profile).to_vec();
        for (column, atom) in changes {
            if let Some(place) = values.get_mut(*column as usize) {
                *place = *atom;
            }
        }
        self.intern(&values)
    }
}
