//! What nearly every backend needs.

pub use crate::engine::Engine;
pub use crate::frame::{Category, ClassifiedFrame, Frame, FrameRef};
pub use crate::header::Header;
pub use crate::id::{DatasetId, FrameId, InstrumentId, JobId, Tag, TaskId};
pub use crate::traits::{Associator, DatasetSelector, Ingestor, Instrument, QcScorer, Recipe, RecipeDyn};
