//! Why a run cannot be set up or cannot go on; a failed job is no such error.

use std::path::PathBuf;

use phoenix_archive::RuntimeError;
use phoenix_archive::store::StoreError;
use phoenix_core::engine::EngineError;
use phoenix_core::error::Status;
use phoenix_core::header::OverlayError;
use phoenix_core::id::InstrumentId;
use phoenix_core::registry::RegistryError;
use phoenix_core::traits::{RewriteError, StateError};

/// A run cannot be set up or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// No such instrument: choose another.
    #[error("the instrument cannot be used")]
    Instrument(#[from] RegistryError),
    /// The store cannot be read: mend its address or rights.
    #[error("store {location} cannot be used")]
    Store {
        /// The store.
        location: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// There is no frame of the nights that were asked for: mend instrument, night or store.
    #[error("{instrument} has no frame in {label} at {location}: {saw}")]
    EmptyNight {
        /// The instrument.
        instrument: InstrumentId,
        /// The nights.
        label: String,
        /// The store.
        location: String,
        /// Where was looked, and what was seen there.
        saw: String,
    },
    /// A file of header overlays cannot be used: mend it.
    #[error("{file}")]
    Overlay {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: OverlayError,
    },
    /// The instrument cannot be made of the project's rules, windows or limits: mend them.
    #[error("the project's rules cannot be used")]
    Rules(#[from] RewriteError),
    /// The project's rules are for another instrument.
    #[error("the project's rules are for {found}, not for {wanted}")]
    OtherInstrument {
        /// The instrument of the rules.
        found: InstrumentId,
        /// The instrument that was asked for.
        wanted: InstrumentId,
    },
    /// No science frame is of the batch: mend the key.
    #[error("no science frame of {instrument} is of batch {batch}; there are: {seen}")]
    EmptyBatch {
        /// The instrument.
        instrument: InstrumentId,
        /// The batch key.
        batch: String,
        /// The values that science frames have instead.
        seen: String,
    },
    /// The instrument does not put exposures of several blocks together: choose another.
    #[error("{instrument} makes no stacks across observing blocks")]
    NoDeep {
        /// The instrument.
        instrument: InstrumentId,
    },
    /// A limit of the grouping cannot be used: mend it.
    #[error("exposures cannot be put together: {reason}")]
    DeepLimit {
        /// What is wrong.
        reason: String,
    },
    /// The frames cannot be planned, or the state of the jobs cannot be kept.
    #[error("the night cannot be worked")]
    Engine(#[from] EngineError),
    /// The state of the run cannot be kept or read.
    #[error("the state of the run cannot be used")]
    State(#[from] StateError),
    /// The run folder cannot be written or read: mend rights or space.
    #[error("{} cannot be {verb}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        verb: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds no run: give another, or start one.
    #[error("folder {} holds no run", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds a run that was asked for something else: give another folder.
    #[error("folder {} holds another run: {difference}", path.display())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A document of the run folder cannot be understood: a person must look.
    #[error("{} cannot be understood", path.display())]
    Document {
        /// The document.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The plan has no such job: see `status`.
    #[error("the plan has no job {job}")]
    UnknownJob {
        /// The job asked for.
        job: String,
    },
    /// The job does not wait for a decision.
    #[error("job {job} does not wait for a review: {because}")]
    NotWaiting {
        /// The job.
        job: String,
        /// How it stands.
        because: String,
    },
    /// Asynchronous work cannot be driven here.
    #[error("the archive cannot be reached from here")]
    Runtime(#[from] RuntimeError),
    /// The caller asked to stop; everything that is visible is whole.
    #[error("stopped")]
    Stopped,
}

impl LineError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Store { source, .. } => source.status(),
            Self::Engine(source) => source.status(),
            Self::State(source) => source.status(),
            Self::Stopped => Status::Temporary,
            _ => Status::Permanent,
        }
    }

    /// Wraps an error of the file system.
    pub(super) fn folder(path: impl Into<PathBuf>, verb: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { path, verb, source }
    }
}
