//! A screen before the cosmic-ray test: proves most voxels clean by counts that neighbouring voxels share.
//!
//! The voxels of a tile are measured with one yardstick per plane, so that each row is compared once for all the
//! samples it belongs to. What the screen cannot prove is tested voxel by voxel.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Cosmic rays".

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
// What is called for every cell must be inlined into that code. Conditions are joined without branches.
#![allow(
    unsafe_code,
    clippy::inline_always,
    clippy::needless_bitwise_bool,
    clippy::needless_range_loop,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::cells::Cells;
use super::cosmic::{MOST_PLANES, Neighbourhood};
use multiversion::multiversion;
use std::ops::Range;

/// Columns of a tile along each axis.
pub(super) const TILE: usize = 16;
/// Values that set the yardstick of a plane, at most.
const MOST_VALUES: usize = 64;
/// Values below which a yardstick is not made.
const LEAST_VALUES: usize = 16;
/// Most rows of a cell: the counts of 27 such cells fit 16 bits.
const MOST_ROWS: usize = 2000;
/// Marks of a yardstick; the last is infinite, so that its count is that of all values.
const MARKS: usize = 16;
/// From one mark to the next, in median deviations of the tile.
const STEP: f64 = 0.3;
/// Most steps that the deviation of a sample is proved to be.
const MOST_STEPS: usize = 3;

/// Counts below the first mark that may be asked for, and room for all, a power of two.
const PAD: usize = MOST_STEPS + 1;
const ROOM: usize = 32;
const _: () = assert!(MARKS + 1 + MOST_STEPS + PAD <= ROOM);

/// How many values of a sample are not above each mark.
type Counts = [u16; MARKS];

/// The yardstick of one plane of a tile, around the median of its rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yardstick {
    /// Median.
    pub(super) level: f32,
    /// Median absolute deviation.
    pub(super) deviation: f32,
    marks: [f32; MARKS],
    /// What the limit is above the last mark below the median of a sample, for each number of steps of its deviation.
    rises: [f32; MOST_STEPS + 1],
}

impl Yardstick {
    const NONE: Self = Self {
        level: 0.0,
        deviation: 0.0,
        marks: [f32::NAN; MARKS],
        rises: [f32::NEG_INFINITY; MOST_STEPS + 1],
    };

    /// Puts marks around a median.
    fn new(level: f32, deviation: f32, sigma: f64) -> Self {
        let step = STEP * f64::from(deviation);
        let mut marks = [f32::INFINITY; MARKS];
        for (k, mark) in marks.iter_mut().enumerate().take(MARKS - 1) {
            *mark = (f64::from(level) + step * (k as f64 - (MARKS / 2 - 1) as f64)) as f32;
        }
        // PRECISION: a part in 1e6 of the largest number covers the rounding to 32 bits: of marks, rises, limit and their sums.
        let largest = f64::from(marks[0].abs().max(marks[MARKS - 2].abs()));
        let rise = sigma * (step - 1e-6 * largest) - 1e-6 * (largest + sigma * step);
        let mut rises = [f32::NEG_INFINITY; MOST_STEPS + 1];
        for (k, to) in rises.iter_mut().enumerate().skip(1) {
            *to = (k as f64 * rise) as f32;
        }
        Self {
            level,
            deviation,
            marks,
            rises,
        }
    }

