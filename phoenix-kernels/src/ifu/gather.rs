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
use super::cells::{ALONG_X, ALONG_Y, CAME_FLAGGED, CAME_SATURATED, Cells, GOOD, NOBODY, Record, SAMPLE};
use super::exposure::{Exposure, SliceDirection};
use super::keys::{KeyRequest, Placement, keys, saturated};
use super::pixtable::{Columns, PixelRows, RowBuffers};
use super::position::{Locator, Placer};
use super::rows::{GatherWork, cut, move_rows};
use super::runs::{shares, units};
use super::slab::RowId;
use super::sort::{make_room, sort};
use crate::math::{Math, Numerics};
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;

/// Quality bit of a cosmic ray.
const COSMIC_RAY: i32 = 1 << 5;
/// Quality bit of a saturated pixel.
const SATURATED: i32 = 1 << 12;

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
                if !work.held.is_empty() {
                    work.rows.owners.push([work.rows.first as u32, NOBODY]);
                }
                self.collect(exposures, units, [window, held, counted], hooks, work, records)
            })
            .collect::<Result<_, KernelError>>()?;
        cells.size = [nx, ny];
        cells.first_row = self.strip[0];
        cells.first_plane = window.start;
        cells.width = window.len();
        cells.owners.clear();
        for work in works.iter() {
            cells.owners.extend_from_slice(&work.rows.owners);
        }
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
            work.rows.begin(*n as u32);
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
            let run = row + run_length(&planes[row..], |plane| is_kept(plane));
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
            row = run + run_length(&planes[run..], |plane| !is_kept(plane));
        }
        cut(buffer, planes, n_kept);
        bits.resize(n_kept, 0);
        quality(exposure, &buffer.dq, bits);
        exposure.scale(&mut buffer.data, &mut buffer.stat);
        let (x, y) = (&mut buffer.xpos, &mut buffer.ypos);
        Placer::<M>::new(exposures, n, self.numerics).place(x, y);
        let [i, j] = cells;
        self.locator.cells(x, y, i, j);
        Ok(())
    }
}

/// Counts the rows at the beginning for which a condition holds: group by group without branches, then row by row.
fn run_length(planes: &[i32], holds: impl Fn(&i32) -> bool) -> usize {
    let all = |group: &&[i32]| group.iter().fold(true, |all, plane| all & holds(plane));
    let whole = GROUP * planes.chunks_exact(GROUP).take_while(all).count();
    whole + planes[whole..].iter().take_while(|plane| holds(plane)).count()
}

/// Rows that are looked at together.
const GROUP: usize = 64;

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
