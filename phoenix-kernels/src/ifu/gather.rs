//! The rows of a wavelength window, sorted into its cells.
//!
//! Two stable counting sorts, both free of shared writes: each unit of rows sorts its own by x, then each x column
//! takes its rows from all units in order and sorts them by (y, plane). Within a cell rows keep the order exposure, row.

use super::exposure::{Exposure, SliceDirection};
use super::index::BlockIndex;
use super::pixtable::{Columns, RowBuffers};
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
}

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
    rows: Vec<(u32, Record)>,
    starts: Vec<u32>,
    counts: GatherCounts,
}

impl<M: Math> GatherRequest<M> {
    /// Returns the plane range of a block, clipped as rows are.
    fn planes(&self, range: [f32; 2]) -> Option<Range<usize>> {
        if range[0] > range[1] {
            return None;
        }
        let last = self.naxis[2] as i64 - 1;
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
            .map_init(RowBuffers::default, |buffer, (n, rows)| {
                hooks.check()?;
                self.unit(exposures, n, rows, window, counted, buffer)
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
        buffer: &mut RowBuffers,
    ) -> Result<Unit, KernelError> {
        let exposure = &exposures[n];
        let has_weight = exposure.weight.is_none() && exposure.rows.has_weight();
        let columns = if has_weight {
            Columns::ALL.union(Columns::WEIGHT)
        } else {
            Columns::ALL
        };
        let n_rows = (rows.end - rows.start) as usize;
        exposure
            .rows
            .read(rows.clone(), columns, buffer)
            .map_err(|source| KernelError::Read {
                exposure: n,
                first: rows.start,
                last: rows.end,
                source,
            })?;
        buffer.check(columns, n_rows)?;
        let placer = Placer::<M>::new(exposure, (n > 0).then(|| &exposures[0]));
        placer.place(buffer);
        let direction = match exposure.slice_direction {
            SliceDirection::X => ALONG_X,
            SliceDirection::Y => ALONG_Y,
            SliceDirection::None => 0,
        };
        let (flux, flux2) = exposure.flux_scale.map_or((1.0, 1.0), |s| (s, s * s));
        let mut counts = GatherCounts::default();
        let mut found: Vec<(u32, u32, Record)> = Vec::with_capacity(n_rows / 2);
        let [nx, ny, nz] = self.naxis.map(|n| n as i64);
        for row in 0..n_rows {
            let lambda = buffer.lambda[row];
            if !(f64::from(lambda) >= self.lambda_range[0] && f64::from(lambda) <= self.lambda_range[1]) {
                continue;
            }
            let lambda = self.locator.medium(lambda);
            let mut l = self.locator.plane(lambda);
            let mut outside = l < 0 || l >= nz;
            l = l.clamp(0, nz - 1);
            if !window.contains(&(l as usize)) {
                continue;
            }
            let is_counted = counted.contains(&(l as usize));
            let (x, y) = (buffer.xpos[row], buffer.ypos[row]);
            let [mut i, mut j] = self.locator.cell(x, y);
            outside |= i < 0 || i >= nx || j < 0 || j >= ny;
            let (data, stat) = (buffer.data[row], buffer.stat[row]);
            if self.numerics == Numerics::Phoenix {
                if !(data.is_finite() && stat.is_finite() && x.is_finite() && y.is_finite()) {
                    counts.not_finite += u64::from(is_counted);
                    continue;
                }
                if outside {
                    counts.outside += u64::from(is_counted);
                    continue;
                }
            } else if outside {
                counts.outside += u64::from(is_counted);
            }
            i = i.clamp(0, nx - 1);
            j = j.clamp(0, ny - 1);
            let (data, stat) = if exposure.flux_scale.is_some() {
                ((f64::from(data) * flux) as f32, (f64::from(stat) * flux2) as f32)
            } else {
                (data, stat)
            };
            let weight = if has_weight {
                buffer.weight[row]
            } else {
                exposure.weight.unwrap_or(1.0)
            };
            let dq = buffer.dq[row];
            let bits = direction
                | if dq == 0 { GOOD } else { 0 }
                | if dq == 0 || dq == COSMIC_RAY { SAMPLE } else { 0 }
                | if dq & COSMIC_RAY == 0 { 0 } else { CAME_FLAGGED };
            let key = (j as usize * window.len() + (l as usize - window.start)) as u32;
            found.push((
                i as u32,
                key,
                Record {
                    x,
                    y,
                    lambda,
                    data,
                    stat,
                    weight,
                    bits,
                },
            ));
        }
        Ok(sort_by_column(&found, self.naxis[0], counts))
    }
}

fn sort_by_column(found: &[(u32, u32, Record)], nx: usize, counts: GatherCounts) -> Unit {
    let mut starts = vec![0_u32; nx + 1];
    for (i, _, _) in found {
        starts[*i as usize + 1] += 1;
    }
    for i in 0..nx {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut rows = vec![(0, Record::default()); found.len()];
    for (i, key, record) in found {
        let at = &mut next[*i as usize];
        rows[*at as usize] = (*key, *record);
        *at += 1;
    }
    Unit { rows, starts, counts }
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
        for (key, _) in part {
            offsets[*key as usize + 1] += 1;
        }
    }
    for c in 0..cells {
        offsets[c + 1] += offsets[c];
    }
    let mut records = vec![Record::default(); n];
    // Each cell's start is used as its cursor; afterwards it is the start of the next cell, hence the shift back.
    for part in parts() {
        for (key, record) in part {
            let at = &mut offsets[*key as usize];
            records[*at as usize] = *record;
            *at += 1;
        }
    }
    offsets.copy_within(0..cells, 1);
    offsets[0] = 0;
    Column { records, offsets }
}
