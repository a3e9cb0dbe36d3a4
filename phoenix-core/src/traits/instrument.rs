//! What a backend offers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AssociateError, Associator, DatasetSelector, DeepSelector, Ingestor, QcScorer, RecipeDyn, RecipeSpec};
use crate::association::{CalibPool, MatchLevel, SlotExplained};
use crate::dataset::Dataset;
use crate::header::Header;
use crate::id::{InstrumentId, Tag, TaskId};

/// The category in the seal of a certified master; the archive's standard for science data has none.
pub const MASTER_CATEGORY: &str = "CALIB.MASTER";

/// What becomes of a product on its way to the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeliveryForm {
    /// It is brought into the archive's standard for science data.
    #[default]
    Standard,
    /// It is a certified master: it goes as it is, byte for byte, to where later nights find calibrations.
    Master,
}

/// How a kind of product is named and packed for the archive; data of the instrument, used by generic conversion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliverySpec {
    /// What becomes of it.
    #[serde(default)]
    pub form: DeliveryForm,
    /// `PRODCATG`, e.g. `SCIENCE.CUBE.IFS`.
    pub category: String,
    /// The two letters of the instrument and the four of the product, e.g. `MU_SCBC`.
    pub name_code: String,
    /// The keys whose values form the setup part of the name, joined by `_`.
    pub setup_keys: Vec<String>,
    /// Whether the name ends its setup with a mark of the exposures that went in: many sets begin with the same one.
    #[serde(default)]
    pub marks_exposures: bool,
    /// The last part of the name, e.g. `OBJ`; empty if there is none.
    #[serde(default)]
    pub name_suffix: String,
    /// A better product: if the same job made it, this one stays at home.
    #[serde(default)]
    pub unless: Option<Tag>,
    /// Products of the same job that hold further columns of a spectrum, in the order of the columns.
    #[serde(default)]
    pub columns: Vec<ColumnSpec>,
    /// Products of the same job that go along.
    #[serde(default)]
    pub companions: Vec<CompanionSpec>,
    /// Archive keywords that are constants of the instrument and mode.
    #[serde(default)]
    pub keywords: BTreeMap<String, serde_json::Value>,
}

impl DeliverySpec {
    /// Returns the specification of a certified master: it keeps its bytes, and the archive names it.
    pub fn master() -> Self {
        Self {
            form: DeliveryForm::Master,
            category: MASTER_CATEGORY.to_owned(),
            name_code: String::new(),
            setup_keys: Vec::new(),
            marks_exposures: false,
            name_suffix: String::new(),
            unless: None,
            columns: Vec::new(),
            companions: Vec::new(),
            keywords: BTreeMap::new(),
        }
    }
}

/// A product that is a column of another's spectrum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// The column, e.g. `ERR`.
    pub name: String,
    /// What the recipe calls the product, e.g. `ERRORBAR_SCIENCE_BLUE`.
    pub tag: Tag,
    /// Whether there is no spectrum without it.
    #[serde(default)]
    pub is_required: bool,
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
    /// Whether all products of the job share it: one file, whose name lacks the suffix of the product.
    #[serde(default)]
    pub is_shared: bool,
}

/// Texts of a project that stand in for an instrument's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstrumentTexts {
    /// The rule book.
    pub rules: Option<String>,
    /// Windows in time.
    pub validity: Option<String>,
    /// Limits of quality parameters.
    pub quality: Option<String>,
}

impl InstrumentTexts {
    /// Tells whether the instrument's own texts are all kept.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the refusal of an instrument that takes no such texts.
    pub fn refused(&self, instrument: InstrumentId) -> RewriteError {
        let given = [
            ("rule book", &self.rules),
            ("validity table", &self.validity),
            ("quality limits", &self.quality),
        ];
        let what = given.iter().find(|(_, text)| text.is_some());
        RewriteError::Fixed {
            instrument,
            what: what.map_or("text", |(what, _)| *what),
        }
    }
}

/// An instrument cannot be made of a project's texts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The instrument takes no such text: leave it out.
    #[error("{instrument} takes no {what} of a project")]
    Fixed {
        /// The instrument.
        instrument: InstrumentId,
        /// Which text.
        what: &'static str,
    },
    /// A text is wrong, or does not go with the others: mend it.
    #[error("{instrument} cannot be made of the project's texts")]
    Text {
        /// The instrument.
        instrument: InstrumentId,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
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
    /// Tells for every slot of a dataset each candidate and the first rule that refused it.
    ///
    /// `None` if the backend keeps no such account.
    fn explain(&self, _dataset: &Dataset, _pool: &CalibPool<'_>) -> Option<Result<Vec<SlotExplained>, AssociateError>> {
        None
    }
    /// Returns how far from a dataset, in days, a calibration of a kind may lie to fit better than `level`, or to fit at all.
    ///
    /// `None` if no such window is known: the kind is valid from its time on, or nothing can be better.
    fn reach_days(&self, _tag: &Tag, _level: Option<MatchLevel>) -> Option<f64> {
        None
    }
    /// Returns what puts exposures together across blocks; `None` if the backend makes no such products.
    fn deep(&self) -> Option<&dyn DeepSelector> {
        None
    }
    /// Returns the scorer for a kind of product.
    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer>;
    /// Tells how a kind of product is delivered; `None` if it stays at home. The header decides between modes.
    fn delivery(&self, tag: &Tag, header: &Header) -> Option<DeliverySpec>;
    /// Returns this instrument with a project's texts in place of its own; what is not given stays.
    ///
    /// # Errors
    /// `Fixed` if the backend takes no such text, `Text` if a text cannot be used.
    fn rewritten(&self, texts: &InstrumentTexts) -> Result<Arc<dyn Instrument>, RewriteError> {
        Err(texts.refused(self.id()))
    }
    /// Wraps a transport into the instrument's delivery policy.
    fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor>;
}
