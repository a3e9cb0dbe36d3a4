//! The registry: a value that lists instruments and refuses duplicates.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::InstrumentId;
use crate::traits::Instrument;

/// An instrument cannot be registered or found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name is taken.
    #[error("instrument {0} is registered already")]
    Duplicate(InstrumentId),
    /// No such instrument; the names that exist follow.
    #[error("instrument {wanted} is not known; known are: {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        wanted: InstrumentId,
        /// The names that exist.
        known: Vec<String>,
    },
}

/// The instruments that a program knows.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    instruments: BTreeMap<InstrumentId, Arc<dyn Instrument>>,
}

impl Registry {
    /// Returns an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an instrument.
    ///
    /// # Errors
    /// `Duplicate` if the name is taken.
    pub fn register(&mut self, instrument: impl Instrument) -> Result<(), RegistryError> {
        let id = instrument.id();
        if self.instruments.contains_key(&id) {
            return Err(RegistryError::Duplicate(id));
        }
        self.instruments.insert(id, Arc::new(instrument));
        Ok(())
    }

    /// Returns an instrument by name, compared without case.
    ///
    /// # Errors
    /// `Unknown`, listing the names that exist.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Instrument>, RegistryError> {
        let wanted = InstrumentId::new(name.to_ascii_uppercase());
        self.instruments
            .get(&wanted)
            .cloned()
            .ok_or_else(|| RegistryError::Unknown {
                wanted,
                known: self.names(),
            })
    }

    /// Returns the names in order.
    pub fn names(&self) -> Vec<String> {
        self.instruments.keys().map(ToString::to_string).collect()
    }

    /// Iterates over the instruments in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Instrument>> {
        self.instruments.values()
    }
}
