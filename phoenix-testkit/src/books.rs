//! Rule books held against each other: synthetic headers of everything that a book mentions, and where two books differ.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::header::{Header, Key, Value};
use phoenix_core::rules::RuleBook;
use phoenix_core::rules::ast::{Comparison, Expr, RuleText};

/// A rule book with the key in which it names the class of a frame.
#[derive(Debug)]
pub struct Book {
    /// What reports call it.
    pub name: String,
    /// The rules.
    pub rules: RuleBook,
    /// The key that holds the class, e.g. `DO.CATG`.
    pub class_key: &'static str,
}

impl Book {
    /// Reads a book.
    ///
    /// # Panics
    /// If the text is no rule book.
    #[expect(clippy::panic, reason = "a test cannot go on without its rules")]
    pub fn parse(name: &str, text: &str, class_key: &'static str) -> Self {
        match RuleBook::parse(text) {
            Ok(rules) => Self {
                name: name.to_owned(),
                rules,
                class_key,
            },
            Err(error) => panic!("{name}: {error}"),
        }
    }

    /// Returns the class of a frame; `None` if no rule named one.
    pub fn class(&self, header: &Header) -> Option<String> {
        let key = self.rules.keys().id(&Key::new(self.class_key))?;
        let (record, assigned) = self.rules.classify(header);
        assigned.iter().any(|assigned| assigned.key == key).then_some(())?;
        record.get(key).map(Value::display)
    }

    /// Returns the different classes that rules gave one frame; more than one is a fault of an exclusive book.
    pub fn all_classes(&self, header: &Header) -> BTreeSet<String> {
        let Some(key) = self.rules.keys().id(&Key::new(self.class_key)) else {
            return BTreeSet::new();
        };
        let (_, assigned) = self.rules.classify(header);
        let named = assigned.iter().filter(|assigned| assigned.key == key);
        named.map(|assigned| assigned.value.display()).collect()
    }
}

/// `DPR.CATG`, `DPR.TYPE` and `DPR.TECH` of a raw frame; empty where a rule does not mention one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// `DPR.CATG`.
    pub category: String,
    /// `DPR.TYPE`.
    pub kind: String,
    /// `DPR.TECH`.
    pub technique: String,
}

/// The alternatives of a condition, each as comparisons that must all hold.
fn alternatives(expr: &Expr) -> Vec<Vec<&Expr>> {
    match expr {
        Expr::Or(parts) => parts.iter().flat_map(alternatives).collect(),
        Expr::And(parts) => parts.iter().fold(vec![Vec::new()], |joined, part| {
            let choices = alternatives(part);
            joined
                .iter()
                .flat_map(|left| choices.iter().map(move |right| [left.clone(), right.clone()].concat()))
                .collect()
        }),
        other => vec![vec![other]],
    }
}

/// Joins what the comparisons of one alternative want of a key: `%LAMP%` and `%FLAT%` become `LAMP,FLAT`.
fn wanted(alternative: &[&Expr], key: &Key) -> String {
    let mut parts: Vec<String> = Vec::new();
    for expr in alternative {
        let Expr::Compare { left, op, right } = expr else {
            continue;
        };
        let (Expr::Key(name), Expr::Text(text)) = (left.as_ref(), right.as_ref()) else {
            continue;
        };
        if name.key == *key && matches!(op, Comparison::Equal | Comparison::Like) {
            for part in text.split(['%', ',']).filter(|part| !part.is_empty()) {
                if !parts.iter().any(|known| known == part) {
                    parts.push(part.to_owned());
                }
            }
        }
    }
    // Raw frames name the lamp first.
    parts.sort_by_key(|part| part != "LAMP");
    parts.join(",")
}

