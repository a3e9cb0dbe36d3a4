//! Why a condition holds or does not: the tree of its parts with what was found.

use serde::{Deserialize, Serialize};

use super::code::{Code, Term};
use super::eval::Scene;
use super::keys::KeyTable;

/// A condition with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The condition.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found in place of each key, or that it is missing; empty for joined conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
    /// The parts of a joined condition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explained>,
}

impl Explained {
    /// Returns the condition, what was found, and nothing of its parts, in one line.
    pub fn line(&self) -> String {
        if self.found.is_empty() {
            self.text.clone()
        } else {
            format!("{} ({})", self.text, self.found.join(", "))
        }
    }

    /// Returns the first part, going down, that does not hold; the condition itself if it is no `and`.
    pub fn first_refusal(&self) -> Option<&Explained> {
        if self.holds {
            return None;
        }
        self.parts
            .iter()
            .find(|part| !part.holds)
            .and_then(Self::first_refusal)
            .or(Some(self))
    }
}

impl Code {
    /// Explains the outcome for what the scene shows.
    pub fn explain(&self, scene: &Scene<'_>, keys: &KeyTable) -> Explained {
        let parts = match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().map(|part| part.explain(scene, keys)).collect(),
            Self::Not(part) => vec![part.explain(scene, keys)],
            _ => Vec::new(),
        };
        let mut found = Vec::new();
        let terms: [Option<&Term>; 2] = match self {
            Self::Compare(left, _, right) => [Some(left), Some(right)],
            Self::Matches(term, _) | Self::Undefined(term) | Self::Truth(term) => [Some(term), None],
            _ => [None, None],
        };
        for term in terms.into_iter().flatten() {
            term.for_each_key(&mut |scope, key| {
                let key = Term::Key(scope, key);
                let name = key.spelling(keys);
                found.push(match key.value(scene) {
                    Some(value) => format!("{name} is {value}"),
                    None => format!("{name} is missing"),
                });
            });
        }
        Explained {
            text: self.spelling(keys),
            holds: self.holds(scene),
            found,
            parts,
        }
    }
}
