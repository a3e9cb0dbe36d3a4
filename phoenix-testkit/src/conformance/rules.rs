//! Contracts of rule books: what a linter says, where rules come from, and what they decide on a night.

use phoenix_core::dataset::Severity;
use phoenix_core::frame::Frame;
use phoenix_core::id::Tag;
use phoenix_core::product::Product;
use phoenix_core::rules::ast::Item;
use phoenix_core::rules::check::check;
use phoenix_core::rules::dic::Dictionary;
use phoenix_core::rules::{RuleBook, Validity};
use phoenix_core::traits::{Grade, Instrument, Selection};

use super::select::classify_all;
use super::{Report, associator, selector};

/// Checks the text of a rule book and of its validity table.
pub fn rules(instrument: &str, rules: &str, validity: &str) -> Report {
    let mut report = Report::default();
    let (book, validity) = match (RuleBook::parse(rules), Validity::parse(validity)) {
        (Ok(book), Ok(validity)) => (book, validity),
        (book, validity) => {
            let faults = [book.err(), validity.err()];
            report.check("rules and validity table can be read", false, || format!("{faults:?}"));
            return report;
        }
    };
    let checked = check(&book, &validity, instrument, &Dictionary::default());
    let errors = checked
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    report.check("the linter finds no error", errors.is_empty(), || errors.join("; "));
    let repairs = &book.text().repairs;
    report.check("the text needs no repair", repairs.is_empty(), || {
        format!("{repairs:?}")
    });
    let silent: Vec<String> = (book.text().items.iter())
        .map(|item| match item {
            Item::If(rule) => (&rule.comments, rule.place),
            Item::Execute(rule) => (&rule.comments, rule.place),
            Item::Action(rule) => (&rule.comments, rule.place),
        })
        .filter(|(comments, _)| !comments.iter().any(|comment| comment.trim().starts_with("source:")))
        .map(|(_, place)| place.to_string())
        .collect();
    report.check("every rule tells its source", silent.is_empty(), || {
        format!("the rules at {} tell none", silent.join(", "))
    });
    report
}

/// Checks selection and association on the frames of a night, every one of which must have a kind.
pub fn decisions(instrument: &dyn Instrument, frames: &[Frame]) -> Report {
    let mut report = selector(instrument, frames, &Selection::new());
    let classified = match classify_all(instrument, frames) {
        Ok(classified) => classified,
        Err(error) => {
            report.check("every frame has a kind", false, || error);
            return report;
        }
    };
    report.check("every frame has a kind", classified.len() == frames.len(), || {
        format!("{} of {} frames have one", classified.len(), frames.len())
    });
    match instrument.selector().select(&classified, &Selection::new()) {
        Ok(selected) => {
            report.check("a night gives a cascade", selected.datasets.len() > 3, || {
                format!("{:?}", selected.left_out)
            });
            report.extend(associator(instrument, &selected.datasets, &classified));
        }
        Err(error) => report.check("a night gives a cascade", false, || error.to_string()),
    }
    report
}

/// Checks that a product whose header tells nothing of its quality is not taken for a good one.
pub fn unscored(instrument: &dyn Instrument, tag: impl Into<Tag>) -> Report {
    let mut report = Report::default();
    let product = Product {
        tag: tag.into(),
        name: "product.fits".into(),
        header: phoenix_core::header::Header::new(),
        hdus: Vec::new(),
    };
    let Some(scorer) = instrument.scorer(&product.tag) else {
        report.check("the product has a scorer", false, || product.tag.to_string());
        return report;
    };
    let graded = scorer
        .measure(&product)
        .and_then(|measured| scorer.score(&measured, &()));
    let graded = match graded {
        Ok(graded) => graded,
        Err(error) => {
            report.check("a product without quality keywords is graded", false, || {
                error.to_string()
            });
            return report;
        }
    };
    let is_grey = |score: &phoenix_core::traits::Score| score.grade == Grade::NotScored && !score.reason.is_empty();
    report.check(
        "a product without quality keywords is grey, with reasons, and never green",
        !graded.scores.is_empty() && graded.scores.iter().all(is_grey),
        || format!("{:?}", graded.scores),
    );
    report
}
