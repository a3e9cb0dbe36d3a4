//! The canonical spelling of a FITS keyword.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A FITS keyword in canonical form: upper case, `HIERARCH ESO DPR CATG` as `ESO.DPR.CATG`.
///
/// ESO's manuals write `DPR.CATG` for the same keyword: a dotted name that starts with no known root is taken to lie
/// below `ESO`, so both spellings compare equal. A keyword that a file spells `HIERARCH` below another root keeps that
/// word as its root, `HIERARCH.MPDAF.TAG`, so that it is written back as it was read.
///
/// # Examples
/// ```
/// use phoenix_core::header::Key;
/// assert_eq!(Key::new("HIERARCH ESO DPR CATG"), Key::new("dpr.catg"));
/// assert_eq!(Key::new("exptime").as_str(), "EXPTIME");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Key(Box<str>);

impl Key {
    /// Returns the canonical key for any of the usual spellings.
    pub fn new(name: &str) -> Self {
        let upper = name.trim().to_ascii_uppercase();
        let explicit = upper
            .strip_prefix("HIERARCH")
            .filter(|rest| rest.starts_with([' ', '.']));
        let body = explicit.unwrap_or(&upper);
        let dotted: String = body
            .split([' ', '.'])
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(".");
        let is_hierarchical = dotted.contains('.');
        let has_known_root = dotted.starts_with("ESO.") || dotted.starts_with("PHX.");
        if has_known_root || dotted.is_empty() {
            Self(dotted.into())
        } else if explicit.is_some() && (is_hierarchical || dotted.len() <= 8) {
            Self(format!("HIERARCH.{dotted}").into())
        } else if is_hierarchical {
            Self(format!("ESO.{dotted}").into())
        } else {
            Self(dotted.into())
        }
    }

    /// Returns the canonical spelling, e.g. `ESO.DPR.CATG`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the spelling of ESO's manuals: the canonical one without the leading `ESO.`.
    pub fn short(&self) -> &str {
        self.0.strip_prefix("ESO.").unwrap_or(&self.0)
    }

    /// Tells whether the keyword is written with the `HIERARCH` convention.
    pub fn is_hierarchical(&self) -> bool {
        self.0.contains('.') || self.0.len() > 8
    }

    /// Tells whether the keyword is commentary (`COMMENT`, `HISTORY` or blank), which may stand many times.
    pub fn is_commentary(&self) -> bool {
        matches!(&*self.0, "COMMENT" | "HISTORY" | "")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Key {
    fn from(name: String) -> Self {
        Self::new(&name)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn all_spellings_of_a_hierarchical_key_are_one() {
        for spelling in [
            "HIERARCH ESO DPR CATG",
            "ESO DPR CATG",
            "ESO.DPR.CATG",
            "DPR.CATG",
            "dpr catg",
        ] {
            assert_eq!(Key::new(spelling).as_str(), "ESO.DPR.CATG");
        }
        assert_eq!(Key::new("DPR.CATG").short(), "DPR.CATG");
    }

    #[test]
    fn a_foreign_root_is_kept_and_reads_back() {
        for (spelling, canonical) in [
            ("HIERARCH MPDAF TAG", "HIERARCH.MPDAF.TAG"),
            ("HIERARCH SHORT", "HIERARCH.SHORT"),
            ("HIERARCH LONGERTHAN8", "LONGERTHAN8"),
        ] {
            assert_eq!(Key::new(spelling).as_str(), canonical);
            assert_eq!(Key::new(canonical).as_str(), canonical);
            assert!(Key::new(canonical).is_hierarchical());
        }
    }

    #[test]
    fn standard_keys_stay_plain() {
        assert_eq!(Key::new(" mjd-obs ").as_str(), "MJD-OBS");
        assert!(!Key::new("MJD-OBS").is_hierarchical());
    }
}
