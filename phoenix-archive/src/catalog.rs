//! The catalogue of frames and products: a table that answers questions and travels as parquet.

use std::io::Cursor;

use phoenix_core::frame::Frame;
use polars::prelude::{
    AnyValue, Column, DataFrame, IntoLazy, LazyFrame, NamedFrom, ParquetReader, ParquetWriter, PolarsError, SerReader,
    Series, SortMultipleOptions, UniqueKeepStrategy, by_name, col, len, lit,
};

use crate::schema::{CatalogRow, column};

/// The catalogue cannot be read, written or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The bytes are no catalogue of this layout: list the store again.
    #[error("catalogue is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The table engine refuses: report it.
    #[error("catalogue cannot be worked: {reason}")]
    Engine {
        /// What it says.
        reason: String,
    },
}

fn engine(error: &PolarsError) -> CatalogError {
    CatalogError::Engine {
        reason: error.to_string(),
    }
}

fn damaged(error: &PolarsError) -> CatalogError {
    CatalogError::Damaged {
        reason: error.to_string(),
    }
}

/// What is wanted of the catalogue; what is absent is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogQuery {
    /// `INSTRUME`.
    pub instrument: Option<String>,
    /// The civil date of the evening.
    pub night: Option<String>,
    /// `PRODCATG`, `PRO CATG` or `DPR CATG`.
    pub category: Option<String>,
    /// `OBS ID`.
    pub ob_id: Option<i64>,
}

/// How many frames of one category one night has.
#[derive(Debug, Clone, PartialEq)]
pub struct NightCount {
    /// `INSTRUME`.
    pub instrument: String,
    /// The civil date of the evening.
    pub night: String,
    /// The category.
    pub category: String,
    /// How many.
    pub frames: u64,
    /// Their exposure times together, in seconds.
    pub exptime_s: f64,
}

/// A table of frames and products.
///
/// # Contract
/// * A location stands once; a later entry replaces an earlier one.
/// * Rows come in order of instrument, time, name; the same frames give the same bytes.
#[derive(Debug, Clone)]
pub struct Catalog {
    table: DataFrame,
}

impl Catalog {
    /// Makes a catalogue of frames.
    ///
    /// # Errors
    /// `Engine`.
    pub fn from_frames(frames: &[Frame]) -> Result<Self, CatalogError> {
        let rows: Vec<CatalogRow> = frames.iter().map(CatalogRow::of).collect();
        Self::from_rows(&rows)
    }

    /// Makes a catalogue of rows.
    ///
    /// # Errors
    /// `Engine`.
    pub fn from_rows(rows: &[CatalogRow]) -> Result<Self, CatalogError> {
        let table = table(rows).map_err(|error| engine(&error))?;
        Self::ordered(table.lazy())
    }

