//! The text of an association block, line by line, so that nothing of it is lost.

use std::fmt;

/// The column in which values begin in lines that are written here.
const VALUE_COLUMN: usize = 22;

/// One line: its text with its end, and where qualifier and value are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    /// Absent for blank lines and comments.
    entry: Option<Parts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    qualifier: String,
    value: String,
}

/// One qualifier with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its line, from 1.
    pub line: usize,
    /// The qualifier.
    pub qualifier: &'a str,
    /// The value without the blanks around it and without a comment behind it; may be empty.
    pub value: &'a str,
}

/// An association block.
///
/// # Contract
/// * `to_text` of what `parse` made is the text itself, byte for byte: comments, blank lines, unknown qualifiers and
///   their order stay.
/// * A `#` begins a comment at the start of a line and after a blank; elsewhere it belongs to the value (`CD#2`).
/// * A qualifier may stand in several lines; all of them count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssociationBlock {
    lines: Vec<Line>,
}

impl AssociationBlock {
    /// Returns a block without lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a block; every text is one.
    pub fn parse(text: &str) -> Self {
        let lines = text.split_inclusive('\n').map(|line| Line {
            text: line.to_owned(),
            entry: parts(line),
        });
        Self { lines: lines.collect() }
    }

    /// Returns the text.
    pub fn to_text(&self) -> String {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }

    /// Returns all entries in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (1..).zip(&self.lines).filter_map(|(line, found)| {
            let entry = found.entry.as_ref()?;
            Some(Entry {
                line,
                qualifier: &entry.qualifier,
                value: &entry.value,
            })
        })
    }

    /// Returns the entries of one qualifier in order.
    pub fn all<'a>(&'a self, qualifier: &'a str) -> impl Iterator<Item = Entry<'a>> {
        self.entries().filter(move |entry| entry.qualifier == qualifier)
    }

    /// Returns the value of a qualifier: the last one counts where there are several.
    pub fn get(&self, qualifier: &str) -> Option<&str> {
        self.entries()
            .filter(|entry| entry.qualifier == qualifier)
            .map(|entry| entry.value)
            .last()
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, qualifier: &str, value: &str) {
        self.end_last_line();
        self.lines.push(entry_line(qualifier, value));
    }

    /// Adds a comment at the end.
    pub fn comment(&mut self, text: &str) {
        self.end_last_line();
        for line in text.lines() {
            self.lines.push(Line {
                text: format!("# {line}\n"),
                entry: None,
            });
        }
    }

    /// Replaces the value of a qualifier where it stands last, or adds the entry at the end.
    pub fn set(&mut self, qualifier: &str, value: &str) {
        let is_it = |line: &&mut Line| line.entry.as_ref().is_some_and(|entry| entry.qualifier == qualifier);
        match self.lines.iter_mut().rev().find(is_it) {
            Some(line) => *line = entry_line(qualifier, value),
            None => self.push(qualifier, value),
        }
    }

    /// Removes every entry of a qualifier; returns how many there were.
    pub fn remove(&mut self, qualifier: &str) -> usize {
        let before = self.lines.len();
        self.lines
            .retain(|line| line.entry.as_ref().is_none_or(|entry| entry.qualifier != qualifier));
        before - self.lines.len()
    }

    fn end_last_line(&mut self) {
        if let Some(line) = self.lines.last_mut()
            && !line.text.ends_with('\n')
        {
            line.text.push('\n');
        }
    }
}

impl fmt::Display for AssociationBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| f.write_str(&line.text))
    }
}

fn entry_line(qualifier: &str, value: &str) -> Line {
    let width = VALUE_COLUMN - 1;
    let text = format!("{qualifier:width$} {value}");
    Line {
        entry: parts(&text),
        text: text.trim_end().to_owned() + "\n",
    }
}

/// Finds qualifier and value in a line.
fn parts(line: &str) -> Option<Parts> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (qualifier, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    // The blank that ended the qualifier may be the one before a comment.
    let rest = format!(" {rest}");
    let mut before = ' ';
    let comment = rest.char_indices().find(|(_, c)| {
        let begins = *c == '#' && before.is_whitespace();
        before = *c;
        begins
    });
    let value = comment.map_or(rest.as_str(), |(place, _)| rest.get(..place).unwrap_or_default());
    Some(Parts {
        qualifier: qualifier.to_owned(),
        value: value.trim().to_owned(),
    })
}
