//! Data interface dictionaries: which keywords an instrument's software declares.

use std::collections::{BTreeMap, BTreeSet};

use crate::header::Key;

/// Fewest declared keywords by which a dictionary covers a hierarchy: a few strays do not.
const FEWEST: usize = 20;

/// The keywords of one or several dictionaries.
///
/// # Contract
/// * A hierarchy (`INS`, `QC`, …) is covered if dictionaries of the instrument declare at least twenty keywords in it;
///   nothing is said about the others.
/// * A small letter at the end of a part stands for a number or for nothing: `GRATi` is `GRAT1` and `GRAT`.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    /// The declared names by instrument, as patterns part by part.
    names: BTreeMap<String, BTreeSet<Vec<Part>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    stem: String,
    has_index: bool,
}

impl Part {
    fn of(text: &str) -> Self {
        let stem = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
        Self {
            stem: stem.to_owned(),
            has_index: stem.len() < text.len(),
        }
    }

    fn fits(&self, part: &str) -> bool {
        match part.strip_prefix(self.stem.as_str()) {
            Some("") => true,
            Some(rest) => self.has_index && rest.chars().all(|c| c.is_ascii_digit()),
            None => false,
        }
    }
}

impl Dictionary {
    /// Adds the keywords of a dictionary file.
    ///
    /// Its name says whose it is: `ESO-VLT-DIC.UVES_ICS` is of UVES. Returns how many keywords it declares.
    pub fn add(&mut self, file_name: &str, text: &str) -> usize {
        let scope = file_name.rsplit('.').next().unwrap_or(file_name);
        let instrument = scope.split('_').next().unwrap_or(scope).to_ascii_uppercase();
        let declared = text.lines().filter_map(|line| line.strip_prefix("Parameter Name:"));
        let names = self.names.entry(instrument).or_default();
        let mut n_declared = 0;
        for name in declared {
            let parts: Vec<Part> = name.split_whitespace().map(Part::of).collect();
            if !parts.is_empty() {
                names.insert(parts);
                n_declared += 1;
            }
        }
        n_declared
    }

    /// Tells whether a keyword is declared for an instrument; `None` if no dictionary covers its hierarchy.
    pub fn declares(&self, instrument: &str, key: &Key) -> Option<bool> {
        let parts: Vec<&str> = key.short().split('.').collect();
        let [first, _, ..] = parts.as_slice() else {
            return None;
        };
        let names = self.names.get(&instrument.to_ascii_uppercase())?;
        let in_hierarchy = |name: &&Vec<Part>| name.first().is_some_and(|part| part.fits(first));
        if names.iter().filter(in_hierarchy).count() < FEWEST {
            return None;
        }
        let is_same = |name: &Vec<Part>| {
            name.len() == parts.len() && name.iter().zip(&parts).all(|(pattern, part)| pattern.fits(part))
        };
        Some(names.iter().any(is_same))
    }
}

#[cfg(test)]
mod tests {
    use super::Dictionary;
    use crate::header::Key;

    #[test]
    fn a_covered_hierarchy_knows_its_keywords_and_others_are_not_judged() {
        let foos: Vec<String> = (0..30)
            .map(|n| format!("Parameter Name:     INS FOO{n} NAME"))
            .collect();
        let mut text = foos.join("\n");
        text += "\nParameter Name:     INS GRATi WLEN\nParameter Name:     DET CHIPS\n";
        let mut dictionary = Dictionary::default();
        assert_eq!(dictionary.add("ESO-VLT-DIC.TOY_ICS", &text), 32);
        for (key, declared) in [
            ("INS.GRAT1.WLEN", Some(true)),
            ("INS.GRAT.WLEN", Some(true)),
            ("INS.GRATX.WLEN", Some(false)),
            ("INS.GRAT1", Some(false)),
            ("DET.CHIPS", None),
            ("MJD-OBS", None),
        ] {
            assert_eq!(dictionary.declares("TOY", &Key::new(key)), declared, "{key}");
            assert_eq!(dictionary.declares("OTHER", &Key::new(key)), None);
        }
    }
}