    /// Tells whether the counts of a sample prove that nothing up to `highest` is above its limit.
    ///
    /// # Numerics
    /// Fewer than half of the values are at or below mark a and fewer than half above mark b: the median lies between
    /// the two. If fewer than half lie between the marks r steps farther out, at least half deviate from the median by
    /// r steps or more, so the deviation is no less than that and the limit no less than mark a and sigma r steps. Beyond
    /// the marks at either end all values are taken to lie between.
    #[inline(always)]
    fn proves_clean(&self, counts: &Counts, highest: f32) -> bool {
        let n = counts[MARKS - 1];
        let half = n.div_ceil(2);
        // No count is below that of a lower mark: halving finds the first that is not below half.
        let mut below = 0;
        for step in [8, 4, 2, 1] {
            below += step * usize::from(counts[(below + step - 1) % MARKS] < half);
        }
        // With just half of the values below a mark, the median may be above it.
        let to = below + usize::from(counts[below % MARKS] <= n / 2);
        let mut beyond = [n; ROOM];
        beyond[..PAD].fill(0);
        beyond[PAD..PAD + MARKS].copy_from_slice(counts);
        let mut steps = 0;
        for r in 1..=MOST_STEPS {
            // A wider range holds no fewer values: what is true of the widest is true of all.
            let within = beyond[(to + r + PAD) % ROOM].wrapping_sub(beyond[(below + PAD - 1 - r) % ROOM]);
            steps += usize::from(within < half);
        }
        let least = self.marks[below.wrapping_sub(1) % MARKS] + self.rises[steps];
        (below > 0) & (below < MARKS - 1) & (counts[to % MARKS] > n / 2) & (highest <= least)
    }
}

/// The counts of one row of columns of a tile and of the columns beside its ends.
#[derive(Debug, Default)]
struct Strip {
    /// Of the three planes around each plane.
    around: Vec<Counts>,
    /// Of the plane alone.
    own: Vec<Counts>,
    /// Highest value of each cell, in the sample or not.
    highest: Vec<f32>,
}

/// Buffers of the screen, used again for each tile.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// One for each plane of the tile.
    pub(super) yardsticks: Vec<Yardstick>,
    /// The marks of the planes whose rows are counted.
    marks: Vec<[f32; MARKS]>,
    strips: [Strip; 3],
    /// Counts of one column against the marks of the plane behind, its own, and the plane before.
    parts: [Vec<Counts>; 3],
    /// Counts of the samples of one column.
    sums: Vec<Counts>,
    values: Vec<f32>,
    /// For each plane of each column the kinds of samples that prove nothing, a bit for each.
    open: Vec<u8>,
}

/// What is screened: columns of cells, planes, and the samples that matter.
pub(super) struct Tile<'a> {
    pub(super) i: Range<usize>,
    pub(super) j: Range<usize>,
    pub(super) planes: &'a Range<usize>,
    pub(super) kinds: &'a [Neighbourhood],
    pub(super) sigma: f64,
}

impl Tile<'_> {
    /// The planes whose rows belong to the samples.
    fn counted(&self, cells: &Cells) -> Range<usize> {
        self.planes.start.saturating_sub(1)..(self.planes.end + 1).min(cells.width)
    }
}

impl Screen {
    /// Screens a tile.
    pub(super) fn run(&mut self, cells: &Cells, tile: &Tile<'_>) {
        let counted = tile.counted(cells);
        self.open.clear();
        self.open
            .resize(tile.i.len() * tile.j.len() * tile.planes.len(), u8::MAX);
        self.yardsticks.clear();
        self.marks.clear();
        for l in counted {
            if tile.planes.contains(&l) {
                let yardstick = yardstick(cells, tile, l, &mut self.values);
                self.yardsticks.push(yardstick);
                self.marks.push(yardstick.marks);
            } else {
                self.marks.push(Yardstick::NONE.marks);
            }
        }
        screen(self, cells, tile);
    }

    /// Returns for each plane of a column of the tile the kinds of samples that are left to be tested, bits in the order of
    /// [`Neighbourhood`]; nothing if no tile was screened.
    pub(super) fn open(&self, tile: &Tile<'_>, [i, j]: [usize; 2]) -> &[u8] {
        let n = tile.planes.len();
        let first = ((i - tile.i.start) * tile.j.len() + (j - tile.j.start)) * n;
        self.open.get(first..first + n).unwrap_or_default()
    }
}

