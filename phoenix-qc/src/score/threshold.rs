//! Limits: fixed, relative to the past, statistical. Each says which sample it used and how many values it holds.

use phoenix_core::traits::{Measurements, TrendLookup};
use phoenix_core::unit::Mjd;
use serde::Deserialize;

use super::condition;
use crate::measure::stat;
use crate::number::significant;

/// One end of a fixed band.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Bound {
    /// A number.
    Number(f64),
    /// `fact:NAME`, a fact that holds a number.
    Fact(String),
}

/// How the centre of a sample is formed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Average {
    /// Arithmetic mean with the standard deviation of the sample.
    #[default]
    Mean,
    /// Median with the scaled median absolute deviation: one wild value of the past moves nothing.
    Median,
}

/// Within some percent of the centre of the past.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relative {
    percent: f64,
    window_days: f64,
    min_points: usize,
    #[serde(default)]
    average: Average,
}

/// Within some standard deviations of the centre of the past.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statistical {
    k: f64,
    window_days: f64,
    min_points: usize,
    #[serde(default)]
    average: Average,
}

/// A limit of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Threshold {
    /// A specification.
    Fixed([Bound; 2]),
    /// Relative to the past.
    Relative(Relative),
    /// Statistics of the past.
    Statistical(Statistical),
}

/// The accepted values and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    /// The lowest accepted value.
    pub(super) low: f64,
    /// The highest accepted value.
    pub(super) high: f64,
    /// What the band was formed from.
    pub(super) sample: String,
}

impl Band {
    /// Tells whether a value is accepted; both ends belong to the band.
    pub(super) fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Returns the band and its sample as text.
    pub(super) fn text(&self) -> String {
        let range = match (self.low.is_finite(), self.high.is_finite()) {
            (true, true) if self.low.to_bits() == self.high.to_bits() => {
                format!("exactly {}", significant(self.low, 6))
            }
            (true, true) => format!("{} to {}", significant(self.low, 6), significant(self.high, 6)),
            (true, false) => format!("at least {}", significant(self.low, 6)),
            (false, true) => format!("at most {}", significant(self.high, 6)),
            (false, false) => "any".into(),
        };
        format!("{range} ({})", self.sample)
    }

    /// Says why a value gets its grade.
    pub(super) fn reason(&self, value: f64) -> String {
        if value < self.low {
            format!("below the lower limit {}", significant(self.low, 6))
        } else if value > self.high {
            format!("above the upper limit {}", significant(self.high, 6))
        } else {
            "inside the limits".into()
        }
    }
}

impl Threshold {
    /// Names what makes the limit unusable.
    pub(super) fn fault(&self) -> Option<String> {
        let window = |days: f64, points: usize, least: usize| {
            if !(days > 0.0 && days.is_finite()) {
                Some("window_days must be positive".to_owned())
            } else if points < least {
                Some(format!("min_points must be at least {least}"))
            } else {
                None
            }
        };
        match self {
            Self::Fixed(bounds) => {
                for bound in bounds {
                    match bound {
                        Bound::Number(value) if value.is_nan() => return Some("a bound is not a number".into()),
                        Bound::Fact(text) if !text.starts_with("fact:") => {
                            return Some(format!("bound {text:?} is neither a number nor fact:NAME"));
                        }
                        _ => {}
                    }
                }
                match bounds {
                    [Bound::Number(low), Bound::Number(high)] if low > high => {
                        Some(format!("lower bound {low} lies above upper bound {high}"))
                    }
                    _ => None,
                }
            }
            Self::Relative(rule) => {
                if rule.percent > 0.0 && rule.percent.is_finite() {
                    window(rule.window_days, rule.min_points, 1)
                } else {
                    Some("percent must be positive".into())
                }
            }
            Self::Statistical(rule) => {
                if rule.k > 0.0 && rule.k.is_finite() {
                    window(rule.window_days, rule.min_points, 2)
                } else {
                    Some("k must be positive".into())
                }
            }
        }
    }

