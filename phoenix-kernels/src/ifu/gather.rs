//! The rows of a wavelength window, sorted into its cells.
//!
//! Two stable counting sorts, both free of shared writes: each unit of rows sorts its own by x, then each x column
//! takes its rows from all units in order and sorts them by (y, plane). Within a cell rows keep the order exposure, row.

use super::exposure::{Exposure, SliceDirection};
use super::index::BlockIndex;
use super::pixtable::{Columns, PixelRows, RowBuffers};
use super::position::{Locator, Placer};
use crate::math::{Math, Numerics};
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;

/// The row may be resampled.
pub const GOOD: u32 = 1;
/// The row counts in the statistics of the cosmic-ray test.
pub const SAMPLE: u32 = 1 << 1;
/// The row came flagged as a cosmic ray.
pub const CAME_FLAGGED: u32 = 1 << 2;
/// The cosmic-ray test rejected the row.
pub const REJECTED: u32 = 1 << 3;
/// Slices run along x.
pub const ALONG_X: u32 = 1 << 4;
/// Slices run along y.
pub const ALONG_Y: u32 = 1 << 5;

/// Quality bit of a cosmic ray.
const COSMIC_RAY: i32 = 1 << 5;
/// Rows placed at once.
const UNIT_ROWS: u64 = 1 << 15;

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
    /// Bits as above.
    pub bits: u32,
}

/// All cells with one x of a window, sorted by (y, plane).
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// The rows.
    pub records: Vec<Record>,
    /// Start of each cell, and the end of the last.
    pub offsets: Vec<u32>,
    /// Values that count in the statistics of the cosmic-ray test, NaN for the other rows; [`PADDING`] more at the end.
    pub sample: Vec<f32>,
}

/// How many values may be read past the end of a column's sample.
pub const PADDING: usize = 16;

impl Column {
    /// Returns the range of rows of planes `planes` of cell row `j`, of `width` planes in all.
    pub fn range(&self, j: usize, width: usize, planes: Range<usize>) -> Range<usize> {
        self.offsets[j * width + planes.start] as usize..self.offsets[j * width + planes.end] as usize
    }
}

/// Numbers of rows that were left out on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatherCounts {
    /// Value, variance or position not finite.
    pub not_finite: u64,
    /// Outside the grid.
    pub outside: u64,
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
}

/// A unit of rows sorted by x.
struct Unit {
    rows: Vec<Keyed>,
    starts: Vec<u32>,
    counts: GatherCounts,
}

/// A row and its place in the column: y times the planes of the window, plus plane.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Keyed {
    record: Record,
    key: u32,
}

/// Buffers of one thread, used again for each unit.
#[derive(Default)]
struct Scratch {
    buffer: RowBuffers,
    planes: Vec<i32>,
    /// Rows whose plane is in the window.
    rows: Vec<u32>,
    x: Vec<f32>,
    y: Vec<f32>,
    cells: Vec<[i32; 2]>,
}

impl<M: Math> GatherRequest<M> {
    /// Returns the plane range of a block, clipped as rows are.
    fn planes(&self, range: [f32; 2]) -> Option<Range<usize>> {
        if range[0] > range[1] {
            return None;
        }
        let last = self.naxis[2] as i32 - 1;
        let low = self.locator.plane(self.locator.medium(range[0]));
        let high = self.locator.plane(self.locator.medium(range[1]));
        if self.numerics == Numerics::Phoenix && (high < 0 || low > last) {
            return None;
        }
        Some(low.clamp(0, last) as usize..high.clamp(0, last) as usize + 1)
    }

    /// Estimates the number of rows that touch each plane, from the index alone.
    pub fn rows_per_plane(&self, index: &[BlockIndex]) -> Vec<f64> {
        let mut density = vec![0.0; self.naxis[2]];
        for blocks in index {
            for (block, range) in blocks.blocks().iter().enumerate() {
                if let Some(planes) = self.planes(*range) {
                    let rows = blocks.rows(block);
                    let share = (rows.end - rows.start) as f64 / planes.len() as f64;
                    density[planes].iter_mut().for_each(|d| *d += share);
                }
            }
        }
        density
    }

