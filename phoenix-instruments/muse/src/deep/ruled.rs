//! Stacks across blocks beside a project's rule book: the book names and rejects frames, positions decide what goes together.

use std::sync::Arc;

use phoenix_core::association::{Association, CalibPool};
use phoenix_core::dataset::{Dataset, Selected};
use phoenix_core::frame::{Category, ClassifiedFrame, Frame};
use phoenix_core::id::Tag;
use phoenix_core::rule_instrument::RuleInstrument;
use phoenix_core::traits::{AssociateError, Associator, DatasetSelector, Instrument, SelectError, Selection};

use crate::associate::MuseAssociator;

/// A rule book that leaves stacks across blocks to `deep`.
#[derive(Debug)]
pub(crate) struct Ruled {
    pub(crate) rules: Arc<RuleInstrument>,
    pub(crate) smart: MuseAssociator,
}

impl DatasetSelector for Ruled {
    fn classify(&self, frame: &Frame) -> Result<Option<(Tag, Category)>, SelectError> {
        self.rules.selector().classify(frame)
    }

    fn select(&self, frames: &[ClassifiedFrame], request: &Selection) -> Result<Selected, SelectError> {
        match &request.deep {
            Some(deep) => super::select(frames, deep),
            None => self.rules.selector().select(frames, request),
        }
    }
}

impl Associator for Ruled {
    fn associate(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Result<Association, AssociateError> {
        if is_of_stack(dataset) {
            self.smart.associate(dataset, pool)
        } else {
            // The book need not speak of cubes of one exposure either.
            match self.rules.associator().associate(dataset, pool) {
                Err(AssociateError::UnknownTask { .. }) => self.smart.associate(dataset, pool),
                told => told,
            }
        }
    }
}

/// Tells whether a dataset is part of a stack; no rule book speaks of those.
fn is_of_stack(dataset: &Dataset) -> bool {
    let is_named = |suffix: &str| dataset.id.as_str().ends_with(suffix);
    ["_img", "_aln", "_wgt", "_dpc"].into_iter().any(is_named)
        || dataset.needs.iter().any(|needed| needed.as_str().ends_with("_wgt"))
}
