//! Rejection of cosmic rays: each row of a voxel against the rows of its neighbours.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Cosmic rays".

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
// What is called for every cell must be inlined into that code.
#![allow(
    unsafe_code,
    clippy::inline_always,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::cells::{ALONG_X, ALONG_Y, Cells, PADDING, REJECTED, SAMPLE};
use super::screen::{Screen, TILE, Tile};
use crate::math::Numerics;
use crate::stat;
use multiversion::multiversion;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Planes that are tested at once: what the screen knows of them is to stay in the second-level cache.
pub(super) const MOST_PLANES: usize = 64;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Neighbourhood {
    /// Rows above and below, and the cell itself.
    AlongX,
    /// Columns left and right, and the cell itself.
    AlongY,
    /// All.
    All,
}

const NEIGHBOURHOODS: [Neighbourhood; 3] = [Neighbourhood::AlongX, Neighbourhood::AlongY, Neighbourhood::All];

/// The test of one window.
#[derive(Clone, Copy, Debug)]
pub(super) struct CosmicTest {
    pub(super) options: CosmicOptions,
    pub(super) numerics: Numerics,
    /// Slice direction bits used for all rows in `Eso`.
    pub(super) common: u8,
    /// Slice direction bits that rows may have.
    pub(super) directions: [Option<u8>; 3],
}

fn neighbourhood(bits: u8) -> Neighbourhood {
    if bits & ALONG_X != 0 {
        Neighbourhood::AlongX
    } else if bits & ALONG_Y != 0 {
        Neighbourhood::AlongY
    } else {
        Neighbourhood::All
    }
}

/// The columns of cells around one column, and the runs of rows that they lend to the sample of one of its cells.
#[derive(Clone, Copy, Default)]
struct Around {
    /// First cell of each column, in the order x, y.
    columns: [usize; 9],
    n: usize,
    /// Which of them lends no more than the plane of the cell itself.
    own: usize,
    runs: [[u32; 2]; 9],
}

impl Around {
    fn new(cells: &Cells, [i, j]: [usize; 2], kind: Neighbourhood) -> Self {
        let [nx, ny] = cells.size;
        let mut found = Self {
            own: 9,
            ..Self::default()
        };
        for i2 in i.saturating_sub(1)..(i + 2).min(nx) {
            for j2 in j.saturating_sub(1)..(j + 2).min(ny) {
                let is_own_slice = match kind {
                    Neighbourhood::AlongX => j2 == j,
                    Neighbourhood::AlongY => i2 == i,
                    Neighbourhood::All => false,
                };
                let is_own = i2 == i && j2 == j;
                if is_own_slice && !is_own {
                    continue;
                }
                if is_own_slice {
                    found.own = found.n;
                }
                found.columns[found.n] = (i2 * ny + j2) * cells.width;
                found.n += 1;
            }
        }
        found
    }

    /// Finds the runs for the cell of plane `l`.
    #[inline(always)]
    fn runs(&mut self, cells: &Cells, l: usize) -> &[[u32; 2]] {
        let near = [l.saturating_sub(1), (l + 2).min(cells.width)];
        for (k, (run, first)) in self.runs.iter_mut().zip(self.columns).enumerate().take(self.n) {
            let [low, high] = if k == self.own { [l, l + 1] } else { near };
            *run = [cells.offsets[first + low], cells.offsets[first + high]];
        }
        &self.runs[..self.n]
    }
}

impl CosmicTest {
    /// Flags the rows of `planes`; each of `works` is one thread's. One thread does the work `beside` first.
    pub(super) fn run(
        &self,
        cells: &mut Cells,
        planes: &Range<usize>,
        works: &mut [CosmicWork],
        beside: &(dyn Fn() + Sync),
    ) {
        let [nx, ny] = cells.size.map(tiles);
        let mut kinds: Vec<Neighbourhood> = self.directions.iter().flatten().map(|bits| self.kind(*bits)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let depths = planes.clone().step_by(MOST_PLANES);
        let blocks: Vec<(Range<usize>, Range<usize>)> = depths
            .map(|first| first..(first + MOST_PLANES).min(planes.end))
            .flat_map(|planes| nx.clone().map(move |i| (planes.clone(), i)))
            .collect();
        // What is flagged does not depend on who flags it.
        let next = AtomicUsize::new(0);
        let tested: &Cells = cells;
        works.par_iter_mut().enumerate().with_max_len(1).for_each(|(n, work)| {
            if n == 0 {
                beside();
            }
            work.flagged.clear();
            let mut screen = std::mem::take(&mut work.screen);
            while let Some((planes, i)) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                for j in ny.clone() {
                    let tile = Tile {
                        i: i.clone(),
                        j,
                        planes,
                        kinds: &kinds,
                        sigma: self.options.sigma,
                    };
                    if self.options.kind == CosmicKind::Median {
                        screen.run(tested, &tile);
                    }
                    for i in tile.i.clone() {
                        for j in tile.j.clone() {
                            test_column(self, tested, [i, j], &tile, &screen, work);
                        }
                    }
                }
            }
            work.screen = screen;
        });
        for row in works.iter().flat_map(|work| &work.flagged) {
            cells.bits[*row as usize] |= REJECTED;
        }
    }

