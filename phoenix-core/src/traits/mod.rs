//! The five traits that an instrument implements, the erased twin of the recipe, and the ports around them.

mod associator;
mod columns;
mod cost;
mod deep;
mod ingestor;
mod instrument;
mod ports;
mod recipe;
mod scorer;
mod scratch;
mod selector;
mod state;

pub use associator::{AssociateError, Associator};
pub use columns::{ColumnHdu, ColumnKind, ColumnLayout, ColumnRun, ColumnWriter, MemoryColumns};
pub use cost::{CostKind, CostRow, CostStore, Meter};
pub use deep::DeepSelector;
pub use ingestor::{IngestCapability, IngestError, IngestOptions, IngestReceipt, IngestStatus, Ingestor};
pub use instrument::{
    ColumnSpec, CompanionSpec, DeliveryForm, DeliverySpec, Instrument, InstrumentTexts, MASTER_CATEGORY, RewriteError,
};
pub use ports::{
    ColumnSource, Committed, CubeHdu, CubeLayout, Deferred, Finished, FrameReader, HduInfo, HduKind, JobSink,
    ProductSink, ReadError, SinkError, SinkFactory, SlabWriter,
};
pub use recipe::{
    InputSet, InputSpec, Outcome, ParamSpec, Recipe, RecipeDyn, RecipeError, RecipeSpec, ResourceModel, RunContext,
};
pub use scorer::{
    Flag, Grade, Measured, Measurements, QcError, QcHeading, QcParameter, QcReport, QcScorer, Score, TrendLookup,
    TrendPoint,
};
pub use scratch::{MemoryScratch, Scratch};
pub use selector::{DatasetSelector, SelectError, Selection};
pub use state::{Halt, JobRecord, JobStore, Ledger, LedgerEntry, QcRow, QcStore, Stage, StateError};
