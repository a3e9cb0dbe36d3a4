//! A report as rows of the quality database, and its last line.

use phoenix_core::traits::{Grade, QcReport, QcRow};

/// Returns one row for each score; none if the time of the data is not known, because a row without time cannot be
/// part of a trend.
pub fn rows(report: &QcReport, instrument: &str, numerics: &str) -> Vec<QcRow> {
    let Some((mjd, _)) = report.heading.time_range else {
        return Vec::new();
    };
    report
        .scores
        .iter()
        .map(|score| QcRow {
            product: report.product.clone(),
            instrument: instrument.to_owned(),
            setup: report.heading.setup.clone(),
            mjd,
            parameter: score.parameter.name.clone(),
            value: score.value,
            unit: score.parameter.unit.clone(),
            grade: score.grade,
            reason: score.reason.clone(),
            numerics: numerics.to_owned(),
        })
        .collect()
}

/// Returns the line that ends a report, e.g. `result 1/7, best 0/7`; unscored parameters are named, so that a grey
/// report does not read like a good one.
pub fn result_line(report: &QcReport) -> String {
    let (red, all) = report.result();
    let grey = report
        .scores
        .iter()
        .filter(|score| score.grade == Grade::NotScored)
        .count();
    let tail = if grey > 0 {
        format!(" ({grey} not scored)")
    } else {
        String::new()
    };
    format!("result {red}/{all}, best 0/{all}{tail}")
}
