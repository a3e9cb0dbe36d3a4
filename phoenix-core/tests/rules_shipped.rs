//! The rule books that ESO ships are read whole, say the same after printing, and evaluate.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::path::PathBuf;

use phoenix_core::header::{Header, Value};
use phoenix_core::rules::RuleBook;
use phoenix_core::rules::ast::{Item, RuleText};
use phoenix_core::rules::eval::Scene;
use phoenix_testkit::peers;

fn shipped() -> Option<Vec<(PathBuf, String)>> {
    let folder = peers::data("oca")?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "oca"))
        .collect();
    files.sort();
    let texts = files.into_iter().map(|path| {
        let bytes = std::fs::read(&path).expect("the file can be read");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (path, text)
    });
    Some(texts.collect())
}

fn parsed(path: &std::path::Path, text: &str) -> RuleText {
    RuleText::parse(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_rule_of_the_ten_shipped_books_is_found() {
    let Some(files) = shipped() else { return };
    assert_eq!(files.len(), 10);
    let (mut ifs, mut executes, mut actions, mut selects) = (0, 0, 0, 0);
    for (path, text) in &files {
        let book = parsed(path, text);
        for item in &book.items {
            match item {
                Item::If(_) => ifs += 1,
                Item::Execute(_) => executes += 1,
                Item::Action(action) => {
                    actions += 1;
                    selects += action.selects().count();
                }
            }
        }
    }
    assert_eq!((ifs, executes, actions, selects), (999, 258, 218, 1500));
}

#[test]
fn a_printed_book_reads_back_as_the_same_tree() {
    let Some(files) = shipped() else { return };
    for (path, text) in &files {
        let book = parsed(path, text);
        let again = parsed(path, &book.to_string());
        assert!(book.items == again.items, "{}", path.display());
        assert!(book.comments == again.comments, "{}", path.display());
        assert_eq!(book.to_string(), again.to_string(), "{}", path.display());
    }
}

#[test]
fn no_comment_is_lost() {
    let Some(files) = shipped() else { return };
    for (path, text) in &files {
        let lines = |text: &str| -> Vec<String> {
            let mut lines: Vec<String> = text
                .lines()
                .filter_map(|line| {
                    // A text never holds two slashes in the shipped books.
                    line.split_once("//").map(|(_, comment)| comment.trim_end().to_owned())
                })
                .collect();
            lines.sort();
            lines
        };
        assert_eq!(
            lines(text),
            lines(&parsed(path, text).to_string()),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_shipped_book_evaluates_every_header() {
    let (Some(files), Some(headers)) = (shipped(), peers::data("headers")) else {
        return;
    };
    let headers: Vec<Header> = std::fs::read_dir(headers)
        .expect("the folder can be listed")
        .map(|entry| {
            let path = entry.expect("an entry can be read").path();
            let text = String::from_utf8_lossy(&std::fs::read(path).expect("the file can be read")).into_owned();
            cards(&text)
        })
        .collect();
    assert!(headers.len() > 20 && headers.iter().all(|header| !header.is_empty()));
    let mut n_assigned = 0;
    for (path, text) in &files {
        let book = RuleBook::parse(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for header in headers.iter().chain([&Header::new()]) {
            let (record, assigned) = book.classify(header);
            n_assigned += assigned.len();
            let explained = book.explain(header);
            let holding = explained.iter().filter(|(_, outcome)| outcome.holds).count();
            let mut rules: Vec<usize> = assigned.iter().map(|assigned| assigned.rule).collect();
            rules.dedup();
            assert!(holding >= rules.len(), "{}", path.display());
            let scene = Scene {
                this: &record,
                input: Some(&record),
                last: Some(&record),
                is_template_done: true,
            };
            for trigger in book.triggers() {
                assert_eq!(
                    trigger.condition.holds(&scene),
                    trigger.condition.explain(&scene, book.keys()).holds
                );
            }
            for slot in book.tasks().iter().flat_map(|task| &task.slots) {
                assert_eq!(
                    slot.condition.holds(&scene),
                    slot.condition.explain(&scene, book.keys()).holds
                );
            }
        }
    }
    assert!(n_assigned > 50, "{n_assigned} assignments");
}

/// Reads header text: 80-column cards, with or without line ends.
fn cards(text: &str) -> Header {
    let mut header = Header::new();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once('=') else {
            continue;
        };
        let rest = rest.trim();
        let value: Value = if let Some(quoted) = rest.strip_prefix('\'') {
            quoted.split('\'').next().unwrap_or_default().into()
        } else {
            let word = rest.split('/').next().unwrap_or_default().trim();
            match (word, word.parse::<i64>(), word.parse::<f64>()) {
                ("T", ..) => true.into(),
                ("F", ..) => false.into(),
                (_, Ok(integer), _) => integer.into(),
                (_, _, Ok(real)) => real.into(),
                _ => continue,
            }
        };
        header.set(name.trim(), value, "");
    }
    header
}
