//! Whole tables of quality values: samples, exchange as parquet, monthly summaries.

use std::io::Cursor;

use phoenix_core::traits::{Grade, QcRow, TrendLookup, TrendPoint};
use phoenix_core::unit::Mjd;
use polars::prelude::{
    DataFrame, DataType, Expr, IntoLazy, NamedFrom, ParquetReader, ParquetWriter, PolarsError, SerReader, Series,
    SortMultipleOptions, col, lit,
};
use serde::{Deserialize, Serialize};

/// A table cannot be worked on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The bytes are no table of quality values: get them again.
    #[error("table of quality values cannot be read: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
    /// The table engine refuses: report it.
    #[error("table of quality values cannot be worked on")]
    Engine {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<PolarsError> for TableError {
    fn from(error: PolarsError) -> Self {
        Self::Engine { source: error.into() }
    }
}

/// One month of one parameter in one setup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonthlySummary {
    /// `YYYY-MM`, UTC.
    pub month: String,
    /// The instrument.
    pub instrument: String,
    /// The setup.
    pub setup: String,
    /// The parameter.
    pub parameter: String,
    /// Rows.
    pub n_rows: u32,
    /// Rows with a value.
    pub n_values: u32,
    /// Green rows.
    pub n_pass: u32,
    /// Red rows.
    pub n_fail: u32,
    /// Mean of the values.
    pub mean: Option<f64>,
    /// Median of the values.
    pub median: Option<f64>,
    /// Standard deviation of the values (divisor n - 1).
    pub std: Option<f64>,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
}

/// Quality values as a table of columns.
///
/// # Contract
/// * Rows keep their order and every bit of their numbers through parquet.
/// * `recent` gives the values of all instruments of a setup; a table that the engine refuses gives none, so that limits on
///   the past are not formed.
#[derive(Debug, Clone)]
pub struct TrendTable {
    frame: DataFrame,
}

const TEXTS: [&str; 7] = ["product", "instrument", "setup", "parameter", "unit", "grade", "reason"];

fn grade_name(grade: Grade) -> &'static str {
    match grade {
        Grade::Pass => "pass",
        Grade::Fail => "fail",
        Grade::NotScored => "not-scored",
    }
}

fn grade(name: &str) -> Option<Grade> {
    [Grade::Pass, Grade::Fail, Grade::NotScored]
        .into_iter()
        .find(|grade| grade_name(*grade) == name)
}

impl TrendTable {
    /// Forms a table of rows.
    ///
    /// # Errors
    /// If the table engine refuses.
    pub fn from_rows(rows: &[QcRow]) -> Result<Self, TableError> {
        let text = |name: &str, of: fn(&QcRow) -> &str| {
            Series::new(name.into(), rows.iter().map(of).collect::<Vec<&str>>()).into()
        };
        let columns = vec![
            text("product", |row| &row.product),
            text("instrument", |row| &row.instrument),
            text("setup", |row| &row.setup),
            Series::new("mjd".into(), rows.iter().map(|row| row.mjd.0).collect::<Vec<f64>>()).into(),
            text("parameter", |row| &row.parameter),
            Series::new(
                "value".into(),
                rows.iter().map(|row| row.value).collect::<Vec<Option<f64>>>(),
            )
            .into(),
            text("unit", |row| &row.unit),
            text("grade", |row| grade_name(row.grade)),
            text("reason", |row| &row.reason),
            text("numerics", |row| &row.numerics),
        ];
        Ok(Self {
            frame: DataFrame::new(rows.len(), columns)?,
        })
    }

    /// Reads a table from parquet.
    ///
    /// # Errors
    /// If the bytes are no parquet, or a column is missing or of another type.
    pub fn from_parquet(bytes: &[u8]) -> Result<Self, TableError> {
        let unreadable = |error: PolarsError| TableError::Unreadable {
            reason: error.to_string(),
        };
        let frame = ParquetReader::new(Cursor::new(bytes)).finish().map_err(unreadable)?;
        let expected = TEXTS
            .iter()
            .chain(&["numerics"])
            .map(|name| (*name, DataType::String))
            .chain([("mjd", DataType::Float64), ("value", DataType::Float64)]);
        for (name, kind) in expected {
            let column = frame.column(name).map_err(unreadable)?;
            if *column.dtype() != kind {
                return Err(TableError::Unreadable {
                    reason: format!("column {name} is {}, expected {kind}", column.dtype()),
                });
            }
        }
        Ok(Self { frame })
    }

