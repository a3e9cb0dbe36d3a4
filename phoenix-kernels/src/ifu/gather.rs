//! The rows of a wavelength window, sorted into its cells.
//!
//! Runs of rows are read, placed and given the number of their cell, each thread one part of them; one stable counting
//! sort then brings them into the order of cells. Within a cell rows keep the order exposure, row. Buffers are used again
//! for the next window.

#![allow(
    clippy::needless_bitwise_bool,
    reason = "conditions of rows are joined without branches"
)]

use super::blocks::{BlockIndex, PlaneIndex};
use super::exposure::{Exposure, SliceDirection};
use super::keys::{KeyRequest, Placement, keys, saturated};
use super::pixtable::{Columns, PixelRows, RowBuffers};
use super::position::{Locator, Placer};
use super::runs::{shares, units};
pub use super::slab::RowId;
use super::sort::{make_room, sort};
use crate::math::{Math, Numerics};
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;

/// The row may be resampled.
pub const GOOD: u8 = 1;
/// The row counts in the statistics of the cosmic-ray test.
pub const SAMPLE: u8 = 1 << 1;
/// The row came flagged as a cosmic ray.
pub const CAME_FLAGGED: u8 = 1 << 2;
/// The cosmic-ray test rejected the row.
pub const REJECTED: u8 = 1 << 3;
/// Slices run along x.
pub const ALONG_X: u8 = 1 << 4;
/// Slices run along y.
pub const ALONG_Y: u8 = 1 << 5;

/// The raw pixel of the row was saturated.
pub const CAME_SATURATED: u8 = 1 << 6;

/// Quality bit of a cosmic ray.
const COSMIC_RAY: i32 = 1 << 5;
/// Quality bit of a saturated pixel.
const SATURATED: i32 = 1 << 12;

/// One row in its cell.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Record {
    /// Position relative to the reference, degrees or pixels.
    pub x: f32,
    /// Position relative to the reference, degrees or pixels.
    pub y: f32,
    /// Wavelength in the medium of the grid, Angstrom.
    pub lambda: f32,
    /// Value.
    pub data: f32,
    /// Variance.
    pub stat: f32,
    /// Weight.
    pub weight: f32,
}

/// The rows of a window and their order by cell: x, then y, then plane.
///
/// Records stay where they were written as they came, and places name them: the rows of one cell come from far apart in
/// the tables, and four bytes are moved more cheaply than a record.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// The rows as they came.
    pub records: Vec<Record>,
    /// Which record each place holds; `bits`, `sample` and `ids` follow the same order.
    pub order: Vec<u32>,
    /// Bits of each row, as above.
    pub bits: Vec<u8>,
    /// Values that count in the statistics of the cosmic-ray test, NaN for the other rows; [`PADDING`] more at the end.
    pub sample: Vec<f32>,
    /// Which rows of which exposures they are, if asked for.
    pub ids: Vec<RowId>,
    /// Start of each cell, and the end of the last.
    pub offsets: Vec<u32>,
    /// Cells along x and y.
    pub size: [usize; 2],
    /// First plane of the window in the grid.
    pub first_plane: usize,
    /// Planes of the window.
    pub width: usize,
    /// First row of cells in the grid.
    pub first_row: usize,
}

/// How many values may be read past the end of a sample.
pub const PADDING: usize = 16;

impl Cells {
    /// Returns the range of rows of planes `planes` of the cells at (`i`, `j`).
    #[inline]
    pub fn range(&self, i: usize, j: usize, planes: Range<usize>) -> Range<usize> {
        let first = (i * self.size[1] + j) * self.width;
        self.offsets[first + planes.start] as usize..self.offsets[first + planes.end] as usize
    }

    /// Returns the row at a place.
    #[inline]
    pub fn record(&self, place: usize) -> &Record {
        &self.records[self.order[place] as usize]
    }
}

impl Cells {
    /// Counts the rows of some planes, counted in the grid, of some columns of cells.
    fn rows_of(&self, columns: Range<usize>, planes: &Range<usize>) -> usize {
        if planes.is_empty() {
            return 0;
        }
        let planes = planes.start - self.first_plane..planes.end - self.first_plane;
        let of = |i: usize| (0..self.size[1]).map(move |j| (i, j));
        columns
            .flat_map(of)
            .map(|(i, j)| self.range(i, j, planes.clone()).len())
            .sum()
    }
}