    fn kind(&self, bits: u8) -> Neighbourhood {
        neighbourhood(if self.numerics == Numerics::Eso {
            self.common
        } else {
            bits
        })
    }

    /// Returns the largest value that is kept, or `None` where there are too few rows to tell or nothing up to
    /// `highest` is above it.
    #[inline(always)]
    fn limit(
        &self,
        cells: &Cells,
        runs: &[[u32; 2]],
        kind: Neighbourhood,
        highest: f32,
        work: &mut CosmicWork,
    ) -> Option<f64> {
        if self.options.kind != CosmicKind::Median {
            return self.limit_of_mean(cells, runs, &mut work.sample);
        }
        let guess = &mut work.guesses[kind as usize];
        if guess.proves_clean(&cells.sample, runs, highest, self.options.sigma) {
            return None;
        }
        work.values.clear();
        for [start, end] in runs {
            let run = &cells.sample[*start as usize..*end as usize];
            work.values.extend(run.iter().copied().filter(|value| !value.is_nan()));
        }
        median_limit(&mut work.values, highest, self.options.sigma, guess, &mut work.sample)
    }

    fn limit_of_mean(&self, cells: &Cells, runs: &[[u32; 2]], sample: &mut Vec<f64>) -> Option<f64> {
        sample.clear();
        let mut variance = 0.0;
        for [start, end] in runs {
            for row in *start as usize..*end as usize {
                if cells.bits[row] & SAMPLE != 0 {
                    let record = cells.record(row);
                    sample.push(f64::from(record.data));
                    variance += f64::from(record.stat);
                }
            }
        }
        let n = sample.len();
        if n < 3 {
            return None;
        }
        let (level, deviation) = match self.options.kind {
            CosmicKind::Mean => stat::mean_and_deviation(sample)?,
            CosmicKind::Iraf | CosmicKind::Median => {
                let error = match self.numerics {
                    Numerics::Eso => variance.sqrt() / n as f64,
                    Numerics::Phoenix => (variance / n as f64).sqrt(),
                };
                (stat::mean(sample)?, error)
            }
        };
        Some(level + self.options.sigma * deviation)
    }
}

/// Tests the rows of one column of cells, those of each slice direction against their own neighbours.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn test_column(
    test: &CosmicTest,
    cells: &Cells,
    at: [usize; 2],
    tile: &Tile<'_>,
    screen: &Screen,
    work: &mut CosmicWork,
) {
    let mut around: [Option<Around>; 3] = [None; 3];
    let screened = screen.open(tile, at);
    let mut last = None;
    for (n, l) in tile.planes.clone().enumerate() {
        let open = screened.get(n).copied().unwrap_or(u8::MAX);
        if open == 0 {
            continue;
        }
        // Behind planes that were proved clean, the tile knows more than the last sample does.
        if last.is_none_or(|last: usize| last + 1 < n)
            && let Some(yardstick) = screen.yardsticks.get(n)
        {
            work.guesses = [Guess {
                level: yardstick.level,
                half_width: 0.35 * yardstick.deviation,
            }; 3];
        }
        last = Some(n);
        let cell = cells.range(at[0], at[1], l..l + 1);
        let mut highest = [f32::NEG_INFINITY; 3];
        for row in cell.clone() {
            let bits = cells.bits[row];
            let value = if bits & SAMPLE == 0 {
                cells.record(row).data
            } else {
                cells.sample[row]
            };
            let most = &mut highest[test.kind(bits) as usize];
            *most = most.max(value);
        }
        for kind in NEIGHBOURHOODS {
            let highest = highest[kind as usize];
            if highest > f32::NEG_INFINITY && open & (1 << kind as u8) != 0 {
                let around = around[kind as usize].get_or_insert_with(|| Around::new(cells, at, kind));
                if let Some(limit) = test.limit(cells, around.runs(cells, l), kind, highest, work) {
                    let is_above =
                        |row: &usize| f64::from(cells.record(*row).data) > limit && test.kind(cells.bits[*row]) == kind;
                    work.flagged.extend(cell.clone().filter(is_above).map(|row| row as u32));
                }
            }
        }
    }
}

