//! Mode MCALIB: a master that is made anew is judged by the stored scores of the master of its epoch.
//!
//! The judgement of then stands: it is not made again. What is asked is whether the new master is the same master.

use phoenix_core::traits::{Grade, QcParameter, QcReport, QcRow, Score};
use phoenix_core::unit::Mjd;

use crate::project::Judgement;

/// What the name of a judged parameter ends with.
pub(super) const STORED: &str = ":stored";

/// What two products must have in common to be masters of one kind: task and name of the file.
fn kind_of(product: &str) -> Option<(&str, &str)> {
    let (job, name) = product.split_once('/')?;
    let task = job.rsplit(':').next()?;
    Some((task, name))
}

/// Returns one score for each parameter of a master, beside the stored one; none if the report tells no time.
///
/// # Contract
/// * The stored score is that of the same kind, setup and parameter that is nearest in time, of another product or of
///   another run; before the master's own time where there are two at one distance.
/// * Green: the stored score is green and the values agree within the tolerance. Red: the stored score is red, or the
///   values disagree. Grey: there is no stored score, it is grey, or there is no value. The reason always says which.
pub(super) fn beside_stored(report: &QcReport, stored: &[QcRow], judgement: &Judgement) -> Vec<Score> {
    let Some((mjd, _)) = report.heading.time_range else {
        return Vec::new();
    };
    let own = kind_of(&report.product);
    let past: Vec<&QcRow> = (stored.iter())
        .filter(|row| kind_of(&row.product) == own && row.setup == report.heading.setup)
        .filter(|row| (row.mjd.0 - mjd.0).abs() <= judgement.within_days)
        .collect();
    (report.scores.iter())
        .map(|score| {
            let rows = past.iter().filter(|row| row.parameter == score.parameter.name);
            let nearest = rows.min_by(|a, b| {
                distance(a, mjd)
                    .total_cmp(&distance(b, mjd))
                    .then(a.mjd.0.total_cmp(&b.mjd.0))
            });
            judged(score, nearest.copied(), &report.heading.setup, judgement)
        })
        .collect()
}

fn distance(row: &QcRow, mjd: Mjd) -> f64 {
    (row.mjd.0 - mjd.0).abs()
}

fn judged(score: &Score, stored: Option<&QcRow>, setup: &str, judgement: &Judgement) -> Score {
    let name = &score.parameter.name;
    let tolerance = judgement.tolerance_of.get(name).copied().unwrap_or(judgement.tolerance);
    let (grade, limits, reason) = match (stored, score.value) {
        (None, _) => (
            Grade::NotScored,
            String::new(),
            format!(
                "no stored score of this kind in setup {setup} within {} d",
                judgement.within_days
            ),
        ),
        (Some(row), None) => (
            Grade::NotScored,
            String::new(),
            format!("no value beside the stored one of {}", row.product),
        ),
        (Some(row), Some(new)) => against(row, new, tolerance),
    };
    Score {
        parameter: QcParameter {
            name: format!("{name}{STORED}"),
            unit: score.parameter.unit.clone(),
            doc: format!("{name} beside the stored score of the master of the epoch"),
        },
        value: score.value,
        limits,
        grade,
        reason,
    }
}

fn against(row: &QcRow, new: f64, tolerance: f64) -> (Grade, String, String) {
    let of = format!("{} of {}", row.product, row.mjd.to_iso());
    let Some(old) = row.value else {
        return (
            Grade::NotScored,
            String::new(),
            format!("{of} has no stored value: {}", row.reason),
        );
    };
    let limits = format!("{old} ± {:.0} % ({of})", tolerance * 100.0);
    // A difference at the tolerance agrees, whatever the last bit of either number.
    let agrees = (new - old).abs() <= tolerance * old.abs() * (1.0 + 1e-9);
    let words = if agrees { "agrees with" } else { "disagrees with" };
    let reason = format!("{new} {words} the stored {old}");
    match (row.grade, agrees) {
        (Grade::Pass, true) => (Grade::Pass, limits, format!("{reason}, which is green")),
        (Grade::Pass, false) => (Grade::Fail, limits, format!("{reason}, which is green")),
        (Grade::Fail, _) => (Grade::Fail, limits, format!("{reason}, which is red: {}", row.reason)),
        (Grade::NotScored, _) => (
            Grade::NotScored,
            limits,
            format!("{reason}, which is grey: {}", row.reason),
        ),
    }
}