/// Numbers of rows that were left out on the way or are to be known of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatherCounts {
    /// Value, variance or position not finite.
    pub not_finite: u64,
    /// Outside the grid.
    pub outside: u64,
    /// Raw pixel saturated; such a row is left out only if it is one of the others as well.
    pub saturated: u64,
}

/// What a gathering needs to know beside the exposures.
#[derive(Clone, Copy, Debug)]
pub struct GatherRequest<M> {
    /// The grid.
    pub locator: Locator<M>,
    /// Voxels of the grid.
    pub naxis: [usize; 3],
    /// Wavelengths kept, Angstrom, both ends included.
    pub lambda_range: [f64; 2],
    /// Whether outsiders are dropped or put into the border cells.
    pub numerics: Numerics,
    /// Whether cells tell which rows they hold.
    pub trace: bool,
    /// First row of cells that are filled, and that behind the last.
    pub strip: [usize; 2],
    /// First row of cells whose dropped rows are counted, and that behind the last.
    pub counted_strip: [usize; 2],
}

/// What is known of one thread's rows beside their records, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Where their records begin.
    pub(super) first: usize,
    pub(super) bits: Vec<u8>,
    /// Filled only where asked for.
    pub(super) ids: Vec<RowId>,
    /// Number of the cell; that behind the last for a row which is left out.
    pub(super) key: Vec<u32>,
}

impl Rows {
    fn clear(&mut self) {
        self.bits.clear();
        self.ids.clear();
        self.key.clear();
    }

    /// Makes room for `n` rows at once, of which none is there yet.
    fn make_room(&mut self, n: usize) {
        self.bits.reserve(n);
        self.key.reserve(n);
    }
}

/// Buffers of one thread, used again for each window.
#[derive(Debug, Default)]
pub struct GatherWork {
    buffer: RowBuffers,
    /// Planes of the rows in the buffer.
    planes: Vec<i32>,
    cells: [Vec<i32>; 2],
    /// Bits and cells of the rows in the buffer.
    bits: Vec<u8>,
    keys: Vec<u32>,
    /// Records that the window before leaves.
    held: Vec<Record>,
    pub(super) rows: Rows,
    /// Number of rows of each cell, then the place of the next.
    pub(super) counts: Vec<u32>,
}

impl GatherWork {
    /// Forgets all rows and counts none in each of `n_cells` cells.
    fn clear(&mut self, n_cells: usize) {
        self.rows.clear();
        self.held.clear();
        // One more cell, behind the others, takes the rows that are left out.
        self.counts.clear();
        self.counts.resize(n_cells + 1, 0);
    }

    /// Takes planes `held` of some columns of the window before over into one of `width` planes that begins with them.
    fn hold(&mut self, cells: &Cells, columns: Range<usize>, held: &Range<usize>, width: usize) {
        if held.is_empty() {
            return;
        }
        let first = held.start - cells.first_plane;
        for i in columns {
            for j in 0..cells.size[1] {
                for l in 0..held.len() {
                    let places = cells.range(i, j, first + l..first + l + 1);
                    let key = (i * cells.size[1] + j) * width + l;
                    self.counts[key] += places.len() as u32;
                    self.rows.key.resize(self.rows.key.len() + places.len(), key as u32);
                    self.rows.bits.extend_from_slice(&cells.bits[places.clone()]);
                    if !cells.ids.is_empty() {
                        self.rows.ids.extend_from_slice(&cells.ids[places.clone()]);
                    }
                    self.held.extend(places.map(|place| *cells.record(place)));
                }
            }
        }
    }

