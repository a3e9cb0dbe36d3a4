//! The instrument as a value.

use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, Tag, TaskId};
use phoenix_core::registry::Registry;
use phoenix_core::rule_instrument::RuleInstrument;
use phoenix_core::traits::{
    Associator, DatasetSelector, DeliverySpec, Ingestor, Instrument, QcScorer, RecipeDyn, RecipeSpec,
};
use phoenix_kit::delivery::BuildError;

use crate::associate::MuseAssociator;
use crate::ingest::Delivery;
use crate::recipes::{ExpCombine, MakeCube};
use crate::select::MuseSelector;
use crate::{COMBINE, MAKE_CUBE, kinds, score};

/// MUSE.
#[derive(Debug)]
pub struct Muse {
    selector: MuseSelector,
    associator: MuseAssociator,
    combine: ExpCombine,
    make_cube: MakeCube,
    scorer: Box<dyn QcScorer>,
    delivery: Delivery,
    rules: RuleInstrument,
}

/// Builds the instrument.
///
/// # Errors
/// If its own tables are wrong.
pub fn instrument() -> Result<Muse, BuildError> {
    Ok(Muse {
        selector: MuseSelector,
        associator: MuseAssociator,
        combine: ExpCombine::default(),
        make_cube: MakeCube::default(),
        scorer: score::scorer()?,
        delivery: Delivery::new()?,
        rules: RuleInstrument::from_rules(kinds::RULES, include_str!("../rules/validity.toml"))?.build()?,
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
        "MUSE".into()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        &self.selector
    }

    fn associator(&self) -> &dyn Associator {
        &self.associator
    }

    fn tasks(&self) -> Vec<TaskId> {
        vec![COMBINE.into(), MAKE_CUBE.into()]
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        match task.as_str() {
            COMBINE => Some(&self.combine),
            MAKE_CUBE => Some(&self.make_cube),
            _ => None,
        }
    }

    fn outline(&self, task: &TaskId) -> Option<&RecipeSpec> {
        self.rules.outline(task)
    }

    fn outlined(&self) -> Vec<TaskId> {
        self.rules.outlined()
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
