//! Sources followed through the exposures.

/// A source seen in one exposure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) exposure: usize,
    /// Position of the source in the exposure's list.
    pub(crate) source: usize,
    /// Position in the plane with the present offset taken out, arcsec.
    pub(crate) position: [f64; 2],
    /// Variances of the position, square arcsec.
    pub(crate) variance: [f64; 2],
    /// Variances of the position from the source's own photons, square arcsec, for a gain of 1.
    pub(crate) photon: [f64; 2],
    pub(crate) significance: f64,
}

/// Gathers sightings of the same source: the nearest of each other exposure within the radius of the most significant one.
///
/// # Contract
/// A track has at most one sighting per exposure and at least two; a sighting is in at most one track.
pub(crate) fn follow(sightings: &[Sighting], n_exposures: usize, radius: f64) -> Vec<Vec<Sighting>> {
    let mut order: Vec<usize> = (0..sightings.len()).collect();
    order.sort_by(|a, b| sightings[*b].significance.total_cmp(&sightings[*a].significance));
    let mut is_taken = vec![false; sightings.len()];
    let mut tracks = Vec::new();
    for &seed in &order {
        if is_taken[seed] {
            continue;
        }
        let first = sightings[seed];
        let mut nearest: Vec<Option<(f64, usize)>> = vec![None; n_exposures];
        for &other in &order {
            let sighting = &sightings[other];
            if is_taken[other] || sighting.exposure == first.exposure {
                continue;
            }
            let d = [0, 1].map(|k| sighting.position[k] - first.position[k]);
            let square = d[0] * d[0] + d[1] * d[1];
            let best = &mut nearest[sighting.exposure];
            if square <= radius * radius && best.is_none_or(|(least, _)| square < least) {
                *best = Some((square, other));
            }
        }
        let members: Vec<usize> = nearest.into_iter().flatten().map(|(_, other)| other).collect();
        if members.is_empty() {
            continue;
        }
        is_taken[seed] = true;
        let mut track = vec![first];
        for member in members {
            is_taken[member] = true;
            track.push(sightings[member]);
        }
        tracks.push(track);
    }
    tracks
}
