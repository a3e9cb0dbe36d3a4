//! The quality store.

use phoenix_core::traits::{Grade, QcReport, QcRow, QcStore, StateError, TrendLookup, TrendPoint};
use phoenix_core::unit::Mjd;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row};

use super::SqliteState;
use super::fault::{damaged, sort, unwritable};

impl QcStore for SqliteState {
    fn save(&self, report: &QcReport, rows: &[QcRow]) -> Result<(), StateError> {
        let json = serde_json::to_string(report).map_err(|error| unwritable(self.path(), error))?;
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(|error| sort(self.path(), error))?;
        let write = || -> rusqlite::Result<()> {
            transaction.execute(
                "INSERT OR REPLACE INTO qc_report (product, json) VALUES (?1, ?2)",
                (&report.product, &json),
            )?;
            transaction.execute("DELETE FROM qc_value WHERE product = ?1", [&report.product])?;
            for row in rows {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO qc_value (product, parameter, instrument, setup, mjd, value, unit, grade, \
                         reason, numerics) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    )?
                    .execute((
                        &row.product,
                        &row.parameter,
                        &row.instrument,
                        &row.setup,
                        row.mjd.0,
                        // SQLite has no NaN: a value that is none is absent.
                        row.value.filter(|value| !value.is_nan()),
                        &row.unit,
                        grade_name(row.grade),
                        &row.reason,
                        &row.numerics,
                    ))?;
            }
            Ok(())
        };
        write().map_err(|error| sort(self.path(), error))?;
        transaction.commit().map_err(|error| sort(self.path(), error))
    }

    fn report(&self, product: &str) -> Result<Option<QcReport>, StateError> {
        let json: Option<String> = self
            .connection()
            .query_row("SELECT json FROM qc_report WHERE product = ?1", [product], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| sort(self.path(), error))?;
        json.map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(|error| damaged(self.path(), format!("the report of {product} cannot be read: {error}")))
    }

    fn rows(&self) -> Result<Vec<QcRow>, StateError> {
        self.connection()
            .prepare_cached(
                "SELECT product, instrument, setup, mjd, parameter, value, unit, grade, reason, numerics \
                 FROM qc_value ORDER BY mjd, product, parameter",
            )
            .and_then(|mut statement| statement.query_map((), qc_row)?.collect())
            .map_err(|error| sort(self.path(), error))
    }

    fn trend(&self, parameter: &str, setup: &str, from: Mjd, to: Mjd) -> Result<Vec<TrendPoint>, StateError> {
        self.connection()
            .prepare_cached(
                "SELECT mjd, value FROM qc_value WHERE parameter = ?1 AND setup = ?2 AND mjd BETWEEN ?3 AND ?4 \
                 AND value IS NOT NULL ORDER BY mjd, product",
            )
            .and_then(|mut statement| {
                statement
                    .query_map((parameter, setup, from.0, to.0), |row| {
                        Ok(TrendPoint {
                            mjd: Mjd(row.get(0)?),
                            value: row.get(1)?,
                        })
                    })?
                    .collect()
            })
            .map_err(|error| sort(self.path(), error))
    }
}

/// The past as scorers ask for it; a state that cannot be read has no past, and what is scored stays grey.
impl TrendLookup for SqliteState {
    fn recent(&self, parameter: &str, setup: &str, mjd: Mjd, window_days: f64) -> Vec<TrendPoint> {
        self.trend(parameter, setup, Mjd(mjd.0 - window_days), mjd)
            .unwrap_or_default()
    }
}

fn qc_row(row: &Row<'_>) -> rusqlite::Result<QcRow> {
    let grade: String = row.get(7)?;
    Ok(QcRow {
        product: row.get(0)?,
        instrument: row.get(1)?,
        setup: row.get(2)?,
        mjd: Mjd(row.get(3)?),
        parameter: row.get(4)?,
        value: row.get(5)?,
        unit: row.get(6)?,
        grade: grade_of(&grade).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(7, Type::Text, format!("{grade:?} is no grade").into())
        })?,
        reason: row.get(8)?,
        numerics: row.get(9)?,
    })
}

fn grade_name(grade: Grade) -> &'static str {
    match grade {
        Grade::Pass => "pass",
        Grade::Fail => "fail",
        Grade::NotScored => "not-scored",
    }
}

fn grade_of(name: &str) -> Option<Grade> {
    [Grade::Pass, Grade::Fail, Grade::NotScored]
        .into_iter()
        .find(|grade| grade_name(*grade) == name)
}