/// Makes the yardstick of plane `l` from one value of each of many cells of the three planes around it.
fn yardstick(cells: &Cells, tile: &Tile<'_>, l: usize, values: &mut Vec<f32>) -> Yardstick {
    values.clear();
    let n_columns = tile.i.len() * tile.j.len();
    let step = n_columns.div_ceil(MOST_VALUES);
    for (turn, column) in (0..n_columns).step_by(step).enumerate() {
        let (i, j) = (
            tile.i.start + column / tile.j.len(),
            tile.j.start + column % tile.j.len(),
        );
        let plane = (l + turn % 3).saturating_sub(1).min(cells.width - 1);
        if let Some(row) = cells.range(i, j, plane..plane + 1).next()
            && !cells.sample[row].is_nan()
        {
            values.push(cells.sample[row]);
        }
    }
    if values.len() < LEAST_VALUES {
        return Yardstick::NONE;
    }
    let middle = values.len() / 2;
    let level = *values.select_nth_unstable_by(middle, f32::total_cmp).1;
    for value in values.iter_mut() {
        *value = (*value - level).abs();
    }
    let deviation = *values.select_nth_unstable_by(middle, f32::total_cmp).1;
    if level.is_finite() && deviation.is_finite() {
        Yardstick::new(level, deviation, tile.sigma)
    } else {
        Yardstick::NONE
    }
}

/// Counts, sums the counts of neighbours and judges, one row of columns after the other.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn screen(screen: &mut Screen, cells: &Cells, tile: &Tile<'_>) {
    let Screen {
        yardsticks,
        marks,
        strips,
        parts,
        sums,
        open,
        ..
    } = screen;
    let [nx, ny] = cells.size;
    let n = tile.planes.len();
    sums.resize(n, Counts::default());
    for strip in strips.iter_mut() {
        strip.around.resize((TILE + 2) * n, Counts::default());
        strip.own.resize((TILE + 2) * n, Counts::default());
        strip.highest.resize((TILE + 2) * n, 0.0);
    }
    // The first strip is that before the tile's first row of columns, the last that behind its last.
    for turn in 0..tile.i.len() + 2 {
        let strip = &mut strips[turn % 3];
        let i = (tile.i.start + turn).checked_sub(1).filter(|i| *i < nx);
        for place in 0..tile.j.len() + 2 {
            let j = (tile.j.start + place).checked_sub(1).filter(|j| *j < ny);
            let Some(column) = i.zip(j) else {
                strip.around[place * n..(place + 1) * n].fill(Counts::default());
                continue;
            };
            if count_column(cells, column, tile, marks, parts, strip, place * n) > MOST_ROWS {
                open.fill(u8::MAX);
                return;
            }
        }
        if turn >= 2 {
            let near = [&strips[(turn - 2) % 3], &strips[(turn - 1) % 3], &strips[turn % 3]];
            for place in 1..=tile.j.len() {
                let first = ((turn - 2) * tile.j.len() + place - 1) * n;
                judge(
                    near,
                    place * n,
                    tile.kinds,
                    yardsticks,
                    sums,
                    &mut open[first..first + n],
                );
            }
        }
    }
}

/// Counts the rows of one column of cells against the marks of each plane; returns the most rows of a cell.
#[inline(always)]
fn count_column(
    cells: &Cells,
    (i, j): (usize, usize),
    tile: &Tile<'_>,
    marks: &[[f32; MARKS]],
    parts: &mut [Vec<Counts>; 3],
    strip: &mut Strip,
    at: usize,
) -> usize {
    let counted = tile.counted(cells);
    let (n, lead) = (counted.len(), tile.planes.start - counted.start);
    let first = (i * cells.size[1] + j) * cells.width;
    let offsets = &cells.offsets[first + counted.start..=first + counted.end];
    for part in parts.iter_mut() {
        part.resize(n, Counts::default());
    }
    let [behind, same, before] = parts;
    let (behind, same, before) = (&mut behind[..n], &mut same[..n], &mut before[..n]);
    let marks = &marks[..n];
    let mut most = 0;
    for l in 0..n {
        let rows = offsets[l] as usize..offsets[l + 1] as usize;
        most = most.max(rows.len());
        let (low, own, high) = (&marks[l.max(1) - 1], &marks[l], &marks[(l + 1).min(n - 1)]);
        let mut sums = [Counts::default(); 3];
        let mut highest = f32::NEG_INFINITY;
        for value in &cells.sample[rows.clone()] {
            highest = highest.max(*value);
            for k in 0..MARKS {
                sums[0][k] = sums[0][k].wrapping_add(u16::from(*value <= low[k]));
                sums[1][k] = sums[1][k].wrapping_add(u16::from(*value <= own[k]));
                sums[2][k] = sums[2][k].wrapping_add(u16::from(*value <= high[k]));
            }
        }
        [before[l], same[l], behind[l]] = sums;
        if let Some(l) = l.checked_sub(lead).filter(|l| *l < tile.planes.len()) {
            // A row that is not in the sample may be above the limit as well.
            if usize::from(sums[1][MARKS - 1]) != rows.len() {
                let data = rows.map(|row| cells.record(row).data);
                highest = data.fold(highest, f32::max);
            }
            strip.highest[at + l] = highest;
        }
    }
    let planes = tile.planes.len();
    let around = &mut strip.around[at..at + planes];
    let own = &mut strip.own[at..at + planes];
    own.copy_from_slice(&same[lead..lead + planes]);
    around.copy_from_slice(own);
    // A plane before gave its counts against the marks behind it, a plane behind against those before it.
    add_all(&mut around[1 - lead..], behind);
    add_all(around, &before[lead + 1..]);
    most
}

