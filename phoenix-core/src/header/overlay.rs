//! Edits of a header that leave the file untouched, each with author and reason.

use serde::{Deserialize, Serialize};

use super::{Header, Key, Value};

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
            match &edit.value {
                Some(value) => edited.set(edit.key.clone(), value.clone(), ""),
                None => {
                    edited.remove(edit.key.clone());
                }
            }
        }
        edited
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Overlay};
    use crate::header::{Header, Key};

    #[test]
    fn an_overlay_changes_the_copy_and_not_the_header() {
        let mut header = Header::new();
        header.set("OBJECT", "HD 1", "");
        let edit = |key: &str, value: Option<&str>| Edit {
            key: Key::new(key),
            value: value.map(Into::into),
            author: "operator".into(),
            reason: "typing error at the telescope".into(),
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
