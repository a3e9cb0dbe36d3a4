//! Conditions made ready for evaluation: keys as numbers, patterns compiled.

use regex::Regex;

use super::ast::{Comparison, Expr, KeyName, Place, Scope};
use super::error::RuleError;
use super::keys::{KeyId, KeyTable};
use super::print::Quoted;
use crate::header::Key;

/// A condition.
#[derive(Debug, Clone)]
pub enum Code {
    /// Any part.
    Or(Box<[Code]>),
    /// Every part.
    And(Box<[Code]>),
    /// Not the part.
    Not(Box<Code>),
    /// A comparison.
    Compare(Term, Comparison, Term),
    /// A comparison with a pattern known in advance.
    Matches(Term, Matcher),
    /// The value cannot be formed.
    Undefined(Term),
    /// A bare value as a condition.
    Truth(Term),
}

/// A value.
#[derive(Debug, Clone)]
pub enum Term {
    /// A header key.
    Key(Scope, KeyId),
    /// `SIG.FRAME`: a frame is being looked at, which is always so.
    SignalFrame,
    /// `SIG.TEMPLATE`: a template has been finished.
    SignalTemplate,
    /// A number and how it was written.
    Number(f64, Box<str>),
    /// A text.
    Text(Box<str>),
    /// `T` or `F`.
    Logical(bool),
    /// Terms to be added, `true` for those to be subtracted.
    Sum(Box<[(bool, Term)]>),
    /// A condition used as a value.
    Test(Box<Code>),
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// `like`: the pieces between the `%`, in order.
    Like(Box<str>, Box<[Box<str>]>),
    /// `regexp`.
    Regexp(Regex),
}

impl Matcher {
    /// Compiles a pattern of the language of `op`.
    ///
    /// # Errors
    /// What is wrong with a regular expression.
    pub(super) fn new(op: Comparison, pattern: &str) -> Result<Self, String> {
        if op == Comparison::Regexp {
            return Regex::new(pattern).map(Self::Regexp).map_err(|error| error.to_string());
        }
        let pieces = pattern.split('%').map(Into::into).collect();
        Ok(Self::Like(pattern.into(), pieces))
    }

    /// Tells whether a text fits the pattern.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Regexp(regex) => regex.is_match(text),
            Self::Like(_, pieces) => like(text, pieces),
        }
    }

    fn spelling(&self) -> (Comparison, &str) {
        match self {
            Self::Like(pattern, _) => (Comparison::Like, pattern),
            Self::Regexp(regex) => (Comparison::Regexp, regex.as_str()),
        }
    }
}

/// The first piece must begin the text, the last must end it, the others follow each other in between.
fn like(text: &str, pieces: &[Box<str>]) -> bool {
    let (Some((first, rest)), Some(mut left)) = (
        pieces.split_first(),
        pieces.first().and_then(|first| text.strip_prefix(&**first)),
    ) else {
        return false;
    };
    let Some((last, inner)) = rest.split_last() else {
        return text == &**first;
    };
    for piece in inner {
        let Some(at) = left.find(&**piece) else { return false };
        left = left.get(at + piece.len()..).unwrap_or_default();
    }
    left.ends_with(&**last)
}

/// Where an expression stands: at its first key.
fn place_of(expr: &Expr) -> Place {
    let mut place = None;
    expr.for_each_key(&mut |name| {
        place.get_or_insert(name.place);
    });
    place.unwrap_or_default()
}

impl Code {
    /// Makes a condition ready.
    ///
    /// # Errors
    /// `Pattern` if a regular expression cannot be compiled.
    pub fn compile(expr: &Expr, keys: &mut KeyTable) -> Result<Self, RuleError> {
        let mut all = |parts: &[Expr]| -> Result<Box<[Self]>, RuleError> {
            parts.iter().map(|part| Self::compile(part, keys)).collect()
        };
        Ok(match expr {
            Expr::Or(parts) => Self::Or(all(parts)?),
            Expr::And(parts) => Self::And(all(parts)?),
            Expr::Not(part) => Self::Not(Box::new(Self::compile(part, keys)?)),
            Expr::Undefined(inner) => Self::Undefined(Term::compile(inner, keys)?),
            Expr::Compare { left, op, right } => {
                let term = Term::compile(left, keys)?;
                match (op, &**right) {
                    (Comparison::Like | Comparison::Regexp, Expr::Text(pattern)) => {
                        let matcher = Matcher::new(*op, pattern).map_err(|reason| RuleError::Pattern {
                            place: place_of(left),
                            pattern: pattern.to_string(),
                            reason,
                        })?;
                        Self::Matches(term, matcher)
                    }
                    _ => Self::Compare(term, *op, Term::compile(right, keys)?),
                }
            }
            value => Self::Truth(Term::compile(value, keys)?),
        })
    }

