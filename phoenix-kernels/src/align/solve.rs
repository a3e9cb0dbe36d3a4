//! All offsets at once, by weighted least squares over all pairs of sightings of a source.
//!
//! # References
//! docs/algorithms/alignment.md, "Solution".

use super::linear::{inverse_and_determinant, product};
use super::tracks::Sighting;
use super::votes::Link;
use crate::stat::median;

/// Offsets relative to the reference exposure.
#[derive(Clone, Debug)]
pub(crate) struct Solution {
    /// Correction of each exposure's offset, arcsec; 0 for those that nothing ties to the reference.
    pub(crate) offset: Vec<[f64; 2]>,
    /// Variances of the offsets, square arcsec.
    pub(crate) variance: Vec<[f64; 2]>,
    /// Variance of a typical sighting beyond that of its centroid in the noise of the background, square arcsec.
    pub(crate) excess: f64,
    /// Whether tracks or links tie the exposure to the reference.
    pub(crate) is_tied: Vec<bool>,
}

/// Variance of sightings beyond that of their centroids in the noise of the background.
#[derive(Clone, Copy, Debug, Default)]
struct Excess {
    /// The same for all, square arcsec.
    constant: f64,
    /// Factor on what a source's own photons give: one over the unknown gain.
    photon: f64,
}

impl Excess {
    fn scaled(self, factor: f64) -> Self {
        Self {
            constant: self.constant * factor,
            photon: self.photon * factor,
        }
    }
}

/// Fewer degrees of freedom than these say next to nothing of the size of residuals.
const FEW: f64 = 12.0;
/// A sighting this many sigma from the mean of its track is left out.
const CLIP_SIGMA: f64 = 5.0;

fn tied(n: usize, reference: usize, tracks: &[Vec<Sighting>], links: &[Link]) -> Vec<bool> {
    let mut is_tied = vec![false; n];
    is_tied[reference] = true;
    loop {
        let before = is_tied.iter().filter(|t| **t).count();
        for track in tracks {
            if track.iter().any(|s| is_tied[s.exposure]) {
                for sighting in track {
                    is_tied[sighting.exposure] = true;
                }
            }
        }
        for link in links {
            if is_tied[link.from] || is_tied[link.to] {
                is_tied[link.from] = true;
                is_tied[link.to] = true;
            }
        }
        if is_tied.iter().filter(|t| **t).count() == before {
            return is_tied;
        }
    }
}

fn weight(sighting: &Sighting, axis: usize, excess: Excess) -> f64 {
    let variance = sighting.variance[axis] + excess.constant + excess.photon * sighting.photon[axis];
    1.0 / variance.max(1e-12)
}

/// One axis solved.
struct Axis {
    offset: Vec<f64>,
    variance: Vec<f64>,
    /// Logarithm of the determinant of the normal equations.
    determinant: f64,
}

/// Solves one axis: offsets and their variances, with the reference at 0.
///
/// The position of a source is eliminated: what is left is a sum over all pairs of its sightings with the product of
/// their weights over the sum of weights, so that pairs that share an exposure are not counted as independent.
fn axis(
    axis: usize,
    is_tied: &[bool],
    reference: usize,
    tracks: &[Vec<Sighting>],
    links: &[Link],
    excess: Excess,
) -> Option<Axis> {
    let n = is_tied.len();
    let mut row = vec![None; n];
    let mut rows = 0;
    for exposure in (0..n).filter(|k| is_tied[*k] && *k != reference) {
        row[exposure] = Some(rows);
        rows += 1;
    }
    let mut matrix = vec![0.0; rows * rows];
    let mut right = vec![0.0; rows];
    let mut pair = |a: usize, b: usize, weight: f64, difference: f64| {
        // difference = offset of b minus that of a
        if let Some(i) = row[a] {
            matrix[i * rows + i] += weight;
            right[i] -= weight * difference;
        }
        if let Some(j) = row[b] {
            matrix[j * rows + j] += weight;
            right[j] += weight * difference;
        }
        if let (Some(i), Some(j)) = (row[a], row[b]) {
            matrix[i * rows + j] -= weight;
            matrix[j * rows + i] -= weight;
        }
    };
    for track in tracks.iter().filter(|track| is_tied[track[0].exposure]) {
        let total: f64 = track.iter().map(|s| weight(s, axis, excess)).sum();
        for (i, a) in track.iter().enumerate() {
            for b in &track[i + 1..] {
                let w = weight(a, axis, excess) * weight(b, axis, excess) / total;
                pair(a.exposure, b.exposure, w, b.position[axis] - a.position[axis]);
            }
        }
    }
    for link in links.iter().filter(|link| is_tied[link.from]) {
        pair(
            link.from,
            link.to,
            1.0 / link.variance[axis].max(1e-12),
            link.step[axis],
        );
    }
    let (inverse, determinant) = inverse_and_determinant(&matrix, rows)?;
    let solved = product(&inverse, &right);
    let value = |exposure: usize| row[exposure].map_or(0.0, |i| solved[i]);
    let variance = |exposure: usize| row[exposure].map_or(0.0, |i| inverse[i * rows + i]);
    Some(Axis {
        offset: (0..n).map(value).collect(),
        variance: (0..n).map(variance).collect(),
        determinant,
    })
}

