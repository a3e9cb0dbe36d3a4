//! What the rule language cannot say: `validity.toml` with the calibration plan, its windows and breakpoints.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::RuleError;
use super::time::{Moment, TimeRule, days_to_ms};
use crate::association::MatchLevel;
use crate::header::Key;
use crate::id::{InstrumentId, Tag};
use crate::unit::Mjd;

/// What is taken where an archived master and one still to be made match equally well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preference {
    /// The archived master.
    #[default]
    Master,
    /// The one to be made from raw frames.
    Raw,
    /// The nearer in time.
    Nearest,
}

/// What `maxRet = 0` means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZeroMax {
    /// The slot is not asked for.
    #[default]
    Ignore,
    /// Any number is taken.
    Unlimited,
}

/// One window around a dataset and the level of a calibration inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The level.
    pub level: MatchLevel,
    /// How much earlier a calibration may be, in milliseconds.
    pub before_ms: i64,
    /// How much later it may be, in milliseconds.
    pub after_ms: i64,
    /// The dataset times for which the window applies: from this moment …
    pub since: Option<Moment>,
    /// … until before this one.
    pub until: Option<Moment>,
}

/// The plan of one kind of calibration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CalibrationPlan {
    /// Which in time is wanted.
    pub rule: TimeRule,
    /// The windows; the first that contains a calibration gives its level. Empty: any time at level 0.
    pub windows: Vec<Window>,
    /// Moments that separate: dataset and calibration must lie on the same side of each.
    pub breakpoints: Vec<Moment>,
    /// The slot is asked for by datasets from this moment on …
    pub since: Option<Moment>,
    /// … until before this one.
    pub until: Option<Moment>,
    /// What is taken at equal level, if the book says otherwise for this kind.
    pub prefer: Option<Preference>,
}

/// A rule book's validity table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Validity {
    /// Whether two kinds for one frame are an error.
    pub is_exclusive: bool,
    /// The instrument, where the rules do not tell.
    pub instrument: Option<InstrumentId>,
    /// The keys whose assignment names the kind, the most important first.
    pub tag_keys: Vec<Key>,
    /// What is taken at equal level.
    pub prefer: Preference,
    /// What `maxRet = 0` means.
    pub zero_max: ZeroMax,
    /// The plan of each kind of calibration.
    pub calibrations: BTreeMap<Tag, CalibrationPlan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowText {
    level: u8,
    within_days: Option<f64>,
    before_days: Option<f64>,
    after_days: Option<f64>,
    since: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanText {
    #[serde(default)]
    rule: TimeRule,
    #[serde(default)]
    level: Vec<WindowText>,
    #[serde(default)]
    breakpoints: Vec<String>,
    since: Option<String>,
    until: Option<String>,
    prefer: Option<Preference>,
}

fn fault(reason: impl Into<String>) -> RuleError {
    RuleError::Validity { reason: reason.into() }
}

fn moment(place: &str, text: &str) -> Result<Moment, RuleError> {
    let time = Mjd::from_iso(text).map_err(|error| fault(format!("{place}: {error}")))?;
    Moment::of(time).ok_or_else(|| fault(format!("{place}: {text:?} is out of range")))
}

fn span(place: &str, since: Option<&str>, until: Option<&str>) -> Result<(Option<Moment>, Option<Moment>), RuleError> {
    let since = since.map(|text| moment(place, text)).transpose()?;
    let until = until.map(|text| moment(place, text)).transpose()?;
    match (since, until) {
        (Some(since), Some(until)) if since >= until => Err(fault(format!("{place}: since is not before until"))),
        span => Ok(span),
    }
}

impl WindowText {
    fn window(&self, place: &str) -> Result<Window, RuleError> {
        let limit = |days: Option<f64>| match (days, self.within_days) {
            (Some(_), Some(_)) => Err(fault(format!(
                "{place}: within_days and before_days or after_days say two things"
            ))),
            (Some(days), None) | (None, Some(days)) if (0.0..1.0e6).contains(&days) => Ok(days_to_ms(days)),
            (Some(days), None) | (None, Some(days)) => Err(fault(format!("{place}: {days} is no window in days"))),
            (None, None) if self.before_days.is_none() && self.after_days.is_none() => {
                Err(fault(format!("{place}: level {} has no window", self.level)))
            }
            (None, None) => Ok(0),
        };
        let (since, until) = span(place, self.since.as_deref(), self.until.as_deref())?;
        Ok(Window {
            level: MatchLevel(self.level),
            before_ms: limit(self.before_days)?,
            after_ms: limit(self.after_days)?,
            since,
            until,
        })
    }
}

impl PlanText {
    fn plan(&self, tag: &str) -> Result<CalibrationPlan, RuleError> {
        let windows = self
            .level
            .iter()
            .map(|level| level.window(tag))
            .collect::<Result<Vec<_>, _>>()?;
        if !windows.is_empty() && !self.rule.has_window() {
            return Err(fault(format!(
                "{tag}: a file that is valid from its time on has no window"
            )));
        }
        let (since, until) = span(tag, self.since.as_deref(), self.until.as_deref())?;
        let mut breakpoints = self
            .breakpoints
            .iter()
            .map(|text| moment(tag, text))
            .collect::<Result<Vec<_>, _>>()?;
        breakpoints.sort();
        Ok(CalibrationPlan {
            rule: self.rule,
            windows,
            breakpoints,
            since,
            until,
            prefer: self.prefer,
        })
    }
}

fn scalar<T: for<'de> Deserialize<'de>>(name: &str, value: toml::Value) -> Result<T, RuleError> {
    value
        .try_into()
        .map_err(|error: toml::de::Error| fault(format!("{name}: {}", error.message())))
}

impl Validity {
    /// Reads a validity table.
    ///
    /// # Errors
    /// `Validity` if the text is no TOML, a key is unknown or a value makes no sense.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| {
                text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
            });
            fault(format!("line {line}: {}", error.message()))
        })?;
        let mut validity = Self::default();
        for (name, value) in table {
            match (name.as_str(), value) {
                ("exclusive", value) => validity.is_exclusive = scalar(&name, value)?,
                ("instrument", value) => {
                    validity.instrument = Some(InstrumentId::from(scalar::<String>(&name, value)?));
                }
                ("tag_keys", value) => {
                    let keys: Vec<String> = scalar(&name, value)?;
                    validity.tag_keys = keys.iter().map(|key| Key::new(key)).collect();
                }
                ("prefer", value) => validity.prefer = scalar(&name, value)?,
                ("zero_max", value) => validity.zero_max = scalar(&name, value)?,
                (_, value @ toml::Value::Table(_)) => {
                    let plan: PlanText = scalar(&name, value)?;
                    let plan = plan.plan(&name)?;
                    validity.calibrations.insert(Tag::from(name), plan);
                }
                _ => return Err(fault(format!("{name} is no key of a validity table"))),
            }
        }
        if validity.tag_keys.is_empty() {
            validity.tag_keys = ["DO.CATG", "REFLEX.CATG", "RAW.TYPE"].map(Key::new).to_vec();
        }
        Ok(validity)
    }
}

