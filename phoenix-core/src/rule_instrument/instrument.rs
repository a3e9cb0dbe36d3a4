//! The instrument that rules, recipes and scorers make together.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::associator::RuleAssociator;
use super::error::BuildError;
use super::policy::Policy;
use super::selector::RuleSelector;
use crate::association::{CalibPool, MatchLevel, SlotExplained};
use crate::dataset::Dataset;
use crate::header::Header;
use crate::id::{InstrumentId, RecipeId, Tag, TaskId};
use crate::product::SealedProduct;
use crate::rules::{RuleBook, Validity};
use crate::traits::{
    AssociateError, Associator, DatasetSelector, DeliverySpec, IngestCapability, IngestError, IngestOptions,
    IngestReceipt, Ingestor, Instrument, InstrumentTexts, QcScorer, RecipeDyn, RecipeSpec, RewriteError,
};

/// Scorers by kind of product, where an instrument keeps them in one place.
pub trait ScorerBook: fmt::Debug + Send + Sync + 'static {
    /// Returns the scorer for a kind of product.
    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer>;
}

type Rewrite = dyn Fn(&InstrumentTexts) -> Result<Arc<dyn Instrument>, RewriteError> + Send + Sync;
type Delivery = dyn Fn(&Tag, &Header) -> Option<DeliverySpec> + Send + Sync;
type Wrap = dyn Fn(Arc<dyn Ingestor>) -> Box<dyn Ingestor> + Send + Sync;

/// Gathers what an instrument consists of.
pub struct RuleInstrumentBuilder {
    policy: Policy,
    recipes: BTreeMap<RecipeId, Box<dyn RecipeDyn>>,
    scorers: BTreeMap<Tag, Box<dyn QcScorer>>,
    scorer_books: Vec<Box<dyn ScorerBook>>,
    associator: Option<Box<dyn Associator>>,
    delivery: Box<Delivery>,
    ingestor: Box<Wrap>,
    rewrite: Option<Box<Rewrite>>,
}

impl fmt::Debug for RuleInstrumentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleInstrumentBuilder")
            .field("instrument", self.policy.instrument())
            .field("recipes", &self.recipes)
            .finish_non_exhaustive()
    }
}

impl RuleInstrumentBuilder {
    /// Returns the name of the instrument.
    pub fn instrument(&self) -> &InstrumentId {
        self.policy.instrument()
    }

    /// Adds a native recipe; every task whose action names it runs it.
    #[must_use]
    pub fn recipe(self, recipe: impl RecipeDyn + 'static) -> Self {
        self.boxed_recipe(Box::new(recipe))
    }

    /// Adds a native recipe that is boxed already.
    #[must_use]
    pub fn boxed_recipe(mut self, recipe: Box<dyn RecipeDyn>) -> Self {
        self.recipes.insert(recipe.spec_dyn().id.clone(), recipe);
        self
    }

    /// Adds the scorer for a kind of product.
    #[must_use]
    pub fn scorer(mut self, tag: impl Into<Tag>, scorer: impl QcScorer + 'static) -> Self {
        self.scorers.insert(tag.into(), Box::new(scorer));
        self
    }

    /// Adds scorers that are kept together.
    #[must_use]
    pub fn scorer_book(mut self, book: impl ScorerBook) -> Self {
        self.scorer_books.push(Box::new(book));
        self
    }

    /// Replaces the associator that the rules make.
    #[must_use]
    pub fn associator(mut self, associator: impl Associator + 'static) -> Self {
        self.associator = Some(Box::new(associator));
        self
    }

    /// Sets how products are delivered; nothing is delivered otherwise.
    #[must_use]
    pub fn delivery(
        mut self,
        delivery: impl Fn(&Tag, &Header) -> Option<DeliverySpec> + Send + Sync + 'static,
    ) -> Self {
        self.delivery = Box::new(delivery);
        self
    }

    /// Sets the delivery policy around a transport; the transport itself otherwise.
    #[must_use]
    pub fn ingestor(mut self, wrap: impl Fn(Arc<dyn Ingestor>) -> Box<dyn Ingestor> + Send + Sync + 'static) -> Self {
        self.ingestor = Box::new(wrap);
        self
    }

    /// Sets how the instrument is made anew of a project's texts; it takes none otherwise.
    #[must_use]
    pub fn rewrite(
        mut self,
        rewrite: impl Fn(&InstrumentTexts) -> Result<Arc<dyn Instrument>, RewriteError> + Send + Sync + 'static,
    ) -> Self {
        self.rewrite = Some(Box::new(rewrite));
        self
    }

    /// Builds the instrument.
    ///
    /// # Errors
    /// `UnknownRecipe` if a recipe was given that no action names, `UnknownOption` if an action sets an option that its
    /// native recipe lacks.
    pub fn build(self) -> Result<RuleInstrument, BuildError> {
        let policy = Arc::new(self.policy);
        let tasks = policy.book().tasks();
        let is_named = |recipe: &RecipeId| tasks.iter().any(|rule| rule.recipe.as_ref() == Some(recipe));
        if let Some(recipe) = self.recipes.keys().find(|recipe| !is_named(recipe)) {
            return Err(BuildError::UnknownRecipe { recipe: recipe.clone() });
        }
        for rule in tasks {
            let Some(recipe) = rule.recipe.as_ref().and_then(|recipe| self.recipes.get(recipe)) else {
                continue;
            };
            let params = recipe.default_params_dyn();
            let is_known = |name: &str| params.as_object().is_some_and(|params| params.contains_key(name));
            if let Some((name, _)) = rule.options.iter().find(|(name, _)| !is_known(name)) {
                return Err(BuildError::UnknownOption {
                    recipe: recipe.spec_dyn().id.clone(),
                    option: name.to_string(),
                });
            }
        }
        let outlines = tasks
            .iter()
            .rev()
            .filter_map(|rule| policy.outline(rule).map(|outline| (rule.task.clone(), outline)))
            .collect();
        Ok(RuleInstrument {
            selector: RuleSelector::new(policy.clone()),
            rules: RuleAssociator::new(policy.clone()),
            associator: self.associator,
            outlines,
            recipes: self.recipes,
            scorers: self.scorers,
            scorer_books: self.scorer_books,
            delivery: self.delivery,
            ingestor: self.ingestor,
            rewrite: self.rewrite,
            policy,
        })
    }
}

