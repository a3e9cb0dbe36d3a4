//! The spectral axis of a cube.

use phoenix_core::header::Header;

/// Whether wavelengths are those in air or in vacuum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// `AWAV`.
    Air,
    /// `WAVE`.
    Vacuum,
}

/// A linear or logarithmic wavelength axis.
///
/// # References
/// Greisen et al. 2006, A&A 446, 747, equations 1 and 5 (`-LOG`), table 1 (`WAVE`, `AWAV`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectralAxis {
    reference_nm: f64,
    reference_index: f64,
    step_nm: f64,
    is_log: bool,
    medium: Medium,
}

/// Speed of light in m/s, exact (SI).
const LIGHT_M_S: f64 = 299_792_458.0;

impl SpectralAxis {
    /// Returns a linear axis.
    pub fn linear(first_nm: f64, step_nm: f64, medium: Medium) -> Self {
        Self {
            reference_nm: first_nm,
            reference_index: 0.0,
            step_nm,
            is_log: false,
            medium,
        }
    }

    /// Reads the third axis of a header; `None` if it is no wavelength.
    pub fn from_header(header: &Header) -> Option<Self> {
        let ctype = header.str("CTYPE3").ok()?.trim().to_ascii_uppercase();
        let (medium, is_log) = match ctype.as_str() {
            "AWAV" => (Medium::Air, false),
            "WAVE" => (Medium::Vacuum, false),
            "AWAV-LOG" => (Medium::Air, true),
            "WAVE-LOG" => (Medium::Vacuum, true),
            _ => return None,
        };
        let scale = match header.str("CUNIT3").ok()?.trim().to_ascii_lowercase().as_str() {
            "angstrom" => 0.1,
            "nm" => 1.0,
            "um" | "micron" => 1e3,
            "m" => 1e9,
            _ => return None,
        };
        let step = header.f64("CD3_3").or_else(|_| header.f64("CDELT3")).ok()?;
        let reference_nm = header.f64("CRVAL3").ok()? * scale;
        let step_nm = step * scale;
        (reference_nm > 0.0 && step_nm > 0.0).then_some(Self {
            reference_nm,
            reference_index: header.f64("CRPIX3").unwrap_or(0.0) - 1.0,
            step_nm,
            is_log,
            medium,
        })
    }

    /// Returns the wavelength at a 0-based, possibly fractional plane.
    pub fn lambda_nm(&self, index: f64) -> f64 {
        let steps = index - self.reference_index;
        if self.is_log {
            self.reference_nm * (steps * self.step_nm / self.reference_nm).exp()
        } else {
            self.reference_nm + steps * self.step_nm
        }
    }

    /// Returns the 0-based fractional plane of a wavelength.
    pub fn index(&self, lambda_nm: f64) -> f64 {
        let steps = if self.is_log {
            (lambda_nm / self.reference_nm).ln() * self.reference_nm / self.step_nm
        } else {
            (lambda_nm - self.reference_nm) / self.step_nm
        };
        self.reference_index + steps
    }

    /// Returns the width of a plane at a wavelength.
    pub fn step_nm(&self, lambda_nm: f64) -> f64 {
        if self.is_log {
            self.step_nm * lambda_nm / self.reference_nm
        } else {
            self.step_nm
        }
    }

    /// Returns where a line of the Earth's sky with this wavelength in air stands on the axis, when the data were moved
    /// from the observatory's frame by a velocity.
    ///
    /// # References
    /// Refraction of air at 15 C: Birch and Downs 1994, Metrologia 31, 315, as given by Morton 2000, `ApJS` 130, 403.
    pub fn sky_line_nm(&self, air_nm: f64, velocity_m_s: f64) -> f64 {
        let rest_nm = match self.medium {
            Medium::Air => air_nm,
            Medium::Vacuum => {
                // The formula wants the wavelength in vacuum; taking that in air for it errs by less than 1e-9.
                let per_um2 = (1e3 / air_nm).powi(2);
                let refraction = 8.342_54e-5 + 2.406_147e-2 / (130.0 - per_um2) + 1.5998e-4 / (38.9 - per_um2);
                air_nm * (1.0 + refraction)
            }
        };
        rest_nm * (1.0 + velocity_m_s / LIGHT_M_S)
    }
}

#[cfg(test)]
mod tests {
    use super::{Medium, SpectralAxis};
    use phoenix_core::header::Header;

    fn header(ctype: &str) -> Header {
        let mut header = Header::new();
        header.set("CTYPE3", ctype, "");
        header.set("CUNIT3", "Angstrom", "");
        header.set("CRVAL3", 4750.0, "");
        header.set("CRPIX3", 1.0, "");
        header.set("CD3_3", 1.25, "");
        header
    }

    #[test]
    fn planes_and_wavelengths_are_each_others_inverse() {
        for ctype in ["AWAV", "WAVE-LOG"] {
            let axis = SpectralAxis::from_header(&header(ctype)).unwrap();
            assert!((axis.lambda_nm(0.0) - 475.0).abs() < 1e-12);
            assert!((axis.index(axis.lambda_nm(1234.5)) - 1234.5).abs() < 1e-8);
            let step = axis.lambda_nm(2000.5) - axis.lambda_nm(1999.5);
            assert!((step - axis.step_nm(axis.lambda_nm(2000.0))).abs() < 1e-6);
        }
        assert!(SpectralAxis::from_header(&header("FREQ")).is_none());
    }

    #[test]
    fn the_green_oxygen_line_is_longer_in_vacuum_by_the_refraction_of_air() {
        // NIST Atomic Spectra Database: [O I] 5577.339 in air, 5578.887 in vacuum.
        let axis = SpectralAxis::linear(475.0, 0.125, Medium::Vacuum);
        assert!((axis.sky_line_nm(557.7339, 0.0) - 557.8887).abs() < 2e-4);
        let moved = axis.sky_line_nm(557.7339, 30_000.0) / axis.sky_line_nm(557.7339, 0.0);
        assert!((moved - 1.000_100_07).abs() < 1e-8);
    }
}
