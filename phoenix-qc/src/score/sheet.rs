//! The score sheet: declared parameters with their limits, and the flags, from an instrument's `qc.toml`.

use phoenix_core::traits::{Grade, Measured, Measurements, QcError, QcParameter, QcReport, Score, TrendLookup};
use serde::Deserialize;

use super::condition::Condition;
use super::flags::FlagSpec;
use super::threshold::{Bound, Relative, Statistical, Threshold};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SheetText {
    parameter: Vec<ParameterText>,
    #[serde(default)]
    flag: Vec<FlagSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterText {
    name: String,
    #[serde(default)]
    unit: String,
    doc: String,
    #[serde(default)]
    limit: Vec<LimitText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitText {
    #[serde(default)]
    when: Condition,
    fixed: Option<[Bound; 2]>,
    relative: Option<Relative>,
    statistical: Option<Statistical>,
}

#[derive(Debug, Clone, PartialEq)]
struct Limit {
    when: Condition,
    threshold: Threshold,
}

/// Declared parameters with their limits, and the flags of an instrument.
///
/// # Contract
/// * A measured name that is not declared is an error.
/// * A value that is absent, or for which no limit exists or can be formed, is `NotScored` with the reason; never `Pass`.
/// * Widening a band never turns `Pass` into `Fail`.
/// * The result depends on the measurements and the sample of the past alone.
///
/// # Examples
/// ```
/// use phoenix_qc::score::ScoreSheet;
/// let sheet = ScoreSheet::from_toml(r#"
///     [[parameter]]
///     name = "num_sat"
///     unit = "pix"
///     doc = "saturated raw pixels"
///     [[parameter.limit]]
///     when = { setup = "WFM*" }
///     fixed = [0, 300]
/// "#).unwrap();
/// assert_eq!(sheet.parameters()[0].name, "num_sat");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreSheet {
    parameters: Vec<QcParameter>,
    limits: Vec<Vec<Limit>>,
    flags: Vec<FlagSpec>,
}

fn fault(name: &str, reason: impl Into<String>) -> QcError {
    QcError::Limits {
        name: name.into(),
        reason: reason.into(),
    }
}

fn limit(name: &str, text: LimitText) -> Result<Limit, QcError> {
    let threshold = match (text.fixed, text.relative, text.statistical) {
        (Some(bounds), None, None) => Threshold::Fixed(bounds),
        (None, Some(rule), None) => Threshold::Relative(rule),
        (None, None, Some(rule)) => Threshold::Statistical(rule),
        _ => return Err(fault(name, "a limit needs exactly one of fixed, relative, statistical")),
    };
    match threshold.fault() {
        Some(reason) => Err(fault(name, reason)),
        None => Ok(Limit {
            when: text.when,
            threshold,
        }),
    }
}

impl ScoreSheet {
    /// Reads a sheet; see docs/qc.md for the form.
    ///
    /// # Errors
    /// If the text is no such TOML, a parameter or flag stands twice, or a limit or test is not usable.
    pub fn from_toml(text: &str) -> Result<Self, QcError> {
        let sheet: SheetText = toml::from_str(text).map_err(|error| fault("qc.toml", error.to_string()))?;
        let mut parameters: Vec<QcParameter> = Vec::with_capacity(sheet.parameter.len());
        let mut limits = Vec::with_capacity(sheet.parameter.len());
        for parameter in sheet.parameter {
            if parameters.iter().any(|known| known.name == parameter.name) {
                return Err(fault(&parameter.name, "the parameter stands twice"));
            }
            let rules = parameter.limit.into_iter().map(|text| limit(&parameter.name, text));
            limits.push(rules.collect::<Result<Vec<_>, _>>()?);
            parameters.push(QcParameter {
                name: parameter.name,
                unit: parameter.unit,
                doc: parameter.doc,
            });
        }
        for flag in &sheet.flag {
            if let Some(reason) = flag.fault() {
                return Err(fault(&flag.name, reason));
            }
        }
        Ok(Self {
            parameters,
            limits,
            flags: sheet.flag,
        })
    }

    /// Returns the declared parameters in report order.
    pub fn parameters(&self) -> &[QcParameter] {
        &self.parameters
    }

    /// Tells whether a parameter is declared.
    pub fn declares(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == name)
    }

    /// Grades measurements and forms the flags.
    ///
    /// # Errors
    /// If a measured name is not declared.
    pub fn score(&self, measured: &Measurements, trend: &dyn TrendLookup) -> Result<QcReport, QcError> {
        if let Some(name) = measured.values.keys().find(|name| !self.declares(name)) {
            return Err(QcError::Undeclared { name: name.clone() });
        }
        let scores = self
            .parameters
            .iter()
            .zip(&self.limits)
            .map(|(parameter, limits)| score(parameter, limits, measured, trend))
            .collect();
        Ok(QcReport {
            product: measured.product.clone(),
            heading: measured.heading.clone(),
            scores,
            flags: self.flags.iter().filter_map(|flag| flag.flag(measured)).collect(),
        })
    }
}

fn score(parameter: &QcParameter, limits: &[Limit], measured: &Measurements, trend: &dyn TrendLookup) -> Score {
    let value = match measured.values.get(&parameter.name) {
        Some(Measured::Value { value }) if value.is_finite() => Ok(*value),
        Some(Measured::Value { .. }) => Err("the value is not a finite number".to_owned()),
        Some(Measured::Absent { reason }) => Err(reason.clone()),
        None => Err("not measured".to_owned()),
    };
    let band = match limits.iter().find(|limit| limit.when.holds(measured)) {
        Some(limit) => limit.threshold.band(&parameter.name, measured, trend),
        None if limits.is_empty() => Err("no limit is set".to_owned()),
        None => Err(format!("no limit for setup {:?}", measured.heading.setup)),
    };
    let limits = band
        .as_ref()
        .map_or_else(|_| "none".to_owned(), super::threshold::Band::text);
    let (value, grade, reason) = match (value, band) {
        (Ok(value), Ok(band)) => {
            let grade = if band.contains(value) { Grade::Pass } else { Grade::Fail };
            (Some(value), grade, band.reason(value))
        }
        (Ok(value), Err(reason)) => (Some(value), Grade::NotScored, reason),
        (Err(reason), _) => (None, Grade::NotScored, reason),
    };
    Score {
        parameter: parameter.clone(),
        value,
        limits,
        grade,
        reason,
    }
}

#[cfg(test)]
mod tests;