/// Differences of sightings from the means of their tracks, with offsets taken out.
fn residuals(tracks: &[Vec<Sighting>], offset: &[[f64; 2]], excess: Excess) -> Vec<Vec<[f64; 2]>> {
    tracks
        .iter()
        .map(|track| {
            let place = |s: &Sighting, k: usize| s.position[k] - offset[s.exposure][k];
            let mean = [0, 1].map(|k| {
                let total: f64 = track.iter().map(|s| weight(s, k, excess)).sum();
                track.iter().map(|s| weight(s, k, excess) * place(s, k)).sum::<f64>() / total
            });
            track.iter().map(|s| [0, 1].map(|k| place(s, k) - mean[k])).collect()
        })
        .collect()
}

fn chi_square(tracks: &[Vec<Sighting>], offset: &[[f64; 2]], excess: Excess) -> f64 {
    let rests = residuals(tracks, offset, excess);
    tracks
        .iter()
        .zip(&rests)
        .flat_map(|(track, rests)| track.iter().zip(rests))
        .map(|(s, rest)| (0..2).map(|k| rest[k] * rest[k] * weight(s, k, excess)).sum::<f64>())
        .sum()
}

/// Degrees of freedom of the residuals along both axes.
fn freedom(tracks: &[Vec<Sighting>]) -> f64 {
    let sightings: usize = tracks.iter().map(Vec::len).sum();
    let mut seen: Vec<usize> = tracks.iter().flatten().map(|s| s.exposure).collect();
    seen.sort_unstable();
    seen.dedup();
    2.0 * (sightings as f64 - tracks.len() as f64 - (seen.len() as f64 - 1.0))
}

/// Both axes solved for one kind of excess.
struct Both {
    offset: Vec<[f64; 2]>,
    variance: Vec<[f64; 2]>,
    determinant: f64,
}

/// What a solution is made from.
struct Problem<'a> {
    reference: usize,
    is_tied: &'a [bool],
    tracks: &'a [Vec<Sighting>],
    links: &'a [Link],
}

impl Problem<'_> {
    fn solve(&self, excess: Excess) -> Option<Both> {
        let of = |k| axis(k, self.is_tied, self.reference, self.tracks, self.links, excess);
        let (x, y) = (of(0)?, of(1)?);
        let zip = |a: Vec<f64>, b: Vec<f64>| a.into_iter().zip(b).map(|(a, b)| [a, b]).collect();
        Some(Both {
            offset: zip(x.offset, y.offset),
            variance: zip(x.variance, y.variance),
            determinant: x.determinant + y.determinant,
        })
    }

    fn chi_square(&self, excess: Excess) -> Option<f64> {
        Some(chi_square(self.tracks, &self.solve(excess)?.offset, excess))
    }

    /// Scales one kind of excess until the residuals have their expected size; 0 if they are small already.
    fn fitted(&self, kind: Excess, freedom: f64) -> Option<Excess> {
        if freedom <= 0.0 || self.chi_square(Excess::default())? <= freedom {
            return Some(Excess::default());
        }
        let (mut low, mut high) = (0.0, 1e-4);
        while self.chi_square(kind.scaled(high))? > freedom && high < 1e8 {
            low = high;
            high *= 4.0;
        }
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if self.chi_square(kind.scaled(middle))? > freedom {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(kind.scaled(0.5 * (low + high)))
    }

    /// Minus twice the logarithm of the restricted likelihood, but for terms that are equal for all kinds of excess.
    fn unlikeliness(&self, excess: Excess) -> Option<f64> {
        let mut sum = self.solve(excess)?.determinant + self.chi_square(excess)?;
        for track in self.tracks {
            for k in 0..2 {
                let total: f64 = track.iter().map(|s| weight(s, k, excess)).sum();
                sum += libm::log(total) - track.iter().map(|s| libm::log(weight(s, k, excess))).sum::<f64>();
            }
        }
        Some(sum)
    }

    /// The likeliest of three kinds of excess: the same for all, photons, or both.
    fn excess(&self) -> Option<Excess> {
        let freedom = freedom(self.tracks);
        let mut photons: Vec<f64> = self.tracks.iter().flatten().map(|s| s.photon[0]).collect();
        let typical = median(&mut photons).unwrap_or(0.0);
        let constant = |constant, photon| Excess { constant, photon };
        let kinds = if typical > 0.0 {
            vec![constant(typical, 0.0), constant(0.0, 1.0), constant(0.3 * typical, 1.0)]
        } else {
            vec![constant(1e-4, 0.0)]
        };
        let mut best: Option<(f64, Excess)> = None;
        for kind in kinds {
            let excess = self.fitted(kind, freedom)?;
            let unlikeliness = self.unlikeliness(excess)?;
            if best.is_none_or(|(least, _)| unlikeliness < least) {
                best = Some((unlikeliness, excess));
            }
        }
        best.map(|(_, excess)| excess)
    }
}