/// Returns every combination of `DPR` keys that the classification rules of a book mention.
pub fn kinds(text: &RuleText) -> BTreeSet<Kind> {
    let [category, kind, technique] = ["DPR.CATG", "DPR.TYPE", "DPR.TECH"].map(Key::new);
    text.ifs()
        .flat_map(|rule| alternatives(&rule.condition))
        .map(|alternative| Kind {
            category: wanted(&alternative, &category),
            kind: wanted(&alternative, &kind),
            technique: wanted(&alternative, &technique),
        })
        .filter(|kind| !kind.category.is_empty())
        .collect()
}

/// Fills in the technique where a rule leaves it open: each that the book mentions, and none.
pub fn with_every_technique(kinds: &BTreeSet<Kind>) -> BTreeSet<Kind> {
    let techniques: BTreeSet<String> = kinds.iter().map(|kind| kind.technique.clone()).collect();
    kinds
        .iter()
        .flat_map(|kind| {
            let open = kind.technique.is_empty();
            techniques
                .iter()
                .filter(move |technique| open || **technique == kind.technique)
                .map(|technique| Kind {
                    technique: technique.clone(),
                    ..kind.clone()
                })
        })
        .collect()
}

/// One choice among the values of optional keys; an empty choice leaves them out.
pub type Choice = Vec<(&'static str, Value)>;

/// Returns the choices of one key: each value, and its absence.
pub fn optional(key: &'static str, values: &[&str]) -> Vec<Choice> {
    let mut choices: Vec<Choice> = values.iter().map(|value| vec![(key, Value::from(*value))]).collect();
    choices.push(Vec::new());
    choices
}

/// Calls `visit` with a header for every kind and every combination of choices.
pub fn for_each_header(
    instrument: &str,
    kinds: &BTreeSet<Kind>,
    axes: &[Vec<Choice>],
    mut visit: impl FnMut(&Kind, &Header),
) {
    let n_combinations: usize = axes.iter().map(Vec::len).product();
    for kind in kinds {
        for number in 0..n_combinations {
            let mut header = Header::new();
            header.set("INSTRUME", instrument, "");
            for (key, value) in [
                ("DPR.CATG", &kind.category),
                ("DPR.TYPE", &kind.kind),
                ("DPR.TECH", &kind.technique),
            ] {
                if !value.is_empty() {
                    header.set(key, value.as_str(), "");
                }
            }
            let mut rest = number;
            for axis in axes {
                for (key, value) in &axis[rest % axis.len()] {
                    header.set(*key, value.clone(), "");
                }
                rest /= axis.len();
            }
            visit(kind, &header);
        }
    }
}

/// Where books are meant to differ, with the reason; `*` at the end of a pattern stands for anything.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// `DPR.CATG`.
    pub category: &'static str,
    /// `DPR.TYPE`.
    pub kind: &'static str,
    /// `DPR.TECH`.
    pub technique: &'static str,
    /// Why.
    pub why: &'static str,
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => text.starts_with(begin),
        None => pattern == text,
    }
}

impl Exception {
    /// Returns an exception for `DPR.CATG`, `DPR.TYPE`, `DPR.TECH`, with the reason.
    pub const fn new(category: &'static str, kind: &'static str, technique: &'static str, why: &'static str) -> Self {
        Self {
            category,
            kind,
            technique,
            why,
        }
    }

