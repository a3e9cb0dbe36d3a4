//! A pixel table in a file, read in runs of rows: both file forms, all three coordinate states.

use std::ops::Range;
use std::sync::Arc;

use phoenix_core::frame::FrameRef;
use phoenix_core::traits::{ColumnSource, FrameReader, HduInfo, HduKind, ReadError, RecipeError};
use phoenix_kernels::SourceError;
use phoenix_kernels::ifu::{Columns, CoordinateState, PixelRows, RowBuffers};
use phoenix_kit::units;

/// Rows that one pass over a single column reads at once.
const CHUNK: usize = 1 << 14;

/// The columns that every table has. Source: ESO MUSE pipeline 2.8.7, data format of pixel tables.
const REQUIRED: [&str; 7] = ["xpos", "ypos", "lambda", "data", "dq", "stat", "origin"];

/// An open pixel table.
#[derive(Debug)]
pub struct PixelTableFile {
    columns: [Arc<dyn ColumnSource>; 7],
    weight: Option<Arc<dyn ColumnSource>>,
    n_rows: u64,
    /// What the spatial columns mean.
    pub state: CoordinateState,
    /// Unit of the data.
    pub unit: String,
}

fn fault(frame: &FrameRef, reason: impl Into<String>) -> RecipeError {
    RecipeError::Frame {
        frame: frame.id.clone(),
        reason: reason.into(),
    }
}

impl PixelTableFile {
    /// Finds and checks the columns of a table.
    ///
    /// # Errors
    /// `Frame`, naming the column that is missing, of another length, or of a wrong unit; `Read`.
    pub fn open(frame: &FrameRef, hdus: &[HduInfo], reader: &dyn FrameReader) -> Result<Self, RecipeError> {
        let source = |name: &str| column(frame, hdus, reader, name);
        let mut columns = Vec::with_capacity(REQUIRED.len());
        for name in REQUIRED {
            columns.push(source(name)?.ok_or_else(|| fault(frame, format!("column {name} is missing")))?);
        }
        let columns: [Arc<dyn ColumnSource>; 7] =
            columns.try_into().map_err(|_| fault(frame, "columns are missing"))?;
        let weight = source("weight")?;
        let n_rows = columns[0].len();
        for (name, column) in REQUIRED
            .iter()
            .zip(&columns)
            .chain(weight.iter().map(|column| (&"weight", column)))
        {
            if column.len() != n_rows {
                let reason = format!("column {name} has {} rows, column xpos has {n_rows}", column.len());
                return Err(fault(frame, reason));
            }
        }
        if n_rows == 0 {
            return Err(fault(frame, "the pixel table has no rows"));
        }
        let state = spatial_state(frame, columns[0].unit(), columns[1].unit())?;
        match columns[2].unit() {
            Some(unit) if units::is_angstrom(unit) => {}
            other => return Err(wrong_unit(frame, "lambda", other, "Angstrom")),
        }
        let unit = columns[3].unit().unwrap_or_default().trim().to_owned();
        if unit.is_empty() {
            return Err(wrong_unit(
                frame,
                "data",
                None,
                "count or 10**(-20)*erg/s/cm**2/Angstrom",
            ));
        }
        let variance = columns[5].unit().unwrap_or_default();
        // Real files spell the square both with and without brackets.
        if ![units::variance(&unit), format!("{unit}**2")]
            .iter()
            .any(|text| units::is_same(text, variance))
        {
            return Err(wrong_unit(frame, "stat", columns[5].unit(), &units::variance(&unit)));
        }
        Ok(Self {
            columns,
            weight,
            n_rows,
            state,
            unit,
        })
    }

