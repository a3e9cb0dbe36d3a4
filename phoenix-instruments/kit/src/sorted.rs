//! Pixel tables whose rows are in no order: sorted by plane into scratch space, in bounded memory.
//!
//! Two passes: one counts the rows of each bucket of planes, one puts every row behind the earlier ones of its bucket.
//! Rows of one bucket keep their order, and no plane is cut, so that the rows of every cell come in the order of the
//! file and a cube from the sorted rows has the same bits.

use std::ops::Range;

use phoenix_core::traits::{Scratch, SinkError};
use phoenix_kernels::SourceError;
use phoenix_kernels::ifu::{Columns, PixelRows, RowBuffers};

/// Rows read at once.
const ROWS_AT_ONCE: u64 = 1 << 16;
/// Most buckets: each has buffers.
const MOST_BUCKETS: usize = 1024;
/// Rows of a bucket that are written at once, at least and at most.
const FLUSH_ROWS: [usize; 2] = [64, 4096];
/// Bytes of each number.
const NUMBER: u64 = 4;
/// Bytes of a row's number in the file.
const ID: u64 = 8;

/// Rows cannot be sorted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SortError {
    /// The table cannot be read: mend it or leave it out.
    #[error("rows {first} to {last} cannot be read")]
    Read {
        /// First row.
        first: u64,
        /// The row behind the last.
        last: u64,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// There is no scratch space: make some.
    #[error("rows cannot be put aside")]
    Scratch(#[from] SinkError),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Finds the plane of each wavelength.
pub type PlanesOf<'a> = dyn Fn(&[f32], &mut Vec<Option<u32>>) + 'a;

/// How to sort.
pub struct SortRequest<'a> {
    /// Finds planes; rows without one come last.
    pub planes_of: &'a PlanesOf<'a>,
    /// Number of planes.
    pub n_planes: usize,
    /// Planes that one window reads at least: buckets need not be finer.
    pub window_planes: usize,
    /// Bytes for buffers.
    pub memory_bytes: usize,
    /// Whether [`SortedRows::original`] is wanted, which takes eight bytes of scratch space a row.
    pub keeps_ids: bool,
    /// Polled once per piece.
    pub keep_going: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for SortRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SortRequest")
            .field("n_planes", &self.n_planes)
            .field("window_planes", &self.window_planes)
            .finish_non_exhaustive()
    }
}

impl SortRequest<'_> {
    /// Planes of a bucket: a quarter of a window, but no more buckets than can be served.
    fn depth(&self) -> usize {
        (self.window_planes / 4)
            .max(self.n_planes.div_ceil(MOST_BUCKETS))
            .max(1)
    }

    fn n_buckets(&self) -> usize {
        // One more for rows in no plane.
        self.n_planes.div_ceil(self.depth()) + 1
    }

    fn bucket(&self, plane: Option<u32>) -> usize {
        let last = self.n_buckets() - 1;
        plane.map_or(last, |plane| (plane as usize / self.depth()).min(last))
    }
}

/// Rows sorted by bucket of planes.
#[derive(Debug)]
pub struct SortedRows {
    scratch: Box<dyn Scratch>,
    n_rows: u64,
    has_weight: bool,
    keeps_ids: bool,
}

/// Rows on their way into one bucket.
#[derive(Debug, Default)]
struct Bucket {
    /// Where the next row goes.
    next: u64,
    columns: [Vec<u8>; 7],
    ids: Vec<u8>,
    filled: usize,
}

impl SortedRows {
    /// Returns the scratch space that a table needs.
    pub fn scratch_bytes(rows: &dyn PixelRows, keeps_ids: bool) -> u64 {
        rows.len() * (NUMBER * (6 + u64::from(rows.has_weight())) + if keeps_ids { ID } else { 0 })
    }

    /// Sorts a table into `scratch`, which has the space that it needs.
    ///
    /// # Contract
    /// Wavelengths are read twice, everything else once; every byte is written once.
    ///
    /// # Errors
    /// As `SortError` tells.
    pub fn sort(
        source: &dyn PixelRows,
        request: &SortRequest<'_>,
        scratch: Box<dyn Scratch>,
    ) -> Result<Self, SortError> {
        let sorted = Self {
            scratch,
            n_rows: source.len(),
            has_weight: source.has_weight(),
            keeps_ids: request.keeps_ids,
        };
        let mut buckets = sorted.count(source, request)?;
        let row_bytes = 7 * NUMBER as usize + ID as usize;
        let [least, most] = FLUSH_ROWS;
        let flush_rows = (request.memory_bytes / (row_bytes * buckets.len())).clamp(least, most);
        let columns = if sorted.has_weight {
            Columns::ALL.union(Columns::WEIGHT)
        } else {
            Columns::ALL
        };
        let (mut buffer, mut planes) = (RowBuffers::default(), Vec::new());
        for rows in pieces(sorted.n_rows) {
            read(source, &rows, columns, &mut buffer, request)?;
            (request.planes_of)(&buffer.lambda, &mut planes);
            for (at, plane) in planes.iter().enumerate() {
                let Some(bucket) = buckets.get_mut(request.bucket(*plane)) else {
                    continue;
                };
                bucket.push(&buffer, at, sorted.has_weight);
                if sorted.keeps_ids {
                    bucket.ids.extend_from_slice(&(rows.start + at as u64).to_ne_bytes());
                }
                if bucket.filled >= flush_rows {
                    sorted.flush(bucket)?;
                }
            }
        }
        for bucket in &mut buckets {
            sorted.flush(bucket)?;
        }
        Ok(sorted)
    }

