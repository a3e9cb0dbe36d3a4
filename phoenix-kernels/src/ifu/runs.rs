//! Runs of rows: which of them touch a window, and how they are shared among threads.

use super::blocks::PlaneIndex;
use rayon::prelude::*;
use std::ops::Range;

/// Rows placed at once.
const UNIT_ROWS: u64 = 1 << 15;

/// Cuts runs of rows into `n` parts of about the same number of rows, in order.
pub(super) fn shares(units: &[(usize, Range<u64>)], n: usize) -> Vec<&[(usize, Range<u64>)]> {
    let all: u64 = units.iter().map(|(_, rows)| rows.end - rows.start).sum();
    let (mut taken, mut first) = (0, 0);
    (1..=n as u64)
        .map(|part| {
            let start = first;
            while first < units.len() && (part == n as u64 || taken < all * part / n as u64) {
                taken += units[first].1.end - units[first].1.start;
                first += 1;
            }
            &units[start..first]
        })
        .collect()
}

/// Lists the runs of rows that touch `window`, in order of exposure and row.
pub(super) fn units(index: &[PlaneIndex], window: &Range<usize>) -> Vec<(usize, Range<u64>)> {
    let of = |(exposure, blocks): (usize, &PlaneIndex)| {
        let mut units = Vec::new();
        blocks.touching(window, |rows, _| append(&mut units, exposure, rows));
        units
    };
    index.par_iter().enumerate().flat_map_iter(of).collect()
}

/// Appends rows of an exposure to its runs; they lengthen the last if they follow it.
pub(super) fn append(units: &mut Vec<(usize, Range<u64>)>, exposure: usize, rows: Range<u64>) {
    match units.last_mut() {
        Some((_, last)) if last.end == rows.start && rows.end - last.start <= UNIT_ROWS => last.end = rows.end,
        _ => units.push((exposure, rows)),
    }
}

/// Estimates the number of rows that touch each of `n` planes, from the index alone.
pub(super) fn rows_per_plane(index: &[PlaneIndex], n: usize) -> Vec<f64> {
    let of = |blocks: &PlaneIndex| {
        let mut density = vec![0.0; n];
        blocks.touching(&(0..n), |rows, planes| {
            let planes = planes.start..planes.end.min(n);
            let share = (rows.end - rows.start) as f64 / planes.len().max(1) as f64;
            density[planes].iter_mut().for_each(|d| *d += share);
        });
        density
    };
    let parts: Vec<Vec<f64>> = index.par_iter().map(of).collect();
    (0..n).map(|plane| parts.iter().map(|part| part[plane]).sum()).collect()
}

/// Planes that a row shares with the others of its part of the index, beside its own, on average.
pub(super) fn spread(index: &[PlaneIndex]) -> f64 {
    let of = |blocks: &PlaneIndex| {
        let mut sums = [0.0; 2];
        blocks.touching(&(0..usize::MAX), |rows, planes| {
            let n = (rows.end - rows.start) as f64;
            sums[0] += n * (planes.len() - 1) as f64;
            sums[1] += n;
        });
        sums
    };
    let parts: Vec<[f64; 2]> = index.par_iter().map(of).collect();
    let [sum, all] = [0, 1].map(|k| parts.iter().map(|part| part[k]).sum::<f64>());
    if all > 0.0 { sum / all } else { 0.0 }
}
