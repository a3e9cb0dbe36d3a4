//! A table of frames as plain columns of numbers: what a catalogue file holds.

use super::{FrameTable, NO_TIME, RowId};
use crate::header::Key;
use crate::rules::atoms::{Atom, Atoms};
use crate::rules::columns::{Columns, ProfileId, Profiles};
use crate::rules::eval::Operand;
use crate::rules::{KeyId, RuleBook};

/// Frames as plain columns.
///
/// # Contract
/// * Value `n` is that of number `n + 1`; number 0 stands for undefined.
/// * `profiles` holds one number per shared key, combination after combination; `own` one column per own key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnStore<'a> {
    /// The keys whose values are kept once per combination.
    pub shared_keys: Vec<Key>,
    /// The keys whose values are kept with each frame.
    pub own_keys: Vec<Key>,
    /// Every value that occurs, once.
    pub values: Vec<Operand<'a>>,
    /// The combinations of shared values.
    pub profiles: Vec<u32>,
    /// The combination of each frame.
    pub rows: Vec<u32>,
    /// When each frame was taken, in milliseconds of UTC since MJD 0; `i64::MIN` if it has no time.
    pub times_ms: Vec<i64>,
    /// The values under each own key.
    pub own: Vec<Vec<u32>>,
}

/// Columns cannot serve a rule book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnsError {
    /// Rules name keys that the columns do not hold: take them from the headers anew.
    #[error("the columns hold no {}, which the rules name", spelled(.keys))]
    LacksKeys {
        /// The keys.
        keys: Vec<Key>,
    },
    /// The columns contradict themselves: make them anew.
    #[error("the columns are damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
}

fn spelled(keys: &[Key]) -> String {
    let names: Vec<&str> = keys.iter().map(Key::short).collect();
    names.join(", ")
}

fn damaged(reason: &'static str) -> ColumnsError {
    ColumnsError::Damaged { reason }
}

impl FrameTable {
    /// Returns rows as plain columns, with the profiles that they had before classification.
    pub fn store(&self, rows: &[(RowId, ProfileId)]) -> ColumnStore<'_> {
        // Only combinations of raw frames are kept; those that classification made follow from the rules.
        let mut numbers: Vec<Option<u32>> = vec![None; self.profiles.len()];
        let mut kept: Vec<u32> = Vec::new();
        let mut n_kept = 0;
        let profiles = rows
            .iter()
            .map(|(_, profile)| {
                let Some(place) = numbers.get_mut(profile.index()) else {
                    return u32::MAX;
                };
                *place.get_or_insert_with(|| {
                    kept.extend(self.profiles.get(*profile).iter().map(|atom| atom.number()));
                    n_kept += 1;
                    n_kept - 1
                })
            })
            .collect();
        let place = |row: &RowId| row.0 as usize;
        ColumnStore {
            shared_keys: self.columns.shared.clone(),
            own_keys: self.columns.own.clone(),
            values: (1..=self.atoms.len() as u32)
                .filter_map(|number| self.atoms.value(Atom(number)))
                .collect(),
            profiles: kept,
            rows: profiles,
            times_ms: rows
                .iter()
                .map(|(row, _)| self.times.get(place(row)).copied().unwrap_or(NO_TIME))
                .collect(),
            own: self
                .own
                .iter()
                .map(|column| {
                    let atoms = rows
                        .iter()
                        .map(|(row, _)| column.get(place(row)).copied().unwrap_or_default());
                    atoms.map(Atom::number).collect()
                })
                .collect(),
        }
    }

    /// Returns the table of plain columns for a rule book; `extra` keys decide a class too.
    ///
    /// # Errors
    /// See [`ColumnsError`].
    pub fn of_store(store: ColumnStore<'_>, book: &RuleBook, extra: &[KeyId]) -> Result<Self, ColumnsError> {
        let columns = Columns::fixed(store.shared_keys, store.own_keys, book, extra)
            .map_err(|keys| ColumnsError::LacksKeys { keys })?;
        let mut atoms = Atoms::default();
        for value in &store.values {
            atoms.intern(value);
        }
        if atoms.len() != store.values.len() {
            return Err(damaged("a value stands twice"));
        }
        let n = store.rows.len();
        if store.times_ms.len() != n || store.own.len() != columns.own.len() {
            return Err(damaged("the columns differ in length"));
        }
        let n_values = atoms.len();
        let numbered = |numbers: Vec<u32>| -> Result<Vec<Atom>, ColumnsError> {
            if numbers.iter().any(|number| *number as usize > n_values) {
                return Err(damaged("a value has no number"));
            }
            Ok(numbers.into_iter().map(Atom).collect())
        };
        let width = columns.shared.len();
        let mut profiles = Profiles::new(width);
        if width == 0 {
            profiles.intern(&[]);
        } else {
            for values in numbered(store.profiles)?.chunks(width) {
                if values.len() != width {
                    return Err(damaged("a combination of values is cut short"));
                }
                let place = profiles.len();
                if profiles.intern(values).index() != place {
                    return Err(damaged("a combination of values stands twice"));
                }
            }
        }
        if store.rows.iter().any(|profile| *profile as usize >= profiles.len()) {
            return Err(damaged("a combination of values has no number"));
        }
        let own = store.own.into_iter().map(|column| {
            if column.len() == n {
                numbered(column)
            } else {
                Err(damaged("the columns differ in length"))
            }
        });
        let mut table = Self {
            own: own.collect::<Result<_, _>>()?,
            rows: store.rows.into_iter().map(ProfileId).collect(),
            times: store.times_ms,
            profiles,
            atoms,
            columns,
            ..Self::new(book, extra)
        };
        table.study(book, extra);
        Ok(table)
    }
}
