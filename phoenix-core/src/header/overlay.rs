//! Edits of a header that leave the file untouched, each with author and reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Header, Key, Value};
use crate::unit::Mjd;

/// One edit: set a key to a value, or remove it (`value` absent).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The key that changes.
    pub key: Key,
    /// The new value; absent removes the key.
    pub value: Option<Value>,
    /// Who decided it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The file that says so; empty if no file does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Whether it is known beside the file, as a grade of the night log is: rules see it, recipes and products do not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_note: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A list of edits, applied in order before classification and kept in plan and provenance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overlay {
    /// The edits in order.
    pub edits: Vec<Edit>,
}

impl Overlay {
    /// Returns the edited header.
    #[must_use]
    pub fn apply(&self, header: &Header) -> Header {
        let mut edited = header.clone();
        for edit in &self.edits {
            edit.apply(&mut edited);
        }
        edited
    }
}

impl Edit {
    /// Edits a header.
    pub fn apply(&self, header: &mut Header) {
        match &self.value {
            Some(value) => header.set(self.key.clone(), value.clone(), ""),
            None => {
                header.remove(self.key.clone());
            }
        }
    }
}

/// Keywords that describe the file itself; an edit of them would contradict its data.
const STRUCTURAL: [&str; 17] = [
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "TFIELDS", "BSCALE", "BZERO", "BLANK",
    "CHECKSUM", "DATASUM", "CONTINUE", "COMMENT", "HISTORY", "END",
];

fn check_key(key: Key) -> Result<Key, OverlayError> {
    let stem = key.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
    if STRUCTURAL.contains(&stem) {
        return Err(OverlayError {
            reason: format!("key {key} describes the file itself and cannot be edited"),
        });
    }
    Ok(key)
}

/// Which frames an overlay is for: all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct Aim {
    /// The name, `*` for any run of characters.
    frames: Option<String>,
    since: Option<Mjd>,
    until: Option<Mjd>,
    when: Vec<(Key, Value)>,
}

/// Overlays for many frames, from a file that says for which.
///
/// # Examples
/// ```
/// use phoenix_core::header::OverlayBook;
/// let book = OverlayBook::from_toml(r#"
/// [[overlay]]
/// frames = "UVES.2000-*"
/// author = "operator"
/// reason = "the first epoch has no path keyword"
/// when = { "DET.CHIPS" = 1 }
/// set = { "INS.PATH" = "BLUE" }
/// remove = ["INS.MODE"]
/// "#);
/// assert!(book.is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OverlayBook {
    overlays: Vec<(Aim, Overlay)>,
}

