//! What is there to run the tasks of an instrument, and what is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use phoenix_core::id::{InstrumentId, RecipeId, TaskId};
use phoenix_core::traits::Instrument;
use serde::Serialize;

use super::{Backed, Backend, BackendSettings};
use crate::machine;

/// Whether a task can be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
#[non_exhaustive]
pub enum TaskState {
    /// By PHOENIX.
    Native {
        /// Its version.
        pipeline: String,
    },
    /// By `esorex`.
    Esorex {
        /// The pipeline and its version.
        pipeline: String,
    },
    /// By nobody.
    Missing {
        /// Why, and with it what to install.
        reason: String,
    },
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskHealth {
    /// The task.
    pub task: TaskId,
    /// Its recipe.
    pub recipe: Option<RecipeId>,
    /// The backend that is asked for.
    pub backend: Backend,
    /// Whether it can be run.
    #[serde(flatten)]
    pub state: TaskState,
}

/// What there is of `esorex`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EsorexHealth {
    /// The program: the file that was found, else the name that was asked for.
    pub program: PathBuf,
    /// Its version, if it is there.
    pub version: Option<String>,
    /// The versions of its libraries.
    pub libraries: BTreeMap<String, String>,
    /// Folders of recipes, where the settings name them.
    pub recipe_dirs: Vec<PathBuf>,
    /// How many recipes it finds, of any instrument.
    pub n_recipes: usize,
    /// Why it cannot be used, if so.
    pub problem: Option<String>,
}

/// What the machine has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in bytes that this process may use.
    pub memory_bytes: u64,
    /// Free disk in bytes where products go; absent if the system does not tell.
    pub free_disk_bytes: Option<u64>,
    /// The most memory in bytes that one task declares before its inputs are known.
    pub largest_task_bytes: u64,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// The instrument.
    pub instrument: InstrumentId,
    /// What there is of `esorex`.
    pub esorex: EsorexHealth,
    /// Every task that the instrument can execute or outlines, in the order of its cascade.
    pub tasks: Vec<TaskHealth>,
    /// What the machine has.
    pub machine: Machine,
}

impl DoctorReport {
    /// Tells whether every task can be run and the machine has the memory for each.
    pub fn is_healthy(&self) -> bool {
        self.missing().next().is_none() && self.machine.largest_task_bytes <= self.machine.memory_bytes
    }

    /// Returns the tasks that nobody can run.
    pub fn missing(&self) -> impl Iterator<Item = &TaskHealth> {
        self.tasks
            .iter()
            .filter(|task| matches!(task.state, TaskState::Missing { .. }))
    }
}

/// Looks what is there for an instrument; `folder` is where products are to go.
pub fn doctor(instrument: &Arc<dyn Instrument>, settings: &BackendSettings, folder: &Path) -> DoctorReport {
    let backed = Backed::new(instrument.clone(), settings.clone());
    let mut largest_task_bytes = 0;
    let tasks = backed
        .outlined()
        .into_iter()
        .map(|task| {
            let outline = backed.outline(&task);
            largest_task_bytes = largest_task_bytes.max(outline.map_or(0, |outline| outline.resources.base_bytes));
            TaskHealth {
                recipe: outline.map(|outline| outline.id.clone()),
                backend: settings.backend(&task),
                state: state(&backed, &task),
                task,
            }
        })
        .collect();
    DoctorReport {
        instrument: instrument.id(),
        esorex: esorex(&backed),
        tasks,
        machine: Machine {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: machine::memory_bytes(),
            free_disk_bytes: phoenix_io::free_bytes(folder).ok(),
            largest_task_bytes,
        },
    }
}

fn state(backed: &Backed, task: &TaskId) -> TaskState {
    let Some(recipe) = backed.recipe(task) else {
        let reason = backed.lack(task).unwrap_or_default();
        return TaskState::Missing { reason };
    };
    let pipeline = recipe.spec_dyn().pipeline.clone();
    let is_native = backed.settings().backend(task) == Backend::Native && backed.inner().recipe(task).is_some();
    if is_native {
        TaskState::Native { pipeline }
    } else {
        TaskState::Esorex { pipeline }
    }
}

fn esorex(backed: &Backed) -> EsorexHealth {
    let settings = &backed.settings().esorex;
    let recipe_dirs = settings.recipe_dirs.clone();
    match backed.installation() {
        Ok(found) => EsorexHealth {
            program: found.program().to_path_buf(),
            version: Some(found.version().esorex.clone()),
            libraries: found.version().libraries.clone(),
            recipe_dirs,
            n_recipes: found.recipes().len(),
            problem: None,
        },
        Err(error) => EsorexHealth {
            program: settings.program.clone(),
            version: None,
            libraries: BTreeMap::new(),
            recipe_dirs,
            n_recipes: 0,
            problem: Some(error.to_string()),
        },
    }
}
