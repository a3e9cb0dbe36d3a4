//! The instrument as a value.

use std::sync::Arc;

use phoenix_core::association::{CalibPool, MatchLevel, SlotExplained};
use phoenix_core::dataset::Dataset;
use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, Tag, TaskId};
use phoenix_core::registry::Registry;
use phoenix_core::rule_instrument::RuleInstrument;
use phoenix_core::rules::Validity;
use phoenix_core::traits::{
    AssociateError, Associator, DatasetSelector, DeepSelector, DeliverySpec, Ingestor, Instrument, InstrumentTexts,
    QcScorer, RecipeDyn, RecipeSpec, RewriteError,
};
use phoenix_kit::delivery::BuildError;

use crate::align::{ALIGN, ExpAlign};
use crate::associate::MuseAssociator;
use crate::cubes::{CUBE_COMBINE, CubeCombine};
use crate::deep::{ExpImage, ExpWeights, IMAGE, MuseDeep, Ruled, WEIGHTS};
use crate::ingest::Delivery;
use crate::recipes::{ExpCombine, MakeCube};
use crate::select::MuseSelector;
use crate::{COMBINE, MAKE_CUBE, kinds, score};

/// MUSE.
#[derive(Debug)]
pub struct Muse {
    selector: MuseSelector,
    associator: MuseAssociator,
    align: ExpAlign,
    combine: ExpCombine,
    make_cube: MakeCube,
    cube_combine: CubeCombine,
    image: ExpImage,
    weights: ExpWeights,
    deep: MuseDeep,
    scorer: Box<dyn QcScorer>,
    delivery: Delivery,
    rules: Arc<RuleInstrument>,
    ruled: Ruled,
    /// Whether rules of a project decide what is grouped and associated, and not this crate's own code.
    is_ruled: bool,
}

const VALIDITY: &str = include_str!("../rules/validity.toml");

/// Builds the instrument.
///
/// # Errors
/// If its own tables are wrong.
pub fn instrument() -> Result<Muse, BuildError> {
    instrument_of(&InstrumentTexts::default())
}

/// Builds the instrument of a project's texts where there are any.
///
/// A rule book of a project takes the place of the smart association: it then says what is grouped and associated. A
/// validity table alone gives the smart association other windows.
///
/// # Errors
/// If a text is wrong or they do not go together.
fn instrument_of(texts: &InstrumentTexts) -> Result<Muse, BuildError> {
    let validity = texts.validity.as_deref().unwrap_or(VALIDITY);
    let rules = RuleInstrument::from_rules(texts.rules.as_deref().unwrap_or(kinds::RULES), validity)?;
    let windows = Validity::parse(validity).map_err(phoenix_core::rule_instrument::BuildError::from)?;
    let rules = Arc::new(rules.build()?);
    Ok(Muse {
        selector: MuseSelector,
        associator: MuseAssociator::with_windows(windows.clone()),
        align: ExpAlign::default(),
        combine: ExpCombine::default(),
        make_cube: MakeCube::default(),
        cube_combine: CubeCombine::default(),
        image: ExpImage::default(),
        weights: ExpWeights::default(),
        deep: MuseDeep,
        scorer: match &texts.quality {
            Some(quality) => score::scorer_of(quality)?,
            None => score::scorer()?,
        },
        delivery: Delivery::new()?,
        ruled: Ruled {
            rules: Arc::clone(&rules),
            smart: MuseAssociator::with_windows(windows.clone()),
        },
        rules,
        is_ruled: texts.rules.is_some(),
    })
}

/// Adds the instrument to a registry.
///
/// # Errors
/// If its own tables are wrong or the name is taken.
pub fn register(registry: &mut Registry) -> Result<(), BuildError> {
    Ok(registry.register(instrument()?)?)
}

impl Instrument for Muse {
    fn id(&self) -> InstrumentId {
        if self.is_ruled { self.rules.id() } else { "MUSE".into() }
    }

    fn selector(&self) -> &dyn DatasetSelector {
        if self.is_ruled { &self.ruled } else { &self.selector }
    }

    fn associator(&self) -> &dyn Associator {
        if self.is_ruled { &self.ruled } else { &self.associator }
    }

    fn tasks(&self) -> Vec<TaskId> {
        if self.is_ruled {
            let mut tasks = self.rules.outlined();
            tasks.retain(|task| self.recipe(task).is_some());
            return tasks;
        }
        [ALIGN, COMBINE, IMAGE, WEIGHTS, MAKE_CUBE, CUBE_COMBINE]
            .map(Into::into)
            .to_vec()
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        // A rule book of a project may call its tasks as it likes; the recipe's name counts.
        let ruled = self.rules.outline(task).filter(|_| self.is_ruled);
        match ruled.map_or(task.as_str(), |outline| outline.id.as_str()) {
            ALIGN => Some(&self.align),
            COMBINE => Some(&self.combine),
            MAKE_CUBE => Some(&self.make_cube),
            // No night calls for it: a person does, by name.
            CUBE_COMBINE => Some(&self.cube_combine),
            IMAGE => Some(&self.image),
            WEIGHTS => Some(&self.weights),
            _ => None,
        }
    }

    fn outline(&self, task: &TaskId) -> Option<&RecipeSpec> {
        self.rules.outline(task)
    }

    fn outlined(&self) -> Vec<TaskId> {
        self.rules.outlined()
    }

    fn explain(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Option<Result<Vec<SlotExplained>, AssociateError>> {
        // The smart association keeps no account of its choices.
        self.is_ruled.then(|| self.rules.explain(dataset, pool)).flatten()
    }

    fn reach_days(&self, tag: &Tag, level: Option<MatchLevel>) -> Option<f64> {
        self.rules.reach_days(tag, level)
    }

    fn rewritten(&self, texts: &InstrumentTexts) -> Result<Arc<dyn Instrument>, RewriteError> {
        match instrument_of(texts) {
            Ok(instrument) => Ok(Arc::new(instrument)),
            Err(source) => Err(RewriteError::Text {
                instrument: self.id(),
                source: Box::new(source),
            }),
        }
    }

    fn deep(&self) -> Option<&dyn DeepSelector> {
        Some(&self.deep)
    }

    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer> {
        (tag.as_str() == "DATACUBE_FINAL").then_some(self.scorer.as_ref())
    }

    fn delivery(&self, tag: &Tag, header: &Header) -> Option<DeliverySpec> {
        self.delivery.spec(tag, header)
    }

    fn ingestor(&self, transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        self.delivery.ingestor(transport)
    }
}
