//! Rejection of cosmic rays: each row of a voxel against the rows of its neighbours.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Cosmic rays".

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
#![allow(unsafe_code)]

use super::gather::{ALONG_X, ALONG_Y, Column, PADDING, REJECTED, Record, SAMPLE};
use crate::math::Numerics;
use crate::stat;
use multiversion::multiversion;
use rayon::prelude::*;
use std::ops::Range;

/// Which statistics set the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CosmicKind {
    /// Mean, and an error formed from the variances.
    Iraf,
    /// Mean and standard deviation.
    Mean,
    /// Median and median absolute deviation.
    #[default]
    Median,
}

/// Statistics and limit of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosmicOptions {
    /// Statistics.
    pub kind: CosmicKind,
    /// Limit in deviations; 0 or below switches the test off.
    pub sigma: f64,
}

/// Which of the 27 cells around a voxel form the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbourhood {
    /// Rows above and below, and the cell itself.
    AlongX,
    /// Columns left and right, and the cell itself.
    AlongY,
    /// All.
    All,
}

/// The test of one window.
#[derive(Clone, Copy, Debug)]
pub(super) struct CosmicTest {
    pub(super) options: CosmicOptions,
    pub(super) numerics: Numerics,
    /// Slice direction bits used for all rows in `Eso`.
    pub(super) common: u32,
    pub(super) ny: usize,
    /// Planes in the window.
    pub(super) width: usize,
}

fn neighbourhood(bits: u32) -> Neighbourhood {
    if bits & ALONG_X != 0 {
        Neighbourhood::AlongX
    } else if bits & ALONG_Y != 0 {
        Neighbourhood::AlongY
    } else {
        Neighbourhood::All
    }
}

impl CosmicTest {
    /// Flags the rows of `planes` of all columns.
    pub(super) fn run(&self, columns: &mut [Column], planes: &Range<usize>) {
        let flagged: Vec<Vec<u32>> = (0..columns.len())
            .into_par_iter()
            .map(|i| self.column(columns, i, planes))
            .collect();
        for (column, rows) in columns.iter_mut().zip(flagged) {
            for row in rows {
                column.records[row as usize].bits |= REJECTED;
            }
        }
    }

    fn column(&self, columns: &[Column], i: usize, planes: &Range<usize>) -> Vec<u32> {
        let mut flagged = Vec::new();
        let mut work = Work::default();
        let own = &columns[i];
        let all = [Neighbourhood::AlongX, Neighbourhood::AlongY, Neighbourhood::All];
        for j in 0..self.ny {
            work.guesses = [Guess::default(); 3];
            for l in planes.clone() {
                let cell = own.range(j, self.width, l..l + 1);
                if cell.is_empty() {
                    continue;
                }
                if self.numerics == Numerics::Eso {
                    self.cell(
                        columns,
                        [i, j, l],
                        cell,
                        neighbourhood(self.common),
                        None,
                        &mut work,
                        &mut flagged,
                    );
                } else {
                    let present = own.records[cell.clone()]
                        .iter()
                        .fold(0, |bits, r| bits | 1 << neighbourhood(r.bits) as u8);
                    for kind in all {
                        if present & (1 << kind as u8) != 0 {
                            self.cell(
                                columns,
                                [i, j, l],
                                cell.clone(),
                                kind,
                                Some(kind),
                                &mut work,
                                &mut flagged,
                            );
                        }
                    }
                }
            }
        }
        flagged
    }

