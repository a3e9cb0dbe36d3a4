//! Contracts of `QcScorer`.

use phoenix_core::product::Product;
use phoenix_core::traits::{Grade, Measured, Measurements, QcScorer};

use super::Report;

/// Checks a scorer on a product that it can measure.
pub fn scorer(scorer: &dyn QcScorer, product: &Product) -> Report {
    let mut report = Report::default();
    let measured = match scorer.measure(product) {
        Ok(measured) => measured,
        Err(error) => {
            report.check("a sound product is measured", false, || error.to_string());
            return report;
        }
    };
    let declared: Vec<&str> = scorer
        .parameters()
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let undeclared: Vec<&String> = measured
        .values
        .keys()
        .filter(|name| !declared.contains(&name.as_str()))
        .collect();
    report.check("every measured name is declared", undeclared.is_empty(), || {
        format!("{undeclared:?}")
    });
    report.check(
        "every declared parameter says what it is",
        scorer.parameters().iter().all(|parameter| !parameter.doc.is_empty()),
        || "a parameter has no description".into(),
    );
    let graded = scorer.score(&measured, &());
    report.check("measurements are graded", graded.is_ok(), || {
        format!("{:?}", graded.as_ref().err())
    });
    let Ok(graded) = graded else { return report };
    let names: Vec<&str> = graded
        .scores
        .iter()
        .map(|score| score.parameter.name.as_str())
        .collect();
    report.check(
        "every declared parameter is in the report, in order",
        names == declared,
        || format!("{names:?}"),
    );

    let absent = Measurements {
        values: declared
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    Measured::Absent {
                        reason: "taken away by the test".into(),
                    },
                )
            })
            .collect(),
        ..measured.clone()
    };
    let all_grey = scorer.score(&absent, &()).is_ok_and(|report| {
        report
            .scores
            .iter()
            .all(|score| score.grade == Grade::NotScored && !score.reason.is_empty())
    });
    report.check("an absent value is not scored and says why", all_grey, || {
        "an absent value was graded".into()
    });
    let emptied = Measurements {
        values: std::collections::BTreeMap::new(),
        ..measured.clone()
    };
    let none_pass = scorer
        .score(&emptied, &())
        .is_ok_and(|report| report.scores.iter().all(|score| score.grade == Grade::NotScored));
    report.check("a value that is not there at all is never a pass", none_pass, || {
        "nothing was graded as good".into()
    });
    let stored = serde_json::to_string(&measured)
        .ok()
        .and_then(|text| serde_json::from_str::<Measurements>(&text).ok());
    let same = stored.and_then(|stored| scorer.score(&stored, &()).ok()) == Some(graded);
    report.check("re-scoring from stored values gives the same report", same, || {
        "the second report differs".into()
    });
    let mut alien = measured;
    alien
        .values
        .insert("no_such_parameter".into(), Measured::Value { value: 1.0 });
    report.check(
        "an undeclared value is an error",
        scorer.score(&alien, &()).is_err(),
        || "it was accepted".into(),
    );
    report
}