#[cfg(test)]
mod tests {
    use phoenix_core::traits::{Grade, QcHeading, QcParameter, QcReport, QcRow, Score};
    use phoenix_core::unit::Mjd;

    use super::beside_stored;
    use crate::project::Judgement;

    const TASK: &str = "uves_cal_mbias/masterbias_blue.fits";

    fn report(value: Option<f64>) -> QcReport {
        QcReport {
            product: format!("UVES.b_tpl:{TASK}"),
            heading: QcHeading {
                setup: "BLUE 1x1".into(),
                time_range: Some((Mjd(51_800.0), Mjd(51_800.1))),
                ..QcHeading::default()
            },
            scores: vec![Score {
                parameter: QcParameter {
                    name: "RON".into(),
                    unit: "adu".into(),
                    doc: String::new(),
                },
                value,
                limits: String::new(),
                grade: Grade::Pass,
                reason: String::new(),
            }],
            flags: Vec::new(),
        }
    }

    fn row(mjd: f64, value: f64, grade: Grade) -> QcRow {
        QcRow {
            product: format!("UVES.a_tpl:{TASK}"),
            instrument: "UVES".into(),
            setup: "BLUE 1x1".into(),
            mjd: Mjd(mjd),
            parameter: "RON".into(),
            value: Some(value),
            unit: "adu".into(),
            grade,
            reason: "above 5".into(),
            numerics: "eso".into(),
        }
    }

    fn grade(value: Option<f64>, stored: &[QcRow]) -> (Grade, String) {
        let scores = beside_stored(&report(value), stored, &Judgement::default());
        assert_eq!((scores.len(), scores[0].parameter.name.as_str()), (1, "RON:stored"));
        (scores[0].grade, scores[0].reason.clone())
    }

    #[test]
    fn a_master_is_green_where_the_stored_one_is_green_and_agrees() {
        let stored = [row(51_790.0, 2.0, Grade::Pass)];
        assert_eq!(grade(Some(2.2), &stored).0, Grade::Pass);
        let (grade_of, reason) = grade(Some(2.21), &stored);
        assert_eq!(grade_of, Grade::Fail);
        assert_eq!(reason, "2.21 disagrees with the stored 2, which is green");
    }

    #[test]
    fn the_judgement_of_then_stands() {
        let (grade_of, reason) = grade(Some(7.0), &[row(51_790.0, 7.0, Grade::Fail)]);
        assert_eq!(
            (grade_of, reason.as_str()),
            (Grade::Fail, "7 agrees with the stored 7, which is red: above 5")
        );
        assert_eq!(
            grade(Some(7.0), &[row(51_790.0, 7.0, Grade::NotScored)]).0,
            Grade::NotScored
        );
    }

    #[test]
    fn what_has_no_past_is_grey_and_the_nearest_in_time_counts() {
        assert_eq!(grade(Some(2.0), &[]).0, Grade::NotScored);
        assert_eq!(grade(None, &[row(51_790.0, 2.0, Grade::Pass)]).0, Grade::NotScored);
        let stored = [
            row(51_700.0, 9.0, Grade::Pass),
            row(51_805.0, 2.0, Grade::Pass),
            row(51_000.0, 2.0, Grade::Pass),
        ];
        assert_eq!(grade(Some(2.0), &stored).0, Grade::Pass);
        let other_setup = QcRow {
            setup: "RED".into(),
            ..row(51_790.0, 2.0, Grade::Pass)
        };
        let other_kind = QcRow {
            product: "UVES.a_tpl:uves_cal_mdark/masterdark.fits".into(),
            ..row(51_790.0, 2.0, Grade::Pass)
        };
        assert_eq!(grade(Some(2.0), &[other_setup, other_kind]).0, Grade::NotScored);
    }
}