/// Adds one after the other, as far as both go.
#[inline(always)]
fn add_all(sums: &mut [Counts], parts: &[Counts]) {
    for (sum, part) in sums.as_flattened_mut().iter_mut().zip(parts.as_flattened()) {
        *sum = sum.wrapping_add(*part);
    }
}

/// Judges the planes of one column from the counts of the nine columns around it.
#[inline(always)]
fn judge(
    near: [&Strip; 3],
    at: usize,
    kinds: &[Neighbourhood],
    yardsticks: &[Yardstick],
    sums: &mut [Counts],
    open: &mut [u8],
) {
    let n = open.len();
    let of = |strip: usize, place: usize| &near[strip].around[at + place * n - n..at + place * n];
    let own = &near[1].own[at..at + n];
    let highest = &near[1].highest[at..at + n];
    let yardsticks = &yardsticks[..n];
    open.fill(0);
    for kind in kinds {
        let parts = match kind {
            Neighbourhood::All => [of(0, 0), of(0, 1), of(0, 2), of(1, 0), of(1, 2), of(2, 0)],
            Neighbourhood::AlongX => [of(0, 0), of(1, 0), of(2, 0), of(0, 2), of(1, 2), of(2, 2)],
            Neighbourhood::AlongY => [of(0, 0), of(0, 1), of(0, 2), of(2, 0), of(2, 1), of(2, 2)],
        };
        // All columns lend three planes but, along a slice, that of the cell itself.
        let rest = match kind {
            Neighbourhood::All => [of(1, 1), of(2, 1), of(2, 2)],
            _ => [own, &NOTHING[..n], &NOTHING[..n]],
        };
        let [a, b, c, d, e, f] = parts.map(<[Counts]>::as_flattened);
        let [g, h, i] = rest.map(<[Counts]>::as_flattened);
        let sums = &mut sums[..n];
        let flat = sums.as_flattened_mut();
        for k in 0..flat.len() {
            flat[k] = [b[k], c[k], d[k], e[k], f[k], g[k], h[k], i[k]]
                .into_iter()
                .fold(a[k], u16::wrapping_add);
        }
        for l in 0..n {
            open[l] |= u8::from(!yardsticks[l].proves_clean(&sums[l], highest[l])) << *kind as u8;
        }
    }
}

/// What is added where a sample has fewer parts.
static NOTHING: [Counts; MOST_PLANES] = [[0; MARKS]; MOST_PLANES];

#[cfg(test)]
mod tests {
    use super::{Neighbourhood, Screen, Tile};
    use crate::ifu::cells::{Cells, PADDING, Record};
    use crate::stat;

    /// Numbers that look like noise of unit deviation.
    struct Noise(u64);

