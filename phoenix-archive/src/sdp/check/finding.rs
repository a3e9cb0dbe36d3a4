//! A finding and the sheet that collects them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sdp::standard::rule;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The archive takes it, and it could be better.
    Warning,
    /// The archive refuses it.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// How strictly to judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// For files that we write: the document and everything the validator checks.
    #[default]
    Strict,
    /// For files that the archive holds, with the habits of older pipelines.
    Tolerant,
}

/// One breach of one rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The rule's number, see `standard::RULES`.
    pub rule: String,
    /// `PRIMARY`, `NAME[index]` of an extension, or `FILE`.
    pub place: String,
    /// The keyword; empty if it is about none.
    pub keyword: String,
    /// What was found and what was expected.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            severity,
            rule,
            place,
            keyword,
            message,
        } = self;
        write!(f, "{place}: {severity}: {rule}: {keyword}: {message}")
    }
}

/// Collects findings; the table of rules decides the severity.
#[derive(Debug)]
pub(crate) struct Sheet {
    profile: Profile,
    findings: Vec<Finding>,
}

impl Sheet {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            profile,
            findings: Vec::new(),
        }
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// Notes a breach of a rule; a rule that this profile does not hold is passed over.
    pub(crate) fn report(&mut self, id: &str, place: &str, keyword: &str, message: String) {
        let severity = match (rule(id), self.profile) {
            (Some(rule), Profile::Strict) => Some(rule.strict),
            (Some(rule), Profile::Tolerant) => rule.tolerant,
            (None, _) => Some(Severity::Error),
        };
        if let Some(severity) = severity {
            self.findings.push(Finding {
                severity,
                rule: id.to_owned(),
                place: place.to_owned(),
                keyword: keyword.to_owned(),
                message,
            });
        }
    }

    pub(crate) fn finish(self) -> Vec<Finding> {
        self.findings
    }
}
