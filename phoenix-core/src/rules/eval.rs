//! Pure evaluation of conditions; nothing fails: what cannot be formed is undefined, and explained.

use std::borrow::Cow;

use super::code::{Code, Term};
use super::keys::KeyId;
use crate::header::Value;
use crate::rules::ast::{Comparison, Scope};

/// A value as rules see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand<'a> {
    /// `T` or `F`.
    Logical(bool),
    /// Any number; integers and reals are one kind.
    Number(f64),
    /// A text without trailing blanks.
    Text(Cow<'a, str>),
}

impl<'a> Operand<'a> {
    /// Returns a header value as rules see it; complex, empty and unreadable cards count as undefined.
    pub fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Logical(value) => Some(Self::Logical(*value)),
            Value::Integer(_) | Value::Real(..) => value.as_f64().map(Self::Number),
            Value::Text(text) => Some(Self::Text(Cow::Borrowed(text))),
            _ => None,
        }
    }

    /// Returns the value as a header holds it.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Logical(value) => Value::Logical(*value),
            Self::Number(value) if value.fract() == 0.0 && value.abs() < 9.0e15 => Value::Integer(*value as i64),
            Self::Number(value) => Value::from(*value),
            Self::Text(text) => Value::Text(text.trim_end().into()),
        }
    }

    /// Spells the value as it is joined to a text.
    pub fn spelling(&self) -> String {
        self.to_value().display()
    }
}

impl std::fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", super::print::Quoted(text)),
            other => f.write_str(&other.spelling()),
        }
    }
}

/// Values by key: a header, a row of a table, a planned product.
pub trait Keys: Sync {
    /// Returns the value of a key; `None` if it is undefined.
    fn value(&self, key: KeyId) -> Option<Operand<'_>>;
}

/// Everything that a condition can look at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The frame at hand, or the candidate.
    pub this: &'a dyn Keys,
    /// The first main frame of the dataset.
    pub input: Option<&'a dyn Keys>,
    /// The last file of the template.
    pub last: Option<&'a dyn Keys>,
    /// Whether a template has just been finished.
    pub is_template_done: bool,
}

impl<'a> Scene<'a> {
    /// Looks at a single frame.
    pub fn of(this: &'a dyn Keys) -> Self {
        Self {
            this,
            input: None,
            last: None,
            is_template_done: false,
        }
    }

    /// Looks at a candidate for a dataset.
    pub fn candidate(this: &'a dyn Keys, input: &'a dyn Keys) -> Self {
        Self {
            input: Some(input),
            ..Self::of(this)
        }
    }

    fn value(&self, scope: Scope, key: KeyId) -> Option<Operand<'a>> {
        match scope {
            Scope::This | Scope::Signal => self.this.value(key),
            Scope::Input => self.input.and_then(|input| input.value(key)),
            Scope::Last => self.last.and_then(|last| last.value(key)),
        }
    }
}

impl Term {
    /// Forms the value; `None` if a key in it is undefined or the kinds do not go together.
    pub fn value<'a>(&'a self, scene: &Scene<'a>) -> Option<Operand<'a>> {
        match self {
            Self::Key(scope, key) => scene.value(*scope, *key),
            Self::SignalFrame => Some(Operand::Number(1.0)),
            Self::SignalTemplate => Some(Operand::Number(f64::from(u8::from(scene.is_template_done)))),
            Self::Number(value, _) => Some(Operand::Number(*value)),
            Self::Text(text) => Some(Operand::Text(Cow::Borrowed(text))),
            Self::Logical(value) => Some(Operand::Logical(*value)),
            Self::Test(code) => Some(Operand::Logical(code.holds(scene))),
            Self::Sum(terms) => sum(terms, scene),
        }
    }
}

/// Adds numbers; as soon as a text takes part, spellings are joined.
fn sum<'a>(terms: &'a [(bool, Term)], scene: &Scene<'a>) -> Option<Operand<'a>> {
    let mut total: Option<Operand<'a>> = None;
    for (is_minus, term) in terms {
        let value = term.value(scene)?;
        total = Some(match (total, value, is_minus) {
            (None, value, _) => value,
            (Some(Operand::Number(sum)), Operand::Number(value), true) => Operand::Number(sum - value),
            (Some(Operand::Number(sum)), Operand::Number(value), false) => Operand::Number(sum + value),
            (Some(left), right, false) => Operand::Text(Cow::Owned(left.spelling() + &right.spelling())),
            (Some(_), _, true) => return None,
        });
    }
    total
}

impl Code {
    /// Tells whether the condition holds; a comparison with something undefined does not.
    pub fn holds(&self, scene: &Scene<'_>) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.holds(scene)),
            Self::And(parts) => parts.iter().all(|part| part.holds(scene)),
            Self::Not(part) => !part.holds(scene),
            Self::Undefined(term) => term.value(scene).is_none(),
            Self::Truth(term) => is_true(term.value(scene).as_ref()),
            Self::Matches(term, matcher) => {
                matches!(term.value(scene), Some(Operand::Text(text)) if matcher.matches(&text))
            }
            Self::Compare(left, op, right) => match (left.value(scene), right.value(scene)) {
                (Some(left), Some(right)) => compare(&left, *op, &right),
                _ => false,
            },
        }
    }
}

/// Tells whether a bare value counts as a condition that holds.
pub(super) fn is_true(value: Option<&Operand<'_>>) -> bool {
    match value {
        Some(Operand::Logical(value)) => *value,
        Some(Operand::Number(value)) => *value != 0.0,
        Some(Operand::Text(text)) => text == "T",
        None => false,
    }
}

/// Compares two values that are there. Kinds that do not go together are unequal and have no order; a logical equals its
/// letter.
fn compare(left: &Operand<'_>, op: Comparison, right: &Operand<'_>) -> bool {
    use std::cmp::Ordering;
    let order = match (left, right) {
        (Operand::Number(left), Operand::Number(right)) => left.partial_cmp(right),
        (Operand::Text(left), Operand::Text(right)) => Some(left.as_ref().cmp(right.as_ref())),
        (Operand::Logical(left), Operand::Logical(right)) => Some(left.cmp(right)),
        (Operand::Logical(logical), Operand::Text(text)) | (Operand::Text(text), Operand::Logical(logical)) => {
            (text == if *logical { "T" } else { "F" }).then_some(Ordering::Equal)
        }
        _ => None,
    };
    match op {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Comparison::Like | Comparison::Regexp => match (left, right) {
            (Operand::Text(left), Operand::Text(right)) => {
                super::code::Matcher::new(op, right).is_ok_and(|matcher| matcher.matches(left))
            }
            _ => false,
        },
    }
}
