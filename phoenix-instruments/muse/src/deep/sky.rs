//! Distances on the sphere.

use phoenix_kernels::math::{Math, Portable};

/// Arcseconds in a degree.
pub(super) const ARCSEC: f64 = 3600.0;

/// Returns the distance of two directions, arcsec.
///
/// # Numerics
/// Haversine, good for small and large distances; the same bits on every platform.
pub(super) fn distance_arcsec(a: [f64; 2], b: [f64; 2]) -> f64 {
    let half = |degrees: f64| Portable::sin(degrees.to_radians() / 2.0);
    let cos = |degrees: f64| Portable::cos(degrees.to_radians());
    let (dec, ra) = (half(b[1] - a[1]), half(b[0] - a[0]));
    let h = dec * dec + cos(a[1]) * cos(b[1]) * ra * ra;
    2.0 * Portable::asin(h.clamp(0.0, 1.0).sqrt()).to_degrees() * ARCSEC
}

/// Returns the offset of `place` from `centre` on the tangent plane, arcsec east and north.
pub(super) fn offset_arcsec(centre: [f64; 2], place: [f64; 2]) -> [f64; 2] {
    let sin_cos = |degrees: f64| {
        let angle = degrees.to_radians();
        (Portable::sin(angle), Portable::cos(angle))
    };
    let (sin_0, cos_0) = sin_cos(centre[1]);
    let (sin_d, cos_d) = sin_cos(place[1]);
    let (sin_a, cos_a) = sin_cos(place[0] - centre[0]);
    let c = sin_0 * sin_d + cos_0 * cos_d * cos_a;
    let scale = 1.0_f64.to_degrees() * ARCSEC / c;
    [scale * cos_d * sin_a, scale * (cos_0 * sin_d - sin_0 * cos_d * cos_a)]
}

/// Returns the mean direction; that of the first if they cancel.
pub(super) fn centre_deg(places: &[[f64; 2]]) -> [f64; 2] {
    let Some(first) = places.first() else {
        return [f64::NAN; 2];
    };
    // The mean of offsets from the first place; fields of one group lie within arcminutes.
    let n = places.len() as f64;
    let mut sum = [0.0; 2];
    for place in places {
        let [east, north] = offset_arcsec(*first, *place);
        sum = [sum[0] + east / n, sum[1] + north / n];
    }
    let dec = first[1] + sum[1] / ARCSEC;
    let cos = Portable::cos(dec.to_radians());
    let ra = if cos > 0.0 {
        first[0] + sum[0] / ARCSEC / cos
    } else {
        first[0]
    };
    [ra.rem_euclid(360.0), dec]
}

#[cfg(test)]
mod tests {
    use super::{centre_deg, distance_arcsec, offset_arcsec};

    #[test]
    fn distances_are_symmetric_cross_the_origin_of_right_ascension_and_shrink_with_declination() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(near(distance_arcsec([359.999, 0.0], [0.001, 0.0]), 7.2));
        assert!(near(distance_arcsec([10.0, 60.0], [10.001, 60.0]), 1.8));
        let (a, b) = ([201.3, -29.4], [201.31, -29.41]);
        assert!(near(distance_arcsec(a, b), distance_arcsec(b, a)));
        let [east, north] = offset_arcsec(a, b);
        assert!((distance_arcsec(a, b) - (east * east + north * north).sqrt()).abs() < 1e-4);
    }

    #[test]
    fn the_centre_lies_in_the_middle() {
        let [ra, dec] = centre_deg(&[[359.999, 10.0], [0.001, 10.0]]);
        assert!(
            (ra.min(360.0 - ra)).abs() < 1e-9 && (dec - 10.0).abs() < 1e-6,
            "{ra} {dec}"
        );
    }
}