    fn covers(&self, kind: &Kind) -> bool {
        fits(self.category, &kind.category) && fits(self.kind, &kind.kind) && fits(self.technique, &kind.technique)
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Headers compared.
    pub n_headers: usize,
    /// Headers on which the books differ as they are meant to.
    pub n_excepted: usize,
    /// Differences that no exception covers, exceptions that cover nothing, and frames with two classes.
    pub faults: Vec<String>,
}

/// Holds our own book against others on every header of a matrix.
///
/// Ours agrees if it names the class that any of the others names, or none where none of them does.
pub fn compare(
    instrument: &str,
    own: &Book,
    others: &[Book],
    kinds: &BTreeSet<Kind>,
    axes: &[Vec<Choice>],
    exceptions: &[Exception],
) -> Agreement {
    let mut agreement = Agreement::default();
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    let mut unused: BTreeSet<usize> = (0..exceptions.len()).collect();
    for_each_header(instrument, kinds, axes, |kind, header| {
        agreement.n_headers += 1;
        let all = own.all_classes(header);
        if all.len() > 1 {
            *faults.entry(format!("{kind:?} has the classes {all:?}")).or_default() += 1;
        }
        let ours = all.into_iter().next();
        let theirs: Vec<Option<String>> = others.iter().map(|book| book.class(header)).collect();
        let agree = if ours.is_some() {
            theirs.contains(&ours)
        } else {
            theirs.iter().all(Option::is_none)
        };
        if agree {
            return;
        }
        match exceptions.iter().position(|exception| exception.covers(kind)) {
            Some(place) => {
                unused.remove(&place);
                agreement.n_excepted += 1;
            }
            None => {
                *faults
                    .entry(format!("{kind:?} is {ours:?} to us, {theirs:?} to ESO"))
                    .or_default() += 1;
            }
        }
    });
    agreement.faults = faults
        .into_iter()
        .map(|(fault, n)| format!("{fault}: {n} headers"))
        .collect();
    let stale = unused
        .into_iter()
        .map(|place| format!("nothing differs as in {:?}", exceptions[place]));
    agreement.faults.extend(stale);
    agreement
}

/// Reads a file of the reference data: cards of 80 columns, `#` lines between the units.
///
/// The units are read as one header, as if every extension inherited.
pub fn header_of_text(text: &str) -> Header {
    let mut header = Header::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((key, rest)) = line.split_once('=') else {
            continue;
        };
        let rest = rest.trim_start();
        let value = if let Some(quoted) = rest.strip_prefix('\'') {
            Value::from(quoted.split('\'').next().unwrap_or_default())
        } else {
            let word = rest.split('/').next().unwrap_or_default().trim();
            match (word, word.parse::<i64>(), word.parse::<f64>()) {
                ("T", ..) => Value::from(true),
                ("F", ..) => Value::from(false),
                (_, Ok(integer), _) => Value::from(integer),
                (_, _, Ok(real)) => Value::from(real),
                _ => Value::Undefined,
            }
        };
        header.set(key.trim(), value, "");
    }
    header
}

/// Returns a frame known by its header alone.
///
/// Its name and `ARCFILE` follow from `prefix` and `date_obs`, and so does `MJD-OBS`.
///
/// # Panics
/// If `date_obs` is no time.
#[expect(clippy::panic, reason = "a night that is no night is a mistake of the test")]
pub fn frame(prefix: &str, date_obs: &str, cards: &[(&str, Value)]) -> phoenix_core::frame::Frame {
    let Ok(time) = phoenix_core::unit::Mjd::from_iso(date_obs) else {
        panic!("{date_obs} is no time");
    };
    let name = format!("{prefix}.{date_obs}");
    let mut header = Header::new();
    header.set("DATE-OBS", date_obs, "");
    header.set("MJD-OBS", time.0, "");
    header.set("ARCFILE", format!("{name}.fits"), "");
    for (key, value) in cards {
        header.set(*key, value.clone(), "");
    }
    phoenix_core::frame::Frame {
        id: name.as_str().into(),
        location: format!("{name}.fits"),
        header,
        size_bytes: Some(1 << 20),
    }
}

/// Returns a table or master that is no raw frame, valid from a time on.
pub fn product(
    name: &str,
    instrument: &str,
    date_obs: &str,
    category: &str,
    cards: &[(&str, Value)],
) -> phoenix_core::frame::Frame {
    let mut frame = frame("M", date_obs, cards);
    frame.id = name.into();
    frame.location = format!("{name}.fits");
    frame.header.set("INSTRUME", instrument, "");
    frame.header.set("PRO.CATG", category, "");
    frame
}
