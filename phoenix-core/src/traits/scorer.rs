//! Measuring a product and grading the measurement: values are facts, grades are policy.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ReadError;
use crate::error::Status;
use crate::product::Product;
use crate::unit::Mjd;

/// A product cannot be measured or graded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QcError {
    /// A measured name is not declared: mend the scorer.
    #[error("parameter {name} is not declared")]
    Undeclared {
        /// The parameter.
        name: String,
    },
    /// The product is of a kind that the scorer does not know.
    #[error("product {product} has no {what}")]
    WrongProduct {
        /// The product.
        product: String,
        /// What is missing.
        what: String,
    },
    /// The product's pixels cannot be read.
    #[error("product {product} cannot be read")]
    Unreadable {
        /// The product.
        product: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The configuration of limits is wrong.
    #[error("limits of parameter {name}: {reason}")]
    Limits {
        /// The parameter.
        name: String,
        /// Why.
        reason: String,
    },
}

impl QcError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        Status::Permanent
    }
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QcParameter {
    /// The name as the score report spells it.
    pub name: String,
    /// The unit; empty if it has none.
    #[serde(default)]
    pub unit: String,
    /// One sentence for people.
    pub doc: String,
}

/// A measured value, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Measured {
    /// A value.
    Value {
        /// The number.
        value: f64,
    },
    /// No value.
    Absent {
        /// Why.
        reason: String,
    },
}

/// What the report says above the scores.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QcHeading {
    /// Association-block name.
    pub ab_name: String,
    /// `RAW_TYPE`.
    pub raw_type: String,
    /// `TPL.ID`.
    pub tpl_id: String,
    /// `TPL.NAME`.
    pub tpl_name: String,
    /// Setup, e.g. `WFM-NOAO-N`.
    pub setup: String,
    /// Start of the first and end of the last exposure, MJD UTC.
    pub time_range: Option<(Mjd, Mjd)>,
}

/// All measurements of one product.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    /// The product's name.
    pub product: String,
    /// What the report heads with.
    pub heading: QcHeading,
    /// Values by declared name.
    pub values: BTreeMap<String, Measured>,
    /// Facts for flags and texts that are not graded, by name.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// The grade of one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Inside the limits (green, 0).
    Pass,
    /// Outside the limits (red, 1).
    Fail,
    /// Not scored (grey); never counted as good.
    NotScored,
}

/// One graded parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The parameter.
    pub parameter: QcParameter,
    /// The value, if it could be formed.
    pub value: Option<f64>,
    /// The limits as text, and the sample they came from.
    pub limits: String,
    /// The grade.
    pub grade: Grade,
    /// Why this grade.
    pub reason: String,
}

/// One character of the quality flag string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// The name, e.g. `ARC_CLOSE`.
    pub name: String,
    /// The character: `0`, `1`, or `-` if it cannot be formed.
    pub value: char,
    /// Why.
    pub reason: String,
}

/// The score report of one product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QcReport {
    /// The product's name.
    pub product: String,
    /// What the report heads with.
    pub heading: QcHeading,
    /// Scores in declared order.
    pub scores: Vec<Score>,
    /// The quality flags delivered to the user, leftmost first.
    pub flags: Vec<Flag>,
}

impl QcReport {
    /// Returns the number of red scores and of all scores: the `1/7` of the real system, best `0/7`.
    pub fn result(&self) -> (usize, usize) {
        (
            self.scores.iter().filter(|score| score.grade == Grade::Fail).count(),
            self.scores.len(),
        )
    }

    /// Tells whether every parameter was scored and is green.
    pub fn is_all_green(&self) -> bool {
        self.scores.iter().all(|score| score.grade == Grade::Pass)
    }

    /// Returns the flag string.
    pub fn flag_string(&self) -> String {
        self.flags.iter().map(|flag| flag.value).collect()
    }
}

/// A value of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendPoint {
    /// When the data were taken.
    pub mjd: Mjd,
    /// The value.
    pub value: f64,
}

/// Looks up values of similar data; a port.
pub trait TrendLookup: fmt::Debug + Send + Sync {
    /// Returns values of `parameter` for `setup` within `window_days` before and at `mjd`, oldest first.
    fn recent(&self, parameter: &str, setup: &str, mjd: Mjd, window_days: f64) -> Vec<TrendPoint>;
}

/// No history.
impl TrendLookup for () {
    fn recent(&self, _parameter: &str, _setup: &str, _mjd: Mjd, _window_days: f64) -> Vec<TrendPoint> {
        Vec::new()
    }
}

/// Measures a product and grades the measurement. Two methods on purpose: values are facts, grades are policy.
///
/// # Contract
/// * every measured name is declared in `parameters()` with a unit; undeclared is an error;
/// * a value that cannot be formed is absent with a reason, and is graded `NotScored`, never `Pass`;
/// * `score` reads the product only through `measured`: re-scoring history needs no pixels.
pub trait QcScorer: fmt::Debug + Send + Sync {
    /// Returns the declared parameters in report order.
    fn parameters(&self) -> &[QcParameter];
    /// Measures a product.
    ///
    /// # Errors
    /// If the product is of another kind or cannot be read.
    fn measure(&self, product: &Product) -> Result<Measurements, QcError>;
    /// Grades measurements.
    ///
    /// # Errors
    /// If a measured name is not declared or a limit is not usable.
    fn score(&self, measured: &Measurements, trend: &dyn TrendLookup) -> Result<QcReport, QcError>;
}
