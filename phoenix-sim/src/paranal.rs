//! The observatory: sidereal time, airmass and parallactic angle as headers state them.

use phoenix_core::unit::Mjd;

use crate::projection::{SkyPoint, sin_cos};

/// Geographic longitude of unit telescope 4 in degrees, east positive (`TEL GEOLON` of a real header).
pub(crate) const LONGITUDE_DEG: f64 = -70.404;
/// Geographic latitude in degrees (`TEL GEOLAT`).
pub(crate) const LATITUDE_DEG: f64 = -24.627;
/// Height above the sea in metres (`TEL GEOELEV`).
pub(crate) const ELEVATION_M: f64 = 2648.0;

/// Lowest altitude that is observed; simulated targets below are treated as if they stood there.
const LOWEST_DEG: f64 = 30.0;

/// Where the telescope stands at a moment.
///
/// # References
/// Meeus 1998, Astronomical Algorithms, equations 12.4, 13.5, 13.6, 14.1; airmass of a plane atmosphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Track {
    pub(crate) lst_s: f64,
    pub(crate) altitude_deg: f64,
    /// South 0, west 90.
    pub(crate) azimuth_deg: f64,
    pub(crate) airmass: f64,
    pub(crate) parallactic_deg: f64,
}

impl Track {
    pub(crate) fn of(point: SkyPoint, time: Mjd) -> Self {
        let lst_deg = (280.460_618_37 + 360.985_647_366_29 * (time.0 - 51_544.5) + LONGITUDE_DEG).rem_euclid(360.0);
        let (sin_h, cos_h) = sin_cos((lst_deg - point.ra_deg).to_radians());
        let (sin_l, cos_l) = sin_cos(LATITUDE_DEG.to_radians());
        let (sin_d, cos_d) = sin_cos(point.dec_deg.to_radians());
        let altitude_deg = libm::asin(sin_l * sin_d + cos_l * cos_d * cos_h)
            .to_degrees()
            .max(LOWEST_DEG);
        Self {
            lst_s: lst_deg * 240.0,
            altitude_deg,
            azimuth_deg: libm::atan2(sin_h * cos_d, cos_h * sin_l * cos_d - sin_d * cos_l)
                .to_degrees()
                .rem_euclid(360.0),
            airmass: 1.0 / libm::sin(altitude_deg.to_radians()),
            parallactic_deg: libm::atan2(sin_h * cos_l, sin_l * cos_d - sin_d * cos_l * cos_h).to_degrees(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LATITUDE_DEG, Track};
    use crate::projection::SkyPoint;
    use phoenix_core::unit::Mjd;

    #[test]
    fn sidereal_time_is_that_of_a_real_header() {
        // muse_cube_final_2014.hdr: MJD-OBS 56999.11732405, LST 11659.42 s (written some seconds before).
        let point = SkyPoint {
            ra_deg: 63.355,
            dec_deg: 10.4656,
        };
        let track = Track::of(point, Mjd(56_999.117_324_05));
        assert!((track.lst_s - 11_659.42).abs() < 30.0, "{}", track.lst_s);
        // The same header: TEL ALT 51.956, AZ 204.363, AIRM START 1.269, PARANG START -157.591.
        assert!((track.altitude_deg - 51.956).abs() < 0.2, "{}", track.altitude_deg);
        assert!((track.azimuth_deg - 204.363).abs() < 0.5, "{}", track.azimuth_deg);
        assert!((track.airmass - 1.269).abs() < 0.01, "{}", track.airmass);
        assert!(
            (track.parallactic_deg + 157.591).abs() < 0.5,
            "{}",
            track.parallactic_deg
        );
    }

    #[test]
    fn a_target_at_the_zenith_has_airmass_one() {
        let lst = Track::of(
            SkyPoint {
                ra_deg: 0.0,
                dec_deg: 0.0,
            },
            Mjd(57_510.2),
        )
        .lst_s;
        let zenith = SkyPoint {
            ra_deg: lst / 240.0,
            dec_deg: LATITUDE_DEG,
        };
        assert!((Track::of(zenith, Mjd(57_510.2)).airmass - 1.0).abs() < 1e-12);
    }
}