    /// Returns the row of the file that is row `row` now; `None` if the numbers were not kept.
    ///
    /// # Errors
    /// If the scratch space cannot be read.
    pub fn original(&self, row: u64) -> Result<Option<u64>, SourceError> {
        if !self.keeps_ids {
            return Ok(None);
        }
        let mut id = [0; ID as usize];
        self.scratch.read(self.ids_start() + row * ID, &mut id)?;
        Ok(Some(u64::from_ne_bytes(id)))
    }

    /// Counts the rows of each bucket, and thereby where each begins.
    fn count(&self, source: &dyn PixelRows, request: &SortRequest<'_>) -> Result<Vec<Bucket>, SortError> {
        let mut counts = vec![0_u64; request.n_buckets()];
        let (mut buffer, mut planes) = (RowBuffers::default(), Vec::new());
        for rows in pieces(self.n_rows) {
            read(source, &rows, Columns::LAMBDA, &mut buffer, request)?;
            (request.planes_of)(&buffer.lambda, &mut planes);
            for plane in &planes {
                if let Some(count) = counts.get_mut(request.bucket(*plane)) {
                    *count += 1;
                }
            }
        }
        let mut next = 0;
        let bucket = |count: u64| {
            let bucket = Bucket {
                next,
                ..Bucket::default()
            };
            next += count;
            bucket
        };
        Ok(counts.into_iter().map(bucket).collect())
    }

    fn flush(&self, bucket: &mut Bucket) -> Result<(), SinkError> {
        for (at, column) in (0..).zip(&mut bucket.columns) {
            if !column.is_empty() {
                self.scratch.write((at * self.n_rows + bucket.next) * NUMBER, column)?;
                column.clear();
            }
        }
        if !bucket.ids.is_empty() {
            self.scratch.write(self.ids_start() + bucket.next * ID, &bucket.ids)?;
            bucket.ids.clear();
        }
        bucket.next += bucket.filled as u64;
        bucket.filled = 0;
        Ok(())
    }

    fn ids_start(&self) -> u64 {
        (6 + u64::from(self.has_weight)) * self.n_rows * NUMBER
    }

    /// Reads one column of four-byte numbers.
    fn column<T>(
        &self,
        column: u64,
        rows: &Range<u64>,
        out: &mut Vec<T>,
        of: impl Fn([u8; 4]) -> T,
    ) -> Result<(), SourceError> {
        let mut bytes = vec![0; usize::try_from((rows.end - rows.start) * NUMBER)?];
        self.scratch
            .read((column * self.n_rows + rows.start) * NUMBER, &mut bytes)?;
        out.clear();
        out.extend(bytes.as_chunks::<4>().0.iter().map(|number| of(*number)));
        Ok(())
    }
}

impl Bucket {
    fn push(&mut self, rows: &RowBuffers, at: usize, has_weight: bool) {
        let real = |values: &[f32]| values.get(at).copied().unwrap_or(f32::NAN).to_ne_bytes();
        let numbers = [
            real(&rows.xpos),
            real(&rows.ypos),
            real(&rows.lambda),
            real(&rows.data),
            real(&rows.stat),
            rows.dq.get(at).copied().unwrap_or_default().to_ne_bytes(),
        ];
        for (column, number) in self.columns.iter_mut().zip(numbers) {
            column.extend_from_slice(&number);
        }
        if has_weight && let Some(column) = self.columns.last_mut() {
            column.extend_from_slice(&real(&rows.weight));
        }
        self.filled += 1;
    }
}

impl PixelRows for SortedRows {
    fn len(&self) -> u64 {
        self.n_rows
    }

    fn is_empty(&self) -> bool {
        self.n_rows == 0
    }

    fn has_weight(&self) -> bool {
        self.has_weight
    }

    fn read(&self, rows: Range<u64>, columns: Columns, out: &mut RowBuffers) -> Result<(), SourceError> {
        for (n, column, buffer) in [
            (0, Columns::XPOS, &mut out.xpos),
            (1, Columns::YPOS, &mut out.ypos),
            (2, Columns::LAMBDA, &mut out.lambda),
            (3, Columns::DATA, &mut out.data),
            (4, Columns::STAT, &mut out.stat),
            (6, Columns::WEIGHT, &mut out.weight),
        ] {
            if columns.contains(column) && (n < 6 || self.has_weight) {
                self.column(n, &rows, buffer, f32::from_ne_bytes)?;
            }
        }
        if columns.contains(Columns::DQ) {
            self.column(5, &rows, &mut out.dq, i32::from_ne_bytes)?;
        }
        Ok(())
    }
}

fn pieces(n_rows: u64) -> impl Iterator<Item = Range<u64>> {
    let starts = (0..n_rows).step_by(ROWS_AT_ONCE as usize);
    starts.map(move |first| first..(first + ROWS_AT_ONCE).min(n_rows))
}

fn read(
    source: &dyn PixelRows,
    rows: &Range<u64>,
    columns: Columns,
    buffer: &mut RowBuffers,
    request: &SortRequest<'_>,
) -> Result<(), SortError> {
    if !(request.keep_going)() {
        return Err(SortError::Stopped);
    }
    source
        .read(rows.clone(), columns, buffer)
        .map_err(|source| SortError::Read {
            first: rows.start,
            last: rows.end,
            source,
        })
}
