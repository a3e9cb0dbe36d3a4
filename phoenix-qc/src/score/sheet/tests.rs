use std::collections::BTreeMap;

use phoenix_core::traits::{
    Grade, Measured, Measurements, QcError, QcHeading, QcReport, QcScorer, TrendLookup, TrendPoint,
};
use phoenix_core::unit::Mjd;
use proptest::prelude::*;

use super::ScoreSheet;
use crate::score::{SheetScorer, result_line, rows};

const SHEET: &str = r#"
[[parameter]]
name = "NAXIS1"
unit = "pix"
doc = "length of the first axis"
[[parameter.limit]]
when = { setup = "WFM*" }
fixed = [300, 480]

[[parameter]]
name = "TPL_NEXP"
doc = "exposures of the template that were combined"
[[parameter.limit]]
fixed = ["fact:n_expected", "fact:n_expected"]

[[parameter]]
name = "lshift_max"
unit = "Angstrom"
doc = "largest residual wavelength shift"
[[parameter.limit]]
fixed = [-inf, 0.5]

[[parameter]]
name = "level"
unit = "adu"
doc = "a level that drifts"
[[parameter.limit]]
relative = { percent = 10, window_days = 90, min_points = 3 }

[[parameter]]
name = "noise"
unit = "adu"
doc = "a noise that is steady"
[[parameter.limit]]
statistical = { k = 3, window_days = 90, min_points = 5, average = "median" }

[[parameter]]
name = "n_sources"
doc = "shown, not graded"

[[flag]]
name = "LSHIFT_MAX"
zero = "residual shift below 0.5 Angstrom"
one = "residual shift of 0.5 Angstrom or more"
test = [{ of = "lshift_max", below = 0.5 }]

[[flag]]
name = "ALIGNMENT"
zero = "offset below 0.2 arcsec and all inputs matched"
one = "offset too large or inputs not matched"
when = { kind = "combined" }
test = [{ of = "offset_arcsec", below = 0.2 }, { of = "is_matched", equals = "yes" }]
"#;

#[derive(Debug)]
struct Past(Vec<(f64, f64)>);

impl TrendLookup for Past {
    fn recent(&self, _: &str, _: &str, mjd: Mjd, window_days: f64) -> Vec<TrendPoint> {
        let inside = |point: &&(f64, f64)| point.0 >= mjd.0 - window_days && point.0 <= mjd.0;
        self.0
            .iter()
            .filter(inside)
            .map(|(mjd, value)| TrendPoint {
                mjd: Mjd(*mjd),
                value: *value,
            })
            .collect()
    }
}

fn past() -> Past {
    // The last point is the product itself, as a second scoring finds it in the store.
    Past(vec![
        (57_000.0, 9.0),
        (57_010.0, 10.0),
        (57_020.0, 11.0),
        (57_030.0, 10.2),
        (57_040.0, 9.8),
        (57_050.0, 99.0),
    ])
}

