//! A scorer assembled from a sheet and the measurements of an instrument.

use std::fmt;

use phoenix_core::product::Product;
use phoenix_core::traits::{Measured, Measurements, QcError, QcHeading, QcParameter, QcReport, QcScorer, TrendLookup};

use super::ScoreSheet;

type Survey<S> = Box<dyn Fn(&Product) -> Result<S, QcError> + Send + Sync>;
type Reading<S, T> = Box<dyn Fn(&S) -> T + Send + Sync>;

/// A scorer whose limits are data and whose measurements are functions by name.
///
/// `S` is what one pass over the product gives (e.g. a `CubeSurvey` and a few header values); every measurement, fact
/// and the heading are read from it, so that pixels are passed once.
pub struct SheetScorer<S> {
    sheet: ScoreSheet,
    survey: Survey<S>,
    heading: Reading<S, QcHeading>,
    measures: Vec<(String, Reading<S, Measured>)>,
    facts: Vec<(String, Reading<S, Option<String>>)>,
}

/// Collects the parts of a `SheetScorer`.
pub struct SheetScorerBuilder<S>(SheetScorer<S>);

impl<S: 'static> SheetScorer<S> {
    /// Begins a scorer with the pass over the product.
    pub fn builder(
        sheet: ScoreSheet,
        survey: impl Fn(&Product) -> Result<S, QcError> + Send + Sync + 'static,
    ) -> SheetScorerBuilder<S> {
        SheetScorerBuilder(Self {
            sheet,
            survey: Box::new(survey),
            heading: Box::new(|_| QcHeading::default()),
            measures: Vec::new(),
            facts: Vec::new(),
        })
    }
}

impl<S> SheetScorerBuilder<S> {
    /// Sets what the report heads with.
    #[must_use]
    pub fn heading(mut self, heading: impl Fn(&S) -> QcHeading + Send + Sync + 'static) -> Self {
        self.0.heading = Box::new(heading);
        self
    }

    /// Adds the measurement of a declared parameter.
    #[must_use]
    pub fn measure(mut self, name: &str, measure: impl Fn(&S) -> Measured + Send + Sync + 'static) -> Self {
        self.0.measures.push((name.to_owned(), Box::new(measure)));
        self
    }

    /// Adds a fact for conditions, bounds and flags; it is left out where the function gives nothing.
    #[must_use]
    pub fn fact(mut self, name: &str, fact: impl Fn(&S) -> Option<String> + Send + Sync + 'static) -> Self {
        self.0.facts.push((name.to_owned(), Box::new(fact)));
        self
    }

    /// Ends the scorer.
    ///
    /// # Errors
    /// If a measurement is not declared in the sheet, or a declared parameter has no measurement or two.
    pub fn build(self) -> Result<SheetScorer<S>, QcError> {
        let scorer = self.0;
        if let Some((name, _)) = scorer.measures.iter().find(|(name, _)| !scorer.sheet.declares(name)) {
            return Err(QcError::Undeclared { name: name.clone() });
        }
        for parameter in scorer.sheet.parameters() {
            let found = scorer
                .measures
                .iter()
                .filter(|(name, _)| *name == parameter.name)
                .count();
            if found != 1 {
                return Err(QcError::Limits {
                    name: parameter.name.clone(),
                    reason: format!("declared with {found} measurements, one is needed"),
                });
            }
        }
        Ok(scorer)
    }
}

impl<S> fmt::Debug for SheetScorer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SheetScorer")
            .field("sheet", &self.sheet)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for SheetScorerBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SheetScorerBuilder").field(&self.0).finish()
    }
}

impl<S> QcScorer for SheetScorer<S> {
    fn parameters(&self) -> &[QcParameter] {
        self.sheet.parameters()
    }

    fn measure(&self, product: &Product) -> Result<Measurements, QcError> {
        let survey = (self.survey)(product)?;
        let values = self.measures.iter().map(|(name, measure)| {
            let measured = match measure(&survey) {
                // A number that JSON cannot hold would not come back as it was.
                Measured::Value { value } if !value.is_finite() => Measured::Absent {
                    reason: "the value is not a finite number".into(),
                },
                measured => measured,
            };
            (name.clone(), measured)
        });
        let facts = self
            .facts
            .iter()
            .filter_map(|(name, fact)| Some((name.clone(), fact(&survey)?)));
        Ok(Measurements {
            product: product.name.clone(),
            heading: (self.heading)(&survey),
            values: values.collect(),
            facts: facts.collect(),
        })
    }

    fn score(&self, measured: &Measurements, trend: &dyn TrendLookup) -> Result<QcReport, QcError> {
        self.sheet.score(measured, trend)
    }
}
