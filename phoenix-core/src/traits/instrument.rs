//! What a backend offers.

use std::fmt;
use std::sync::Arc;

use super::{Associator, DatasetSelector, Ingestor, QcScorer, RecipeDyn};
use crate::id::{InstrumentId, Tag, TaskId};

/// What a backend offers; one value per instrument, registered in a `Registry`.
pub trait Instrument: fmt::Debug + Send + Sync + 'static {
    /// Returns the name as `INSTRUME` spells it.
    fn id(&self) -> InstrumentId;
    /// Returns the selector.
    fn selector(&self) -> &dyn DatasetSelector;
    /// Returns the associator.
    fn associator(&self) -> &dyn Associator;
    /// Returns every task that this backend can execute.
    fn tasks(&self) -> Vec<TaskId>;
    /// Returns the recipe of a task; `None` if this backend cannot execute it.
    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn>;
    /// Returns the scorer for a kind of product.
    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer>;
    /// Wraps a transport into the instrument's delivery policy.
    fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor>;
}