fn measured() -> Measurements {
    let value = |value| Measured::Value { value };
    Measurements {
        product: "MU_SCBC_1.fits".into(),
        heading: QcHeading {
            ab_name: "MUSE.2014-11-07T07:42:57.317_tpl".into(),
            setup: "WFM-NOAO-N".into(),
            time_range: Some((Mjd(57_050.0), Mjd(57_050.1))),
            ..QcHeading::default()
        },
        values: [
            ("NAXIS1".to_owned(), value(320.0)),
            ("TPL_NEXP".to_owned(), value(4.0)),
            ("lshift_max".to_owned(), value(0.7)),
            ("level".to_owned(), value(10.5)),
            ("noise".to_owned(), value(12.0)),
            ("n_sources".to_owned(), value(7.0)),
        ]
        .into(),
        facts: [
            ("n_expected", "4"),
            ("kind", "combined"),
            ("offset_arcsec", "0.05"),
            ("is_matched", "yes"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into(),
    }
}

fn sheet() -> ScoreSheet {
    ScoreSheet::from_toml(SHEET).unwrap()
}

fn grades(report: &QcReport) -> BTreeMap<&str, Grade> {
    report
        .scores
        .iter()
        .map(|score| (score.parameter.name.as_str(), score.grade))
        .collect()
}

#[test]
fn a_score_report_says_grade_limits_sample_and_reason() {
    let report = sheet().score(&measured(), &past()).unwrap();
    let lines: Vec<String> = report
        .scores
        .iter()
        .map(|s| {
            format!(
                "{} {:?}: {:?}, limits {}: {}",
                s.parameter.name, s.value, s.grade, s.limits, s.reason
            )
        })
        .collect();
    insta::assert_yaml_snapshot!(lines);
}

#[test]
fn the_flag_string_is_formed_from_tests() {
    let report = sheet().score(&measured(), &()).unwrap();
    assert_eq!(report.flag_string(), "10");
    let mut single = measured();
    single.facts.insert("kind".into(), "single".into());
    assert_eq!(sheet().score(&single, &()).unwrap().flag_string(), "1");
    let mut unknown = measured();
    unknown.facts.remove("offset_arcsec");
    let flags = sheet().score(&unknown, &()).unwrap().flags;
    assert_eq!(
        (flags[1].value, flags[1].reason.as_str()),
        ('-', "offset_arcsec is not known")
    );
    // One failed test decides, whatever else is not known.
    unknown.facts.insert("is_matched".into(), "no".into());
    assert_eq!(sheet().score(&unknown, &()).unwrap().flags[1].value, '1');
}

#[test]
fn missing_values_facts_samples_and_limits_are_grey() {
    let mut grey = measured();
    grey.heading.setup = "NFM-AO-N".into();
    grey.facts.clear();
    grey.values.insert(
        "lshift_max".into(),
        Measured::Absent {
            reason: "no sky line".into(),
        },
    );
    grey.values.remove("noise");
    grey.values
        .insert("n_sources".into(), Measured::Value { value: f64::NAN });
    let report = sheet().score(&grey, &()).unwrap();
    assert!(
        report.scores.iter().all(|score| score.grade == Grade::NotScored),
        "{:?}",
        report.scores
    );
    assert!(report.scores.iter().all(|score| !score.reason.is_empty()));
    assert!(!report.is_all_green());
    assert_eq!(result_line(&report), "result 0/6, best 0/6 (6 not scored)");
}

#[test]
fn an_undeclared_value_is_an_error() {
    let mut measured = measured();
    measured
        .values
        .insert("surprise".into(), Measured::Value { value: 1.0 });
    let error = sheet().score(&measured, &()).unwrap_err();
    assert!(matches!(error, QcError::Undeclared { name } if name == "surprise"));
}

#[test]
fn a_product_is_no_part_of_its_own_sample() {
    let report = sheet().score(&measured(), &past()).unwrap();
    let level = report
        .scores
        .iter()
        .find(|score| score.parameter.name == "level")
        .unwrap();
    assert!(level.limits.contains("of 5 values"), "{}", level.limits);
}

#[test]
fn rows_carry_value_grade_and_numerics_for_the_database() {
    let report = sheet().score(&measured(), &()).unwrap();
    let rows = rows(&report, "MUSE", "phoenix");
    assert_eq!(rows.len(), 6);
    assert!(
        rows.iter()
            .all(|row| row.setup == "WFM-NOAO-N" && row.numerics == "phoenix")
    );
    assert_eq!((rows[2].grade, rows[2].value), (Grade::Fail, Some(0.7)));
}

#[test]
fn sheets_with_unusable_limits_are_refused() {
    let head = "[[parameter]]\nname = \"a\"\ndoc = \"b\"\n[[parameter.limit]]\n";
    for limit in [
        "fixed = [3, 1]",
        "fixed = [\"n\", 1]",
        "fixed = [nan, 1]",
        "relative = { percent = -1, window_days = 90, min_points = 3 }",
        "statistical = { k = 3, window_days = 90, min_points = 1 }",
        "statistical = { k = 3, window_days = 0, min_points = 5 }",
        "fixed = [1, 2]\nunknown = 3",
        "when = { setup = \"X\" }",
    ] {
        let error = ScoreSheet::from_toml(&format!("{head}{limit}")).unwrap_err();
        assert!(matches!(error, QcError::Limits { .. }), "{limit}");
    }
    let twice = "[[parameter]]\nname = \"a\"\ndoc = \"b\"\n".repeat(2);
    assert!(ScoreSheet::from_toml(&twice).is_err());
    let flag = "parameter = []\n[[flag]]\nname = \"f\"\nzero = \"\"\none = \"\"\ntest = [{ of = \"a\" }]";
    assert!(ScoreSheet::from_toml(flag).is_err());
}

#[test]
fn a_scorer_with_a_missing_or_undeclared_measure_is_not_built() {
    let build = |names: &[&str]| {
        let text = "[[parameter]]\nname = \"a\"\ndoc = \"b\"\n";
        let builder = SheetScorer::builder(ScoreSheet::from_toml(text).unwrap(), |_| Ok(()));
        names
            .iter()
            .fold(builder, |builder, name| {
                builder.measure(name, |()| crate::measure::value(f64::NAN))
            })
            .build()
    };
    assert!(matches!(build(&[]), Err(QcError::Limits { .. })));
    assert!(matches!(build(&["a", "a"]), Err(QcError::Limits { .. })));
    assert!(matches!(build(&["a", "b"]), Err(QcError::Undeclared { .. })));
    let product = phoenix_core::product::Product {
        tag: "T".into(),
        name: "t.fits".into(),
        header: phoenix_core::header::Header::new(),
        hdus: Vec::new(),
    };
    let measured = build(&["a"]).unwrap().measure(&product).unwrap();
    assert!(matches!(&measured.values["a"], Measured::Absent { .. }));
}

proptest! {
    #[test]
    fn scoring_again_from_stored_measurements_changes_nothing(
        values in prop::collection::vec(prop::num::f64::NORMAL, 6),
        history in prop::collection::vec((56_900.0_f64..57_050.0, -1e3_f64..1e3), 0..12),
    ) {
        let mut measured = measured();
        for (slot, value) in measured.values.values_mut().zip(values) {
            *slot = Measured::Value { value };
        }
        let first = sheet().score(&measured, &Past(history.clone())).unwrap();
        let stored: Measurements = serde_json::from_str(&serde_json::to_string(&measured).unwrap()).unwrap();
        let again = sheet().score(&stored, &Past(history)).unwrap();
        prop_assert_eq!(first, again);
    }

    #[test]
    fn widening_a_band_never_turns_green_into_red(
        low in -1e3_f64..1e3, width in 0.0_f64..1e3, wider in 0.0_f64..1e3, value in -3e3_f64..3e3,
    ) {
        let grade = |low: f64, high: f64| {
            let text = format!(
                "[[parameter]]\nname = \"NAXIS1\"\ndoc = \"\"\n[[parameter.limit]]\nfixed = [{low:?}, {high:?}]"
            );
            let one = Measurements {
                values: [("NAXIS1".to_owned(), Measured::Value { value })].into(),
                ..Measurements::default()
            };
            let report = ScoreSheet::from_toml(&text).unwrap().score(&one, &()).unwrap();
            grades(&report)["NAXIS1"]
        };
        let narrow = grade(low, low + width);
        let wide = grade(low - wider, low + width + wider);
        prop_assert!(narrow == Grade::Fail || wide == Grade::Pass);
        prop_assert_eq!(narrow == Grade::Pass, low <= value && value <= low + width);
    }
}
