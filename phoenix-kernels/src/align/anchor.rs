//! What ties exposures to the sky: stars of a catalogue, or an image whose coordinates are believed.
//!
//! # References
//! docs/algorithms/alignment.md, "Absolute astrometry".

use super::image::{Plane, SkyImage};
use super::tracks::Sighting;
use crate::KernelError;

/// What offsets are to be relative to.
#[derive(Clone, Copy, Debug)]
pub enum Anchor<'a> {
    /// An image whose world coordinates are right.
    Image(&'a SkyImage),
    /// Stars whose places are known, at the epoch of the exposures.
    Catalogue(&'a [CatalogueStar]),
}

/// A star of a catalogue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CatalogueStar {
    /// Right ascension, degrees.
    pub ra_deg: f64,
    /// Declination, degrees.
    pub dec_deg: f64,
    /// Standard deviations of the place on the sky along right ascension and declination, arcsec.
    pub error_arcsec: [f64; 2],
    /// Magnitude in any band; only their order counts.
    pub magnitude: Option<f64>,
}

/// Stars that fall on or near the images as sightings of one more exposure, the brightest first.
///
/// # Errors
/// `Parameter`, for a place or an error that is none.
pub(super) fn catalogue(
    exposure: usize,
    stars: &[CatalogueStar],
    images: &[SkyImage],
    plane: &Plane,
    radius_arcsec: f64,
) -> Result<Vec<Sighting>, KernelError> {
    let fields: Vec<([f64; 2], f64)> = images
        .iter()
        .map(|image| {
            let (ny, nx) = image.pixels().dim();
            let middle = [0.5 * (nx as f64 - 1.0), 0.5 * (ny as f64 - 1.0)];
            let corner = plane.position(image.wcs(), [-0.5, -0.5], [0.0; 2]);
            let centre = plane.position(image.wcs(), middle, [0.0; 2]);
            (centre, distance(centre, corner) + radius_arcsec)
        })
        .collect();
    let mut near: Vec<(f64, [f64; 2], [f64; 2])> = Vec::new();
    for star in stars {
        let is_place = star.ra_deg.is_finite() && (-90.0..=90.0).contains(&star.dec_deg);
        let has_error = star.error_arcsec.iter().all(|error| *error > 0.0 && error.is_finite());
        if !(is_place && has_error) {
            let [east, north] = star.error_arcsec;
            return Err(KernelError::Parameter {
                name: "place or error of a star",
                value: if is_place { east.min(north) } else { star.dec_deg },
                allowed: "finite coordinates and errors above 0",
            });
        }
        // Stars behind the tangent point of the plane have no place in it.
        let position = plane.place([star.ra_deg, star.dec_deg]);
        let is_near = |(centre, reach): &([f64; 2], f64)| distance(position, *centre) <= *reach;
        if plane.is_before([star.ra_deg, star.dec_deg]) && fields.iter().any(is_near) {
            near.push((
                star.magnitude.unwrap_or(f64::INFINITY),
                position,
                star.error_arcsec.map(|e| e * e),
            ));
        }
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sighting = |(source, (_, position, variance)): (usize, &(f64, [f64; 2], [f64; 2]))| Sighting {
        exposure,
        source,
        position: *position,
        variance: *variance,
        photon: [0.0; 2],
        // What the images show leads; a catalogue may hold stars that they do not.
        significance: 1e-3 / (1.0 + source as f64),
    };
    Ok(near.iter().enumerate().map(sighting).collect())
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    libm::hypot(a[0] - b[0], a[1] - b[1])
}
