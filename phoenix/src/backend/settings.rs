//! Which backend runs which task.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use phoenix_core::id::TaskId;
use phoenix_io::EsorexSettings;
use serde::{Deserialize, Serialize};

/// Who runs a recipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Backend {
    /// PHOENIX where it has the recipe, else `esorex` where that has it.
    #[default]
    Native,
    /// `esorex`, always.
    Esorex,
}

impl Backend {
    /// Returns the name that the command and the configuration use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Esorex => "esorex",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A backend is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no backend (native, esorex)")]
pub struct BackendError {
    text: String,
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(text: &str) -> Result<Self, BackendError> {
        [Self::Native, Self::Esorex]
            .into_iter()
            .find(|backend| backend.name() == text)
            .ok_or_else(|| BackendError { text: text.to_owned() })
    }
}

/// Which backend runs which task, and how `esorex` is called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackendSettings {
    /// The backend of all tasks that are not named.
    pub default: Backend,
    /// The backend of single tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<TaskId, Backend>,
    /// How `esorex` is called.
    pub esorex: EsorexSettings,
}

impl BackendSettings {
    /// Returns settings with one backend for all tasks.
    pub fn all(backend: Backend) -> Self {
        Self {
            default: backend,
            ..Self::default()
        }
    }

    /// Tells whether nothing but PHOENIX's own recipes is asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Sets the backend of one task.
    #[must_use]
    pub fn with_task(mut self, task: impl Into<TaskId>, backend: Backend) -> Self {
        self.tasks.insert(task.into(), backend);
        self
    }

    /// Sets how `esorex` is called.
    #[must_use]
    pub fn with_esorex(mut self, esorex: EsorexSettings) -> Self {
        self.esorex = esorex;
        self
    }

    /// Returns the backend that is asked for a task.
    pub fn backend(&self, task: &TaskId) -> Backend {
        self.tasks.get(task).copied().unwrap_or(self.default)
    }
}
