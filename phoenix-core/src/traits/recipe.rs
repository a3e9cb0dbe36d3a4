//! One processing step, typed for its author and erased for the registry.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{FrameReader, ProductSink, ReadError, SinkError};
use crate::cancel::CancelToken;
use crate::caveat::Caveat;
use crate::error::Status;
use crate::frame::FrameRef;
use crate::header::HeaderError;
use crate::id::{FrameId, JobId, RecipeId, Tag};
use crate::observe::{Event, Observer};
use crate::plan::{Resources, Usage};
use crate::provenance::Record;

/// A recipe did not make its products.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// A parameter is unknown or out of range: mend the configuration.
    #[error("parameter {name}: {reason}")]
    Parameter {
        /// The parameter.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The set of inputs is wrong: mend the association.
    #[error("inputs: {reason}")]
    Inputs {
        /// What is wrong.
        reason: String,
    },
    /// One frame cannot be used: leave it out or mend it.
    #[error("frame {frame}: {reason}")]
    Frame {
        /// The frame.
        frame: FrameId,
        /// What is wrong, naming the key or column.
        reason: String,
    },
    /// One frame's header lacks a key or has it with another type.
    #[error("frame {frame}")]
    Header {
        /// The frame.
        frame: FrameId,
        /// Which key.
        #[source]
        source: HeaderError,
    },
    /// One frame cannot be read.
    #[error("frame {frame}")]
    Read {
        /// The frame.
        frame: FrameId,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A product cannot be stored.
    #[error("product cannot be stored")]
    Sink(#[from] SinkError),
    /// The data do not allow a result.
    #[error("no result: {reason}")]
    NoResult {
        /// Why.
        reason: String,
    },
    /// The memory budget is below the floor of the task.
    #[error(
        "memory budget of {budget_bytes} bytes is below the floor of {floor_bytes} bytes ({} MiB)",
        floor_bytes.div_ceil(1 << 20)
    )]
    Memory {
        /// What was given.
        budget_bytes: u64,
        /// What is needed at least.
        floor_bytes: u64,
    },
    /// An outside program failed.
    #[error("{program}: {reason}")]
    Program {
        /// The program.
        program: String,
        /// What it said.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    /// The recipe panicked; its products were discarded.
    #[error("recipe panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
}

impl RecipeError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Read { source, .. } => source.status(),
            Self::Sink(source) => source.status(),
            Self::Stopped => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}

/// One kind of input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpec {
    /// The kind.
    pub tag: Tag,
    /// Fewest frames.
    pub min: usize,
    /// Most frames; unlimited if absent.
    pub max: Option<usize>,
    /// Whether it is a main input (`RAW` in the record) or a calibration.
    pub is_main: bool,
}

/// One parameter, for help texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// ESO's name.
    pub name: String,
    /// One sentence.
    pub doc: String,
    /// The allowed values as text.
    pub values: String,
}

/// How memory grows with the input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResourceModel {
    /// Bytes that any run takes.
    pub base_bytes: u64,
    /// Bytes per byte of input.
    pub bytes_per_input_byte: f64,
    /// Threads that can be used well.
    pub max_threads: usize,
}

impl ResourceModel {
    /// Returns the expectation for a set of inputs.
    pub fn estimate(&self, inputs: &[FrameRef]) -> Resources {
        let input_bytes: u64 = inputs.iter().filter_map(|frame| frame.size_bytes).sum();
        Resources {
            memory_bytes: self.base_bytes + (self.bytes_per_input_byte * input_bytes as f64) as u64,
            threads: self.max_threads,
            floor_bytes: 0,
        }
    }
}

/// What a recipe is, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecipeSpec {
    /// ESO's name.
    pub id: RecipeId,
    /// What it does, one sentence.
    pub doc: String,
    /// Version of the software that runs it, e.g. `phoenix/0.1.0`.
    pub pipeline: String,
    /// The kinds of input.
    pub inputs: Vec<InputSpec>,
    /// The kinds of product.
    pub outputs: Vec<Tag>,
    /// The parameters.
    pub params: Vec<ParamSpec>,
    /// Papers, manuals, pages of docs/algorithms.
    pub references: Vec<String>,
    /// What it takes from the machine.
    pub resources: ResourceModel,
}

/// The inputs of one run, in set-of-frames order.
#[derive(Debug, Clone, Copy)]
pub struct InputSet<'a> {
    frames: &'a [FrameRef],
}

impl<'a> InputSet<'a> {
    /// Wraps frames.
    pub fn new(frames: &'a [FrameRef]) -> Self {
        Self { frames }
    }

    /// Returns all frames.
    pub fn frames(&self) -> &'a [FrameRef] {
        self.frames
    }

    /// Returns the frames of one kind.
    pub fn tagged(&self, tag: &str) -> impl Iterator<Item = &'a FrameRef> {
        self.frames.iter().filter(move |frame| frame.tag.as_str() == tag)
    }

    /// Checks the numbers of frames against a specification.
    ///
    /// # Errors
    /// `Inputs`, naming the kind and the numbers.
    pub fn check(&self, spec: &RecipeSpec) -> Result<(), RecipeError> {
        for input in &spec.inputs {
            let n = self.tagged(input.tag.as_str()).count();
            if n < input.min || input.max.is_some_and(|max| n > max) {
                let most = input.max.map_or_else(|| "any number".to_owned(), |max| max.to_string());
                let reason = format!(
                    "{} needs {} to {most} {} frames, there are {n}",
                    spec.id, input.min, input.tag
                );
                return Err(RecipeError::Inputs { reason });
            }
        }
        Ok(())
    }
}