    /// Lists the runs of rows that touch `window`, in order of exposure and row.
    fn units(&self, index: &[BlockIndex], window: &Range<usize>) -> Vec<(usize, Range<u64>)> {
        let mut units: Vec<(usize, Range<u64>)> = Vec::new();
        for (exposure, blocks) in index.iter().enumerate() {
            for (block, range) in blocks.blocks().iter().enumerate() {
                let touches = self
                    .planes(*range)
                    .is_some_and(|p| p.start < window.end && p.end > window.start);
                if !touches {
                    continue;
                }
                let rows = blocks.rows(block);
                match units.last_mut() {
                    Some((e, last))
                        if *e == exposure && last.end == rows.start && rows.end - last.start <= UNIT_ROWS =>
                    {
                        last.end = rows.end;
                    }
                    _ => units.push((exposure, rows)),
                }
            }
        }
        units
    }

    /// Reads the rows of a window and sorts them into columns, one for each x.
    ///
    /// # Numerics
    /// `counted` are the planes whose dropped rows are counted, so that overlapping windows count each row once.
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub fn gather(
        &self,
        exposures: &[Exposure<'_>],
        index: &[BlockIndex],
        window: &Range<usize>,
        counted: &Range<usize>,
        hooks: &Hooks<'_>,
    ) -> Result<(Vec<Column>, GatherCounts), KernelError> {
        let units: Vec<Unit> = self
            .units(index, window)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, (n, rows)| {
                hooks.check()?;
                self.unit(exposures, n, rows, window, counted, scratch)
            })
            .collect::<Result<_, _>>()?;
        let mut counts = GatherCounts::default();
        for unit in &units {
            counts.not_finite += unit.counts.not_finite;
            counts.outside += unit.counts.outside;
        }
        let cells = self.naxis[1] * window.len();
        let columns = (0..self.naxis[0])
            .into_par_iter()
            .map(|i| column(&units, i, cells))
            .collect();
        Ok((columns, counts))
    }

