//! Grouping by position: friends of friends within two limits.

use std::collections::BTreeMap;

use super::sky::{ARCSEC, distance_arcsec};

/// The two limits of a group.
///
/// # References
/// ESO, EDPS tutorial of MUSE, section "Combination of exposures" (github.com/eso/edps-doc, `source/muse/`
/// `configure_reduction.md`): workflow parameters `max_separation_WFM`, `max_diameter_WFM` and those of the narrow field. Its
/// defaults let fields overlap by about a quarter and a mosaic grow to three fields; the numbers here are that in arcsec.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Farthest that an exposure may lie from the nearest other one of its group.
    pub separation_arcsec: f64,
    /// Farthest that two exposures of a group may lie from each other.
    pub diameter_arcsec: f64,
}

impl Limits {
    /// Returns the limits of a field of this side: neighbours share a quarter, the mosaic is three fields across.
    pub fn of_field(side_arcsec: f64) -> Self {
        Self {
            separation_arcsec: 0.75 * side_arcsec,
            // Two steps between centres, and half a field on either side.
            diameter_arcsec: 2.0 * side_arcsec,
        }
    }
}

/// Returns the groups of places, each in ascending order, ordered by their first member.
///
/// # Contract
/// * Without the diameter the groups are those of friends of friends: connected by steps of at most the separation.
/// * Pairs are joined nearest first (ties in the order of the places); a join that would exceed the diameter is not made, so
///   what is left over begins another group. The result does not depend on anything else.
///
/// # References
/// Huchra and Geller 1982, `ApJ` 257, 423 (friends of friends); Kruskal 1956 for the order of the joins.
pub(super) fn groups(places_deg: &[[f64; 2]], limits: Limits) -> Vec<Vec<usize>> {
    let n = places_deg.len();
    let mut pairs = neighbours(places_deg, limits.separation_arcsec);
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut group_of: Vec<usize> = (0..n).collect();
    let mut members: BTreeMap<usize, Vec<usize>> = (0..n).map(|k| (k, vec![k])).collect();
    for (_, a, b) in pairs {
        let (a, b) = (group_of[a], group_of[b]);
        if a == b {
            continue;
        }
        let (into, from) = (a.min(b), a.max(b));
        let (Some(one), Some(other)) = (members.get(&into), members.get(&from)) else {
            continue;
        };
        let is_wide = |k: &usize| {
            let apart = |l: &usize| distance_arcsec(places_deg[*k], places_deg[*l]) > limits.diameter_arcsec;
            other.iter().any(apart)
        };
        if one.iter().any(is_wide) {
            continue;
        }
        let moved = members.remove(&from).unwrap_or_default();
        for k in &moved {
            group_of[*k] = into;
        }
        members.entry(into).or_default().extend(moved);
    }
    members
        .into_values()
        .map(|mut group| {
            group.sort_unstable();
            group
        })
        .collect()
}

/// Returns all pairs within a distance, found along declination.
fn neighbours(places_deg: &[[f64; 2]], separation_arcsec: f64) -> Vec<(f64, usize, usize)> {
    let mut order: Vec<usize> = (0..places_deg.len()).collect();
    order.sort_by(|a, b| places_deg[*a][1].total_cmp(&places_deg[*b][1]));
    let mut pairs = Vec::new();
    for (n, a) in order.iter().enumerate() {
        for b in &order[n + 1..] {
            if (places_deg[*b][1] - places_deg[*a][1]) * ARCSEC > separation_arcsec {
                break;
            }
            let distance = distance_arcsec(places_deg[*a], places_deg[*b]);
            if distance <= separation_arcsec {
                pairs.push((distance, *a.min(b), *a.max(b)));
            }
        }
    }
    pairs
}

/// Returns the largest distance of two of the places.
pub(super) fn diameter_arcsec(places_deg: &[[f64; 2]]) -> f64 {
    let mut largest = 0.0_f64;
    for (n, a) in places_deg.iter().enumerate() {
        for b in &places_deg[n + 1..] {
            largest = largest.max(distance_arcsec(*a, *b));
        }
    }
    largest
}

/// Returns the smallest distance between a place of one set and one of the other.
pub(super) fn gap_arcsec(ones: &[[f64; 2]], others: &[[f64; 2]]) -> f64 {
    let pairs = ones.iter().flat_map(|a| others.iter().map(|b| distance_arcsec(*a, *b)));
    pairs.fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::{Limits, groups};

    fn row(norths_arcsec: &[f64]) -> Vec<[f64; 2]> {
        norths_arcsec.iter().map(|north| [10.0, north / 3600.0]).collect()
    }

    const WIDE: Limits = Limits {
        separation_arcsec: 45.0,
        diameter_arcsec: 1e6,
    };

    #[test]
    fn friends_of_friends_are_one_group_and_a_gap_begins_another() {
        let places = row(&[0.0, 40.0, 80.0, 130.0, 131.0]);
        assert_eq!(groups(&places, WIDE), [vec![0, 1, 2], vec![3, 4]]);
    }

    #[test]
    fn a_limit_itself_is_within() {
        let just = Limits {
            separation_arcsec: 45.0 + 1e-6,
            ..WIDE
        };
        assert_eq!(groups(&row(&[0.0, 45.0]), just).len(), 1);
        assert_eq!(groups(&row(&[0.0, 45.01]), just).len(), 2);
    }

    #[test]
    fn no_group_grows_beyond_its_diameter_and_the_nearest_are_joined_first() {
        let places = row(&[0.0, 40.0, 79.0, 118.0, 158.0]);
        let limits = Limits {
            diameter_arcsec: 80.0,
            ..WIDE
        };
        assert_eq!(
            groups(&places, limits),
            [vec![0], vec![1, 2, 3], vec![4]].map(|g| g.clone())
        );
    }

    #[test]
    fn the_order_of_the_places_changes_nothing_but_their_numbers() {
        let norths = [0.0, 40.0, 79.0, 118.0, 158.0, 400.0, 430.0];
        let limits = Limits {
            diameter_arcsec: 80.0,
            ..WIDE
        };
        let of = |order: &[usize]| {
            let places = row(&order.iter().map(|k| norths[*k]).collect::<Vec<_>>());
            let mut found: Vec<Vec<usize>> = groups(&places, limits)
                .into_iter()
                .map(|group| {
                    let mut group: Vec<usize> = group.into_iter().map(|k| order[k]).collect();
                    group.sort_unstable();
                    group
                })
                .collect();
            found.sort();
            found
        };
        assert_eq!(of(&[0, 1, 2, 3, 4, 5, 6]), of(&[6, 2, 4, 0, 5, 3, 1]));
    }
}