/// Tells whether a moment lies in a span that may be open.
pub(crate) fn lies_in(moment: Moment, since: Option<Moment>, until: Option<Moment>) -> bool {
    since.is_none_or(|since| moment >= since) && until.is_none_or(|until| moment < until)
}

impl CalibrationPlan {
    /// Returns the level of a calibration for a dataset; `None` if it lies in no window.
    pub fn level(&self, calibration: Moment, dataset: Moment) -> Option<MatchLevel> {
        if self.windows.is_empty() {
            return Some(MatchLevel(0));
        }
        let later_ms = calibration.since_ms(dataset);
        self.windows
            .iter()
            .filter(|window| lies_in(dataset, window.since, window.until))
            .find(|window| -window.before_ms <= later_ms && later_ms <= window.after_ms)
            .map(|window| window.level)
    }

    /// Returns the first breakpoint between a calibration and a dataset; a breakpoint belongs to what follows it.
    pub fn breakpoint_between(&self, calibration: Moment, dataset: Moment) -> Option<Moment> {
        self.breakpoints
            .iter()
            .copied()
            .find(|breakpoint| (calibration < *breakpoint) != (dataset < *breakpoint))
    }

    /// Tells whether a calibration farther away on the same side never has a better level: each window lies in the next.
    pub(crate) fn is_nested(&self) -> bool {
        let is_always_open = |window: &Window| window.since.is_none() && window.until.is_none();
        self.windows.iter().all(is_always_open)
            && self.windows.array_windows::<2>().all(|[inner, outer]| {
                inner.level <= outer.level && inner.before_ms <= outer.before_ms && inner.after_ms <= outer.after_ms
            })
    }

    /// Returns how far in days the windows of better levels than `level` reach, or all of them; `None` if there is none.
    pub fn reach_days(&self, level: Option<MatchLevel>) -> Option<f64> {
        let better = self
            .windows
            .iter()
            .filter(|window| level.is_none_or(|level| window.level < level));
        let reach_ms = better.map(|window| window.before_ms.max(window.after_ms)).max()?;
        Some(reach_ms as f64 / 86_400_000.0)
    }

    /// Returns the span of calibration times that any window reaches; `None` if there is no limit.
    pub fn reach(&self, dataset: Moment) -> Option<(Moment, Moment)> {
        let before = self.windows.iter().map(|window| window.before_ms).max()?;
        let after = self.windows.iter().map(|window| window.after_ms).max()?;
        Some((dataset.plus_ms(-before), dataset.plus_ms(after)))
    }
}