    /// Returns the parts that must all hold.
    pub fn conjuncts(&self) -> &[Code] {
        match self {
            Self::And(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }

    /// Calls `visit` on every key.
    pub fn for_each_key(&self, visit: &mut impl FnMut(Scope, KeyId)) {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().for_each(|part| part.for_each_key(visit)),
            Self::Not(part) => part.for_each_key(visit),
            Self::Compare(left, _, right) => {
                left.for_each_key(visit);
                right.for_each_key(visit);
            }
            Self::Matches(term, _) | Self::Undefined(term) | Self::Truth(term) => term.for_each_key(visit),
        }
    }

    /// Tells whether the condition waits for finished templates.
    pub fn names_template(&self) -> bool {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().any(Self::names_template),
            Self::Not(part) => part.names_template(),
            Self::Compare(left, _, right) => left.names_template() || right.names_template(),
            Self::Matches(term, _) | Self::Undefined(term) | Self::Truth(term) => term.names_template(),
        }
    }

    /// Spells the condition.
    pub fn spelling(&self, keys: &KeyTable) -> String {
        let join = |parts: &[Self], word: &str| -> String {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| match part {
                    Self::Or(_) | Self::And(_) => format!("({})", part.spelling(keys)),
                    _ => part.spelling(keys),
                })
                .collect();
            parts.join(word)
        };
        match self {
            Self::Or(parts) => join(parts, " or "),
            Self::And(parts) => join(parts, " and "),
            Self::Not(part) => format!("not ({})", part.spelling(keys)),
            Self::Compare(left, op, right) => format!("{} {op} {}", left.spelling(keys), right.spelling(keys)),
            Self::Matches(term, matcher) => {
                let (op, pattern) = matcher.spelling();
                format!("{} {op} {}", term.spelling(keys), Quoted(pattern))
            }
            Self::Undefined(term) => format!("{} is undefined", term.spelling(keys)),
            Self::Truth(term) => term.spelling(keys),
        }
    }
}

impl Term {
    /// Makes a value ready.
    ///
    /// # Errors
    /// `Pattern` if a regular expression in it cannot be compiled.
    pub fn compile(expr: &Expr, keys: &mut KeyTable) -> Result<Self, RuleError> {
        Ok(match expr {
            Expr::Key(KeyName { scope, key, .. }) => match scope {
                Scope::Signal if *key == Key::new("TEMPLATE") => Self::SignalTemplate,
                Scope::Signal if *key == Key::new("FRAME") => Self::SignalFrame,
                _ => Self::Key(*scope, keys.intern(key)),
            },
            Expr::Number(text) => Self::Number(text.parse().unwrap_or(f64::NAN), text.clone()),
            Expr::Text(text) => Self::Text(text.clone()),
            Expr::Logical(value) => Self::Logical(*value),
            Expr::Sum(terms) => Self::Sum(
                terms
                    .iter()
                    .map(|(is_minus, term)| Ok((*is_minus, Self::compile(term, keys)?)))
                    .collect::<Result<_, RuleError>>()?,
            ),
            condition => Self::Test(Box::new(Code::compile(condition, keys)?)),
        })
    }

    /// Calls `visit` on every key.
    pub fn for_each_key(&self, visit: &mut impl FnMut(Scope, KeyId)) {
        match self {
            Self::Key(scope, key) => visit(*scope, *key),
            Self::Sum(terms) => terms.iter().for_each(|(_, term)| term.for_each_key(visit)),
            Self::Test(code) => code.for_each_key(visit),
            _ => {}
        }
    }

    fn names_template(&self) -> bool {
        match self {
            Self::SignalTemplate | Self::Key(Scope::Last, _) => true,
            Self::Sum(terms) => terms.iter().any(|(_, term)| term.names_template()),
            Self::Test(code) => code.names_template(),
            _ => false,
        }
    }

    /// Spells the value.
    pub fn spelling(&self, keys: &KeyTable) -> String {
        match self {
            Self::Key(scope, key) => format!("{}{}", scope.prefix(), keys.key(*key).map_or("?", Key::short)),
            Self::SignalFrame => "SIG.FRAME".to_owned(),
            Self::SignalTemplate => "SIG.TEMPLATE".to_owned(),
            Self::Number(_, text) => text.to_string(),
            Self::Text(text) => Quoted(text).to_string(),
            Self::Logical(value) => if *value { "T" } else { "F" }.to_owned(),
            Self::Sum(terms) => {
                let mut text = String::new();
                for (n, (is_minus, term)) in terms.iter().enumerate() {
                    if n > 0 {
                        text.push_str(if *is_minus { " - " } else { " + " });
                    }
                    text.push_str(&term.spelling(keys));
                }
                text
            }
            Self::Test(code) => format!("({})", code.spelling(keys)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Matcher;
    use crate::rules::ast::Comparison;

    #[test]
    fn a_percent_sign_stands_for_any_run() {
        for (pattern, text, fits) in [
            ("%ECHELLE%", "SLIT,ECHELLE,X", true),
            ("%ECHELLE%", "ECHELLE", true),
            ("BIAS", "BIAS", true),
            ("BIAS", "BIASX", false),
            ("A%B%C", "A_B_B_C", true),
            ("A%B%C", "A_C_B", false),
            ("AB%BA", "ABA", false),
            ("%", "", true),
            ("LAMP,%,ARC", "LAMP,FLAT,ARC", true),
        ] {
            let matcher = Matcher::new(Comparison::Like, pattern).expect("a like pattern always compiles");
            assert_eq!(matcher.matches(text), fits, "{text} like {pattern}");
        }
    }
}