/// An overlay file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("overlay file: {reason}")]
pub struct OverlayError {
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BookText {
    #[serde(default)]
    overlay: Vec<OverlayText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverlayText {
    frames: Option<String>,
    since: Option<String>,
    until: Option<String>,
    #[serde(default)]
    when: BTreeMap<String, toml::Value>,
    author: String,
    reason: String,
    #[serde(default)]
    set: BTreeMap<String, toml::Value>,
    #[serde(default)]
    remove: Vec<String>,
}

fn header_value(key: &str, value: toml::Value) -> Result<Value, OverlayError> {
    match value {
        toml::Value::String(text) => Ok(text.into()),
        toml::Value::Integer(number) => Ok(number.into()),
        toml::Value::Float(number) => Ok(number.into()),
        toml::Value::Boolean(logical) => Ok(logical.into()),
        other => Err(OverlayError {
            reason: format!("{key} is {}, no header value", other.type_str()),
        }),
    }
}

fn time(text: Option<String>) -> Result<Option<Mjd>, OverlayError> {
    text.map(|text| {
        Mjd::from_iso(&text).map_err(|error| OverlayError {
            reason: error.to_string(),
        })
    })
    .transpose()
}

fn values(table: BTreeMap<String, toml::Value>) -> Result<Vec<(Key, Value)>, OverlayError> {
    let pairs = table.into_iter();
    pairs
        .map(|(key, value)| Ok((Key::new(&key), header_value(&key, value)?)))
        .collect()
}

impl OverlayBook {
    /// Reads overlays: `[[overlay]]` with `author`, `reason`, what to `set` and `remove`, and for which frames: `frames`
    /// (name, `*` for any run), `since`, `until`, `when` (header values).
    ///
    /// # Errors
    /// If the text is no TOML, a word is unknown, or an overlay lacks author or reason.
    pub fn from_toml(text: &str) -> Result<Self, OverlayError> {
        let book: BookText = toml::from_str(text).map_err(|error| OverlayError {
            reason: error.to_string(),
        })?;
        let mut overlays = Vec::with_capacity(book.overlay.len());
        for entry in book.overlay {
            let edit = |key: Key, value: Option<Value>| Edit {
                key,
                value,
                author: entry.author.clone(),
                reason: entry.reason.clone(),
                source: String::new(),
                is_note: false,
            };
            let set = values(entry.set)?
                .into_iter()
                .map(|(key, value)| Ok(edit(check_key(key)?, Some(value))));
            let removed = entry.remove.iter().map(|key| Ok(edit(check_key(Key::new(key))?, None)));
            let edits = set.chain(removed).collect::<Result<_, OverlayError>>()?;
            let aim = Aim {
                frames: entry.frames,
                since: time(entry.since)?,
                until: time(entry.until)?,
                when: values(entry.when)?,
            };
            overlays.push((aim, Overlay { edits }));
        }
        Ok(Self { overlays })
    }

    /// Adds edits of every frame whose header has a value: a grade of an observing block, for example, as `OBS.GRADE` of
    /// every frame with its `OBS.ID`.
    pub fn add(&mut self, key: Key, value: Value, edits: Vec<Edit>) {
        let aim = Aim {
            when: vec![(key, value)],
            ..Aim::default()
        };
        self.overlays.push((aim, Overlay { edits }));
    }

    /// Adds edits like `add`, for frames that were taken from `since` on and before `until`.
    pub fn add_within(&mut self, since: Mjd, until: Mjd, key: Key, value: Value, edits: Vec<Edit>) {
        let aim = Aim {
            since: Some(since),
            until: Some(until),
            when: vec![(key, value)],
            ..Aim::default()
        };
        self.overlays.push((aim, Overlay { edits }));
    }

    /// Adds the overlays of another book behind those of this one.
    pub fn append(&mut self, other: Self) {
        self.overlays.extend(other.overlays);
    }

    /// Names the file that these overlays come from.
    #[must_use]
    pub fn with_source(mut self, source: &str) -> Self {
        for edit in self.overlays.iter_mut().flat_map(|(_, overlay)| &mut overlay.edits) {
            source.clone_into(&mut edit.source);
        }
        self
    }

    /// Tells whether there is nothing to edit.
    pub fn is_empty(&self) -> bool {
        self.overlays.is_empty()
    }

    /// Edits a frame's header and returns the edits that were made, in order.
    pub fn apply(&self, name: &str, header: &mut Header) -> Vec<Edit> {
        let mut made = Vec::new();
        for (aim, overlay) in &self.overlays {
            if aim.hits(name, header) {
                *header = overlay.apply(header);
                made.extend(overlay.edits.iter().cloned());
            }
        }
        made
    }
}

impl Aim {
    fn hits(&self, name: &str, header: &Header) -> bool {
        let is_named = self.frames.as_ref().is_none_or(|pattern| fits(name, pattern));
        let is_timed = || {
            let taken = header.f64("MJD-OBS").ok();
            let is_late = |since: Mjd| taken.is_some_and(|taken| taken >= since.0);
            let is_early = |until: Mjd| taken.is_some_and(|taken| taken < until.0);
            self.since.is_none_or(is_late) && self.until.is_none_or(is_early)
        };
        let has = |(key, value): &(Key, Value)| match (header.get(key.clone()), value.as_f64()) {
            (Some(found), Some(number)) => found.as_f64() == Some(number),
            (Some(found), None) => found == value,
            (None, _) => false,
        };
        is_named && is_timed() && self.when.iter().all(has)
    }
}

/// Tells whether a name fits a pattern with `*` for any run of characters.
fn fits(name: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{Edit, Overlay, OverlayBook, fits};
    use crate::header::{Header, Key};

    #[test]
    fn a_pattern_stands_for_any_run_of_characters() {
        for (name, pattern, fit) in [
            ("UVES.2000-01-01", "UVES.2000-*", true),
            ("UVES.2001-01-01", "UVES.2000-*", false),
            ("UVES.2001-01-01", "*", true),
            ("UVES.2001-01-01", "U*01*01", true),
            ("UVES", "UVES", true),
            ("UVES2", "UVES", false),
        ] {
            assert_eq!(fits(name, pattern), fit, "{name} {pattern}");
        }
    }

    #[test]
    fn an_overlay_is_for_the_frames_that_it_names_and_says_who_and_why() {
        let text = r#"
            [[overlay]]
            frames = "UVES.*"
            until = "2003-01-01"
            when = { "DET.CHIPS" = 1 }
            author = "operator"
            reason = "no path keyword at first"
            set = { "INS.PATH" = "BLUE" }
        "#;
        let book = OverlayBook::from_toml(text).expect("the file is sound");
        let mut header = Header::new();
        header.set("MJD-OBS", 51_700.0, "");
        header.set("DET.CHIPS", 1_i64, "");
        let made = book.apply("UVES.2000-06-05", &mut header);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].author, "operator");
        assert_eq!(header.str("INS.PATH"), Ok("BLUE"));
        header.set("MJD-OBS", 57_000.0, "");
        assert!(book.apply("UVES.2014-12-09", &mut header).is_empty());
        assert!(OverlayBook::from_toml("[[overlay]]\nauthor = \"a\"").is_err());
    }

    #[test]
    fn an_overlay_changes_the_copy_and_not_the_header() {
        let mut header = Header::new();
        header.set("OBJECT", "HD 1", "");
        let edit = |key: &str, value: Option<&str>| Edit {
            key: Key::new(key),
            value: value.map(Into::into),
            author: "operator".into(),
            reason: "typing error at the telescope".into(),
            source: String::new(),
            is_note: false,
        };
        let overlay = Overlay {
            edits: vec![edit("OBJECT", None), edit("OBS.TARG.NAME", Some("HD 2"))],
        };
        let edited = overlay.apply(&header);
        assert!(!edited.contains("OBJECT"));
        assert_eq!(edited.str("OBS.TARG.NAME"), Ok("HD 2"));
        assert!(header.contains("OBJECT"));
    }
}
