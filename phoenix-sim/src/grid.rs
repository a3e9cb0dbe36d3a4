//! The grid of a cube, read from its header, so that the truth can be laid on it.

use phoenix_core::header::{Header, HeaderError, Key};

use crate::projection::SkyPoint;

/// A linear cube grid in gnomonic projection; array indices count from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Shape `(wave, y, x)`.
    pub shape: [usize; 3],
    /// The tangent point.
    pub centre: SkyPoint,
    /// Array position (x, y) of the tangent point.
    pub reference: [f64; 2],
    /// Pixels to degrees (east, north).
    pub cd_deg: [[f64; 2]; 2],
    /// Wavelength of the first plane.
    pub lambda_first_aa: f64,
    /// Step between planes.
    pub step_aa: f64,
}

impl Grid {
    /// Reads the grid of a cube from the header of its data extension.
    ///
    /// # Errors
    /// If a coordinate card is missing, or the spectral axis is not linear in wavelength in m, nm or Angstrom.
    pub fn from_header(header: &Header, shape: [usize; 3]) -> Result<Self, HeaderError> {
        let refuse = |key: &str, expected: &'static str| {
            Err(HeaderError::Type {
                key: Key::new(key),
                expected,
                found: "text",
                value: header.str(key).unwrap_or_default().to_owned(),
            })
        };
        if !matches!(header.str("CTYPE3")?.trim_end(), "AWAV" | "WAVE") {
            return refuse("CTYPE3", "AWAV or WAVE");
        }
        let unit = match header.str("CUNIT3")? {
            "Angstrom" | "angstrom" => 1.0,
            "nm" => 10.0,
            "m" => 1e10,
            _ => return refuse("CUNIT3", "Angstrom, nm or m"),
        };
        let cd = |key: &str| {
            // Cards of a diagonal matrix may be left out.
            if header.contains(key) { header.f64(key) } else { Ok(0.0) }
        };
        let step = header.f64("CD3_3")? * unit;
        Ok(Self {
            shape,
            centre: SkyPoint {
                ra_deg: header.f64("CRVAL1")?,
                dec_deg: header.f64("CRVAL2")?,
            },
            reference: [header.f64("CRPIX1")? - 1.0, header.f64("CRPIX2")? - 1.0],
            cd_deg: [
                [header.f64("CD1_1")?, cd("CD1_2")?],
                [cd("CD2_1")?, header.f64("CD2_2")?],
            ],
            lambda_first_aa: header.f64("CRVAL3")? * unit + (1.0 - header.f64("CRPIX3")?) * step,
            step_aa: step,
        })
    }

    /// Returns the wavelength of a plane.
    pub fn lambda_aa(&self, plane: usize) -> f64 {
        self.lambda_first_aa + plane as f64 * self.step_aa
    }

    /// Returns the direction of an array position.
    pub fn sky(&self, x: f64, y: f64) -> SkyPoint {
        let (dx, dy) = (x - self.reference[0], y - self.reference[1]);
        let [[a, b], [c, d]] = self.cd_deg;
        self.centre
            .offset(3600.0 * (a * dx + b * dy), 3600.0 * (c * dx + d * dy))
    }

    /// Returns the array position (x, y) of a direction.
    pub fn pixel(&self, sky: SkyPoint) -> (f64, f64) {
        let (east, north) = self.centre.offset_of(sky);
        let (east, north) = (east / 3600.0, north / 3600.0);
        let [[a, b], [c, d]] = self.cd_deg;
        let determinant = a * d - b * c;
        (
            self.reference[0] + (d * east - b * north) / determinant,
            self.reference[1] + (a * north - c * east) / determinant,
        )
    }

    /// Returns the side of a pixel, the root of its area.
    pub fn pixel_arcsec(&self) -> f64 {
        let [[a, b], [c, d]] = self.cd_deg;
        3600.0 * libm::sqrt((a * d - b * c).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;
    use phoenix_core::header::Header;

    pub(crate) fn header() -> Header {
        let mut header = Header::new();
        for (key, value) in [
            ("CRVAL1", 195.0),
            ("CRVAL2", -30.0),
            ("CRPIX1", 11.0),
            ("CRPIX2", 21.0),
            ("CD1_1", -0.2 / 3600.0),
            ("CD2_2", 0.2 / 3600.0),
            ("CRVAL3", 630.0),
            ("CRPIX3", 2.0),
            ("CD3_3", 0.125),
        ] {
            header.set(key, value, "");
        }
        header.set("CTYPE3", "AWAV", "");
        header.set("CUNIT3", "nm", "");
        header
    }

    #[test]
    fn positions_go_to_the_sky_and_back() -> Result<(), phoenix_core::header::HeaderError> {
        let grid = Grid::from_header(&header(), [5, 40, 30])?;
        let (x, y) = grid.pixel(grid.sky(3.25, 30.5));
        assert!((x - 3.25).abs() < 1e-8 && (y - 30.5).abs() < 1e-8);
        assert!((grid.lambda_aa(0) - 6298.75).abs() < 1e-9);
        assert!((grid.pixel_arcsec() - 0.2).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn a_logarithmic_axis_is_refused_by_name() {
        let mut header = header();
        header.set("CTYPE3", "AWAV-LOG", "");
        let message = Grid::from_header(&header, [1, 1, 1]).map_err(|error| error.to_string());
        assert!(message.is_err_and(|message| message.contains("CTYPE3")));
    }
}
