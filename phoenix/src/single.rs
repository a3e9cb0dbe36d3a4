//! One recipe on one set of frames, the stand-in for `esorex NAME SOF`: no plan, no state, products in one folder.

use std::path::Path;
use std::sync::Arc;

use phoenix_core::caveat::Caveat;
use phoenix_core::engine::{EngineError, JobOutcome, MemoryJobs, RunIo};
use phoenix_core::error::Status;
use phoenix_core::frame::FrameRef;
use phoenix_core::id::{RecipeId, TaskId};
use phoenix_core::product::StoredProduct;
use phoenix_core::registry::Registry;
use phoenix_core::traits::{Instrument, RecipeDyn};
use phoenix_io::{FitsReader, FlatSinks, ThreadExecutor};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::controls::Controls;
use crate::sof::SofEntry;

/// What a recipe made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SingleReport {
    /// The recipe.
    pub recipe: RecipeId,
    /// The products.
    pub products: Vec<StoredProduct>,
    /// Reservations about them.
    pub caveats: Vec<Caveat>,
    /// Figures for people, by name.
    pub figures: Vec<(String, f64)>,
    /// Wall time in seconds.
    pub wall_s: f64,
}

/// A recipe did not make its products; nothing of them is visible.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SingleError {
    /// No registered instrument has that recipe: choose another.
    #[error("recipe {name} is not known; known are: {}", known.join(", "))]
    UnknownRecipe {
        /// The recipe asked for.
        name: String,
        /// The recipes that exist.
        known: Vec<String>,
    },
    /// A parameter is unknown or has a value of the wrong kind: mend it.
    #[error("parameter {name}: {reason}")]
    Parameter {
        /// The parameter.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A frame of the set is not there: mend the set.
    #[error("frame {path} cannot be read")]
    Frame {
        /// The frame.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The recipe cannot be set up.
    #[error("the recipe cannot be set up")]
    Engine(#[from] EngineError),
    /// The recipe ended with an error.
    #[error("{error}")]
    Failed {
        /// The error with its sources.
        error: String,
        /// Whether trying again can help.
        status: Status,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Finds the instrument that has a recipe of that name.
///
/// # Errors
/// `UnknownRecipe`, listing the names that exist.
pub fn find(registry: &Registry, name: &str) -> Result<Arc<dyn Instrument>, SingleError> {
    let task = TaskId::from(name);
    let found = registry.iter().find(|instrument| instrument.recipe(&task).is_some());
    found.cloned().ok_or_else(|| SingleError::UnknownRecipe {
        name: name.to_owned(),
        known: (registry.iter())
            .flat_map(|instrument| instrument.tasks())
            .map(|task| task.to_string())
            .collect(),
    })
}

/// Turns the lines of a set of frames into frames; a frame that is not there is found out here.
///
/// # Errors
/// `Frame`, naming the first path that cannot be read.
pub fn frames(entries: &[SofEntry]) -> Result<Vec<FrameRef>, SingleError> {
    let frame = |entry: &SofEntry| {
        let metadata = std::fs::metadata(&entry.path).map_err(|source| SingleError::Frame {
            path: entry.path.clone(),
            source,
        })?;
        let stem = Path::new(&entry.path).file_stem().unwrap_or_default();
        Ok(FrameRef {
            id: stem.to_string_lossy().into_owned().into(),
            tag: entry.tag.clone(),
            location: entry.path.clone(),
            size_bytes: Some(metadata.len()),
            digest: None,
        })
    };
    entries.iter().map(frame).collect()
}

/// Turns parameters as text into values of the kind that the recipe's defaults have.
///
/// # Errors
/// `Parameter`, if the recipe has no such parameter or the text is of another kind.
pub fn params(recipe: &dyn RecipeDyn, texts: &[(String, String)]) -> Result<Map<String, Value>, SingleError> {
    let defaults = recipe.default_params_dyn();
    let mut params = Map::new();
    for (name, text) in texts {
        let default = defaults.get(name).ok_or_else(|| SingleError::Parameter {
            name: name.clone(),
            reason: format!("recipe {} has no such parameter", recipe.spec_dyn().id),
        })?;
        let value = typed(default, text).ok_or_else(|| SingleError::Parameter {
            name: name.clone(),
            reason: format!("{text:?} is no {}", kind(default)),
        })?;
        params.insert(name.clone(), value);
    }
    Ok(params)
}

/// Reads a text as the kind of value that the default is.
fn typed(default: &Value, text: &str) -> Option<Value> {
    match default {
        Value::Bool(_) => match text.to_ascii_uppercase().as_str() {
            "TRUE" | "T" | "1" => Some(true.into()),
            "FALSE" | "F" | "0" => Some(false.into()),
            _ => None,
        },
        Value::Number(number) if number.is_f64() => text.parse::<f64>().ok().map(Value::from),
        Value::Number(_) => text.parse::<i64>().ok().map(Value::from),
        Value::String(_) => Some(text.into()),
        _ => Some(serde_json::from_str(text).unwrap_or_else(|_| text.into())),
    }
}

fn kind(default: &Value) -> &'static str {
    match default {
        Value::Bool(_) => "logical (TRUE, FALSE)",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        _ => "text",
    }
}

/// Runs a recipe; its products get their own names in `out`.
///
/// # Errors
/// `Failed` with the recipe's error; then, as with every other error, no product is visible.
pub fn run(
    instrument: Arc<dyn Instrument>,
    recipe: &str,
    frames: Vec<FrameRef>,
    params: Map<String, Value>,
    out: &Path,
    controls: &Controls,
) -> Result<SingleReport, SingleError> {
    let task = TaskId::from(recipe);
    let inputs: Vec<_> = frames.iter().map(|frame| frame.location.clone()).collect();
    let engine = controls.engine(instrument).with_params(task.clone(), params.into());
    let plan = engine.plan_job(&task, frames, recipe)?;
    let sinks = FlatSinks::new(out).with_inputs(inputs);
    let io = RunIo {
        reader: &FitsReader::new(),
        sinks: &sinks,
        jobs: &MemoryJobs::new(),
    };
    let report = engine.execute(&plan, &io, &ThreadExecutor::new(1))?;
    let Some(job) = report.jobs.into_iter().next() else {
        return Err(SingleError::Stopped);
    };
    match job.end {
        JobOutcome::Done | JobOutcome::Skipped { .. } => Ok(SingleReport {
            recipe: recipe.into(),
            products: job.products,
            caveats: job.caveats,
            figures: job.figures,
            wall_s: job.wall_s,
        }),
        JobOutcome::Failed { error, status } => Err(SingleError::Failed { error, status }),
        JobOutcome::Blocked { because } => Err(SingleError::Failed {
            error: because,
            status: Status::Permanent,
        }),
        _ => Err(SingleError::Stopped),
    }
}
