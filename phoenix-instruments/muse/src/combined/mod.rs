//! The combined pixel table: the rows of all exposures in one table, placed, scaled and weighed as the cube has them, with
//! what the cosmic-ray test found.
//!
//! `header` makes its primary header, `rejected` remembers the rejected rows while the cube is made. The table is written
//! column by column, in order of exposure and row, and takes the memory of a few runs of rows.

mod header;
mod rejected;

use std::ops::Range;

use phoenix_core::header::Header;
use phoenix_core::traits::{ColumnHdu, ColumnKind, ColumnLayout, ColumnRun, ProductSink, RecipeError, RunContext};
use phoenix_kernels::KernelError;
use phoenix_kernels::ifu::{Columns, CoordinateState, PixelRows, PlacedColumn, PlacedRows, RowBuffers, SpectralAxis};
use phoenix_kit::units;

use self::header::Limits;
pub(crate) use self::rejected::RejectedRows;
use crate::exposure::in_file;
use crate::fault;
use crate::load::Inputs;
use crate::params::{CombineParams, NumericsChoice};
use crate::place::Placed;

/// Its tag.
pub const TAG: &str = "PIXTABLE_COMBINED";
/// Its file.
pub(crate) const NAME: &str = "PIXTABLE_COMBINED.fits";

/// Rows that pass through memory at once.
const ROWS_AT_ONCE: u64 = 1 << 18;

/// What a column is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Placed(PlacedColumn),
    Quality,
    Origin,
}

/// The columns in their order. Source: ESO MUSE pipeline 2.8.7, data format of pixel tables.
const COLUMNS: [(&str, Source); 8] = [
    ("xpos", Source::Placed(PlacedColumn::X)),
    ("ypos", Source::Placed(PlacedColumn::Y)),
    ("lambda", Source::Placed(PlacedColumn::Lambda)),
    ("data", Source::Placed(PlacedColumn::Data)),
    ("dq", Source::Quality),
    ("stat", Source::Placed(PlacedColumn::Stat)),
    ("origin", Source::Origin),
    ("weight", Source::Placed(PlacedColumn::Weight)),
];

/// Everything that the table is made of.
pub(crate) struct CombinedTable<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) params: &'a CombineParams,
    pub(crate) placed: &'a Placed<'a>,
    /// The wavelength axis of the cube; `None` if there is no cube.
    pub(crate) axis: Option<SpectralAxis>,
    /// What the test found; `None` if nothing was tested.
    pub(crate) rejected: Option<&'a RejectedRows<'a>>,
    pub(crate) ctx: &'a RunContext<'a>,
}

/// Buffers of a run of rows.
#[derive(Debug, Default)]
struct Work {
    rows: RowBuffers,
    lambda: RowBuffers,
    integers: Vec<i32>,
    kept: Vec<bool>,
    reals: Vec<f32>,
}

