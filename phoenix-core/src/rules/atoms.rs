//! Every value that occurs among many frames, numbered, so that equal values are equal numbers.

use std::collections::HashMap;
use std::sync::Arc;

use super::eval::Operand;

/// A numbered value; `Atom::NONE` stands for undefined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(pub(super) u32);

impl Atom {
    /// Undefined.
    pub const NONE: Self = Self(0);

    /// Returns the number, 0 for undefined.
    pub fn number(self) -> u32 {
        self.0
    }
}

#[derive(Debug, Clone)]
enum Stored {
    Logical(bool),
    Number(f64),
    Text(Arc<str>),
}

/// Every value that occurs, once.
#[derive(Debug, Clone, Default)]
pub(super) struct Atoms {
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

    /// Returns how many values there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns the number of a value; `None` if it does not occur.
    pub(super) fn find(&self, value: &Operand<'_>) -> Option<Atom> {
        match value {
            Operand::Logical(value) => self.logicals[usize::from(*value)],
            Operand::Number(value) => self.numbers.get(&number_key(*value)?).copied(),
            Operand::Text(text) => self.texts.get(text.as_ref()).copied(),
        }
    }

    /// Returns the number of a value, giving it one if it has none.
    pub(super) fn intern(&mut self, value: &Operand<'_>) -> Atom {
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

    /// Returns the value of a number.
    pub(super) fn value(&self, atom: Atom) -> Option<Operand<'_>> {
        let stored = self.values.get((atom.0 as usize).checked_sub(1)?)?;
        Some(match stored {
            Stored::Logical(value) => Operand::Logical(*value),
            Stored::Number(value) => Operand::Number(*value),
            Stored::Text(text) => Operand::Text(text.as_ref().into()),
        })
    }

    /// Returns the number that stands for a logical and its letter alike.
    pub(super) fn letter(&self, value: bool) -> Option<Atom> {
        let letter = Operand::Text(if value { "T" } else { "F" }.into());
        self.find(&letter).or_else(|| self.find(&Operand::Logical(value)))
    }
}
