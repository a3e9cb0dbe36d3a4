//! The first guess: which exposures belong together, and roughly how far they are apart.
//!
//! # References
//! docs/algorithms/alignment.md, "Matching".

use rayon::prelude::*;

use super::background::Clean;
use super::correlate;
use super::image::{Plane, SkyImage};
use super::offsets::Measured;
use super::tracks::Sighting;
use super::votes::{Link, Tree, connect, lone, vote};
use crate::stat::median;
use crate::{Hooks, KernelError};

/// Sources of an exposure that vote for the first guess.
const VOTERS: usize = 80;

/// What a guess is made from.
pub(super) struct Guess<'a> {
    pub(super) images: &'a [SkyImage],
    pub(super) measured: &'a [Measured],
    pub(super) plane: &'a Plane,
    pub(super) radii_arcsec: &'a [f64],
}

impl Guess<'_> {
    /// Connects what sightings tell of: by votes, then by lone sources, then images by correlation.
    ///
    /// # Errors
    /// `Stopped`.
    pub(super) fn tree(&self, n: usize, nominal: &[Sighting], hooks: &Hooks<'_>) -> Result<Tree, KernelError> {
        let mut links = votes(n, nominal, self.radii_arcsec[0]);
        let mut tree = connect(n, &links);
        if let Some(&radius) = self.radii_arcsec.get(1)
            && is_split(&tree)
        {
            links.extend(lone_pairs(&tree, nominal, radius));
            tree = connect(n, &links);
        }
        if is_split(&tree) {
            links.extend(self.correlated(&tree.group, hooks)?);
            tree = connect(n, &links);
        }
        Ok(tree)
    }

    fn correlated(&self, group: &[usize], hooks: &Hooks<'_>) -> Result<Vec<Link>, KernelError> {
        let n = self.images.len();
        let cleans: Vec<Clean> = self.measured.iter().map(|m| m.clean.clone()).collect();
        let mut sigmas: Vec<f64> = self
            .images
            .iter()
            .zip(self.measured)
            .map(|(image, m)| m.sigma * image.pixel_arcsec())
            .collect();
        let sigma = median(&mut sigmas).unwrap_or(1.0);
        let size = |k: usize| group[..n].iter().filter(|g| **g == group[k]).count();
        // Exposures that already have partners need one more only if their group is not the largest.
        let largest = (0..n).max_by_key(|k| (size(*k), n - k)).map_or(0, |k| group[k]);
        let is_alone = (0..n).all(|k| size(k) == 1);
        let wanted =
            |a: usize, b: usize| group[a] != group[b] && (is_alone || group[a] == largest || group[b] == largest);
        let search = (sigma, self.radii_arcsec[0]);
        let nominal = vec![[0.0; 2]; n];
        let links = correlate::links(self.images, &cleans, self.plane, &nominal, search, &wanted, hooks)?;
        // Any vote counts more than a correlation.
        let trust = |link: Link| Link {
            trust: link.trust * 1e-6,
            ..link
        };
        Ok(links.into_iter().map(trust).collect())
    }
}

/// Lets every pair vote.
fn votes(n: usize, sightings: &[Sighting], radius: f64) -> Vec<Link> {
    let lists = positions(n, sightings);
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
    pairs
        .into_par_iter()
        .filter_map(|(from, to)| {
            let (step, count) = vote(&lists[from], &lists[to], radius)?;
            Some(Link {
                from,
                to,
                step,
                variance: [f64::INFINITY; 2],
                trust: count as f64,
            })
        })
        .collect()
}

fn is_split(tree: &Tree) -> bool {
    tree.group.iter().any(|group| *group != tree.group[0])
}

/// Positions by exposure, the most significant ones.
fn positions(n: usize, sightings: &[Sighting]) -> Vec<Vec<[f64; 2]>> {
    let mut lists: Vec<Vec<[f64; 2]>> = vec![Vec::new(); n];
    for sighting in sightings {
        let list = &mut lists[sighting.exposure];
        if list.len() < VOTERS {
            list.push(sighting.position);
        }
    }
    lists
}

/// Links exposures of different groups by the one source that they share; less trusted than any votes, the more the
/// nearer it is to where the headers have it.
fn lone_pairs(tree: &Tree, sightings: &[Sighting], radius: f64) -> Vec<Link> {
    let n = tree.group.len();
    let lists = positions(n, sightings);
    let pairs = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b)));
    pairs
        .filter(|(from, to)| tree.group[*from] != tree.group[*to])
        .filter_map(|(from, to)| {
            let step = lone(&lists[from], &lists[to], radius)?;
            let distance = (step[0] * step[0] + step[1] * step[1]).sqrt();
            Some(Link {
                from,
                to,
                step,
                variance: [f64::INFINITY; 2],
                trust: 1.0 / (1.0 + distance / radius),
            })
        })
        .collect()
}

/// The anchor if at least as many exposures are tied to it as to one another; else the earliest exposure of the largest
/// group.
pub(super) fn reference(tree: &Tree, anchor: Option<usize>) -> usize {
    let n = anchor.unwrap_or(tree.group.len());
    let size = |k: usize| tree.group[..n].iter().filter(|group| **group == tree.group[k]).count();
    let earliest = (0..n).max_by_key(|k| (size(*k), n - k)).unwrap_or(0);
    match anchor {
        Some(anchor) if size(anchor) > 0 && size(anchor) >= size(earliest) => anchor,
        _ => earliest,
    }
}