impl CombinedTable<'_> {
    /// Writes the table; `primary` is the header that the products of the run have in common.
    ///
    /// # Numerics
    /// The same bytes for any memory and number of threads.
    /// # Errors
    /// As inputs and sink demand, naming frame and column.
    pub(crate) fn write(&self, primary: Header, out: &mut dyn ProductSink) -> Result<(), RecipeError> {
        let mut work = Work::default();
        let counts = self.counts(&mut work)?;
        let medium = self.medium();
        let mut header = header::primary(primary, self, &counts, medium);
        let columns: Vec<(ColumnHdu, Source)> = (COLUMNS.into_iter())
            .filter(|(_, source)| *source != Source::Placed(PlacedColumn::Weight) || self.has_weight())
            .map(|(name, source)| (self.column(name, source), source))
            .collect();
        let mut writer = out.begin_columns(ColumnLayout {
            tag: TAG.into(),
            name: NAME.into(),
            header: header.clone(),
            reserve_cards: header::LIMIT_CARDS,
            n_rows: counts.iter().sum(),
            columns: columns.iter().map(|(hdu, _)| hdu.clone()).collect(),
        })?;
        let rows = PlacedRows::new(&self.placed.exposures, medium, self.params.kernel_numerics());
        let mut limits = Limits::default();
        let n_pieces: u64 = (self.inputs.exposures.iter())
            .map(|file| file.table.len().div_ceil(ROWS_AT_ONCE))
            .sum();
        let (mut done, total) = (0, n_pieces * columns.len() as u64);
        for (k, (_, source)) in columns.iter().enumerate() {
            let mut first = 0;
            for (n, count) in counts.iter().enumerate() {
                let len = self.inputs.exposures[n].table.len();
                for piece in pieces(len) {
                    let is_cut = *count < len;
                    let run = self.run(&rows, *source, n, piece, is_cut, &mut work)?;
                    limits.add(*source, run);
                    writer.write(k, first, run)?;
                    first += run.len() as u64;
                    done += 1;
                    self.ctx.progress("write pixel table", done, total);
                }
            }
        }
        let origin = self
            .placed
            .exposures
            .first()
            .map_or([0.0; 2], |it| [it.ra_deg, it.dec_deg]);
        limits.set(&mut header, origin, self.params.numerics);
        writer.finish(header)?;
        Ok(())
    }

    /// Returns the medium of the wavelengths: in `eso` that of the cube as the pipeline leaves it, else air, which every
    /// reader takes for granted.
    fn medium(&self) -> SpectralAxis {
        match self.params.numerics {
            NumericsChoice::Eso => self.axis.unwrap_or_default(),
            NumericsChoice::Phoenix => SpectralAxis::Awav,
        }
    }

    fn has_weight(&self) -> bool {
        let weighs = |it: &phoenix_kernels::ifu::Exposure<'_>| it.weight.is_some() || it.rows.has_weight();
        self.placed.exposures.iter().any(weighs)
    }

    fn column(&self, name: &str, source: Source) -> ColumnHdu {
        let first = &self.inputs.exposures[0].table;
        let place = match first.state {
            CoordinateState::Pixel => "pix",
            _ => "deg",
        };
        let unit = match source {
            Source::Placed(PlacedColumn::X | PlacedColumn::Y) => Some(place.to_owned()),
            Source::Placed(PlacedColumn::Lambda) => Some("Angstrom".to_owned()),
            Source::Placed(PlacedColumn::Data) => Some(first.unit.clone()),
            Source::Placed(PlacedColumn::Stat) => Some(units::variance(&first.unit)),
            _ => None,
        };
        let mut header = Header::new();
        if let Some(unit) = unit {
            header.set("BUNIT", unit, "");
        }
        ColumnHdu {
            name: name.into(),
            kind: match source {
                Source::Quality | Source::Origin => ColumnKind::I32,
                Source::Placed(_) => ColumnKind::F32,
            },
            header,
        }
    }

    /// Counts the rows of each exposure that are within the wavelengths asked for.
    fn counts(&self, work: &mut Work) -> Result<Vec<u64>, RecipeError> {
        let total = self.inputs.exposures.len() as u64;
        let mut counts = Vec::with_capacity(self.inputs.exposures.len());
        for (n, file) in self.inputs.exposures.iter().enumerate() {
            self.ctx.progress("count rows", n as u64, total);
            let mut count = 0;
            for piece in pieces(file.table.len()) {
                self.find_kept(n, piece, work)?;
                count += work.kept.iter().filter(|kept| **kept).count() as u64;
            }
            if count == 0 {
                return Err(self.fault(KernelError::NoPixels { exposure: n }));
            }
            counts.push(count);
        }
        self.ctx.progress("count rows", total, total);
        Ok(counts)
    }

    /// Finds the rows that are within the wavelengths asked for; as in the pipeline, those without a wavelength stay.
    fn find_kept(&self, n: usize, rows: Range<u64>, work: &mut Work) -> Result<(), RecipeError> {
        if self.ctx.cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        let table = &self.inputs.exposures[n].table;
        let read = table.read(rows.clone(), Columns::LAMBDA, &mut work.lambda);
        read.map_err(|source| {
            self.fault(KernelError::Read {
                exposure: n,
                first: rows.start,
                last: rows.end,
                source,
            })
        })?;
        let [low, high] = [self.params.lambdamin, self.params.lambdamax];
        let is_out = |lambda: &f32| f64::from(*lambda) < low || f64::from(*lambda) > high;
        work.kept.clear();
        work.kept
            .extend(work.lambda.lambda.iter().map(|lambda| !is_out(lambda)));
        Ok(())
    }

    /// Returns a run of rows of one column of exposure `n`.
    fn run<'w>(
        &self,
        placed: &PlacedRows<'_>,
        source: Source,
        n: usize,
        rows: Range<u64>,
        is_cut: bool,
        work: &'w mut Work,
    ) -> Result<ColumnRun<'w>, RecipeError> {
        if self.ctx.cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        if is_cut {
            self.find_kept(n, rows.clone(), work)?;
        }
        let file = &self.inputs.exposures[n];
        let in_file = in_file(&file.frame);
        let first = rows.start;
        match source {
            Source::Quality => {
                file.table.quality(rows, &mut work.integers).map_err(&in_file)?;
                if let Some(rejected) = self.rejected {
                    rejected.flag(n, first, &mut work.integers).map_err(&in_file)?;
                }
            }
            Source::Origin => file.table.origin(rows, &mut work.integers).map_err(&in_file)?,
            Source::Placed(column) => {
                let values = placed.read(n, rows, column, &mut work.rows);
                let values = values.map_err(|error| self.fault(error))?;
                if !is_cut {
                    return Ok(ColumnRun::F32(values));
                }
                work.reals.clear();
                work.reals.extend(keep(&work.kept, values));
                return Ok(ColumnRun::F32(&work.reals));
            }
        }
        if is_cut {
            let mut kept = work.kept.iter().copied();
            work.integers.retain(|_| kept.next().unwrap_or(false));
        }
        Ok(ColumnRun::I32(&work.integers))
    }

    fn fault(&self, error: KernelError) -> RecipeError {
        fault::of_kernel(error, &self.inputs.exposures, self.params, self.ctx.memory_bytes)
    }
}

fn keep(kept: &[bool], values: &[f32]) -> impl Iterator<Item = f32> {
    kept.iter()
        .zip(values)
        .filter(|(kept, _)| **kept)
        .map(|(_, value)| *value)
}

fn pieces(n_rows: u64) -> impl Iterator<Item = Range<u64>> {
    let starts = (0..n_rows).step_by(ROWS_AT_ONCE as usize);
    starts.map(move |first| first..(first + ROWS_AT_ONCE).min(n_rows))
}
