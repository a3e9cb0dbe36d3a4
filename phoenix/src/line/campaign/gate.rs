//! Whether a month may start: every calibration that its plan needs is certified, or given up with a reason.

use std::collections::BTreeSet;
use std::fmt;

use phoenix_core::association::Fill;
use phoenix_core::id::Tag;
use phoenix_core::plan::Plan;
use phoenix_core::unit::Night;
use serde::{Deserialize, Serialize};

/// A calibration that nobody waits for any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GivenUp {
    /// The kind.
    pub tag: Tag,
    /// The night; absent if it is given up for all nights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub night: Option<String>,
    /// Why.
    pub because: String,
}

impl GivenUp {
    fn covers(&self, lack: &Lack) -> bool {
        self.tag == lack.tag && self.night.as_ref().is_none_or(|night| *night == lack.night)
    }
}

/// A calibration that a night needs and the store has no certified one of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lack {
    /// The night.
    pub night: String,
    /// The kind.
    pub tag: Tag,
    /// How many jobs need it.
    pub n_jobs: usize,
    /// Why none was found.
    pub reason: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lacks a certified {}: {}", self.night, self.tag, self.reason)
    }
}

/// Returns what a night waits for: required calibrations that are missing and not given up, in order of kind.
pub(super) fn lacks(night: Night, plan: &Plan, given_up: &[GivenUp]) -> Vec<Lack> {
    let missing = || {
        let slots = plan.jobs.iter().flat_map(|job| &job.slots).filter(|slot| slot.required);
        slots.filter_map(|slot| match &slot.fill {
            Fill::Missing { reason } => Some((&slot.tag, reason)),
            _ => None,
        })
    };
    let tags: BTreeSet<&Tag> = missing().map(|(tag, _)| tag).collect();
    let lack = |tag: &Tag| Lack {
        night: night.to_string(),
        tag: tag.clone(),
        n_jobs: missing().filter(|(missing, _)| *missing == tag).count(),
        reason: missing()
            .find(|(missing, _)| *missing == tag)
            .map(|(_, reason)| reason.clone())
            .unwrap_or_default(),
    };
    let found = tags.into_iter().map(lack);
    found
        .filter(|lack| !given_up.iter().any(|given| given.covers(lack)))
        .collect()
}

#[cfg(test)]
mod tests {
    use phoenix_core::plan::Plan;

    use super::{GivenUp, lacks};

    fn plan() -> Plan {
        let text = r#"{"version": 1, "instrument": "UVES", "label": "2016-05-01", "left_out": [], "jobs": [
            {"id": "a:t", "dataset": "a", "task": "t", "recipe": "t", "key": {}, "inputs": [], "params": {},
             "readiness": {"state": "ready"}, "resources": {"memory_bytes": 0, "threads": 1},
             "slots": [
                {"tag": "MASTER_BIAS", "required": true, "fill": "missing", "reason": "there is none"},
                {"tag": "MASTER_DARK", "required": false, "fill": "missing", "reason": "there is none"}]}]}"#;
        Plan::from_json(text).expect("a plan")
    }

    #[test]
    fn a_month_waits_for_what_is_required_until_it_is_given_up_with_a_reason() {
        let night = "2016-05-01".parse().expect("a night");
        let waiting = lacks(night, &plan(), &[]);
        assert_eq!(waiting.len(), 1);
        assert_eq!(
            waiting[0].to_string(),
            "2016-05-01 lacks a certified MASTER_BIAS: there is none"
        );
        let given = |night: Option<&str>| GivenUp {
            tag: "MASTER_BIAS".into(),
            night: night.map(str::to_owned),
            because: "no lamp".into(),
        };
        assert!(lacks(night, &plan(), &[given(None)]).is_empty());
        assert!(lacks(night, &plan(), &[given(Some("2016-05-01"))]).is_empty());
        assert_eq!(lacks(night, &plan(), &[given(Some("2016-05-02"))]).len(), 1);
    }
}
