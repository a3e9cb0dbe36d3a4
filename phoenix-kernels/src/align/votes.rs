//! The first guess: differences of positions of two exposures vote for their offset.

use crate::stat::median;

/// Side of the cells in which votes are counted, arcsec; a candidate is a square of 3 x 3 cells.
const CELL_ARCSEC: f64 = 0.5;
/// Probability that chance alone gives a pair's best candidate somewhere in the search area.
const CHANCE: f64 = 1e-2;

/// A step from one exposure to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Offset of `to` minus that of `from`, arcsec.
    pub(crate) step: [f64; 2],
    /// Variances of `step`, square arcsec; infinite if unknown.
    pub(crate) variance: [f64; 2],
    /// What says how far the link is trusted: votes or significance.
    pub(crate) trust: f64,
}

/// Probability of n or more events where `mean` are expected.
fn tail(n: usize, mean: f64) -> f64 {
    let mut term = libm::exp(-mean);
    let mut below = 0.0;
    for k in 0..n {
        below += term;
        term *= mean / (k + 1) as f64;
    }
    // Far in the tail the difference to 1 loses its digits; the first term bounds the rest from below.
    (1.0 - below).max(term)
}

/// Returns the offset of `b` to `a` for which most positions agree within the search radius, unless chance explains it.
pub(crate) fn vote(a: &[[f64; 2]], b: &[[f64; 2]], radius: f64) -> Option<([f64; 2], usize)> {
    let half = (radius / CELL_ARCSEC).ceil() as i64;
    let side = (2 * half + 1) as usize;
    let mut counts = vec![0u32; side * side];
    let mut differences = Vec::new();
    for p in a {
        for q in b {
            let d = [q[0] - p[0], q[1] - p[1]];
            if d[0] * d[0] + d[1] * d[1] > radius * radius {
                continue;
            }
            let cell = d.map(|v| ((v / CELL_ARCSEC).round() as i64 + half).clamp(0, side as i64 - 1) as usize);
            counts[cell[1] * side + cell[0]] += 1;
            differences.push(d);
        }
    }
    let mut best = (0u32, [0.0; 2]);
    for y in 0..side {
        for x in 0..side {
            let rows = y.saturating_sub(1)..(y + 2).min(side);
            let sum: u32 = rows
                .flat_map(|v| (x.saturating_sub(1)..(x + 2).min(side)).map(move |u| v * side + u))
                .map(|at| counts[at])
                .sum();
            if sum > best.0 {
                best = (sum, [x, y].map(|v| (v as i64 - half) as f64 * CELL_ARCSEC));
            }
        }
    }
    let area = (3.0 * CELL_ARCSEC).powi(2);
    let searched = std::f64::consts::PI * radius * radius;
    let n = best.0 as usize;
    let mean = differences.len() as f64 * area / searched;
    if n < 2 || n > 2 * a.len().min(b.len()) || tail(n, mean) * searched / area > CHANCE {
        return None;
    }
    let near: Vec<&[f64; 2]> = differences
        .iter()
        .filter(|d| (0..2).all(|k| (d[k] - best.1[k]).abs() <= 1.5 * CELL_ARCSEC))
        .collect();
    let along = |k: usize| median(&mut near.iter().map(|d| d[k]).collect::<Vec<_>>());
    Some(([along(0)?, along(1)?], n))
}

/// Returns the offset of `b` to `a` if just one pair of positions lies within the radius: one source that both share, whose
/// offset no second source confirms.
pub(crate) fn lone(a: &[[f64; 2]], b: &[[f64; 2]], radius: f64) -> Option<[f64; 2]> {
    let mut found = None;
    for p in a {
        for q in b {
            let d = [q[0] - p[0], q[1] - p[1]];
            if d[0] * d[0] + d[1] * d[1] > radius * radius {
                continue;
            }
            if found.is_some() {
                return None;
            }
            found = Some(d);
        }
    }
    found
}

/// The exposures that links connect with each other, and their offsets against the root of their group.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// Number of the group of each exposure.
    pub(crate) group: Vec<usize>,
    pub(crate) offset: Vec<[f64; 2]>,
    /// The links that connect.
    pub(crate) used: Vec<Link>,
}

/// Connects exposures by the most trusted links.
pub(crate) fn connect(n: usize, links: &[Link]) -> Tree {
    let mut tree = Tree {
        group: (0..n).collect(),
        offset: vec![[0.0; 2]; n],
        used: Vec::new(),
    };
    for root in 0..n {
        if tree.group[root] != root {
            continue;
        }
        let mut is_in: Vec<bool> = (0..n).map(|k| k == root).collect();
        loop {
            let grows = |link: &&Link| is_in[link.from] != is_in[link.to];
            let Some(link) = links.iter().filter(grows).max_by(|a, b| a.trust.total_cmp(&b.trust)) else {
                break;
            };
            let (known, fresh, sign) = if is_in[link.from] {
                (link.from, link.to, 1.0)
            } else {
                (link.to, link.from, -1.0)
            };
            for k in 0..2 {
                tree.offset[fresh][k] = tree.offset[known][k] + sign * link.step[k];
            }
            tree.used.push(*link);
            is_in[fresh] = true;
            tree.group[fresh] = root;
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::{Link, connect, lone, vote};

    #[test]
    fn three_common_sources_are_enough_and_one_is_not() {
        let a = [[0.0, 0.0], [11.0, -7.0], [-15.0, 4.0]];
        let b = a.map(|p| [p[0] + 3.2, p[1] - 1.1]);
        let (step, n) = vote(&a, &b, 30.0).unwrap();
        assert_eq!(n, 3);
        assert!((step[0] - 3.2).abs() < 1e-9 && (step[1] + 1.1).abs() < 1e-9);
        assert!(vote(&a[..1], &b[..1], 30.0).is_none());
    }

    #[test]
    fn one_common_source_is_taken_only_if_no_other_pair_competes() {
        let a = [[0.0, 0.0], [20.0, 3.0]];
        assert_eq!(lone(&a, &[[1.0, -1.0]], 4.0), Some([1.0, -1.0]));
        assert_eq!(lone(&a, &[[9.0, -1.0]], 4.0), None);
        assert_eq!(lone(&a, &[[1.0, -1.0], [-1.0, 0.0]], 4.0), None);
    }

    #[test]
    fn the_most_trusted_links_win() {
        let link = |from, to, x, trust| Link {
            from,
            to,
            step: [x, 0.0],
            variance: [0.0; 2],
            trust,
        };
        let tree = connect(4, &[link(0, 1, 1.0, 5.0), link(1, 2, 1.0, 5.0), link(0, 2, 9.0, 2.0)]);
        assert_eq!(tree.group, [0, 0, 0, 3]);
        assert!((tree.offset[2][0] - 2.0).abs() < 1e-12);
    }
}
