//! An instrument whose recipes come from the backend that the settings choose.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use phoenix_core::association::{CalibPool, MatchLevel, SlotExplained};
use phoenix_core::dataset::Dataset;
use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, Tag, TaskId};
use phoenix_core::traits::{
    AssociateError, Associator, DatasetSelector, DeepSelector, DeliverySpec, Ingestor, Instrument, InstrumentTexts,
    QcScorer, RecipeDyn, RecipeSpec, RewriteError,
};
use phoenix_io::{EsorexError, EsorexRecipe, Installation};

use super::{Backend, BackendSettings};

/// An instrument with a choice of backends; everything but recipes is the inner instrument's.
///
/// # Contract
/// * A task for which `native` is chosen has the native recipe; where there is none, the outlined one by `esorex`.
/// * A task for which `esorex` is chosen has the recipe of `esorex` or none: it is never silently replaced.
/// * `esorex` is looked for when the first task needs it, and asked once about each recipe.
#[derive(Debug)]
pub struct Backed {
    inner: Arc<dyn Instrument>,
    settings: BackendSettings,
    installation: OnceLock<Result<Installation, EsorexError>>,
    /// One place for each task that may need `esorex`; filled when it is asked for.
    recipes: BTreeMap<TaskId, OnceLock<Result<EsorexRecipe, String>>>,
}

impl Backed {
    /// Wraps an instrument; nothing is looked for yet.
    pub fn new(inner: Arc<dyn Instrument>, settings: BackendSettings) -> Self {
        let recipes = known_tasks(inner.as_ref())
            .into_iter()
            .map(|task| (task, OnceLock::new()))
            .collect();
        Self {
            inner,
            settings,
            installation: OnceLock::new(),
            recipes,
        }
    }

    /// Returns the instrument that is wrapped.
    pub fn inner(&self) -> &Arc<dyn Instrument> {
        &self.inner
    }

    /// Returns which backend runs which task.
    pub fn settings(&self) -> &BackendSettings {
        &self.settings
    }

    /// Returns the installation of `esorex`, looked for when this is called first.
    ///
    /// # Errors
    /// If there is none.
    pub fn installation(&self) -> Result<&Installation, &EsorexError> {
        self.installation
            .get_or_init(|| Installation::find(self.settings.esorex.clone()))
            .as_ref()
    }

    /// Returns why a task has no recipe; `None` if it has one.
    pub fn lack(&self, task: &TaskId) -> Option<String> {
        if self.recipe(task).is_some() {
            return None;
        }
        let Some(outline) = self.outline(task) else {
            return Some(format!("nothing says what task {task} takes and makes"));
        };
        match (self.installation(), self.recipes.get(task).and_then(OnceLock::get)) {
            (Err(error), _) => Some(error.to_string()),
            (Ok(_), Some(Err(reason))) => Some(reason.clone()),
            (Ok(_), _) => Some(format!("recipe {} is not installed", outline.id)),
        }
    }

    fn by_esorex(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        let outline = self.outline(task)?;
        let made = self.recipes.get(task)?;
        let installation = self.installation().ok()?;
        // The list is there already; asking about a recipe runs the program.
        if !installation.recipes().contains_key(&outline.id) {
            return None;
        }
        let recipe = made.get_or_init(|| self.make(task, installation, outline)).as_ref();
        recipe.ok().map(|recipe| recipe as &dyn RecipeDyn)
    }

    /// Makes the recipe with the options that the instrument's rules set.
    fn make(&self, task: &TaskId, installation: &Installation, outline: &RecipeSpec) -> Result<EsorexRecipe, String> {
        let recipe = EsorexRecipe::new(installation, outline).map_err(|error| error.to_string())?;
        // The parameters of a native recipe are described, not set.
        let options = self.inner.outline(task).map_or(&[] as &[_], |outline| &outline.params);
        recipe
            .with_presets(
                options
                    .iter()
                    .map(|option| (option.name.as_str(), option.values.as_str())),
            )
            .map_err(|error| format!("recipe {} of esorex: {error}", outline.id))
    }
}

/// Returns every task that an instrument can execute or outlines.
pub(super) fn known_tasks(instrument: &dyn Instrument) -> Vec<TaskId> {
    let mut tasks = instrument.outlined();
    for task in instrument.tasks() {
        if !tasks.contains(&task) {
            tasks.push(task);
        }
    }
    tasks
}

impl Instrument for Backed {
    fn id(&self) -> InstrumentId {
        self.inner.id()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        self.inner.selector()
    }

    fn associator(&self) -> &dyn Associator {
        self.inner.associator()
    }

    fn tasks(&self) -> Vec<TaskId> {
        let mut tasks = known_tasks(self.inner.as_ref());
        tasks.retain(|task| self.recipe(task).is_some());
        tasks
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        let native = match self.settings.backend(task) {
            Backend::Native => self.inner.recipe(task),
            Backend::Esorex => None,
        };
        native.or_else(|| self.by_esorex(task))
    }

    fn outline(&self, task: &TaskId) -> Option<&RecipeSpec> {
        // A native recipe has ESO's name and kinds, so its own specification outlines ESO's.
        let native = || self.inner.recipe(task).map(RecipeDyn::spec_dyn);
        self.inner.outline(task).or_else(native)
    }

    fn outlined(&self) -> Vec<TaskId> {
        known_tasks(self.inner.as_ref())
    }

    fn explain(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Option<Result<Vec<SlotExplained>, AssociateError>> {
        self.inner.explain(dataset, pool)
    }

    fn reach_days(&self, tag: &Tag, level: Option<MatchLevel>) -> Option<f64> {
        self.inner.reach_days(tag, level)
    }

    fn deep(&self) -> Option<&dyn DeepSelector> {
        self.inner.deep()
    }

    fn rewritten(&self, texts: &InstrumentTexts) -> Result<Arc<dyn Instrument>, RewriteError> {
        let inner = self.inner.rewritten(texts)?;
        Ok(Arc::new(Self::new(inner, self.settings.clone())))
    }

    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer> {
        self.inner.scorer(tag)
    }

    fn delivery(&self, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
        self.inner.delivery(tag, header)
    }

    fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        self.inner.ingestor(transport)
    }
}
