use phoenix_core::traits::{Grade, QcRow, TrendLookup};
use phoenix_core::unit::Mjd;

use super::{TableError, TrendTable};

fn row(mjd: f64, parameter: &str, value: Option<f64>, grade: Grade) -> QcRow {
    QcRow {
        product: format!("P{mjd}"),
        instrument: "MUSE".into(),
        setup: "WFM-NOAO-N".into(),
        mjd: Mjd(mjd),
        parameter: parameter.into(),
        value,
        unit: "pix".into(),
        grade,
        reason: "because".into(),
        numerics: "phoenix".into(),
    }
}

fn rows() -> Vec<QcRow> {
    vec![
        // 2016-05-31, 2016-05-10, 2016-06-01.
        row(57_539.9, "num_sat", Some(0.1 + 0.2), Grade::Pass),
        row(57_518.0, "num_sat", Some(5.0), Grade::Fail),
        row(57_540.1, "num_sat", Some(7.0), Grade::Pass),
        row(57_540.2, "num_sat", None, Grade::NotScored),
        row(57_540.2, "NAXIS1", Some(320.0), Grade::Pass),
    ]
}

#[test]
fn rows_come_back_from_parquet_bit_for_bit() {
    let table = TrendTable::from_rows(&rows()).unwrap();
    let again = TrendTable::from_parquet(&table.to_parquet().unwrap()).unwrap();
    assert_eq!(again.rows().unwrap(), rows());
    assert!(matches!(
        TrendTable::from_parquet(b"no table"),
        Err(TableError::Unreadable { .. })
    ));
}

#[test]
fn a_sample_holds_the_values_of_its_window_oldest_first() {
    let table = TrendTable::from_rows(&rows()).unwrap();
    let sample = |days| {
        let points = table.recent("num_sat", "WFM-NOAO-N", Mjd(57_540.1), days);
        points.iter().map(|point| point.mjd.0).collect::<Vec<f64>>()
    };
    assert_eq!(sample(90.0), vec![57_518.0, 57_539.9, 57_540.1]);
    assert_eq!(sample(1.0), vec![57_539.9, 57_540.1]);
    assert!(table.recent("num_sat", "NFM-AO-N", Mjd(57_540.1), 90.0).is_empty());
}

#[test]
fn months_are_summarised_by_parameter_and_setup() {
    let months = TrendTable::from_rows(&rows()).unwrap().monthly().unwrap();
    let brief: Vec<_> = months
        .iter()
        .map(|m| {
            (
                m.month.as_str(),
                m.parameter.as_str(),
                m.n_rows,
                m.n_values,
                m.n_pass,
                m.n_fail,
                m.max,
            )
        })
        .collect();
    assert_eq!(
        brief,
        vec![
            ("2016-05", "num_sat", 2, 2, 1, 1, Some(5.0)),
            ("2016-06", "NAXIS1", 1, 1, 1, 0, Some(320.0)),
            ("2016-06", "num_sat", 2, 1, 1, 0, Some(7.0)),
        ]
    );
    assert!((months[0].mean.unwrap() - 2.65).abs() < 1e-9);
    assert!(months[1].std.is_none());
}

#[test]
fn an_empty_table_has_no_rows_and_no_months() {
    let table = TrendTable::from_rows(&[]).unwrap();
    assert!(table.is_empty() && table.rows().unwrap().is_empty() && table.monthly().unwrap().is_empty());
}
