//! An instrument that is data: a rule book, its validity, its limits and its delivery, put together.

use std::fmt;
use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::rule_instrument::{RuleInstrument, ScorerBook};
use phoenix_core::traits::{DeliverySpec, Ingestor, Instrument, InstrumentTexts, QcScorer, RewriteError};

use crate::delivery::{BuildError, DeliveryBook};
use crate::keyword_scores::{KeywordScores, Readings};
use crate::policy::{Policy, PolicyIngestor};

/// What an instrument of rules consists of: texts, and the few decisions that are not data.
#[derive(Clone)]
pub struct RuleKit {
    /// The rule book, `rules/*.oca`.
    pub rules: &'static str,
    /// Windows in time, `rules/validity.toml`.
    pub validity: &'static str,
    /// Limits of quality parameters, `rules/qc.toml`.
    pub quality: &'static str,
    /// What scores read off a header beside the parameters.
    pub readings: Readings,
    /// Names of products in the archive, `products/delivery.toml`.
    pub delivery: &'static str,
    /// Which kind of the delivery a product is, and the parts of its name that are no data.
    pub deliver: fn(&DeliveryBook, &Tag, &Header) -> Option<DeliverySpec>,
    /// What goes to the archive.
    pub policy: Policy,
}

impl fmt::Debug for RuleKit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleKit")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl RuleKit {
    /// Builds the instrument.
    ///
    /// # Errors
    /// If one of the texts is wrong or they do not go together.
    pub fn build(self) -> Result<RuleInstrument, BuildError> {
        self.build_of(&InstrumentTexts::default())
    }

    /// Builds the instrument of a project's texts where there are any, else of its own.
    ///
    /// # Errors
    /// If one of the texts is wrong or they do not go together.
    pub fn build_of(self, texts: &InstrumentTexts) -> Result<RuleInstrument, BuildError> {
        let own = |given: &Option<String>, own: &str| given.clone().unwrap_or_else(|| own.to_owned());
        let rules = own(&texts.rules, self.rules);
        let validity = own(&texts.validity, self.validity);
        let scores = KeywordScores::from_toml(&own(&texts.quality, self.quality), self.readings)?;
        let kit = self.clone();
        let book = DeliveryBook::from_toml(self.delivery)?;
        let (deliver, policy) = (self.deliver, self.policy);
        let instrument = RuleInstrument::from_rules(&rules, &validity)?
            .scorer_book(scores)
            .delivery(move |tag, header| book.master(tag).or_else(|| deliver(&book, tag, header)))
            .ingestor(move |transport: Arc<dyn Ingestor>| -> Box<dyn Ingestor> {
                Box::new(PolicyIngestor::new(policy.clone(), transport))
            })
            .rewrite(move |texts| kit.rewritten(texts))
            .build()?;
        Ok(instrument)
    }

    fn rewritten(&self, texts: &InstrumentTexts) -> Result<Arc<dyn Instrument>, RewriteError> {
        match self.clone().build_of(texts) {
            Ok(instrument) => Ok(Arc::new(instrument)),
            Err(source) => Err(RewriteError::Text {
                instrument: RuleInstrument::from_rules(self.rules, self.validity)
                    .map_or_else(|_| "".into(), |builder| builder.instrument().clone()),
                source: Box::new(source),
            }),
        }
    }
}

impl ScorerBook for KeywordScores {
    fn scorer(&self, tag: &Tag) -> Option<&dyn QcScorer> {
        self.of(tag)
    }
}
