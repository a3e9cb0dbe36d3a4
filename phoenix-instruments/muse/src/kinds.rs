//! Which kind of frame a MUSE file is: what the rule book says of its header.

use std::sync::LazyLock;

use phoenix_core::frame::{Category, Frame};
use phoenix_core::header::{Key, Value};
use phoenix_core::id::Tag;
use phoenix_core::rules::{KeyId, RuleBook, RuleError};

/// Instrument modes that this backend knows.
/// Source: ESO MUSE user manual, observing modes; spelled as `INS.MODE`.
pub const MODES: [&str; 6] = [
    "WFM-NOAO-N",
    "WFM-NOAO-E",
    "WFM-AO-N",
    "WFM-AO-E",
    "NFM-AO-N",
    "NFM-AO-E",
];

/// The rule book of MUSE.
pub const RULES: &str = include_str!("../rules/muse.oca");

/// The rule book made ready, with the keys that hold what it says of a frame.
#[derive(Debug)]
pub struct Kinds {
    book: RuleBook,
    tag: KeyId,
    category: KeyId,
}

static KINDS: LazyLock<Result<Kinds, RuleError>> = LazyLock::new(|| {
    let mut book = RuleBook::parse(RULES)?;
    let [tag, category] = ["DO.CATG", "CATG"].map(|key| book.intern(&Key::new(key)));
    Ok(Kinds { book, tag, category })
});

impl Kinds {
    /// Returns the rule book.
    ///
    /// # Errors
    /// If its text is wrong.
    pub fn get() -> Result<&'static Self, RuleError> {
        KINDS.as_ref().map_err(Clone::clone)
    }

    /// Returns the rules.
    pub fn book(&self) -> &RuleBook {
        &self.book
    }

    /// Names a frame's kind; `None` if it is no MUSE file or of no known kind.
    pub fn classify(&self, frame: &Frame) -> Option<(Tag, Category)> {
        let (record, _) = self.book.classify(&frame.header);
        let tag = record.get(self.tag)?.as_str()?.into();
        let category = match record.get(self.category).and_then(Value::as_str) {
            Some("SCIENCE") => Category::Science,
            Some("MASTER") => Category::Master,
            Some("PRODUCT") => Category::Product,
            Some(_) => Category::Other,
            None => match frame.header.str("DPR.CATG") {
                Ok("SCIENCE") => Category::Science,
                Ok("CALIB") => Category::RawCalib,
                _ => Category::Other,
            },
        };
        Some((tag, category))
    }
}

/// Names a frame's kind; `None` if it is no MUSE file or of no known kind.
pub fn classify(frame: &Frame) -> Option<(Tag, Category)> {
    Kinds::get().ok()?.classify(frame)
}

/// Coordinate state of a pixel table as its primary header tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableState {
    /// Native spherical coordinates: what `muse_exp_combine` takes.
    Projected,
    /// Positioned on the sky.
    Positioned,
    /// Detector-like pixels.
    Pixel,
}

impl TableState {
    /// Reads the state from `DRS.MUSE.PIXTABLE.WCS`; without that key the table is in pixels.
    pub fn of(frame: &Frame) -> Self {
        match frame.header.str("DRS.MUSE.PIXTABLE.WCS") {
            Ok(text) if text.starts_with("projected") => Self::Projected,
            Ok(text) if text.starts_with("positioned") => Self::Positioned,
            _ => Self::Pixel,
        }
    }

    /// Returns the words for messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Projected => "projected (intermediate)",
            Self::Positioned => "positioned (final)",
            Self::Pixel => "in pixels",
        }
    }
}

#[cfg(test)]
mod tests {
    use phoenix_core::frame::Frame;
    use phoenix_core::header::Header;

    use super::classify;

    fn tag(kind: &str, template: &str) -> Option<String> {
        let mut header = Header::new();
        for (key, value) in [
            ("INSTRUME", "MUSE"),
            ("DPR.CATG", "CALIB"),
            ("DPR.TYPE", kind),
            ("DPR.TECH", "IFU"),
            ("TPL.ID", template),
        ] {
            header.set(key, value, "");
        }
        let frame = Frame {
            id: "F".into(),
            location: "F.fits".into(),
            header,
            size_bytes: None,
        };
        classify(&frame).map(|(tag, _)| tag.to_string())
    }

    #[test]
    fn the_special_kind_wins_over_the_general_one() {
        for (kind, expected) in [
            ("WAVE", "ARC"),
            ("WAVE,LSF", "ARC_LSF"),
            ("WAVE,MASK", "MASK"),
            ("FLAT,LAMP", "FLAT"),
            ("FLAT,LAMP,ILLUM", "ILLUM"),
            ("FLAT,SKY", "SKYFLAT"),
            ("BIAS", "BIAS"),
        ] {
            assert_eq!(tag(kind, "").as_deref(), Some(expected), "{kind}");
        }
        assert_eq!(tag("FLAT,LAMP", "MUSE_wfm_cal_illum").as_deref(), Some("ILLUM"));
        assert_eq!(tag("OBJECT", ""), None);
    }
}
