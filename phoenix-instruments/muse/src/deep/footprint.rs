//! How much of its bounding box a mosaic covers, from the nominal fields.

use phoenix_core::deep::Mosaic;
use phoenix_kernels::math::{Math, Portable};

use super::cluster;
use super::sky::{centre_deg, distance_arcsec, offset_arcsec};

/// Samples along the longer side of the bounding box.
const SAMPLES: f64 = 256.0;
/// Fields that share less of a side than this make a mosaic.
const SHARED: f64 = 0.5;
/// Fields nearer than this share of a side are one pointing.
const SAME: f64 = 0.25;

/// A square field on the tangent plane.
struct Field {
    centre: [f64; 2],
    sin: f64,
    cos: f64,
    half: f64,
}

impl Field {
    fn holds(&self, place: [f64; 2]) -> bool {
        let [x, y] = [place[0] - self.centre[0], place[1] - self.centre[1]];
        let along = x * self.cos - y * self.sin;
        let across = x * self.sin + y * self.cos;
        along.abs() <= self.half && across.abs() <= self.half
    }

    /// Half of the side of the box around it.
    fn reach(&self) -> f64 {
        self.half * (self.sin.abs() + self.cos.abs())
    }
}

/// Describes a mosaic; `None` if any two of the fields share most of their area.
pub(super) fn mosaic(places_deg: &[[f64; 2]], posangs_deg: &[f64], side_arcsec: f64) -> Option<Mosaic> {
    if cluster::diameter_arcsec(places_deg) <= SHARED * side_arcsec {
        return None;
    }
    let centre = centre_deg(places_deg);
    let fields: Vec<Field> = places_deg
        .iter()
        .zip(posangs_deg)
        .map(|(place, posang)| {
            let angle = posang.to_radians();
            Field {
                centre: offset_arcsec(centre, *place),
                sin: Portable::sin(angle),
                cos: Portable::cos(angle),
                half: side_arcsec / 2.0,
            }
        })
        .collect();
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for field in &fields {
        for axis in 0..2 {
            low[axis] = low[axis].min(field.centre[axis] - field.reach());
            high[axis] = high[axis].max(field.centre[axis] + field.reach());
        }
    }
    let sides = [high[0] - low[0], high[1] - low[1]];
    let step = sides[0].max(sides[1]) / SAMPLES;
    let [nx, ny] = sides.map(|side| (side / step).ceil().max(1.0) as usize);
    let inside = |n: usize, axis: usize| low[axis] + (n as f64 + 0.5) * step;
    let covered = (0..ny)
        .flat_map(|j| (0..nx).map(move |i| (i, j)))
        .filter(|(i, j)| fields.iter().any(|field| field.holds([inside(*i, 0), inside(*j, 1)])))
        .count();
    Some(Mosaic {
        n_pointings: pointings(places_deg, SAME * side_arcsec),
        covered_share: (covered as f64 / (nx * ny) as f64 * 1e3).round() / 1e3,
        box_arcsec: sides.map(|side| (side * 10.0).round() / 10.0),
    })
}

/// Counts pointings: places farther from every earlier one than the radius, in order.
fn pointings(places_deg: &[[f64; 2]], radius_arcsec: f64) -> usize {
    let mut seen: Vec<[f64; 2]> = Vec::new();
    for place in places_deg {
        if seen.iter().all(|known| distance_arcsec(*known, *place) > radius_arcsec) {
            seen.push(*place);
        }
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::mosaic;

    #[test]
    fn dithers_are_no_mosaic_and_two_half_overlapping_fields_cover_their_box() {
        let at = |east: f64, north: f64| [10.0 + east / 3600.0, north / 3600.0];
        assert_eq!(mosaic(&[at(0.0, 0.0), at(2.0, 1.0)], &[0.0, 90.0], 60.0), None);
        let found = mosaic(&[at(0.0, 0.0), at(45.0, 0.0), at(44.0, 0.5)], &[0.0; 3], 60.0);
        let found = found.expect("a mosaic");
        assert_eq!(found.n_pointings, 2);
        assert!(found.covered_share > 0.97, "{found:?}");
        assert!((found.box_arcsec[0] - 105.0).abs() < 0.2, "{found:?}");
    }

    #[test]
    fn fields_along_a_diagonal_leave_corners_empty_and_a_turned_field_fills_half_its_box() {
        let at = |step: f64| [10.0 + step / 3600.0, step / 3600.0];
        let found = mosaic(&[at(0.0), at(40.0)], &[0.0; 2], 60.0).expect("a mosaic");
        // Two squares of 60 that share 20 x 20 in a box of 100: (3600 + 3600 - 400) / 10000.
        assert!((found.covered_share - 0.68).abs() < 0.01, "{found:?}");
        let turned = mosaic(&[at(0.0), at(40.0)], &[45.0; 2], 60.0).expect("a mosaic");
        assert!(turned.covered_share < 0.65, "{turned:?}");
    }
}