    /// Adds another catalogue; its entries replace those of the same location.
    ///
    /// # Errors
    /// `Engine`.
    pub fn merged(&self, later: &Self) -> Result<Self, CatalogError> {
        let both = self.table.vstack(&later.table).map_err(|error| engine(&error))?;
        Self::ordered(both.lazy())
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// `Damaged` if the bytes are no catalogue.
    pub fn from_parquet(bytes: &[u8]) -> Result<Self, CatalogError> {
        let table = ParquetReader::new(Cursor::new(bytes))
            .finish()
            .map_err(|error| damaged(&error))?;
        let catalog = Self { table };
        // Every column is read once here, so that a wrong layout shows now and not at the first question.
        catalog.rows(&CatalogQuery::default())?;
        Ok(catalog)
    }

    /// Returns the file form.
    ///
    /// # Errors
    /// `Engine`.
    pub fn to_parquet(&self) -> Result<Vec<u8>, CatalogError> {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .finish(&mut self.table.clone())
            .map_err(|error| engine(&error))?;
        Ok(bytes)
    }

    /// Returns the rows that a query asks for.
    ///
    /// # Errors
    /// `Damaged` if a column is missing or of another type.
    pub fn rows(&self, query: &CatalogQuery) -> Result<Vec<CatalogRow>, CatalogError> {
        let mut found = self.table.clone().lazy();
        for (name, wanted) in [
            (column::INSTRUMENT, &query.instrument),
            (column::NIGHT, &query.night),
            (column::CATEGORY, &query.category),
        ] {
            if let Some(wanted) = wanted {
                found = found.filter(col(name).eq(lit(wanted.as_str())));
            }
        }
        if let Some(ob_id) = query.ob_id {
            found = found.filter(col(column::OB_ID).eq(lit(ob_id)));
        }
        let found = found.collect().map_err(|error| damaged(&error))?;
        (0..found.height())
            .map(|n| row(&found, n).map_err(|error| damaged(&error)))
            .collect()
    }

    /// Counts the frames of each instrument, night and category, in that order.
    ///
    /// # Errors
    /// `Engine`, or `Damaged` if a column is missing.
    pub fn counts(&self) -> Result<Vec<NightCount>, CatalogError> {
        let keys = [column::INSTRUMENT, column::NIGHT, column::CATEGORY];
        let counted = self
            .table
            .clone()
            .lazy()
            .group_by(keys.map(col))
            .agg([len().alias("frames"), col(column::EXPTIME_S).sum()])
            .sort(keys, SortMultipleOptions::default())
            .collect()
            .map_err(|error| engine(&error))?;
        let count = |n: usize| -> Result<NightCount, PolarsError> {
            Ok(NightCount {
                instrument: text(&counted, column::INSTRUMENT, n)?,
                night: text(&counted, column::NIGHT, n)?,
                category: text(&counted, column::CATEGORY, n)?,
                frames: integer(&counted, "frames", n)?.unwrap_or(0).unsigned_abs(),
                exptime_s: real(&counted, column::EXPTIME_S, n)?.unwrap_or(0.0),
            })
        };
        (0..counted.height())
            .map(|n| count(n).map_err(|error| damaged(&error)))
            .collect()
    }

    fn ordered(table: LazyFrame) -> Result<Self, CatalogError> {
        let keys = [column::INSTRUMENT, column::MJD, column::ID, column::LOCATION];
        let table = table
            .unique_stable(Some(by_name([column::LOCATION], true, false)), UniqueKeepStrategy::Last)
            .sort(keys, SortMultipleOptions::default())
            .collect()
            .map_err(|error| engine(&error))?;
        Ok(Self { table })
    }
}

fn table(rows: &[CatalogRow]) -> Result<DataFrame, PolarsError> {
    let texts = |name: &str, of: fn(&CatalogRow) -> &str| {
        let values: Vec<&str> = rows.iter().map(of).collect();
        Column::from(Series::new(name.into(), values))
    };
    let reals = |name: &str, of: fn(&CatalogRow) -> Option<f64>| {
        let values: Vec<Option<f64>> = rows.iter().map(of).collect();
        Column::from(Series::new(name.into(), values))
    };
    let integers = |name: &str, of: fn(&CatalogRow) -> Option<i64>| {
        let values: Vec<Option<i64>> = rows.iter().map(of).collect();
        Column::from(Series::new(name.into(), values))
    };
    DataFrame::new(
        rows.len(),
        vec![
            texts(column::ID, |row| &row.id),
            texts(column::LOCATION, |row| &row.location),
            texts(column::INSTRUMENT, |row| &row.instrument),
            texts(column::NIGHT, |row| &row.night),
            reals(column::MJD, |row| row.mjd),
            texts(column::CATEGORY, |row| &row.category),
            texts(column::KIND, |row| &row.kind),
            texts(column::MODE, |row| &row.mode),
            texts(column::OBJECT, |row| &row.object),
            integers(column::OB_ID, |row| row.ob_id),
            reals(column::EXPTIME_S, |row| row.exptime_s),
            integers(column::SIZE_BYTES, |row| row.size_bytes),
        ],
    )
}

fn value<'a>(table: &'a DataFrame, name: &str, n: usize) -> Result<AnyValue<'a>, PolarsError> {
    table.column(name)?.get(n)
}

fn mismatch(name: &str, found: &AnyValue<'_>) -> PolarsError {
    PolarsError::SchemaMismatch(format!("column {name} holds {found}").into())
}

fn text(table: &DataFrame, name: &str, n: usize) -> Result<String, PolarsError> {
    let found = value(table, name, n)?;
    found.get_str().map(str::to_owned).ok_or_else(|| mismatch(name, &found))
}

