//! Lint of a rule book: what can never happen, what happens twice, what waits for itself, what is misspelt.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ast::{Bounds, Place, RuleText};
use super::book::RuleBook;
use super::dic::Dictionary;
use super::logic::{Clause, implies, normal_form};
use super::validity::Validity;
use super::waits::waiting_circles;
use crate::dataset::Severity;
use crate::header::Key;

/// Keywords without a hierarchy that ESO's primary headers have (FITS standard 4.0; ESO data interface control document).
const PLAIN_KEYS: [&str; 40] = [
    "SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "EXTEND", "BSCALE", "BZERO", "BUNIT", "DATE",
    "DATE-OBS", "MJD-OBS", "MJD-END", "EXPTIME", "TEXPTIME", "INSTRUME", "TELESCOP", "ORIGIN", "OBJECT", "OBSERVER",
    "PI-COI", "RA", "DEC", "EQUINOX", "RADECSYS", "TIMESYS", "UTC", "LST", "ARCFILE", "ORIGFILE", "PIPEFILE",
    "CHECKSUM", "DATASUM", "DATAMD5", "PRODCATG", "EXTNAME", "PROG_ID", "OBID1", "NOMBRE",
];

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where: line and column.
    pub line: u32,
    /// The column in characters.
    pub column: u32,
    /// How much it matters.
    pub severity: Severity,
    /// The rule of the linter.
    pub rule: String,
    /// The keyword or task that it is about; empty if none.
    pub keyword: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        write!(
            f,
            "{}:{}: {severity}: {}: {}: {}",
            self.line, self.column, self.rule, self.keyword, self.message
        )
    }
}

/// What the linter says about a rule book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The findings in order of place.
    pub findings: Vec<Finding>,
    /// Keywords that no loaded dictionary covers, each counted once.
    pub n_keys_not_checked: usize,
    /// Rules whose conditions have too many branches to be compared with others.
    pub n_rules_not_compared: usize,
}

impl Checked {
    fn note(&mut self, place: Place, severity: Severity, rule: &str, keyword: impl Into<String>, message: String) {
        self.findings.push(Finding {
            line: place.line,
            column: place.column,
            severity,
            rule: rule.to_owned(),
            keyword: keyword.into(),
            message,
        });
    }
}

/// Lints a rule book.
///
/// Conflicts between classification rules are errors in an exclusive book; elsewhere later rules override earlier ones on
/// purpose, and they are warnings.
pub fn check(book: &RuleBook, validity: &Validity, instrument: &str, dictionary: &Dictionary) -> Checked {
    let mut checked = Checked::default();
    for repair in &book.text().repairs {
        checked.note(repair.place, Severity::Warning, "repaired", "", repair.what.clone());
    }
    check_keys(book, instrument, dictionary, &mut checked);
    check_classifiers(book, validity, &mut checked);
    check_tasks(book, validity, &mut checked);
    check_bounds(book.text(), &mut checked);
    for circle in waiting_circles(book) {
        let severity = if circle.is_required {
            Severity::Error
        } else {
            Severity::Warning
        };
        let message = format!("tasks wait for each other's products: {}", circle.tasks.join(", "));
        let first = circle.tasks.first().cloned().unwrap_or_default();
        checked.note(circle.place, severity, "cyclic", first, message);
    }
    checked.findings.sort_by(|a, b| {
        (a.line, a.column, &a.rule, &a.keyword, &a.message).cmp(&(b.line, b.column, &b.rule, &b.keyword, &b.message))
    });
    checked
}

/// Calls `visit` with every key of the text and whether a rule assigns it there.
fn for_each_key(text: &RuleText, visit: &mut impl FnMut(&Key, Place, bool)) {
    use super::ast::{Block, Expr, Item, Part};
    fn block(of: &Block, visit: &mut impl FnMut(&Key, Place, bool)) {
        for assign in &of.assigns {
            visit(&assign.key.key, assign.key.place, true);
            expr(&assign.value, visit);
        }
    }
    fn expr(of: &Expr, visit: &mut impl FnMut(&Key, Place, bool)) {
        of.for_each_key(&mut |name| {
            if name.scope != super::ast::Scope::Signal {
                visit(&name.key, name.place, false);
            }
        });
    }
    for item in &text.items {
        match item {
            Item::If(rule) => {
                expr(&rule.condition, visit);
                block(&rule.block, visit);
            }
            Item::Execute(rule) => {
                expr(&rule.condition, visit);
                rule.group_by
                    .iter()
                    .for_each(|name| visit(&name.key, name.place, false));
            }
            Item::Action(action) => {
                for part in &action.parts {
                    match part {
                        Part::Select(select) => expr(&select.condition, visit),
                        Part::Product(product) => block(&product.block, visit),
                        _ => {}
                    }
                }
            }
        }
    }
}

fn check_keys(book: &RuleBook, instrument: &str, dictionary: &Dictionary, checked: &mut Checked) {
    let mut assigned = BTreeSet::new();
    let mut read: BTreeMap<Key, (Place, usize)> = BTreeMap::new();
    for_each_key(book.text(), &mut |key, place, is_assigned| {
        if is_assigned {
            assigned.insert(key.clone());
        } else {
            read.entry(key.clone()).or_insert((place, 0)).1 += 1;
        }
    });
    for (key, (place, n_places)) in read {
        if assigned.contains(&key) {
            continue;
        }
        if !key.is_hierarchical() {
            if let Some(meant) = misspelt(key.as_str()) {
                let message = format!("no frame has this keyword, named {n_places} times; {meant} may be meant");
                checked.note(place, Severity::Warning, "unknown-key", key.short(), message);
            } else if !PLAIN_KEYS.contains(&key.as_str()) {
                checked.n_keys_not_checked += 1;
            }
            continue;
        }
        match dictionary.declares(instrument, &key) {
            Some(true) => {}
            Some(false) => {
                let message = format!("no dictionary of {instrument} declares this keyword, named {n_places} times");
                checked.note(place, Severity::Warning, "unknown-key", key.short(), message);
            }
            None => checked.n_keys_not_checked += 1,
        }
    }
}