    /// Puts the rows in the buffer to the records, behind those that are there; rows of cell `without` are left out.
    fn put(&mut self, weight: Option<f32>, without: Option<u32>, records: &mut [Record]) {
        let Self {
            buffer,
            bits,
            keys,
            rows,
            counts,
            ..
        } = self;
        let to = &mut records[rows.key.len()..];
        let n = match without {
            None => {
                rows.key.extend_from_slice(keys);
                rows.bits.extend_from_slice(bits);
                pack(buffer, weight, &mut to[..keys.len()]);
                keys.len()
            }
            Some(dropped) => {
                let mut n = 0;
                for row in (0..keys.len()).filter(|row| keys[*row] != dropped) {
                    rows.key.push(keys[row]);
                    rows.bits.push(bits[row]);
                    pack_one(buffer, weight, row, &mut to[n]);
                    n += 1;
                }
                if !rows.ids.is_empty() {
                    let first = rows.ids.len() - keys.len();
                    let mut row = 0;
                    rows.ids.retain(|_| {
                        row += 1;
                        row <= first || keys[row - 1 - first] != dropped
                    });
                }
                n
            }
        };
        for key in &rows.key[rows.key.len() - n..] {
            counts[*key as usize] += 1;
        }
    }
}

/// Makes records of the rows in a buffer; without a weight for all each has its own.
fn pack(buffer: &RowBuffers, weight: Option<f32>, records: &mut [Record]) {
    let n = records.len();
    let [x, y, lambda, data, stat] =
        [&buffer.xpos, &buffer.ypos, &buffer.lambda, &buffer.data, &buffer.stat].map(|column| &column[..n]);
    for (k, record) in records.iter_mut().enumerate() {
        *record = Record {
            x: x[k],
            y: y[k],
            lambda: lambda[k],
            data: data[k],
            stat: stat[k],
            weight: weight.unwrap_or_else(|| buffer.weight[k]),
        };
    }
}

/// Makes a record of one row in a buffer.
fn pack_one(buffer: &RowBuffers, weight: Option<f32>, row: usize, record: &mut Record) {
    *record = Record {
        x: buffer.xpos[row],
        y: buffer.ypos[row],
        lambda: buffer.lambda[row],
        data: buffer.data[row],
        stat: buffer.stat[row],
        weight: weight.unwrap_or_else(|| buffer.weight[row]),
    };
}

impl<M: Math> GatherRequest<M> {
    /// Returns the plane range of a block, clipped as rows are.
    fn planes(&self, range: [f32; 2]) -> Range<usize> {
        if range[0] > range[1] {
            return 0..0;
        }
        let last = self.naxis[2] as i32 - 1;
        let low = self.locator.plane(self.locator.medium(range[0]));
        let high = self.locator.plane(self.locator.medium(range[1]));
        if self.numerics == Numerics::Phoenix && (high < 0 || low > last) {
            return 0..0;
        }
        low.clamp(0, last) as usize..high.clamp(0, last) as usize + 1
    }

    /// Returns the planes of all blocks of each exposure.
    pub fn plane_index(&self, index: Vec<BlockIndex>) -> Vec<PlaneIndex> {
        let of = |blocks: BlockIndex| blocks.into_planes(|range| self.planes(range), self.naxis[2]);
        index.into_par_iter().map(of).collect()
    }