    /// Reads the quality bits of some rows.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn quality(&self, rows: Range<u64>, out: &mut Vec<i32>) -> Result<(), ReadError> {
        let [.., dq, _, _] = &self.columns;
        integers(dq.as_ref(), rows, out)
    }

    /// Reads where on the detectors some rows come from, packed as the pipeline does.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn origin(&self, rows: Range<u64>, out: &mut Vec<i32>) -> Result<(), ReadError> {
        let [.., origin] = &self.columns;
        integers(origin.as_ref(), rows, out)
    }

    /// Names a column that holds no finite value; reads no further than the first of each.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn empty_column(&self) -> Result<Option<&'static str>, ReadError> {
        let mut buffer = vec![0.0_f32; CHUNK.min(self.n_rows as usize)];
        for (name, column) in REQUIRED.iter().zip(&self.columns) {
            if matches!(*name, "dq" | "origin") {
                continue;
            }
            let (mut first, mut is_empty) = (0, true);
            while is_empty && first < self.n_rows {
                let length = (self.n_rows - first).min(buffer.len() as u64) as usize;
                column.read_f32(first, &mut buffer[..length])?;
                is_empty = !buffer[..length].iter().any(|value| value.is_finite());
                first += length as u64;
            }
            if is_empty {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

fn integers(column: &dyn ColumnSource, rows: Range<u64>, out: &mut Vec<i32>) -> Result<(), ReadError> {
    // A run longer than the memory cannot be asked for: the caller holds it.
    out.resize((rows.end - rows.start) as usize, 0);
    column.read_i32(rows.start, out)
}

/// Opens a column in either file form; `None` if the table has no such column.
fn column(
    frame: &FrameRef,
    hdus: &[HduInfo],
    reader: &dyn FrameReader,
    name: &str,
) -> Result<Option<Arc<dyn ColumnSource>>, RecipeError> {
    // The pipeline decides the form by the first extension alone.
    let table = hdus.get(1).filter(|hdu| hdu.kind == HduKind::Table);
    let opened = match table {
        Some(table) => reader.column(frame, table.index, Some(name)),
        None => match hdus
            .iter()
            .find(|hdu| hdu.index > 0 && hdu.name.eq_ignore_ascii_case(name))
        {
            Some(image) => reader.column(frame, image.index, None),
            None => return Ok(None),
        },
    };
    match opened {
        Ok(source) => Ok(Some(source)),
        Err(ReadError::Lacks { .. }) if table.is_some() => Ok(None),
        Err(source) => Err(RecipeError::Read {
            frame: frame.id.clone(),
            source,
        }),
    }
}

fn wrong_unit(frame: &FrameRef, column: &str, found: Option<&str>, expected: &str) -> RecipeError {
    let found = found
        .filter(|unit| !unit.trim().is_empty())
        .map_or_else(|| "no unit".to_owned(), |unit| format!("unit {unit}"));
    fault(frame, format!("column {column} has {found}, expected {expected}"))
}

fn spatial_state(frame: &FrameRef, x: Option<&str>, y: Option<&str>) -> Result<CoordinateState, RecipeError> {
    let state = match units::folded(x.unwrap_or_default()).as_str() {
        "rad" => CoordinateState::NativeSpherical,
        "deg" => CoordinateState::Celestial,
        "pix" | "pixel" => CoordinateState::Pixel,
        _ => return Err(wrong_unit(frame, "xpos", x, "rad, deg or pix")),
    };
    if units::is_same(x.unwrap_or_default(), y.unwrap_or_default()) {
        Ok(state)
    } else {
        Err(wrong_unit(frame, "ypos", y, x.unwrap_or_default()))
    }
}

impl PixelRows for PixelTableFile {
    fn len(&self) -> u64 {
        self.n_rows
    }

    fn is_empty(&self) -> bool {
        self.n_rows == 0
    }

    fn has_weight(&self) -> bool {
        self.weight.is_some()
    }

    fn read(&self, rows: Range<u64>, columns: Columns, out: &mut RowBuffers) -> Result<(), SourceError> {
        let n = usize::try_from(rows.end - rows.start)?;
        let [xpos, ypos, lambda, data, dq, stat, _] = &self.columns;
        for (column, source, buffer) in [
            (Columns::XPOS, xpos, &mut out.xpos),
            (Columns::YPOS, ypos, &mut out.ypos),
            (Columns::LAMBDA, lambda, &mut out.lambda),
            (Columns::DATA, data, &mut out.data),
            (Columns::STAT, stat, &mut out.stat),
        ] {
            if columns.contains(column) {
                buffer.resize(n, 0.0);
                source.read_f32(rows.start, buffer)?;
            }
        }
        if columns.contains(Columns::DQ) {
            integers(dq.as_ref(), rows.clone(), &mut out.dq)?;
        }
        if columns.contains(Columns::WEIGHT)
            && let Some(weight) = &self.weight
        {
            out.weight.resize(n, 0.0);
            weight.read_f32(rows.start, &mut out.weight)?;
        }
        Ok(())
    }
}