/// Returns the plain keyword that a word misses by one exchange of neighbours or one other letter.
fn misspelt(word: &str) -> Option<&'static str> {
    if PLAIN_KEYS.contains(&word) || word.len() < 5 {
        return None;
    }
    PLAIN_KEYS.into_iter().find(|known| {
        let differs: Vec<usize> = known
            .bytes()
            .zip(word.bytes())
            .enumerate()
            .filter_map(|(n, (a, b))| (a != b).then_some(n))
            .collect();
        let at = |text: &str, n: usize| text.as_bytes().get(n).copied();
        let is_swapped = |n: usize, m: usize| at(known, n) == at(word, m) && at(known, m) == at(word, n);
        known.len() == word.len()
            && match differs.as_slice() {
                [n] => !at(word, *n).is_some_and(|c| c.is_ascii_digit()),
                [n, m] => *m == n + 1 && is_swapped(*n, *m),
                _ => false,
            }
    })
}

fn check_classifiers(book: &RuleBook, validity: &Validity, checked: &mut Checked) {
    let tags: Vec<_> = validity.tag_keys.iter().filter_map(|key| book.keys().id(key)).collect();
    let mut forms: Vec<Option<Vec<Clause>>> = Vec::new();
    for rule in book.classifiers() {
        let form = normal_form(&rule.condition);
        match &form {
            None => checked.n_rules_not_compared += 1,
            Some(clauses) if clauses.is_empty() => {
                let message = "its condition can never hold".to_owned();
                checked.note(rule.place, Severity::Error, "unreachable", "", message);
            }
            Some(_) => {}
        }
        forms.push(form.filter(|clauses| !clauses.is_empty()));
    }
    let severity = if validity.is_exclusive {
        Severity::Error
    } else {
        Severity::Warning
    };
    for (n, (rule, form)) in book.classifiers().iter().zip(&forms).enumerate() {
        let Some(form) = form else { continue };
        let later = book.classifiers().iter().zip(&forms).skip(n + 1);
        for (other, other_form) in later {
            let Some(other_form) = other_form else { continue };
            let is_always_overtaken = implies(form, other_form);
            let overtakes = validity.is_exclusive && implies(other_form, form);
            if !is_always_overtaken && !overtakes {
                continue;
            }
            let conflict = tags.iter().find_map(|tag| {
                let value = |assigns: &super::book::Assigns| {
                    assigns
                        .iter()
                        .rev()
                        .find(|(key, _)| key == tag)
                        .map(|(_, term)| term.spelling(book.keys()))
                };
                let (first, second) = (value(&rule.assigns)?, value(&other.assigns)?);
                (first != second).then_some((*tag, first, second))
            });
            if let Some((tag, first, second)) = conflict {
                let keyword = book.keys().key(tag).map_or("", Key::short);
                let message = format!("where this rule says {first} the rule at {} says {second}", other.place);
                checked.note(rule.place, severity, "ambiguous", keyword, message);
                break;
            }
        }
    }
}

fn check_tasks(book: &RuleBook, validity: &Validity, checked: &mut Checked) {
    let severity = if validity.is_exclusive {
        Severity::Error
    } else {
        Severity::Warning
    };
    let mut actions: BTreeMap<&str, Place> = BTreeMap::new();
    for rule in book.tasks() {
        if let Some(first) = actions.insert(rule.task.as_str(), rule.place) {
            let message = format!("the action stands at {first} already, which is the one that counts");
            checked.note(rule.place, Severity::Warning, "ambiguous", rule.task.as_str(), message);
        }
    }
    let started: BTreeSet<&str> = book.triggers().iter().map(|rule| rule.task.as_str()).collect();
    for rule in book.triggers() {
        if !actions.contains_key(rule.task.as_str()) {
            let message = "the task has no action: nothing says what it needs and makes".to_owned();
            checked.note(rule.place, severity, "no-action", rule.task.as_str(), message);
        }
        if normal_form(&rule.condition).is_some_and(|clauses| clauses.is_empty()) {
            let message = "its condition can never hold".to_owned();
            checked.note(rule.place, Severity::Error, "unreachable", rule.task.as_str(), message);
        }
    }
    for rule in book.tasks() {
        if !started.contains(rule.task.as_str()) {
            let message = "nothing starts the task".to_owned();
            checked.note(
                rule.place,
                Severity::Warning,
                "unreachable",
                rule.task.as_str(),
                message,
            );
        }
        for slot in &rule.slots {
            if normal_form(&slot.condition).is_some_and(|clauses| clauses.is_empty()) {
                let message = "its condition can never hold".to_owned();
                checked.note(slot.place, Severity::Error, "unreachable", slot.tag.as_str(), message);
            }
        }
    }
}

fn check_bounds(text: &RuleText, checked: &mut Checked) {
    for select in text.actions().flat_map(super::ast::Action::selects) {
        match select.bounds {
            Bounds { max: Some(0), .. } => {
                let message = "maxRet = 0: the slot is ignored unless zero_max says otherwise".to_owned();
                checked.note(select.place, Severity::Warning, "zero-max", &*select.tag, message);
            }
            Bounds {
                min: Some(min),
                max: Some(max),
            } if min > max => {
                let message = format!("minRet = {min} is more than maxRet = {max}: the slot can never be filled");
                checked.note(select.place, Severity::Error, "unreachable", &*select.tag, message);
            }
            _ => {}
        }
    }
}