    /// Reads the rows of a window and sorts them into cells; each of `works` is one thread's.
    ///
    /// # Contract
    /// `cells` hold planes `held`, the first of the window, from the window before: they stay as they are, flags included,
    /// and `units` need not name their rows.
    /// # Numerics
    /// `counted` are the planes whose dropped rows are counted, so that overlapping windows count each row once.
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub fn gather(
        &self,
        exposures: &[Exposure<'_>],
        units: &[(usize, Range<u64>)],
        [window, held, counted]: [&Range<usize>; 3],
        hooks: &Hooks<'_>,
        works: &mut [GatherWork],
        cells: &mut Cells,
    ) -> Result<GatherCounts, KernelError> {
        let (nx, ny, n) = (self.naxis[0], self.strip[1] - self.strip[0], works.len());
        let columns = (0..n).map(|k| k * nx / n..(k + 1) * nx / n);
        let shares: Vec<_> = shares(units, n).into_iter().zip(columns).collect();
        let before: &Cells = cells;
        let room: Vec<usize> = (works.par_iter_mut().with_max_len(1).zip(&shares))
            .map(|(work, (units, columns))| {
                work.clear(nx * ny * window.len());
                let fresh: u64 = units.iter().map(|(_, rows)| rows.end - rows.start).sum();
                let n = before.rows_of(columns.clone(), held) + usize::try_from(fresh).unwrap_or(0);
                work.rows.make_room(n);
                work.hold(before, columns.clone(), held, window.len());
                n
            })
            .collect();
        make_room(&mut cells.records, room.iter().sum());
        let mut rest = cells.records.as_mut_slice();
        let mut parts = Vec::with_capacity(n);
        let mut first = 0;
        for (work, n) in works.iter_mut().zip(room) {
            let (part, behind) = std::mem::take(&mut rest).split_at_mut(n);
            work.rows.first = first;
            (rest, first) = (behind, first + n);
            parts.push(part);
        }
        let found: Vec<GatherCounts> = (works.par_iter_mut().with_max_len(1).zip(shares).zip(parts))
            .map(|((work, (units, _)), records)| {
                records[..work.held.len()].copy_from_slice(&work.held);
                self.collect(exposures, units, [window, held, counted], hooks, work, records)
            })
            .collect::<Result<_, KernelError>>()?;
        cells.size = [nx, ny];
        cells.first_row = self.strip[0];
        cells.first_plane = window.start;
        cells.width = window.len();
        sort(works, nx * ny * window.len(), cells);
        let mut counts = GatherCounts::default();
        for part in found {
            counts.not_finite += part.not_finite;
            counts.outside += part.outside;
            counts.saturated += part.saturated;
        }
        Ok(counts)
    }

    /// Counts the rows of some planes along y of the grid.
    ///
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub fn rows_along_y(
        &self,
        exposures: &[Exposure<'_>],
        index: &[PlaneIndex],
        planes: &Range<usize>,
        hooks: &Hooks<'_>,
    ) -> Result<Vec<u64>, KernelError> {
        let mut found = vec![0; self.naxis[1]];
        let mut work = GatherWork::default();
        for (n, rows) in units(index, planes) {
            hooks.check()?;
            work.clear(0);
            self.unit(exposures, n, rows, planes, &mut work)?;
            for j in &work.cells[1] {
                found[(*j).clamp(0, self.naxis[1] as i32 - 1) as usize] += 1;
            }
        }
        Ok(found)
    }

    /// Reads one thread's share of the rows to its records and counts them by cell.
    fn collect(
        &self,
        exposures: &[Exposure<'_>],
        units: &[(usize, Range<u64>)],
        [window, held, counted]: [&Range<usize>; 3],
        hooks: &Hooks<'_>,
        work: &mut GatherWork,
        records: &mut [Record],
    ) -> Result<GatherCounts, KernelError> {
        let mut counts = GatherCounts::default();
        let (n_cells, ny) = (work.counts.len() - 1, self.strip[1] - self.strip[0]);
        let dropped = n_cells as u32;
        let request = KeyRequest {
            last: self.naxis.map(|n| n as i32 - 1),
            window: [window.start as i32, window.len() as i32],
            counted: [counted.start as i32, counted.end as i32],
            strip: self.strip.map(|row| row as i32),
            counted_strip: self.counted_strip.map(|row| row as i32),
            drops: self.numerics == Numerics::Phoenix,
            dropped,
        };
        let fresh = held.end.max(window.start)..window.end;
        for (n, rows) in units {
            hooks.check()?;
            self.unit(exposures, *n, rows.clone(), &fresh, work)?;
            let GatherWork {
                buffer,
                planes,
                cells,
                bits,
                keys: found,
                ..
            } = &mut *work;
            let [i, j] = &*cells;
            let place = Placement {
                cells: [i, j],
                plane: planes,
                values: [&buffer.data, &buffer.stat, &buffer.xpos, &buffer.ypos],
            };
            found.resize(planes.len(), 0);
            let [not_finite, outside] = keys(&request, &place, found);
            counts.not_finite += u64::from(not_finite);
            counts.outside += u64::from(outside);
            counts.saturated += saturated(bits, [planes, j], &request);
            let exposure = &exposures[*n];
            let own = exposure.weight.is_none() && exposure.rows.has_weight();
            let weight = (!own).then(|| exposure.weight.unwrap_or(1.0));
            // Of a strip most rows are left out; they are to take no room.
            work.put(weight, (ny < self.naxis[1]).then_some(dropped), records);
        }
        Ok(counts)
    }

    /// Reads a run of rows to the buffer, keeps those whose plane is in `window` and finds their positions and cells.
    fn unit(
        &self,
        exposures: &[Exposure<'_>],
        n: usize,
        rows: Range<u64>,
        window: &Range<usize>,
        work: &mut GatherWork,
    ) -> Result<(), KernelError> {
        let exposure = &exposures[n];
        let has_weight = exposure.weight.is_none() && exposure.rows.has_weight();
        let columns = if has_weight {
            Columns::ALL.union(Columns::WEIGHT)
        } else {
            Columns::ALL
        };
        let GatherWork {
            buffer,
            planes,
            cells,
            bits,
            rows: kept,
            ..
        } = work;
        let first_row = rows.start;
        read(n, exposure.rows, rows, columns, buffer)?;
        self.locator.planes(&mut buffer.lambda, self.lambda_range, planes);
        let last = self.naxis[2] as i32 - 1;
        let (low, high) = (window.start as i32, window.end as i32);
        let clamps = self.numerics == Numerics::Eso;
        let is_kept = |plane: &i32| {
            let l = if clamps { (*plane).clamp(0, last) } else { *plane };
            (l >= low) & (l < high) & (*plane != i32::MIN)
        };
        // Rows in the window come in long runs.
        let (mut row, mut n_kept) = (0, 0);
        while row < planes.len() {
            let run = row + planes[row..].iter().take_while(|plane| is_kept(plane)).count();
            if run > row {
                move_rows(buffer, planes, row..run, n_kept);
                n_kept += run - row;
                if self.trace {
                    let id = |row: usize| RowId {
                        exposure: n as u32,
                        row: first_row + row as u64,
                    };
                    kept.ids.extend((row..run).map(id));
                }
            }
            row = run + planes[run..].iter().take_while(|plane| !is_kept(plane)).count();
        }
        cut(buffer, planes, n_kept);
        bits.resize(n_kept, 0);
        quality(exposure, &buffer.dq, bits);
        if let Some(s) = exposure.flux_scale {
            for data in &mut buffer.data {
                *data = (f64::from(*data) * s) as f32;
            }
            for stat in &mut buffer.stat {
                *stat = (f64::from(*stat) * (s * s)) as f32;
            }
        }
        let (x, y) = (&mut buffer.xpos, &mut buffer.ypos);
        Placer::<M>::new(exposures, n, self.numerics).place(x, y);
        let [i, j] = cells;
        self.locator.cells(x, y, i, j);
        Ok(())
    }
}

/// Moves a run of rows of a buffer forward to row `to`.
fn move_rows(buffer: &mut RowBuffers, planes: &mut [i32], run: Range<usize>, to: usize) {
    if run.start == to {
        return;
    }
    for column in buffer.numbers() {
        if column.len() >= run.end {
            column.copy_within(run.clone(), to);
        }
    }
    buffer.dq.copy_within(run.clone(), to);
    planes.copy_within(run, to);
}

/// Keeps the first `n` rows of a buffer.
fn cut(buffer: &mut RowBuffers, planes: &mut Vec<i32>, n: usize) {
    for column in buffer.numbers() {
        column.truncate(n);
    }
    buffer.dq.truncate(n);
    planes.truncate(n);
}

/// Reads rows of exposure `n` and checks what came.
pub(super) fn read(
    n: usize,
    source: &dyn PixelRows,
    rows: Range<u64>,
    columns: Columns,
    buffer: &mut RowBuffers,
) -> Result<(), KernelError> {
    source
        .read(rows.clone(), columns, buffer)
        .map_err(|source| KernelError::Read {
            exposure: n,
            first: rows.start,
            last: rows.end,
            source,
        })?;
    buffer.check(columns, (rows.end - rows.start) as usize)
}

/// Turns quality and slice direction into bits.
fn quality(exposure: &Exposure<'_>, dq: &[i32], bits: &mut [u8]) {
    let direction = match exposure.slice_direction {
        SliceDirection::X => ALONG_X,
        SliceDirection::Y => ALONG_Y,
        SliceDirection::None => 0,
    };
    for (dq, bits) in dq.iter().zip(bits) {
        let good = if *dq == 0 { GOOD | SAMPLE } else { 0 };
        let flagged = if *dq == COSMIC_RAY { SAMPLE } else { 0 };
        let came = if *dq & COSMIC_RAY == 0 { 0 } else { CAME_FLAGGED };
        let saturated = if *dq & SATURATED == 0 { 0 } else { CAME_SATURATED };
        *bits = direction | good | flagged | came | saturated;
    }
}
