//! Scorers that read header keywords, one sheet per kind of product, from an instrument's `qc.toml`.
//!
//! ```toml
//! [[sheet]]
//! tags = ["LINE_TABLE_BLUE"]
//! [[sheet.parameter]]
//! name = "residual_rms"
//! keys = ["QC.LINE.RESIDRMS.PIX"]     # the first that is there counts
//! unit = "pix"
//! doc = "Scatter of the lines about the dispersion relation"
//! limit = [{ fixed = [0, 0.15] }]     # as in a score sheet; without limit the parameter is grey
//! ```
//! A parameter with `over = ["KEY"]` is the quotient of the two. Flags stand in `[[sheet.flag]]`.

use std::collections::BTreeMap;
use std::fmt;

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::product::Product;
use phoenix_core::traits::{Measured, QcError, QcHeading, QcScorer};
use phoenix_qc::measure::{absent, header_number, value};
use phoenix_qc::score::{ScoreSheet, SheetScorer};
use serde::Deserialize;

use crate::delivery::BuildError;

/// A fact by name, with how it is read off a header.
pub type Fact = (&'static str, fn(&Header) -> Option<String>);

/// What a sheet reads off a header beside its parameters.
#[derive(Clone, Copy)]
pub struct Readings {
    /// What the report heads with.
    pub heading: fn(&Header) -> QcHeading,
    /// Facts for conditions and flags, by name.
    pub facts: &'static [Fact],
}

/// The scorers of an instrument by kind of product.
pub struct KeywordScores {
    scorers: Vec<Box<dyn QcScorer>>,
    by_tag: BTreeMap<Tag, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BookText {
    sheet: Vec<SheetText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SheetText {
    tags: Vec<Tag>,
    parameter: Vec<ParameterText>,
    #[serde(default)]
    flag: Vec<toml::Table>,
}

#[derive(Deserialize)]
struct ParameterText {
    name: String,
    keys: Vec<String>,
    #[serde(default)]
    over: Vec<String>,
    /// What the score sheet itself reads.
    #[serde(flatten)]
    rest: toml::Table,
}

impl SheetText {
    /// Returns the text that a score sheet understands.
    fn score_sheet(&self) -> Result<ScoreSheet, QcError> {
        let parameters = self.parameter.iter().map(|parameter| {
            let mut table = parameter.rest.clone();
            table.insert("name".into(), parameter.name.clone().into());
            toml::Value::Table(table)
        });
        let mut sheet = toml::Table::new();
        sheet.insert("parameter".into(), toml::Value::Array(parameters.collect()));
        let flags = self.flag.iter().cloned().map(toml::Value::Table).collect();
        sheet.insert("flag".into(), toml::Value::Array(flags));
        ScoreSheet::from_toml(&sheet.to_string())
    }

    fn scorer(&self, readings: Readings) -> Result<Box<dyn QcScorer>, QcError> {
        let header = |product: &Product| Ok(product.header.clone());
        let mut builder = SheetScorer::builder(self.score_sheet()?, header).heading(readings.heading);
        for parameter in &self.parameter {
            let (keys, over) = (parameter.keys.clone(), parameter.over.clone());
            builder = builder.measure(&parameter.name, move |header: &Header| reading(header, &keys, &over));
        }
        for (name, fact) in readings.facts {
            builder = builder.fact(name, fact);
        }
        Ok(Box::new(builder.build()?))
    }
}

/// Reads one parameter: a keyword, or the quotient of two.
fn reading(header: &Header, keys: &[String], over: &[String]) -> Measured {
    let number = |keys: &[String]| header_number(header, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    let above = number(keys);
    if over.is_empty() {
        return above;
    }
    match (above, number(over)) {
        (Measured::Value { value: above }, Measured::Value { value: below }) if below != 0.0 => value(above / below),
        (Measured::Value { .. }, Measured::Value { .. }) => absent(format!("key {} is 0", over.join(", "))),
        (above @ Measured::Absent { .. }, _) => above,
        (_, below) => below,
    }
}

impl KeywordScores {
    /// Reads the sheets.
    ///
    /// # Errors
    /// `Products` if the text has another layout, `Scores` if limits are wrong or two sheets claim one kind.
    pub fn from_toml(text: &str, readings: Readings) -> Result<Self, BuildError> {
        let book: BookText = toml::from_str(text)?;
        let (mut scorers, mut by_tag) = (Vec::new(), BTreeMap::new());
        for sheet in &book.sheet {
            for tag in &sheet.tags {
                if by_tag.insert(tag.clone(), scorers.len()).is_some() {
                    return Err(QcError::Limits {
                        name: tag.to_string(),
                        reason: "two sheets claim this kind".into(),
                    }
                    .into());
                }
            }
            scorers.push(sheet.scorer(readings)?);
        }
        Ok(Self { scorers, by_tag })
    }

    /// Returns the scorer of a kind of product.
    pub fn of(&self, tag: &Tag) -> Option<&dyn QcScorer> {
        self.scorers.get(*self.by_tag.get(tag)?).map(AsRef::as_ref)
    }

    /// Returns the kinds that are scored.
    pub fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.by_tag.keys()
    }
}

impl fmt::Debug for KeywordScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeywordScores")
            .field("by_tag", &self.by_tag)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use phoenix_core::header::Header;
    use phoenix_core::product::Product;
    use phoenix_core::traits::{Grade, QcHeading};

    use super::{KeywordScores, Readings};

    const TEXT: &str = r#"
        [[sheet]]
        tags = ["LINE_TABLE"]
        [[sheet.parameter]]
        name = "rms"
        keys = ["QC.RMS.NEW", "QC.RMS"]
        unit = "pix"
        doc = "scatter of the lines"
        limit = [{ fixed = [0, 0.15] }]
        [[sheet.parameter]]
        name = "share"
        keys = ["QC.NUSED"]
        over = ["QC.NALL"]
        doc = "share of the lines used"
        limit = [{ fixed = [0.7, 1] }]
    "#;

    fn grades(cards: &[(&str, f64)]) -> Vec<Grade> {
        let readings = Readings {
            heading: |_| QcHeading::default(),
            facts: &[],
        };
        let scores = KeywordScores::from_toml(TEXT, readings).expect("sheet");
        let mut header = Header::new();
        for (key, value) in cards {
            header.set(*key, *value, "");
        }
        let product = Product {
            tag: "LINE_TABLE".into(),
            name: "linetable.fits".into(),
            header,
            hdus: Vec::new(),
        };
        let scorer = scores.of(&product.tag).expect("scored");
        let measured = scorer.measure(&product).expect("measured");
        let report = scorer.score(&measured, &()).expect("graded");
        report.scores.iter().map(|score| score.grade).collect()
    }

    #[test]
    fn the_first_keyword_that_is_there_counts_and_a_missing_one_is_grey() {
        assert_eq!(
            grades(&[("QC.RMS", 0.1), ("QC.NUSED", 8.0), ("QC.NALL", 10.0)]),
            [Grade::Pass, Grade::Pass]
        );
        assert_eq!(
            grades(&[
                ("QC.RMS.NEW", 0.2),
                ("QC.RMS", 0.1),
                ("QC.NUSED", 6.0),
                ("QC.NALL", 10.0)
            ]),
            [Grade::Fail, Grade::Fail]
        );
        assert_eq!(
            grades(&[("QC.NUSED", 6.0), ("QC.NALL", 0.0)]),
            [Grade::NotScored, Grade::NotScored]
        );
    }
}