fn real(table: &DataFrame, name: &str, n: usize) -> Result<Option<f64>, PolarsError> {
    match value(table, name, n)? {
        AnyValue::Null => Ok(None),
        AnyValue::Float64(number) => Ok(Some(number)),
        found => Err(mismatch(name, &found)),
    }
}

fn integer(table: &DataFrame, name: &str, n: usize) -> Result<Option<i64>, PolarsError> {
    match value(table, name, n)? {
        AnyValue::Null => Ok(None),
        found => found.try_extract::<i64>().map(Some).map_err(|_| mismatch(name, &found)),
    }
}

fn row(table: &DataFrame, n: usize) -> Result<CatalogRow, PolarsError> {
    Ok(CatalogRow {
        id: text(table, column::ID, n)?,
        location: text(table, column::LOCATION, n)?,
        instrument: text(table, column::INSTRUMENT, n)?,
        night: text(table, column::NIGHT, n)?,
        mjd: real(table, column::MJD, n)?,
        category: text(table, column::CATEGORY, n)?,
        kind: text(table, column::KIND, n)?,
        mode: text(table, column::MODE, n)?,
        object: text(table, column::OBJECT, n)?,
        ob_id: integer(table, column::OB_ID, n)?,
        exptime_s: real(table, column::EXPTIME_S, n)?,
        size_bytes: integer(table, column::SIZE_BYTES, n)?,
    })
}

#[cfg(test)]
mod tests {
    use phoenix_core::frame::Frame;
    use phoenix_core::header::Header;

    use super::{Catalog, CatalogError, CatalogQuery};

    fn frame(name: &str, mjd: f64, category: &str) -> Frame {
        let mut header = Header::new();
        header.set("INSTRUME", "MUSE", "");
        header.set("MJD-OBS", mjd, "");
        header.set("DPR.CATG", category, "");
        header.set("OBS.ID", 7_i64, "");
        header.set("EXPTIME", 900.0, "");
        Frame {
            id: name.into(),
            location: format!("/archive/{name}.fits"),
            header,
            size_bytes: Some(2880),
        }
    }

    fn catalog() -> Catalog {
        let frames = [
            frame("c", 57511.1, "SCIENCE"),
            frame("a", 57510.1, "SCIENCE"),
            frame("b", 57510.2, "CALIB"),
        ];
        Catalog::from_frames(&frames).expect("a catalogue")
    }

    #[test]
    fn a_catalogue_answers_by_night_and_category_in_order_of_time() {
        let catalog = catalog();
        let ids = |query: CatalogQuery| {
            let rows = catalog.rows(&query).expect("rows");
            rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(CatalogQuery::default()), ["a", "b", "c"]);
        let night = Some("2016-05-01".to_owned());
        let science = Some("SCIENCE".to_owned());
        assert_eq!(
            ids(CatalogQuery {
                night: night.clone(),
                ..CatalogQuery::default()
            }),
            ["a", "b"]
        );
        let both = CatalogQuery {
            night,
            category: science,
            ob_id: Some(7),
            ..CatalogQuery::default()
        };
        assert_eq!(ids(both), ["a"]);
    }

    #[test]
    fn a_catalogue_comes_back_from_its_file_form() {
        let catalog = catalog();
        let bytes = catalog.to_parquet().expect("bytes");
        let again = Catalog::from_parquet(&bytes).expect("read");
        let all = CatalogQuery::default();
        assert_eq!(again.rows(&all).expect("rows"), catalog.rows(&all).expect("rows"));
        assert!(matches!(
            Catalog::from_parquet(b"no table"),
            Err(CatalogError::Damaged { .. })
        ));
    }

    #[test]
    fn a_later_entry_replaces_an_earlier_one_of_the_same_location() {
        let later = Catalog::from_frames(&[frame("b", 57510.3, "SCIENCE")]).expect("a catalogue");
        let merged = catalog().merged(&later).expect("merged");
        let counts = merged.counts().expect("counts");
        let counted: Vec<_> = counts
            .iter()
            .map(|count| {
                (
                    count.night.as_str(),
                    count.category.as_str(),
                    count.frames,
                    count.exptime_s,
                )
            })
            .collect();
        assert_eq!(
            counted,
            [
                ("2016-05-01", "SCIENCE", 2, 1800.0),
                ("2016-05-02", "SCIENCE", 1, 900.0)
            ]
        );
    }
}