    fn unit(
        &self,
        exposures: &[Exposure<'_>],
        n: usize,
        rows: Range<u64>,
        window: &Range<usize>,
        counted: &Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<Unit, KernelError> {
        let exposure = &exposures[n];
        let has_weight = exposure.weight.is_none() && exposure.rows.has_weight();
        let columns = if has_weight {
            Columns::ALL.union(Columns::WEIGHT)
        } else {
            Columns::ALL
        };
        read(n, exposure.rows, rows, columns, &mut scratch.buffer)?;
        self.place(exposures, n, window, scratch);
        let last = self.naxis.map(|n| n as i32 - 1);
        let is_kept = |k: usize, [i, j]: [i32; 2]| {
            let b = &scratch.buffer;
            let row = scratch.rows[k] as usize;
            // In `Eso` everything is kept, outsiders in border cells.
            if !(b.data[row].is_finite()
                && b.stat[row].is_finite()
                && scratch.x[k].is_finite()
                && scratch.y[k].is_finite())
            {
                Kept::NotFinite
            } else if i < 0
                || i > last[0]
                || j < 0
                || j > last[1]
                || scratch.planes[row] < 0
                || scratch.planes[row] > last[2]
            {
                Kept::Outside
            } else {
                Kept::Inside
            }
        };
        let mut counts = GatherCounts::default();
        let mut starts = vec![0_u32; self.naxis[0] + 1];
        let mut places = Vec::with_capacity(scratch.rows.len());
        for (k, &[i, j]) in scratch.cells.iter().enumerate() {
            let l = scratch.planes[scratch.rows[k] as usize].clamp(0, last[2]) as usize;
            let kept = is_kept(k, [i, j]);
            let drops = self.numerics == Numerics::Phoenix;
            if kept != Kept::Inside && counted.contains(&l) {
                counts.not_finite += u64::from(kept == Kept::NotFinite && drops);
                counts.outside += u64::from(kept == Kept::Outside);
            }
            if kept != Kept::Inside && drops {
                places.push(DROPPED);
                continue;
            }
            let (i, j) = (i.clamp(0, last[0]), j.clamp(0, last[1]));
            starts[i as usize + 1] += 1;
            places.push([i as u32, (j as usize * window.len() + (l - window.start)) as u32]);
        }
        for i in 0..self.naxis[0] {
            starts[i + 1] += starts[i];
        }
        let rows = sort_by_column(exposure, scratch, &places, &starts, has_weight);
        Ok(Unit { rows, starts, counts })
    }

    /// Finds position and cell of the rows whose plane is in the window.
    fn place(&self, exposures: &[Exposure<'_>], n: usize, window: &Range<usize>, scratch: &mut Scratch) {
        let last = self.naxis[2] as i32 - 1;
        self.locator
            .planes(&mut scratch.buffer.lambda, self.lambda_range, &mut scratch.planes);
        scratch.rows.clear();
        let (low, high) = (window.start as i32, window.end as i32);
        let clamps = self.numerics == Numerics::Eso;
        for (row, &plane) in scratch.planes.iter().enumerate() {
            let l = if clamps { plane.clamp(0, last) } else { plane };
            if l >= low && l < high && plane != i32::MIN {
                scratch.rows.push(row as u32);
            }
        }
        let buffer = &scratch.buffer;
        scratch.x.clear();
        scratch
            .x
            .extend(scratch.rows.iter().map(|row| buffer.xpos[*row as usize]));
        scratch.y.clear();
        scratch
            .y
            .extend(scratch.rows.iter().map(|row| buffer.ypos[*row as usize]));
        Placer::<M>::new(exposures, n, self.numerics).place(&mut scratch.x, &mut scratch.y);
        self.locator.cells(&scratch.x, &scratch.y, &mut scratch.cells);
    }
}

/// Marks a row that is left out.
const DROPPED: [u32; 2] = [u32::MAX; 2];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Inside,
    Outside,
    NotFinite,
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

fn sort_by_column(
    exposure: &Exposure<'_>,
    scratch: &Scratch,
    places: &[[u32; 2]],
    starts: &[u32],
    has_weight: bool,
) -> Vec<Keyed> {
    let direction = match exposure.slice_direction {
        SliceDirection::X => ALONG_X,
        SliceDirection::Y => ALONG_Y,
        SliceDirection::None => 0,
    };
    let b = &scratch.buffer;
    let mut next = starts.to_vec();
    let mut sorted = vec![Keyed::default(); starts[starts.len() - 1] as usize];
    for (k, &[i, key]) in places.iter().enumerate() {
        if [i, key] == DROPPED {
            continue;
        }
        let row = scratch.rows[k] as usize;
        let (mut data, mut stat) = (b.data[row], b.stat[row]);
        if let Some(s) = exposure.flux_scale {
            data = (f64::from(data) * s) as f32;
            stat = (f64::from(stat) * (s * s)) as f32;
        }
        let weight = if has_weight {
            b.weight[row]
        } else {
            exposure.weight.unwrap_or(1.0)
        };
        let dq = b.dq[row];
        let bits = direction
            | if dq == 0 { GOOD | SAMPLE } else { 0 }
            | if dq == COSMIC_RAY { SAMPLE } else { 0 }
            | if dq & COSMIC_RAY == 0 { 0 } else { CAME_FLAGGED };
        let at = &mut next[i as usize];
        let record = Record {
            x: scratch.x[k],
            y: scratch.y[k],
            lambda: b.lambda[row],
            data,
            stat,
            weight,
            bits,
        };
        sorted[*at as usize] = Keyed { record, key };
        *at += 1;
    }
    sorted
}

fn column(units: &[Unit], i: usize, cells: usize) -> Column {
    let parts = || {
        units
            .iter()
            .map(|u| &u.rows[u.starts[i] as usize..u.starts[i + 1] as usize])
    };
    let mut offsets = vec![0_u32; cells + 1];
    let mut n = 0;
    for part in parts() {
        n += part.len();
        for row in part {
            offsets[row.key as usize + 1] += 1;
        }
    }
    for c in 0..cells {
        offsets[c + 1] += offsets[c];
    }
    let mut records = vec![Record::default(); n];
    let mut sample = vec![f32::NAN; n + PADDING];
    // Each cell's start is used as its cursor; afterwards it is the start of the next cell, hence the shift back.
    for part in parts() {
        for row in part {
            let at = &mut offsets[row.key as usize];
            records[*at as usize] = row.record;
            if row.record.bits & SAMPLE != 0 {
                sample[*at as usize] = row.record.data;
            }
            *at += 1;
        }
    }
    offsets.copy_within(0..cells, 1);
    offsets[0] = 0;
    Column {
        records,
        offsets,
        sample,
    }
}