    /// Forms the band for one product, or says why it cannot be formed.
    pub(super) fn band(
        &self,
        parameter: &str,
        measured: &Measurements,
        trend: &dyn TrendLookup,
    ) -> Result<Band, String> {
        match self {
            Self::Fixed([low, high]) => {
                let (low, high) = (low.value(measured)?, high.value(measured)?);
                if low > high {
                    return Err(format!("lower bound {low} lies above upper bound {high}"));
                }
                Ok(Band {
                    low,
                    high,
                    sample: "fixed".into(),
                })
            }
            Self::Relative(rule) => {
                let past = Past::of(
                    parameter,
                    measured,
                    trend,
                    rule.window_days,
                    rule.min_points,
                    rule.average,
                )?;
                let half = (past.centre * rule.percent / 100.0).abs();
                Ok(past.band(half, &format!("± {} %", significant(rule.percent, 4))))
            }
            Self::Statistical(rule) => {
                let past = Past::of(
                    parameter,
                    measured,
                    trend,
                    rule.window_days,
                    rule.min_points,
                    rule.average,
                )?;
                let half = past.scatter * rule.k;
                Ok(past.band(half, &format!("± {} sigma", significant(rule.k, 4))))
            }
        }
    }
}

impl Bound {
    fn value(&self, measured: &Measurements) -> Result<f64, String> {
        match self {
            Self::Number(value) => Ok(*value),
            Self::Fact(text) => {
                let name = text.strip_prefix("fact:").unwrap_or(text);
                let fact = condition::text(measured, name)
                    .ok_or_else(|| format!("the limit needs {name}, which is not known"))?;
                fact.trim()
                    .parse::<f64>()
                    .ok()
                    .filter(|value| !value.is_nan())
                    .ok_or_else(|| format!("the limit needs {name}, which is {fact:?} and no number"))
            }
        }
    }
}

/// What the past of a parameter looks like.
struct Past {
    centre: f64,
    scatter: f64,
    name: &'static str,
    n_points: usize,
    window_days: f64,
    setup: String,
}

impl Past {
    fn of(
        parameter: &str,
        measured: &Measurements,
        trend: &dyn TrendLookup,
        window_days: f64,
        min_points: usize,
        average: Average,
    ) -> Result<Self, String> {
        let setup = &measured.heading.setup;
        let Some((start, _)) = measured.heading.time_range else {
            return Err("the time of the data is not known, so there is no sample of the past".into());
        };
        let values: Vec<f64> = trend
            .recent(parameter, setup, start, window_days)
            .iter()
            // A product that is scored again must not be part of its own sample.
            .filter(|point| is_before(point.mjd, start) && point.value.is_finite())
            .map(|point| point.value)
            .collect();
        if values.len() < min_points {
            return Err(format!(
                "{} earlier values for setup {setup:?} in {} d, {min_points} are needed",
                values.len(),
                significant(window_days, 4)
            ));
        }
        let (centre, scatter, name) = match average {
            Average::Mean => (stat::mean(&values), stat::standard_deviation(&values), "mean"),
            Average::Median => {
                let centre = stat::median(&mut values.clone());
                (centre, stat::mad_sigma(&values), "median")
            }
        };
        Ok(Self {
            centre,
            scatter,
            name,
            n_points: values.len(),
            window_days,
            setup: setup.clone(),
        })
    }

    fn band(&self, half: f64, width: &str) -> Band {
        Band {
            low: self.centre - half,
            high: self.centre + half,
            sample: format!(
                "{} {} {width} of {} values in {} d, setup {}",
                self.name,
                significant(self.centre, 6),
                self.n_points,
                significant(self.window_days, 4),
                self.setup
            ),
        }
    }
}

fn is_before(point: Mjd, start: Mjd) -> bool {
    point.0 < start.0
}