/// Cuts a number of columns into tiles.
fn tiles(n: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let count = n.div_ceil(TILE).max(1);
    (0..count).map(move |k| k * n / count..(k + 1) * n / count)
}

/// Buffers of the test, used again for each window.
#[derive(Debug, Default)]
pub(super) struct CosmicWork {
    values: Vec<f32>,
    sample: Vec<f64>,
    guesses: [Guess; 3],
    flagged: Vec<u32>,
    screen: Screen,
}

/// Where the median of the next sample is likely to be; only the speed depends on it.
#[derive(Clone, Copy, Debug, Default)]
struct Guess {
    level: f32,
    half_width: f32,
}

/// How often an interval is mended by what was counted before the sample is looked at in full.
const TRIES: usize = 3;

impl Guess {
    /// Tells whether counting alone proves that nothing up to `highest` is above the limit of the sample.
    ///
    /// # Numerics
    /// Let A and B be the ends of the guessed interval. If fewer than half of the values are below A and fewer than half
    /// above B, both middle values and so the median lie within. If fewer than half lie within r of the interval, at
    /// least half deviate from the median by r or more, so the deviation is no less than r and the limit no less than
    /// A + sigma r. With r = (highest - A) / sigma nothing is above the limit.
    #[inline(always)]
    fn proves_clean(&mut self, sample: &[f32], runs: &[[u32; 2]], highest: f32, sigma: f64) -> bool {
        if !highest.is_finite() {
            return false;
        }
        let mut half_width = self.half_width;
        for _ in 0..TRIES {
            let (low, high) = (self.level - half_width, self.level + half_width);
            let wanted = f64::from(highest) - f64::from(low);
            // PRECISION: a part in 1e6 covers the rounding of these bounds to 32 bits and of the limit to 64 bits.
            let scale = f64::from(low.abs().max(high.abs()).max(highest.abs()));
            let r = (wanted.max(0.0) + 1e-6 * scale) / sigma + 1e-6 * scale;
            let outer = [(f64::from(low) - r) as f32, (f64::from(high) + r) as f32];
            let [n, below, above, near] = count(sample, runs, [low, high], outer);
            let inside = n - below - above;
            let has_median = 2 * below < n && 2 * above < n;
            // Newton's step towards the middle, for the next try and the next sample.
            self.level += half_width * 0.5 * (above as f32 - below as f32) / (inside.max(n / 8 + 1)) as f32;
            if n < 3 {
                return false;
            }
            if has_median {
                if 2 * near < n {
                    return true;
                }
                half_width *= 0.25;
            }
        }
        false
    }
}

/// Counts the values of a sample: all that are numbers, below and above the inner interval, within the outer one.
#[inline(always)]
fn count(sample: &[f32], runs: &[[u32; 2]], inner: [f32; 2], outer: [f32; 2]) -> [i32; 4] {
    let mut lanes = [[0_i32; PADDING]; 4];
    for &[start, end] in runs {
        let mut from = start as usize;
        let end = end as usize;
        while from < end {
            // A sample is padded, so that whole groups may be read.
            let Some(group) = sample[from..].first_chunk::<PADDING>() else {
                break;
            };
            let left = (end - from).min(PADDING) as i32;
            for k in 0..PADDING {
                let v = if (k as i32) < left { group[k] } else { f32::NAN };
                lanes[0][k] += i32::from(!v.is_nan());
                lanes[1][k] += i32::from(v < inner[0]);
                lanes[2][k] += i32::from(v > inner[1]);
                lanes[3][k] += i32::from(v >= outer[0] && v <= outer[1]);
            }
            from += PADDING;
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
    let n = values.len();
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