/// An instrument whose decisions are a rule book and a validity table.
///
/// # Contract
/// * A task is an action of the book; its recipe is the one that the action names.
/// * Without a native recipe the task still has an outline: what the recipe takes and makes, from the action.
pub struct RuleInstrument {
    policy: Arc<Policy>,
    selector: RuleSelector,
    rules: RuleAssociator,
    associator: Option<Box<dyn Associator>>,
    outlines: BTreeMap<TaskId, RecipeSpec>,
    recipes: BTreeMap<RecipeId, Box<dyn RecipeDyn>>,
    scorers: BTreeMap<Tag, Box<dyn QcScorer>>,
    scorer_books: Vec<Box<dyn ScorerBook>>,
    delivery: Box<Delivery>,
    ingestor: Box<Wrap>,
    rewrite: Option<Box<Rewrite>>,
}

impl fmt::Debug for RuleInstrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleInstrument")
            .field("instrument", self.policy.instrument())
            .field("recipes", &self.recipes)
            .finish_non_exhaustive()
    }
}

impl RuleInstrument {
    /// Starts an instrument from the text of its rule book and of its validity table.
    ///
    /// # Errors
    /// If either cannot be read or they do not go together.
    pub fn from_rules(rules: &str, validity: &str) -> Result<RuleInstrumentBuilder, BuildError> {
        let policy = Policy::new(RuleBook::parse(rules)?, Validity::parse(validity)?)?;
        Ok(RuleInstrumentBuilder {
            policy,
            recipes: BTreeMap::new(),
            scorers: BTreeMap::new(),
            scorer_books: Vec::new(),
            associator: None,
            delivery: Box::new(|_, _| None),
            ingestor: Box::new(|transport| Box::new(Straight(transport))),
            rewrite: None,
        })
    }

    /// Returns the rules and the validity table.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Returns the associator that the rules make, which can explain itself.
    pub fn rule_associator(&self) -> &RuleAssociator {
        &self.rules
    }
}

impl Instrument for RuleInstrument {
    fn id(&self) -> InstrumentId {
        self.policy.instrument().clone()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        &self.selector
    }

    fn associator(&self) -> &dyn Associator {
        self.associator.as_deref().unwrap_or(&self.rules)
    }

    fn tasks(&self) -> Vec<TaskId> {
        let rules = self.policy.book().tasks().iter();
        let has_recipe = rules.filter(|rule| {
            rule.recipe
                .as_ref()
                .is_some_and(|recipe| self.recipes.contains_key(recipe))
        });
        has_recipe.map(|rule| rule.task.clone()).collect()
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        let recipe = self.policy.book().task(task)?.recipe.as_ref()?;
        self.recipes.get(recipe).map(AsRef::as_ref)
    }

    fn outline(&self, task: &TaskId) -> Option<&RecipeSpec> {
        self.outlines.get(task)
    }

    fn outlined(&self) -> Vec<TaskId> {
        let rules = self.policy.book().tasks().iter();
        rules
            .map(|rule| rule.task.clone())
            .filter(|task| self.outlines.contains_key(task))
            .collect()
    }

    fn explain(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Option<Result<Vec<SlotExplained>, AssociateError>> {
        // Another associator has reasons of its own, which these would not be.
        self.associator.is_none().then(|| self.rules.explain(dataset, pool))
    }

    fn reach_days(&self, tag: &Tag, level: Option<MatchLevel>) -> Option<f64> {
        self.policy.validity().calibrations.get(tag)?.reach_days(level)
    }

    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer> {
        let own = self.scorers.get(tag).map(AsRef::as_ref);
        own.or_else(|| self.scorer_books.iter().find_map(|book| book.scorer(tag)))
    }

    fn delivery(&self, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
        (self.delivery)(tag, header)
    }

    fn rewritten(&self, texts: &InstrumentTexts) -> Result<Arc<dyn Instrument>, RewriteError> {
        match &self.rewrite {
            Some(rewrite) => rewrite(texts),
            None => Err(texts.refused(self.id())),
        }
    }

    fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        (self.ingestor)(transport)
    }
}

/// A transport without a policy of its own.
#[derive(Debug)]
struct Straight(Arc<dyn Ingestor>);

type Promise<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

impl Ingestor for Straight {
    fn capability(&self) -> IngestCapability {
        self.0.capability()
    }

    fn check<'s, 'p, 'f>(&'s self, product: &'p SealedProduct) -> Promise<'f, Result<(), IngestError>>
    where
        's: 'f,
        'p: 'f,
        Self: 'f,
    {
        self.0.check(product)
    }

    fn ingest<'s, 'p, 'f>(
        &'s self,
        product: &'p SealedProduct,
        options: IngestOptions,
    ) -> Promise<'f, Result<IngestReceipt, IngestError>>
    where
        's: 'f,
        'p: 'f,
        Self: 'f,
    {
        self.0.ingest(product, options)
    }
}
