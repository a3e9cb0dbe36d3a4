//! Cosmic rays: straight tracks through the detector that leave charge in the pixels they cross.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::geometry::Size;
use crate::random::Stream;

/// Charge per pixel length of track, in electrons: the median of a log-normal distribution.
///
/// A minimum-ionising particle frees about 80 electrons per micrometre of silicon; a pixel is 15 micrometres wide.
const CHARGE_E: f64 = 1200.0;

/// Width of the distribution of the charge, in natural logarithms; it stands for Landau's tail.
const CHARGE_SPREAD: f64 = 0.7;

/// Share of the hits that stay within a pixel.
const STEEP_SHARE: f64 = 0.35;

/// Mean length of the other tracks in pixels.
const MEAN_LENGTH: f64 = 4.5;

/// Length of the pieces in which a track is followed, in pixels.
const PIECE: f64 = 0.2;

/// What a cosmic ray left in one pixel of a table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Row of the pixel table, from 0.
    pub row: u64,
    /// Added flux, in the unit of the table.
    pub flux: f32,
    /// Added flux over the standard deviation that the pixel would have without it.
    pub significance: f32,
}

/// Draws the hits of one slice: electrons by pixel (detector row, column), both from 0.
pub(crate) fn charges(random: &mut Stream, size: Size, mean_events: f64) -> BTreeMap<(usize, usize), f64> {
    let mut charges = BTreeMap::new();
    for _ in 0..random.count(mean_events) {
        let (mut x, mut y) = (
            random.uniform(0.0, size.width as f64),
            random.uniform(0.0, size.n_lambda as f64),
        );
        let is_steep = random.uniform(0.0, 1.0) < STEEP_SHARE;
        let length = if is_steep {
            PIECE
        } else {
            1.0 - MEAN_LENGTH * libm::log(1.0 - random.uniform(0.0, 1.0))
        };
        let (sin_a, cos_a) = libm::sincos(random.uniform(0.0, 2.0 * std::f64::consts::PI));
        let charge_e = CHARGE_E * libm::exp(CHARGE_SPREAD * random.normal());
        // A steep track crosses the full depth of the detector inside one pixel.
        let (n_pieces, piece_e) = if is_steep {
            (1, charge_e)
        } else {
            ((length / PIECE) as usize, charge_e * PIECE)
        };
        for _ in 0..n_pieces {
            let is_inside = x >= 0.0 && y >= 0.0 && x < size.width as f64 && y < size.n_lambda as f64;
            if is_inside {
                *charges.entry((y as usize, x as usize)).or_insert(0.0) += piece_e;
            }
            x += PIECE * cos_a;
            y += PIECE * sin_a;
        }
    }
    charges
}

#[cfg(test)]
mod tests {
    use super::charges;
    use crate::geometry::Size;
    use crate::random::{Purpose, Stream};

    #[test]
    fn tracks_are_single_hits_and_chains_of_neighbours() {
        let size = Size {
            n_ifu: 1,
            n_slices: 4,
            width: 80,
            n_lambda: 400,
        };
        let (mut singles, mut chains) = (0, 0);
        for index in 0..200 {
            let hit = charges(&mut Stream::new(3, Purpose::Cosmics, index), size, 0.3);
            match hit.len() {
                0 => {}
                1 => singles += 1,
                _ => chains += 1,
            }
        }
        assert!(singles > 5 && chains > 20, "{singles} {chains}");
    }
}
