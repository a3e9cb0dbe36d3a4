//! How transparent each exposure was: flux scales from the sources that exposures share.

use super::centroid::Source;
use super::solve::solve;
use super::tracks::Sighting;

/// Relative error of a flux that is always allowed for: light outside the aperture changes with the seeing.
const FLOOR: f64 = 0.01;
/// Relative error that all sources of an exposure have in common, for the same reason.
const COMMON: f64 = 0.02;
/// A source below this many sigma says nothing of transparency.
const LEAST_SIGMA: f64 = 10.0;

/// Factors that bring each exposure to the reference's scale, with their errors; `None` where no source tells.
pub(crate) fn scales(sources: &[Vec<Source>], tracks: &[Vec<Sighting>], reference: usize) -> Vec<Option<[f64; 2]>> {
    let mut logarithms: Vec<Vec<Sighting>> = tracks
        .iter()
        .map(|track| {
            let usable = |s: &&Sighting| {
                let source = &sources[s.exposure][s.source];
                source.flux > LEAST_SIGMA * source.flux_error
            };
            let logarithm = |s: &Sighting| {
                let source = &sources[s.exposure][s.source];
                let variance = (source.flux_error / source.flux).powi(2) + FLOOR * FLOOR;
                Sighting {
                    position: [libm::log(source.flux); 2],
                    variance: [variance; 2],
                    photon: [0.0; 2],
                    ..*s
                }
            };
            track.iter().filter(usable).map(logarithm).collect::<Vec<_>>()
        })
        .filter(|track| track.len() > 1)
        .collect();
    let n = sources.len();
    let Some(solved) = solve(n, reference, &mut logarithms, &[], 0.0) else {
        return vec![None; n];
    };
    (0..n)
        .map(|k| {
            let is_told = logarithms.iter().flatten().any(|s| s.exposure == k);
            let scale = libm::exp(-solved.offset[k][0]);
            (solved.is_tied[k] && is_told).then(|| [scale, scale * (solved.variance[k][0] + COMMON * COMMON).sqrt()])
        })
        .collect()
}
