//! Where an image lies on the sky: the tangential projection, both ways.

use phoenix_core::header::Header;

/// A tangential projection, axes in pixels counted from 1 and in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkyWcs {
    /// The reference pixel.
    pub crpix: [f64; 2],
    /// The reference point in degrees: right ascension, declination.
    pub crval: [f64; 2],
    /// Degrees per pixel.
    pub cd: [[f64; 2]; 2],
}

impl SkyWcs {
    /// Reads the celestial axes of a header; `None` if they are no tangential projection or incomplete.
    ///
    /// A matrix `PCi_j` with `CDELTi` counts as `CDi_j`, as the FITS standard defines it.
    pub fn from_header(header: &Header) -> Option<Self> {
        let number = |key: &str| header.f64(key).ok();
        let is_tangential =
            header.str("CTYPE1").ok()?.starts_with("RA---TAN") && header.str("CTYPE2").ok()?.starts_with("DEC--TAN");
        if !is_tangential {
            return None;
        }
        Some(Self {
            crpix: [number("CRPIX1")?, number("CRPIX2")?],
            crval: [number("CRVAL1")?, number("CRVAL2")?],
            cd: matrix(header)?,
        })
    }

    /// Returns right ascension and declination in degrees of a pixel counted from 1.
    ///
    /// # References
    /// Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3 and equation 2.
    pub fn sky_of(&self, x: f64, y: f64) -> [f64; 2] {
        let (dx, dy) = (x - self.crpix[0], y - self.crpix[1]);
        let xi = (self.cd[0][0] * dx + self.cd[0][1] * dy).to_radians();
        let eta = (self.cd[1][0] * dx + self.cd[1][1] * dy).to_radians();
        let (sin_dec0, cos_dec0) = self.crval[1].to_radians().sin_cos();
        let denominator = cos_dec0 - eta * sin_dec0;
        let ra = self.crval[0].to_radians() + xi.atan2(denominator);
        let dec = (sin_dec0 + eta * cos_dec0).atan2(xi.hypot(denominator));
        [ra.to_degrees().rem_euclid(360.0), dec.to_degrees()]
    }

    /// Returns the pixel, counted from 1, of a point given in degrees; `None` if it lies behind the sphere.
    ///
    /// # References
    /// As for `sky_of`.
    pub fn pixel_of(&self, ra: f64, dec: f64) -> Option<[f64; 2]> {
        let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
        let (sin_dec0, cos_dec0) = self.crval[1].to_radians().sin_cos();
        let (sin_dra, cos_dra) = (ra - self.crval[0]).to_radians().sin_cos();
        let cos_distance = sin_dec * sin_dec0 + cos_dec * cos_dec0 * cos_dra;
        let determinant = self.cd[0][0] * self.cd[1][1] - self.cd[0][1] * self.cd[1][0];
        if cos_distance <= 0.0 || determinant == 0.0 {
            return None;
        }
        let xi = (cos_dec * sin_dra / cos_distance).to_degrees();
        let eta = ((sin_dec * cos_dec0 - cos_dec * sin_dec0 * cos_dra) / cos_distance).to_degrees();
        Some([
            self.crpix[0] + (self.cd[1][1] * xi - self.cd[0][1] * eta) / determinant,
            self.crpix[1] + (self.cd[0][0] * eta - self.cd[1][0] * xi) / determinant,
        ])
    }
}

/// Returns the celestial part of the transformation matrix; elements that are not given are those of the standard.
pub(super) fn matrix(header: &Header) -> Option<[[f64; 2]; 2]> {
    let number = |key: String| header.f64(key.as_str()).ok();
    let names = [[(1, 1), (1, 2)], [(2, 1), (2, 2)]];
    let has_cd = names
        .iter()
        .flatten()
        .any(|(i, j)| header.contains(format!("CD{i}_{j}").as_str()));
    if has_cd {
        return Some(names.map(|row| row.map(|(i, j)| number(format!("CD{i}_{j}")).unwrap_or(0.0))));
    }
    let cdelt = [number("CDELT1".to_owned())?, number("CDELT2".to_owned())?];
    Some(names.map(|row| {
        row.map(|(i, j)| {
            let unit = if i == j { 1.0 } else { 0.0 };
            let scale: f64 = if i == 1 { cdelt[0] } else { cdelt[1] };
            number(format!("PC{i}_{j}")).unwrap_or(unit) * scale
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::SkyWcs;

    #[test]
    fn a_point_comes_back_to_its_pixel_near_the_pole_too() {
        for dec in [-89.9, -26.0, 0.0, 60.0] {
            let wcs = SkyWcs {
                crpix: [150.0, 151.5],
                crval: [359.99, dec],
                cd: [[-5.0e-5, 1.0e-5], [1.0e-5, 5.0e-5]],
            };
            let [ra, found] = wcs.sky_of(1.0, 300.0);
            let [x, y] = wcs.pixel_of(ra, found).expect("in front");
            assert!((x - 1.0).abs() < 1e-6 && (y - 300.0).abs() < 1e-6, "{x} {y}");
        }
    }
}