    /// Tests the rows of one cell, those of slice direction `only` if given.
    #[allow(clippy::too_many_arguments)]
    fn cell(
        &self,
        columns: &[Column],
        at: [usize; 3],
        cell: Range<usize>,
        kind: Neighbourhood,
        only: Option<Neighbourhood>,
        work: &mut Work,
        flagged: &mut Vec<u32>,
    ) {
        let records = &columns[at[0]].records[cell.clone()];
        let mine = |r: &Record| only.is_none_or(|kind| neighbourhood(r.bits) == kind);
        let highest = records
            .iter()
            .filter(|r| mine(r))
            .fold(f32::NEG_INFINITY, |m, r| m.max(r.data));
        let limit = if self.options.kind == CosmicKind::Median {
            let sigma = self.options.sigma;
            let n = self.collect(columns, at, kind, &mut work.values);
            let guess = &mut work.guesses[kind as usize];
            if guess.is_clean(&work.values[..n], highest, sigma) {
                return;
            }
            median_limit(&mut work.values[..n], highest, sigma, guess, &mut work.sample.data)
        } else {
            self.limit(columns, at, kind, &mut work.sample)
        };
        if let Some(limit) = limit {
            for (row, record) in cell.zip(records) {
                if f64::from(record.data) > limit && mine(record) {
                    flagged.push(row as u32);
                }
            }
        }
    }

    /// Gathers the values of a sample to the front of `values`, filled with NaN to whole groups; returns the length
    /// with the filling.
    fn collect(&self, columns: &[Column], at: [usize; 3], kind: Neighbourhood, values: &mut Vec<f32>) -> usize {
        let mut n = 0;
        self.ranges(columns, at, kind, |column, range| {
            if values.len() < n + range.len() + 2 * PADDING {
                values.resize(n + range.len() + 2 * PADDING, f32::NAN);
            }
            // Whole groups are copied; what is too much is overwritten by the next range or the filling.
            let mut from = range.start;
            let mut to = n;
            while from < range.end {
                let group: &[f32] = &column.sample[from..from + PADDING];
                values[to..to + PADDING].copy_from_slice(group);
                from += PADDING;
                to += PADDING;
            }
            n += range.len();
        });
        if values.len() < n + PADDING {
            values.resize(n + PADDING, f32::NAN);
        }
        values[n..n + PADDING].fill(f32::NAN);
        n.next_multiple_of(PADDING)
    }

    /// Names the runs of rows that form the sample of a cell, in the order x, y, plane.
    #[inline]
    fn ranges<'c>(
        &self,
        columns: &'c [Column],
        at: [usize; 3],
        kind: Neighbourhood,
        mut take: impl FnMut(&'c Column, Range<usize>),
    ) {
        let [i, j, l] = at;
        let near = l.saturating_sub(1)..(l + 2).min(self.width);
        let first = i.saturating_sub(1);
        for (i2, column) in columns.iter().enumerate().take(i + 2).skip(first) {
            for j2 in j.saturating_sub(1)..(j + 2).min(self.ny) {
                let own_slice = match kind {
                    Neighbourhood::AlongX => j2 == j,
                    Neighbourhood::AlongY => i2 == i,
                    Neighbourhood::All => false,
                };
                let planes = match (own_slice, i2 == i && j2 == j) {
                    (true, true) => l..l + 1,
                    (true, false) => continue,
                    (false, _) => near.clone(),
                };
                take(column, column.range(j2, self.width, planes));
            }
        }
    }

    /// Returns the largest value that is kept, or `None` where there are too few rows to tell.
    fn limit(&self, columns: &[Column], at: [usize; 3], kind: Neighbourhood, sample: &mut Sample) -> Option<f64> {
        sample.data.clear();
        sample.stat = 0.0;
        self.ranges(columns, at, kind, |column, range| {
            for r in &column.records[range] {
                if r.bits & SAMPLE != 0 {
                    sample.data.push(f64::from(r.data));
                    sample.stat += f64::from(r.stat);
                }
            }
        });
        let n = sample.data.len();
        if n < 3 {
            return None;
        }
        let (level, deviation) = match self.options.kind {
            CosmicKind::Mean => stat::mean_and_deviation(&sample.data)?,
            CosmicKind::Iraf | CosmicKind::Median => {
                let error = match self.numerics {
                    Numerics::Eso => sample.stat.sqrt() / n as f64,
                    Numerics::Phoenix => (sample.stat / n as f64).sqrt(),
                };
                (stat::mean(&sample.data)?, error)
            }
        };
        Some(level + self.options.sigma * deviation)
    }
}