    impl Noise {
        fn flat(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as f64 / f64::from(1_u32 << 31)
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.flat()).sum::<f64>() - 6.0
        }
    }

    /// A window of noise on a slope, with a star, hits, and rows that are in no sample.
    fn window(size: [usize; 2], width: usize) -> Cells {
        let mut noise = Noise(7);
        let mut cells = Cells {
            size,
            width,
            offsets: vec![0],
            ..Cells::default()
        };
        for i in 0..size[0] {
            for j in 0..size[1] {
                let star = 300.0 * (-0.5 * ((i as f64 - 9.0).powi(2) + (j as f64 - 11.0).powi(2))).exp();
                for l in 0..width {
                    for _ in 0..(noise.flat() * 7.0) as usize {
                        let hit = if noise.flat() < 0.01 { 40.0 * noise.flat() } else { 0.0 };
                        let data = (0.02 * i as f64 + 0.3 * l as f64 + star + noise.normal() + hit) as f32;
                        let in_sample = noise.flat() > 0.02;
                        cells.order.push(cells.records.len() as u32);
                        cells.records.push(Record {
                            data,
                            ..Record::default()
                        });
                        cells.sample.push(if in_sample { data } else { f32::NAN });
                    }
                    cells.offsets.push(cells.records.len() as u32);
                }
            }
        }
        cells.sample.extend([f32::NAN; PADDING]);
        cells
    }

    /// The limit of a cell from its sample, value by value; infinite without one.
    fn limit(cells: &Cells, [i, j, l]: [usize; 3], kind: Neighbourhood, sigma: f64) -> f64 {
        let mut values = Vec::new();
        for i2 in i.saturating_sub(1)..(i + 2).min(cells.size[0]) {
            for j2 in j.saturating_sub(1)..(j + 2).min(cells.size[1]) {
                for l2 in l.saturating_sub(1)..(l + 2).min(cells.width) {
                    let is_own_slice = match kind {
                        Neighbourhood::AlongX => j2 == j,
                        Neighbourhood::AlongY => i2 == i,
                        Neighbourhood::All => false,
                    };
                    if !is_own_slice || [i2, j2, l2] == [i, j, l] {
                        let rows = cells.range(i2, j2, l2..l2 + 1);
                        values.extend(cells.sample[rows].iter().filter(|v| !v.is_nan()).map(|v| f64::from(*v)));
                    }
                }
            }
        }
        if values.len() < 3 {
            return f64::INFINITY;
        }
        let level = stat::median(&mut values).unwrap();
        for value in &mut values {
            *value = (*value - level).abs();
        }
        level + sigma * stat::median(&mut values).unwrap()
    }

    #[test]
    fn no_cell_is_proved_clean_that_holds_a_row_above_its_limit() {
        let cells = window([17, 19], 9);
        let planes = 1..8;
        for sigma in [3.0, 15.0] {
            for kind in [Neighbourhood::All, Neighbourhood::AlongX, Neighbourhood::AlongY] {
                let (mut n_clean, mut n_hit) = (0, 0);
                for (i, j) in [(0..16, 0..16), (0..16, 16..19), (16..17, 0..16), (16..17, 16..19)] {
                    let tile = Tile {
                        i,
                        j,
                        planes: &planes,
                        kinds: &[kind],
                        sigma,
                    };
                    let mut screen = Screen::default();
                    screen.run(&cells, &tile);
                    for (i, j) in tile.i.clone().flat_map(|i| tile.j.clone().map(move |j| (i, j))) {
                        for (open, l) in screen.open(&tile, [i, j]).iter().zip(planes.clone()) {
                            let limit = limit(&cells, [i, j, l], kind, sigma);
                            let rows = cells.range(i, j, l..l + 1);
                            let is_hit = rows.clone().any(|row| f64::from(cells.record(row).data) > limit);
                            let clean = *open == 0;
                            assert!(!(clean & is_hit), "{kind:?} {sigma} cell {i} {j} {l}");
                            n_clean += usize::from(clean);
                            n_hit += usize::from(is_hit);
                        }
                    }
                }
                assert!(n_hit > 5, "{kind:?} {sigma}: {n_hit} hits");
                if sigma > 10.0 {
                    assert!(n_clean * 2 > 17 * 19 * 7, "{kind:?}: {n_clean} proved");
                }
            }
        }
    }
}
