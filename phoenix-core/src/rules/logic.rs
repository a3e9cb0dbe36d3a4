//! Conditions as alternatives of plain statements, so that two rules can be compared.

use std::collections::BTreeSet;

use super::ast::{Comparison, Scope};
use super::code::{Code, Matcher, Term};
use super::keys::KeyId;

/// Most alternatives that are followed; conditions with more are not compared.
const MOST_CLAUSES: usize = 256;

/// A plain statement about one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Statement {
    /// It equals a value, spelled with its kind.
    Is(Scope2, KeyId, String),
    /// It fits a pattern.
    Like(Scope2, KeyId, String),
    /// It is undefined.
    Undefined(Scope2, KeyId),
    /// Anything else, by its spelling: only compared with itself.
    Other(String),
}

/// A scope that can be ordered.
pub(super) type Scope2 = u8;

fn scope2(scope: Scope) -> Scope2 {
    match scope {
        Scope::This => 0,
        Scope::Input => 1,
        Scope::Last => 2,
        Scope::Signal => 3,
    }
}

/// Statements that hold together.
pub(super) type Clause = BTreeSet<Statement>;

/// Returns the alternatives of a condition without those that contradict themselves; `None` if there are too many.
pub(super) fn normal_form(code: &Code) -> Option<Vec<Clause>> {
    let clauses = expand(code)?;
    Some(
        clauses
            .into_iter()
            .filter(|clause| !contradicts_itself(clause))
            .collect(),
    )
}

fn expand(code: &Code) -> Option<Vec<Clause>> {
    match code {
        Code::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(expand(part)?);
            }
            (all.len() <= MOST_CLAUSES).then_some(all)
        }
        Code::And(parts) => {
            let mut all = vec![Clause::new()];
            for part in parts {
                let each = expand(part)?;
                if all.len() * each.len() > MOST_CLAUSES {
                    return None;
                }
                all = all
                    .iter()
                    .flat_map(|clause| each.iter().map(move |other| clause.union(other).cloned().collect()))
                    .collect();
            }
            Some(all)
        }
        Code::Truth(Term::Logical(true)) => Some(vec![Clause::new()]),
        Code::Truth(Term::Logical(false)) => Some(Vec::new()),
        Code::Truth(Term::Test(inner)) => expand(inner),
        other => Some(vec![Clause::from([statement(other)])]),
    }
}

fn literal(term: &Term) -> Option<String> {
    match term {
        Term::Text(text) => Some(format!("\"{text}")),
        Term::Number(value, _) => Some(format!("{value}")),
        Term::Logical(value) => Some(if *value { "\"T" } else { "\"F" }.to_owned()),
        _ => None,
    }
}

fn statement(code: &Code) -> Statement {
    match code {
        Code::Compare(Term::Key(scope, key), Comparison::Equal, value)
        | Code::Compare(value, Comparison::Equal, Term::Key(scope, key))
            if let Some(value) = literal(value) =>
        {
            Statement::Is(scope2(*scope), *key, value)
        }
        Code::Matches(Term::Key(scope, key), Matcher::Like(pattern, _)) => {
            Statement::Like(scope2(*scope), *key, pattern.to_string())
        }
        Code::Undefined(Term::Key(scope, key)) => Statement::Undefined(scope2(*scope), *key),
        // The table of keys only matters for spelling; numbers of keys tell them apart as well.
        other => Statement::Other(format!("{other:?}")),
    }
}

/// Tells whether two statements cannot hold together.
fn excludes(a: &Statement, b: &Statement) -> bool {
    match (a, b) {
        (Statement::Is(s, k, v), Statement::Is(t, l, w)) => (s, k) == (t, l) && v != w,
        (Statement::Is(s, k, v), Statement::Like(t, l, pattern)) => (s, k) == (t, l) && !fits(v, pattern),
        (Statement::Is(s, k, _) | Statement::Like(s, k, _), Statement::Undefined(t, l)) => (s, k) == (t, l),
        _ => false,
    }
}

fn fits(value: &str, pattern: &str) -> bool {
    value
        .strip_prefix('"')
        .is_some_and(|text| Matcher::new(Comparison::Like, pattern).is_ok_and(|matcher| matcher.matches(text)))
}

fn contradicts_itself(clause: &Clause) -> bool {
    clause.iter().any(|a| clause.iter().any(|b| excludes(a, b)))
}

/// Tells whether a condition holds wherever another does: every alternative of it contains one of the other.
pub(super) fn implies(condition: &[Clause], other: &[Clause]) -> bool {
    let follows = |clause: &Clause, wanted: &Statement| match wanted {
        Statement::Like(scope, key, pattern) => clause.iter().any(|has| match has {
            Statement::Is(s, k, value) => (s, k) == (scope, key) && fits(value, pattern),
            has => has == wanted,
        }),
        wanted => clause.contains(wanted),
    };
    condition.iter().all(|clause| {
        other
            .iter()
            .any(|wanted| wanted.iter().all(|statement| follows(clause, statement)))
    })
}
