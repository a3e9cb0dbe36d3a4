//! `phoenix rules`: look at rule books and at what they make of a frame.

use std::path::{Path, PathBuf};

use phoenix::core::dataset::Severity;
use phoenix::core::frame::Frame;
use phoenix::core::header::{Header, Key};
use phoenix::core::rules::check::{Checked, Finding, check};
use phoenix::core::rules::dic::Dictionary;
use phoenix::core::rules::validity::Validity;
use phoenix::core::rules::{Explained, RuleBook, RuleError};
use phoenix::io::fits::card::parse_header;
use phoenix::io::fits::unpack_leading;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::args::{RulesCheckArgs, RulesExplainArgs};
use crate::failure::{Exit, Failure};
use crate::render::count;

fn read(path: &Path) -> Result<String, Failure> {
    // ESO's files are in Latin-1 here and there; only their comments are touched by that.
    std::fs::read(path)
        .map(|bytes| {
            String::from_utf8(bytes)
                .unwrap_or_else(|error| error.into_bytes().iter().map(|byte| char::from(*byte)).collect())
        })
        .map_err(|error| Failure::usage(&error).within(format!("{} cannot be read", path.display())))
}

/// Lints rule books; one line per finding: `FILE:LINE:COLUMN: severity: rule-id: KEYWORD: message`.
pub(crate) fn lint(args: &RulesCheckArgs) -> Result<Answer, Failure> {
    let dictionary = dictionary(args.dic.as_deref())?;
    let mut lines = Vec::new();
    let mut documents = Vec::new();
    let (mut n_errors, mut n_keys_not_checked) = (0, 0);
    for path in &args.files {
        let text = read(path)?;
        let validity = match path.parent().map(|folder| folder.join("validity.toml")) {
            Some(beside) if beside.is_file() => Validity::parse(&read(&beside)?)
                .map_err(|error| Failure::usage(&error).within(beside.display().to_string()))?,
            _ => Validity::default(),
        };
        let checked = match RuleBook::parse(&text) {
            Ok(book) => {
                let instrument = args.instrument.clone().unwrap_or_else(|| instrument_of(path));
                check(&book, &validity, &instrument, &dictionary)
            }
            Err(error) => unreadable(&error),
        };
        n_keys_not_checked += checked.n_keys_not_checked;
        for finding in &checked.findings {
            n_errors += usize::from(finding.severity == Severity::Error);
            lines.push(format!("{}:{finding}", path.display()));
            documents.push(json!({"file": path, "finding": finding}));
        }
    }
    lines.push(format!(
        "{}, {}, {} not checked for lack of a dictionary",
        count(args.files.len(), "file"),
        count(documents.len(), "finding"),
        count(n_keys_not_checked, "keyword")
    ));
    let exit = if n_errors > 0 { Exit::Findings } else { Exit::Good };
    let document = json!({"files": args.files, "findings": documents, "keywords_not_checked": n_keys_not_checked});
    Ok(Answer::good(document, lines.join("\n") + "\n").with_exit(exit))
}

/// A book that cannot be parsed has one finding: where and what was expected.
fn unreadable(error: &RuleError) -> Checked {
    let (line, column) = match error {
        RuleError::Syntax { place, .. } | RuleError::Pattern { place, .. } => (place.line, place.column),
        _ => (0, 0),
    };
    let finding = Finding {
        line,
        column,
        severity: Severity::Error,
        rule: "syntax".to_owned(),
        keyword: String::new(),
        message: error.to_string(),
    };
    Checked {
        findings: vec![finding],
        ..Checked::default()
    }
}

/// Guesses the instrument from a file name like `uves_association.oca`, or the folder that holds `rules/`.
fn instrument_of(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    stem.split(['_', '-', '.'])
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase()
}

fn dictionary(folder: Option<&Path>) -> Result<Dictionary, Failure> {
    let mut dictionary = Dictionary::default();
    let Some(folder) = folder else { return Ok(dictionary) };
    let failed = |error: &std::io::Error| Failure::usage(error).within(format!("{} cannot be read", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(|error| failed(&error))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| failed(&error))?.path());
    }
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        dictionary.add(&name, &read(path)?);
    }
    Ok(dictionary)
}

/// Tells what an instrument, or a rule book, makes of a frame and why.
pub(crate) fn explain(args: &RulesExplainArgs) -> Result<Answer, Failure> {
    let header = header(&args.frame)?;
    match &args.rules {
        Some(path) => {
            let failed = |error: RuleError| Failure::usage(&error).within(path.display().to_string());
            let book = RuleBook::parse(&read(path)?).map_err(failed)?;
            Ok(explain_by(&book, &header))
        }
        None => classified(&args.frame, header),
    }
}

fn header(path: &Path) -> Result<Header, Failure> {
    let within = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Failure::usage(&error).within(within()))?;
    parse_header(&unpack_leading(&bytes)).ok_or_else(|| {
        Failure::message(Exit::Usage, "it is no FITS header of 80-character cards with END").within(within())
    })
}

fn explain_by(book: &RuleBook, header: &Header) -> Answer {
    let (_, assigned) = book.classify(header);
    let explained = book.explain(header);
    let mut lines: Vec<String> = Vec::new();
    for (place, condition) in &explained {
        let mark = if condition.holds { "✔" } else { "✘" };
        lines.push(format!("{mark} line {}: {}", place.line, condition.line()));
        if !condition.holds
            && let Some(refusal) = condition.first_refusal()
        {
            lines.push(format!("    because not: {}", refusal.line()));
        }
    }
    for value in &assigned {
        lines.push(format!(
            "{} = {}",
            book.keys().key(value.key).map(Key::short).unwrap_or_default(),
            value.value.display()
        ));
    }
    let rules: Vec<Value> = explained.iter().map(rule_document).collect();
    Answer::good(json!({ "rules": rules }), lines.join("\n") + "\n")
}

fn rule_document((place, condition): &(phoenix::core::rules::ast::Place, Explained)) -> Value {
    json!({"line": place.line, "column": place.column, "condition": condition})
}

/// Asks every instrument that is built in.
fn classified(path: &Path, header: Header) -> Result<Answer, Failure> {
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let frame = Frame {
        id: name.as_str().into(),
        location: path.display().to_string(),
        header,
        size_bytes: None,
    };
    let mut lines = Vec::new();
    let mut documents = Vec::new();
    for instrument in super::registry()?.iter() {
        let (word, document) = match instrument.selector().classify(&frame) {
            Ok(Some((tag, category))) => (
                format!("{tag}, {category:?}"),
                json!({"tag": tag, "category": category}),
            ),
            Ok(None) => continue,
            Err(error) => (error.to_string(), json!({"error": error.to_string()})),
        };
        lines.push(format!("{}: {word}", instrument.id()));
        documents.push(json!({"instrument": instrument.id(), "kind": document}));
    }
    let exit = if documents.is_empty() {
        Exit::Findings
    } else {
        Exit::Good
    };
    if lines.is_empty() {
        lines.push(
            "no instrument that is built in knows this frame; --rules FILE explains why a rule does not hold"
                .to_owned(),
        );
    }
    Ok(Answer::good(json!({"frame": name, "kinds": documents}), lines.join("\n") + "\n").with_exit(exit))
}
