//! What can be wrong with a rule book.

use super::ast::Place;

/// A rule book or its validity table cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The text is no rule: mend it at the place that is named.
    #[error("line {}, column {}: expected {expected}, found {found}", place.line, place.column)]
    Syntax {
        /// Where.
        place: Place,
        /// What could stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A regular expression cannot be compiled.
    #[error("line {}, column {}: {pattern:?} is no regular expression: {reason}", place.line, place.column)]
    Pattern {
        /// The rule.
        place: Place,
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The validity table cannot be read or names something unknown.
    #[error("validity table: {reason}")]
    Validity {
        /// What is wrong and where.
        reason: String,
    },
}
