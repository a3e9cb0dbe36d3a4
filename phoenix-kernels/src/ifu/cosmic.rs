//! Rejection of cosmic rays: each row of a voxel against the rows of its neighbours.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Cosmic rays".

use super::gather::{ALONG_X, ALONG_Y, Column, REJECTED, Record, SAMPLE};
use crate::math::Numerics;
use crate::stat;
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
        let mut sample = Sample::default();
        let own = &columns[i];
        for j in 0..self.ny {
            for l in planes.clone() {
                let cell = own.range(j, self.width, l..l + 1);
                if cell.is_empty() {
                    continue;
                }
                if self.numerics == Numerics::Eso {
                    let limit = self.limit(columns, [i, j, l], neighbourhood(self.common), &mut sample);
                    flag(&own.records, cell, limit, |_| true, &mut flagged);
                } else {
                    for kind in [Neighbourhood::AlongX, Neighbourhood::AlongY, Neighbourhood::All] {
                        let mine = |r: &Record| neighbourhood(r.bits) == kind;
                        if own.records[cell.clone()].iter().any(mine) {
                            let limit = self.limit(columns, [i, j, l], kind, &mut sample);
                            flag(&own.records, cell.clone(), limit, mine, &mut flagged);
                        }
                    }
                }
            }
        }
        flagged
    }

    /// Returns the largest value that is kept, or `None` where there are too few rows to tell.
    fn limit(&self, columns: &[Column], at: [usize; 3], kind: Neighbourhood, sample: &mut Sample) -> Option<f64> {
        sample.data.clear();
        sample.stat = 0.0;
        let [i, j, l] = at;
        let l_range = l.saturating_sub(1)..(l + 2).min(self.width);
        for i2 in i.saturating_sub(1)..(i + 2).min(columns.len()) {
            for j2 in j.saturating_sub(1)..(j + 2).min(self.ny) {
                let own_slice = match kind {
                    Neighbourhood::AlongX => j2 == j,
                    Neighbourhood::AlongY => i2 == i,
                    Neighbourhood::All => false,
                };
                let planes = match (own_slice, i2 == i && j2 == j) {
                    (true, true) => l..l + 1,
                    (true, false) => continue,
                    (false, _) => l_range.clone(),
                };
                for r in &columns[i2].records[columns[i2].range(j2, self.width, planes)] {
                    if r.bits & SAMPLE != 0 {
                        sample.data.push(f64::from(r.data));
                        sample.stat += f64::from(r.stat);
                    }
                }
            }
        }
        let n = sample.data.len();
        if n < 3 {
            return None;
        }
        let (level, deviation) = match self.options.kind {
            CosmicKind::Median => stat::median_and_deviation(&mut sample.data)?,
            CosmicKind::Mean => stat::mean_and_deviation(&sample.data)?,
            CosmicKind::Iraf => {
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

fn flag(
    records: &[Record],
    cell: Range<usize>,
    limit: Option<f64>,
    mine: impl Fn(&Record) -> bool,
    flagged: &mut Vec<u32>,
) {
    let Some(limit) = limit else { return };
    for (row, record) in cell.clone().zip(&records[cell]) {
        if f64::from(record.data) > limit && mine(record) {
            flagged.push(row as u32);
        }
    }
}
