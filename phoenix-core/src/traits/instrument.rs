//! What a backend offers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Associator, DatasetSelector, Ingestor, QcScorer, RecipeDyn, RecipeSpec};
use crate::header::Header;
use crate::id::{InstrumentId, Tag, TaskId};

/// How a kind of product is named and packed for the archive; data of the instrument, used by generic conversion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliverySpec {
    /// `PRODCATG`, e.g. `SCIENCE.CUBE.IFS`.
    pub category: String,
    /// The two letters of the instrument and the four of the product, e.g. `MU_SCBC`.
    pub name_code: String,
    /// The keys whose values form the setup part of the name, joined by `_`.
    pub setup_keys: Vec<String>,
    /// The last part of the name, e.g. `OBJ`; empty if there is none.
    #[serde(default)]
    pub name_suffix: String,
    /// Products of the same job that go along.
    #[serde(default)]
    pub companions: Vec<CompanionSpec>,
    /// Archive keywords that are constants of the instrument and mode.
    #[serde(default)]
    pub keywords: BTreeMap<String, serde_json::Value>,
}

/// A product that goes along with another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompanionSpec {
    /// What the recipe calls it, e.g. `IMAGE_FOV`.
    pub tag: Tag,
    /// `PRODCATG`, e.g. `ANCILLARY.IMAGE.WHITELIGHT`.
    pub category: String,
    /// The first part of its name, e.g. `MU_SIMC`.
    pub name_code: String,
    /// Whether the archive refuses the product without it.
    pub is_required: bool,
}

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
    /// Tells what the recipe of a task takes and makes, whoever runs it: an outside backend is built from this.
    ///
    /// `None` if the backend declares nothing for the task; then only its native recipe can be planned.
    fn outline(&self, _task: &TaskId) -> Option<&RecipeSpec> {
        None
    }
    /// Returns every task that has an outline, in the order of the cascade.
    fn outlined(&self) -> Vec<TaskId> {
        Vec::new()
    }
    /// Returns the scorer for a kind of product.
    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer>;
    /// Tells how a kind of product is delivered; `None` if it stays at home. The header decides between modes.
    fn delivery(&self, tag: &Tag, header: &Header) -> Option<DeliverySpec>;
    /// Wraps a transport into the instrument's delivery policy.
    fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor>;
}