/// What a run may use and must heed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunContext<'a> {
    /// The job.
    pub job: &'a JobId,
    /// Polled at least once per tile.
    pub cancel: CancelToken,
    /// Where progress goes.
    pub observer: Arc<dyn Observer>,
    /// Threads that the run may use.
    pub threads: usize,
    /// Bytes of resident memory that the run may use, mapped pages included.
    pub memory_bytes: u64,
    /// The provenance so far; `Record::stamp` writes it into product headers.
    pub record: &'a Record,
    usage: Arc<Mutex<Usage>>,
}

impl<'a> RunContext<'a> {
    /// Returns a context for all cores with no memory limit and a silent observer.
    pub fn new(job: &'a JobId, record: &'a Record) -> Self {
        Self {
            job,
            cancel: CancelToken::new(),
            observer: Arc::new(()),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: u64::MAX,
            record,
            usage: Arc::default(),
        }
    }

    /// Sets the cancel token.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets the observer.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Sets threads and memory.
    #[must_use]
    pub fn with_budget(mut self, threads: usize, memory_bytes: u64) -> Self {
        self.threads = threads.max(1);
        self.memory_bytes = memory_bytes;
        self
    }

    /// Notes what the run took from the machine, where the recipe knows better than the engine: an outside program.
    ///
    /// To be called also before an error is returned: what a failed run took is learned from, too.
    pub fn note_usage(&self, usage: Usage) {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }

    /// Returns what the recipe noted.
    pub fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports progress of one stage.
    pub fn progress(&self, stage: &str, done: u64, total: u64) {
        self.observer.on(&Event::Progress {
            job: self.job,
            stage,
            done,
            total,
        });
    }
}

/// What a run ended with, beside its products.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Reservations.
    pub caveats: Vec<Caveat>,
    /// Figures for people and logs, by name (e.g. `rejected_pixels`).
    pub figures: Vec<(String, f64)>,
}

/// One processing step. `load` reads through a port, `run` computes and puts products into a port; neither names a file.
///
/// # Contract
/// * `run` is deterministic: same inputs and parameters give the same bits for any thread count and memory budget.
/// * `run` polls `ctx.cancel` at least once per tile; nothing is visible until the engine commits the sink after `Ok`.
/// * data, variance and quality of every product have one shape and one unit policy.
pub trait Recipe: fmt::Debug + Send + Sync + 'static {
    /// Complete parameter set; `Default` is what the release notes call "the default".
    type Params: Serialize + DeserializeOwned + Default + Send + Sync;
    /// Arrays ready for the kernels, or windowed sources where they do not fit.
    type Inputs: Send;

    /// Returns id, kinds of input and output, parameters, references, resources.
    fn spec(&self) -> &RecipeSpec;

    /// Returns how large a product will be that is made from so many bytes; the plan expects memory by it.
    fn product_bytes(&self, read_bytes: u64) -> u64 {
        read_bytes
    }

    /// Returns what a run on these inputs takes; the model of the specification unless the recipe knows better.
    fn resources(&self, inputs: &[FrameRef]) -> Resources {
        self.spec().resources.estimate(inputs)
    }

    /// Reads the inputs.
    ///
    /// # Errors
    /// `Frame`, `Header` or `Read`, naming the frame and the key.
    fn load(&self, inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Self::Inputs, RecipeError>;

    /// Computes and puts the products.
    ///
    /// # Errors
    /// As the step demands; nothing is visible after an error.
    fn run(
        &self,
        inputs: Self::Inputs,
        params: &Self::Params,
        out: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError>;
}

/// Erased twin; implemented for every `Recipe`, and directly by untyped steps (outside programs, mocks).
pub trait RecipeDyn: fmt::Debug + Send + Sync {
    /// Returns the specification.
    fn spec_dyn(&self) -> &RecipeSpec;

    /// Returns the complete default parameters as JSON; provenance records them.
    fn default_params_dyn(&self) -> serde_json::Value;

    /// Returns how large a product will be that is made from so many bytes.
    fn product_bytes_dyn(&self, read_bytes: u64) -> u64 {
        read_bytes
    }

    /// Returns what a run on these inputs takes; the model of the specification unless the recipe knows better.
    fn resources_dyn(&self, inputs: &[FrameRef]) -> Resources {
        self.spec_dyn().resources.estimate(inputs)
    }

    /// Loads, checks for cancellation, runs.
    ///
    /// # Errors
    /// As `Recipe::load` and `Recipe::run`, and `Parameter` if `params` is no parameter set of this recipe.
    fn execute_dyn(
        &self,
        inputs: &InputSet<'_>,
        params: &serde_json::Value,
        reader: &dyn FrameReader,
        sink: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError>;
}

impl<R: Recipe> RecipeDyn for R {
    fn spec_dyn(&self) -> &RecipeSpec {
        self.spec()
    }

    fn default_params_dyn(&self) -> serde_json::Value {
        serde_json::to_value(R::Params::default()).unwrap_or(serde_json::Value::Null)
    }

    fn product_bytes_dyn(&self, read_bytes: u64) -> u64 {
        self.product_bytes(read_bytes)
    }

    fn resources_dyn(&self, inputs: &[FrameRef]) -> Resources {
        self.resources(inputs)
    }

    fn execute_dyn(
        &self,
        inputs: &InputSet<'_>,
        params: &serde_json::Value,
        reader: &dyn FrameReader,
        sink: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        let params: R::Params = serde_json::from_value(params.clone()).map_err(|error| RecipeError::Parameter {
            name: self.spec().id.to_string(),
            reason: error.to_string(),
        })?;
        inputs.check(self.spec())?;
        let loaded = self.load(inputs, reader)?;
        if ctx.cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        self.run(loaded, &params, sink, ctx)
    }
}
