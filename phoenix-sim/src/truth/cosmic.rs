//! How well a rejection found the cosmic rays that were put in.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::cosmic::Hit;

/// Lower edges of the bins of significance; the last is open.
const EDGES: [f32; 6] = [0.0, 3.0, 5.0, 10.0, 20.0, 50.0];

/// Hits of like significance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SignificanceBin {
    /// Lower edge, in standard deviations of the pixel without the hit.
    pub from_sigma: f32,
    /// Hits.
    pub n_hits: u64,
    /// Hits that were rejected.
    pub n_found: u64,
}

/// Completeness and false rate of a rejection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CosmicScore {
    /// By significance.
    pub bins: Vec<SignificanceBin>,
    /// Pixels rejected that no cosmic ray has hit.
    pub n_false: u64,
    /// Pixels that no cosmic ray has hit.
    pub n_clean: u64,
}

impl CosmicScore {
    /// Compares the rows of a table that were rejected with those that were hit.
    pub fn new(hits: &[Hit], n_pixels: u64, rejected_rows: impl IntoIterator<Item = u64>) -> Self {
        let rejected: BTreeSet<u64> = rejected_rows.into_iter().collect();
        let mut bins = EDGES.map(|from_sigma| SignificanceBin {
            from_sigma,
            n_hits: 0,
            n_found: 0,
        });
        let mut n_found = 0;
        for hit in hits {
            let bin = EDGES.iter().rposition(|edge| hit.significance >= *edge).unwrap_or(0);
            let is_found = rejected.contains(&hit.row);
            bins[bin].n_hits += 1;
            bins[bin].n_found += u64::from(is_found);
            n_found += u64::from(is_found);
        }
        Self {
            bins: bins.to_vec(),
            n_false: rejected.len() as u64 - n_found,
            n_clean: n_pixels - hits.len() as u64,
        }
    }

    /// Adds the counts of another exposure.
    pub fn add(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.n_hits += more.n_hits;
            bin.n_found += more.n_found;
        }
        self.n_false += other.n_false;
        self.n_clean += other.n_clean;
    }

    /// Returns the share of hits above a significance that were rejected; absent without hits.
    pub fn completeness(&self, from_sigma: f32) -> Option<f64> {
        let above = self.bins.iter().filter(|bin| bin.from_sigma >= from_sigma);
        let (hits, found) = above.fold((0, 0), |sum, bin| (sum.0 + bin.n_hits, sum.1 + bin.n_found));
        (hits > 0).then(|| found as f64 / hits as f64)
    }

    /// Returns the share of clean pixels that were rejected.
    pub fn false_rate(&self) -> f64 {
        self.n_false as f64 / self.n_clean.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::CosmicScore;
    use crate::cosmic::Hit;

    #[test]
    fn found_missed_and_false_rejections_are_counted() {
        let hit = |row, significance| Hit {
            row,
            flux: 1.0,
            significance,
        };
        let hits = [hit(3, 60.0), hit(4, 12.0), hit(9, 2.0)];
        let score = CosmicScore::new(&hits, 100, [3, 50]);
        assert_eq!(score.completeness(10.0), Some(0.5));
        assert_eq!((score.n_false, score.n_clean), (1, 97));
        assert_eq!(score.completeness(100.0), None);
    }
}