    /// Returns the table as parquet.
    ///
    /// # Errors
    /// If the table engine refuses.
    pub fn to_parquet(&self) -> Result<Vec<u8>, TableError> {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut self.frame.clone())?;
        Ok(bytes)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.frame.height()
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the rows.
    ///
    /// # Errors
    /// If a grade is none of the three, or a text or time is missing.
    pub fn rows(&self) -> Result<Vec<QcRow>, TableError> {
        let text = |name: &str, row: usize| -> Result<String, TableError> {
            let value = self.frame.column(name)?.str()?.get(row).map(str::to_owned);
            value.ok_or_else(|| TableError::Unreadable {
                reason: format!("row {row} has no {name}"),
            })
        };
        let mjd = self.frame.column("mjd")?.f64()?;
        let values = self.frame.column("value")?.f64()?;
        (0..self.len())
            .map(|row| {
                let name = text("grade", row)?;
                Ok(QcRow {
                    product: text("product", row)?,
                    instrument: text("instrument", row)?,
                    setup: text("setup", row)?,
                    mjd: Mjd(mjd.get(row).ok_or_else(|| TableError::Unreadable {
                        reason: format!("row {row} has no mjd"),
                    })?),
                    parameter: text("parameter", row)?,
                    value: values.get(row),
                    unit: text("unit", row)?,
                    grade: grade(&name).ok_or_else(|| TableError::Unreadable {
                        reason: format!("row {row} has grade {name:?}"),
                    })?,
                    reason: text("reason", row)?,
                    numerics: text("numerics", row)?,
                })
            })
            .collect()
    }

    /// Returns the values of a parameter and setup between two times, both included, oldest first.
    ///
    /// # Errors
    /// If the table engine refuses.
    pub fn points(&self, parameter: &str, setup: &str, from: Mjd, to: Mjd) -> Result<Vec<TrendPoint>, TableError> {
        let is_wanted = col("parameter")
            .eq(lit(parameter))
            .and(col("setup").eq(lit(setup)))
            .and(col("mjd").gt_eq(lit(from.0)))
            .and(col("mjd").lt_eq(lit(to.0)))
            .and(col("value").is_not_null());
        let found = self
            .frame
            .clone()
            .lazy()
            .filter(is_wanted)
            // ORDER: the product breaks ties, so that sums over the sample have the same bits wherever it comes from.
            .sort(["mjd", "product"], SortMultipleOptions::default())
            .select([col("mjd"), col("value")])
            .collect()?;
        let (mjd, values) = (found.column("mjd")?.f64()?, found.column("value")?.f64()?);
        let points = mjd.iter().zip(values.iter());
        Ok(points
            .filter_map(|(mjd, value)| {
                Some(TrendPoint {
                    mjd: Mjd(mjd?),
                    value: value?,
                })
            })
            .collect())
    }

    /// Summarises every parameter and setup by month, in the order month, instrument, setup, parameter.
    ///
    /// # Errors
    /// If the table engine refuses.
    pub fn monthly(&self) -> Result<Vec<MonthlySummary>, TableError> {
        const KEYS: [&str; 4] = ["month", "instrument", "setup", "parameter"];
        let times = self.frame.column("mjd")?.f64()?;
        let month = |mjd: Option<f64>| mjd.map(|mjd| Mjd(mjd).to_iso().chars().take(7).collect::<String>());
        let months = Series::new("month".into(), times.iter().map(month).collect::<Vec<Option<String>>>());
        let mut frame = self.frame.clone();
        frame.with_column(months.into())?;
        let count = |is_counted: Expr, name: &str| is_counted.cast(DataType::UInt32).sum().alias(name);
        let value = || col("value");
        let found = frame
            .lazy()
            .group_by(KEYS.map(col))
            .agg([
                count(col("product").is_not_null(), "n_rows"),
                count(value().is_not_null(), "n_values"),
                count(col("grade").eq(lit("pass")), "n_pass"),
                count(col("grade").eq(lit("fail")), "n_fail"),
                value().mean().alias("mean"),
                value().median().alias("median"),
                value().std(1).alias("std"),
                value().min().alias("min"),
                value().max().alias("max"),
            ])
            .sort(KEYS, SortMultipleOptions::default())
            .collect()?;
        let text = |name: &str, row: usize| -> Result<String, TableError> {
            Ok(found.column(name)?.str()?.get(row).unwrap_or_default().to_owned())
        };
        let number = |name: &str, row: usize| -> Result<u32, TableError> {
            Ok(found.column(name)?.u32()?.get(row).unwrap_or(0))
        };
        let real =
            |name: &str, row: usize| -> Result<Option<f64>, TableError> { Ok(found.column(name)?.f64()?.get(row)) };
        (0..found.height())
            .map(|row| {
                Ok(MonthlySummary {
                    month: text("month", row)?,
                    instrument: text("instrument", row)?,
                    setup: text("setup", row)?,
                    parameter: text("parameter", row)?,
                    n_rows: number("n_rows", row)?,
                    n_values: number("n_values", row)?,
                    n_pass: number("n_pass", row)?,
                    n_fail: number("n_fail", row)?,
                    mean: real("mean", row)?,
                    median: real("median", row)?,
                    std: real("std", row)?,
                    min: real("min", row)?,
                    max: real("max", row)?,
                })
            })
            .collect()
    }
}

impl TrendLookup for TrendTable {
    fn recent(&self, parameter: &str, setup: &str, mjd: Mjd, window_days: f64) -> Vec<TrendPoint> {
        self.points(parameter, setup, Mjd(mjd.0 - window_days), mjd)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
