//! The flag string delivered to the user: position, name and meaning of each character are data of the instrument.

use phoenix_core::traits::{Flag, Measured, Measurements};
use serde::Deserialize;

use super::condition::{self, Condition};
use crate::number::significant;

/// One test of a flag; exactly one comparison.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    of: String,
    below: Option<f64>,
    at_most: Option<f64>,
    above: Option<f64>,
    at_least: Option<f64>,
    equals: Option<String>,
}

/// One character of the flag string.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlagSpec {
    /// The name.
    pub(super) name: String,
    zero: String,
    one: String,
    #[serde(default)]
    when: Condition,
    test: Vec<Test>,
}

/// How a test ended.
enum Verdict {
    Holds,
    Fails,
    Unknown(String),
}

impl Test {
    fn comparisons(&self) -> usize {
        [self.below, self.at_most, self.above, self.at_least]
            .iter()
            .flatten()
            .count()
            + usize::from(self.equals.is_some())
    }

    fn verdict(&self, measured: &Measurements) -> Verdict {
        let holds = |is_true| if is_true { Verdict::Holds } else { Verdict::Fails };
        if let Some(expected) = &self.equals {
            return match condition::text(measured, &self.of) {
                Some(found) => holds(found == expected),
                None => Verdict::Unknown(format!("{} is not known", self.of)),
            };
        }
        let value = match self.number(measured) {
            Ok(value) => value,
            Err(reason) => return Verdict::Unknown(reason),
        };
        holds(
            self.below.is_none_or(|limit| value < limit)
                && self.at_most.is_none_or(|limit| value <= limit)
                && self.above.is_none_or(|limit| value > limit)
                && self.at_least.is_none_or(|limit| value >= limit),
        )
    }

    fn number(&self, measured: &Measurements) -> Result<f64, String> {
        match measured.values.get(&self.of) {
            Some(Measured::Value { value }) if value.is_finite() => Ok(*value),
            Some(Measured::Value { .. }) => Err(format!("{} is not a finite number", self.of)),
            Some(Measured::Absent { reason }) => Err(format!("{}: {reason}", self.of)),
            None => condition::text(measured, &self.of)
                .ok_or_else(|| format!("{} is not known", self.of))
                .and_then(|text| {
                    text.trim()
                        .parse::<f64>()
                        .ok()
                        .filter(|value| value.is_finite())
                        .ok_or_else(|| format!("{} is {text:?} and no number", self.of))
                }),
        }
    }

    fn found(&self, measured: &Measurements) -> String {
        match self.number(measured) {
            Ok(value) if self.equals.is_none() => format!("{} is {}", self.of, significant(value, 6)),
            _ => format!(
                "{} is {}",
                self.of,
                condition::text(measured, &self.of).unwrap_or("unknown")
            ),
        }
    }
}

impl FlagSpec {
    /// Names what makes the flag unusable.
    pub(super) fn fault(&self) -> Option<String> {
        if self.test.is_empty() {
            return Some(format!("flag {} has no test", self.name));
        }
        self.test.iter().find(|test| test.comparisons() != 1).map(|test| {
            format!(
                "flag {}: the test of {} needs exactly one comparison",
                self.name, test.of
            )
        })
    }

    /// Forms the flag: `0` if every test holds, `1` if one fails, `-` if that cannot be told; `None` if the flag does
    /// not exist for these data.
    pub(super) fn flag(&self, measured: &Measurements) -> Option<Flag> {
        if !self.when.holds(measured) {
            return None;
        }
        let mut unknown = Vec::new();
        let mut failed = Vec::new();
        for test in &self.test {
            match test.verdict(measured) {
                Verdict::Holds => {}
                Verdict::Fails => failed.push(test.found(measured)),
                Verdict::Unknown(reason) => unknown.push(reason),
            }
        }
        let (value, reason) = if !failed.is_empty() {
            ('1', format!("{} ({})", self.one, failed.join("; ")))
        } else if unknown.is_empty() {
            ('0', self.zero.clone())
        } else {
            ('-', unknown.join("; "))
        };
        Some(Flag {
            name: self.name.clone(),
            value,
            reason,
        })
    }
}