/// Takes the sighting out that disagrees most with its track; false if none disagrees beyond the limit.
fn clip(tracks: &mut Vec<Vec<Sighting>>, offset: &[[f64; 2]], excess: Excess) -> bool {
    let rests = residuals(tracks, offset, excess);
    let mut worst = (CLIP_SIGMA, None);
    for (t, (track, rests)) in tracks.iter().zip(&rests).enumerate() {
        for (k, (sighting, rest)) in track.iter().zip(rests).enumerate() {
            let sigmas = (0..2)
                .map(|a| rest[a].abs() * weight(sighting, a, excess).sqrt())
                .fold(0.0, f64::max);
            if sigmas > worst.0 {
                worst = (sigmas, Some((t, k)));
            }
        }
    }
    let Some((t, k)) = worst.1 else { return false };
    tracks[t].remove(k);
    tracks.retain(|track| track.len() > 1);
    true
}

/// Solves for given tracks and links.
///
/// # Numerics
/// The excess is found where the sum of squared residuals over their variances equals the degrees of freedom (0 if it
/// is smaller already); before that sightings beyond five sigma are left out, the worst first. Where there are too few
/// degrees of freedom to find any, photons count at least as much as `light`, one over the gain.
pub(crate) fn solve(
    n: usize,
    reference: usize,
    tracks: &mut Vec<Vec<Sighting>>,
    links: &[Link],
    light: f64,
) -> Option<Solution> {
    let mut is_lit = light <= 0.0;
    loop {
        let is_tied = tied(n, reference, tracks, links);
        tracks.retain(|track| is_tied[track[0].exposure]);
        if !is_lit && freedom(tracks) < FEW {
            is_lit = true;
            for sighting in tracks.iter_mut().flatten() {
                for (variance, photon) in sighting.variance.iter_mut().zip(sighting.photon) {
                    *variance += light * photon;
                }
            }
        }
        let problem = Problem {
            reference,
            is_tied: &is_tied,
            tracks,
            links,
        };
        let constant = robust_excess(tracks, &problem.solve(Excess::default())?.offset);
        let scatter = Excess { constant, photon: 0.0 };
        let offset = problem.solve(scatter)?.offset;
        if clip(tracks, &offset, scatter) {
            continue;
        }
        let problem = Problem {
            reference,
            is_tied: &is_tied,
            tracks,
            links,
        };
        let excess = problem.excess()?;
        let Both { offset, variance, .. } = problem.solve(excess)?;
        let mut beyond: Vec<f64> = tracks
            .iter()
            .flatten()
            .map(|s| excess.constant + excess.photon * s.photon[0])
            .collect();
        return Some(Solution {
            offset,
            variance,
            excess: median(&mut beyond).unwrap_or(0.0),
            is_tied,
        });
    }
}

/// The excess that the median of the residuals speaks for, whatever single sightings do.
fn robust_excess(tracks: &[Vec<Sighting>], offset: &[[f64; 2]]) -> f64 {
    let rests = residuals(tracks, offset, Excess::default());
    let mut excesses: Vec<f64> = tracks
        .iter()
        .zip(&rests)
        .flat_map(|(track, rests)| {
            let share = 1.0 - 1.0 / track.len() as f64;
            track.iter().zip(rests).flat_map(move |(s, rest)| {
                // The median of a squared normal deviate is 0.455 of its mean.
                [0, 1].map(|k| rest[k] * rest[k] / (0.455 * share) - s.variance[k])
            })
        })
        .collect();
    median(&mut excesses).unwrap_or(0.0).max(0.0)
}