/// Values and summed variance of a sample.
#[derive(Default)]
struct Sample {
    data: Vec<f64>,
    stat: f64,
}

/// Buffers of one column's test.
#[derive(Default)]
struct Work {
    values: Vec<f32>,
    sample: Sample,
    guesses: [Guess; 3],
}

/// Where the median of the next sample is likely to be; only the speed depends on it.
#[derive(Clone, Copy, Default)]
struct Guess {
    level: f32,
    half_width: f32,
}

impl Guess {
    /// Tells whether counting alone proves that nothing up to `highest` is above the limit of the sample.
    ///
    /// # Numerics
    /// Let A and B be the ends of the guessed interval. If fewer than half of the values are below A and fewer than half
    /// above B, both middle values and so the median lie within. If fewer than half lie within r of the interval, at
    /// least half deviate from the median by r or more, so the deviation is no less than r and the limit no less than
    /// A + sigma r. With r = (highest - A) / sigma nothing is above the limit.
    fn is_clean(&mut self, values: &[f32], highest: f32, sigma: f64) -> bool {
        let (low, high) = (self.level - self.half_width, self.level + self.half_width);
        let wanted = f64::from(highest) - f64::from(low);
        // PRECISION: a part in 1e6 covers the rounding of these bounds to 32 bits and of the limit to 64 bits.
        let scale = f64::from(low.abs().max(high.abs()).max(highest.abs()));
        let r = (wanted.max(0.0) + 1e-6 * scale) / sigma + 1e-6 * scale;
        let outer = [(f64::from(low) - r) as f32, (f64::from(high) + r) as f32];
        let [n, below, above, near] = count(values, [low, high], outer);
        // Newton's step towards the middle, for the next sample.
        let inside = n - below - above;
        self.level += self.half_width * 0.5 * (above as f32 - below as f32) / (inside.max(n / 8 + 1)) as f32;
        n >= 3 && highest.is_finite() && 2 * below < n && 2 * above < n && 2 * near < n
    }
}

/// Counts values: all that are numbers, below and above the inner interval, within the outer one.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn count(values: &[f32], inner: [f32; 2], outer: [f32; 2]) -> [i32; 4] {
    let mut lanes = [[0_i32; PADDING]; 4];
    for group in values.chunks_exact(PADDING) {
        for k in 0..PADDING {
            let v = group[k];
            lanes[0][k] += i32::from(!v.is_nan());
            lanes[1][k] += i32::from(v < inner[0]);
            lanes[2][k] += i32::from(v > inner[1]);
            lanes[3][k] += i32::from(v >= outer[0] && v <= outer[1]);
        }
    }
    let mut sums = [0; 4];
    for (sum, lane) in sums.iter_mut().zip(&lanes) {
        for n in lane {
            *sum += n;
        }
    }
    sums
}

/// Returns the limit of a sample, or `None` where it has fewer than three values or nothing up to `highest` is above it.
fn median_limit(values: &mut [f32], highest: f32, sigma: f64, guess: &mut Guess, sample: &mut Vec<f64>) -> Option<f64> {
    let mut n = 0;
    for k in 0..values.len() {
        let v = values[k];
        values[n] = v;
        n += usize::from(!v.is_nan());
    }
    let values = &mut values[..n];
    if n < 3 {
        return None;
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f32::total_cmp);
    let mut level = f64::from(*middle);
    if n.is_multiple_of(2) {
        let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        level = 0.5 * (f64::from(lower) + level);
    }
    sample.clear();
    sample.extend(values.iter().map(|v| (f64::from(*v) - level).abs()));
    let deviation = stat::median(sample)?;
    guess.level = level as f32;
    guess.half_width = 0.35 * deviation as f32;
    let limit = level + sigma * deviation;
    (f64::from(highest) > limit).then_some(limit)
}
