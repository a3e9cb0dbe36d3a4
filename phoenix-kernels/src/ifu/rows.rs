//! The rows of a window as one thread reads them.

use super::cells::{Cells, Record};
use super::pixtable::RowBuffers;
use super::slab::RowId;
use std::ops::Range;

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
    /// From which record on they are of which exposure.
    pub(super) owners: Vec<[u32; 2]>,
}

impl Rows {
    fn clear(&mut self) {
        self.bits.clear();
        self.ids.clear();
        self.key.clear();
        self.owners.clear();
    }

    /// Says that the records from here on are of this exposure.
    pub(super) fn begin(&mut self, exposure: u32) {
        if self.owners.last().is_none_or(|[_, last]| *last != exposure) {
            self.owners.push([(self.first + self.key.len()) as u32, exposure]);
        }
    }

    /// Makes room for `n` rows at once, of which none is there yet.
    pub(super) fn make_room(&mut self, n: usize) {
        self.bits.reserve(n);
        self.key.reserve(n);
    }
}

/// Buffers of one thread, used again for each window.
#[derive(Debug, Default)]
pub struct GatherWork {
    pub(super) buffer: RowBuffers,
    /// Planes of the rows in the buffer.
    pub(super) planes: Vec<i32>,
    pub(super) cells: [Vec<i32>; 2],
    /// Bits and cells of the rows in the buffer.
    pub(super) bits: Vec<u8>,
    pub(super) keys: Vec<u32>,
    /// Records that the window before leaves.
    pub(super) held: Vec<Record>,
    pub(super) rows: Rows,
    /// Number of rows of each cell, then the place of the next.
    pub(super) counts: Vec<u32>,
}

impl GatherWork {
    /// Forgets all rows and counts none in each of `n_cells` cells.
    pub(super) fn clear(&mut self, n_cells: usize) {
        self.rows.clear();
        self.held.clear();
        // One more cell, behind the others, takes the rows that are left out.
        self.counts.clear();
        self.counts.resize(n_cells + 1, 0);
    }

    /// Takes planes `held` of some columns of the window before over into one of `width` planes that begins with them.
    pub(super) fn hold(&mut self, cells: &Cells, columns: Range<usize>, held: &Range<usize>, width: usize) {
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
    pub(super) fn put(&mut self, weight: Option<f32>, without: Option<u32>, records: &mut [Record]) {
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

/// Moves a run of rows of a buffer forward to row `to`.
pub(super) fn move_rows(buffer: &mut RowBuffers, planes: &mut [i32], run: Range<usize>, to: usize) {
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
pub(super) fn cut(buffer: &mut RowBuffers, planes: &mut Vec<i32>, n: usize) {
    for column in buffer.numbers() {
        column.truncate(n);
    }
    buffer.dq.truncate(n);
    planes.truncate(n);
}
