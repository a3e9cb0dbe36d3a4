//! Where things lie in a store.

use phoenix_core::id::InstrumentId;
use phoenix_core::unit::Night;
use serde::{Deserialize, Serialize};

/// The folders of a store; a caller with another archive replaces the value.
///
/// Each field is a pattern in which `{instrument}`, `{night}` and `{ob}` are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreLayout {
    /// Raw frames of one night.
    pub raw: String,
    /// Certified masters and static calibrations.
    pub calib: String,
    /// Association blocks of one night.
    pub ab: String,
    /// The file with comments and grades of one night.
    pub info: String,
    /// Delivered products of one observing block.
    pub products: String,
    /// Proofs of delivery of one observing block.
    pub ledger: String,
    /// Files on their way in; nobody reads them.
    pub incoming: String,
}

impl Default for StoreLayout {
    fn default() -> Self {
        Self {
            raw: "raw/{instrument}/{night}".into(),
            calib: "calib/{instrument}".into(),
            ab: "ab/{instrument}/{night}".into(),
            info: "info/{night}.json".into(),
            products: "products/{instrument}/{ob}".into(),
            ledger: "ledger/{instrument}/{ob}".into(),
            incoming: "ledger/incoming".into(),
        }
    }
}

fn fill(pattern: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(pattern.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), &segment(value))
    })
}

/// Keeps a value inside its folder: a slash or a leading dot in it would name another one.
fn segment(value: &str) -> String {
    let clean: String = value
        .trim()
        .chars()
        .map(|c| {
            if c == '/' || c == '\\' || c.is_control() {
                '_'
            } else {
                c
            }
        })
        .collect();
    if clean.is_empty() || clean.starts_with('.') {
        format!("_{clean}")
    } else {
        clean
    }
}

impl StoreLayout {
    /// Returns the folder of the raw frames of a night.
    pub fn raw(&self, instrument: &InstrumentId, night: Night) -> String {
        let night = night.to_string();
        fill(&self.raw, &[("instrument", instrument.as_str()), ("night", &night)])
    }

    /// Returns the folder above all instruments' raw frames.
    pub fn raw_root(&self) -> &str {
        self.raw.split("/{").next().unwrap_or_default()
    }

    /// Returns the folder of masters and static calibrations.
    pub fn calib(&self, instrument: &InstrumentId) -> String {
        fill(&self.calib, &[("instrument", instrument.as_str())])
    }

    /// Returns the folder of association blocks of a night.
    pub fn ab(&self, instrument: &InstrumentId, night: Night) -> String {
        let night = night.to_string();
        fill(&self.ab, &[("instrument", instrument.as_str()), ("night", &night)])
    }

    /// Returns the key of the comments and grades of a night.
    pub fn info(&self, night: Night) -> String {
        fill(&self.info, &[("night", &night.to_string())])
    }

    /// Returns the folder of the products of an observing block.
    pub fn products(&self, instrument: &InstrumentId, ob: &str) -> String {
        fill(&self.products, &[("instrument", instrument.as_str()), ("ob", ob)])
    }

    /// Returns the folder of the proofs of delivery of an observing block.
    pub fn ledger(&self, instrument: &InstrumentId, ob: &str) -> String {
        fill(&self.ledger, &[("instrument", instrument.as_str()), ("ob", ob)])
    }
}

#[cfg(test)]
mod tests {
    use super::StoreLayout;

    #[test]
    fn the_default_layout_is_that_of_the_design() {
        let layout = StoreLayout::default();
        let night = "2016-05-01".parse().expect("a night");
        let muse = "MUSE".into();
        assert_eq!(layout.raw(&muse, night), "raw/MUSE/2016-05-01");
        assert_eq!(layout.info(night), "info/2016-05-01.json");
        assert_eq!(layout.products(&muse, "1234"), "products/MUSE/1234");
        assert_eq!(layout.raw_root(), "raw");
    }

    #[test]
    fn a_value_from_a_header_cannot_leave_its_folder() {
        let layout = StoreLayout::default();
        let muse = "MUSE".into();
        assert_eq!(layout.products(&muse, "../../etc"), "products/MUSE/_.._.._etc");
        assert_eq!(layout.products(&muse, ""), "products/MUSE/_");
    }
}
