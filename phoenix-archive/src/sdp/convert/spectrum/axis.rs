//! The spectral axis of an image, as its keywords describe it.

use phoenix_core::header::Header;

/// A spectral axis of one image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    crval: f64,
    crpix: f64,
    step: f64,
    is_log: bool,
    /// The unit in ESO's spelling.
    pub unit: &'static str,
    /// Whether wavelengths are those in air; `None` if the axis does not tell.
    pub is_air: Option<bool>,
}

/// Spells a unit of wavelength as the standard allows it; `None` for any other.
pub(super) fn unit_of(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "angstrom" | "angstroms" | "aa" => Some("angstrom"),
        "nm" => Some("nm"),
        "um" | "micron" => Some("um"),
        _ => None,
    }
}

/// Returns how many nanometres one unit has.
pub(super) fn nm_per(unit: &str) -> f64 {
    match unit {
        "angstrom" => 0.1,
        "um" => 1e3,
        _ => 1.0,
    }
}

impl Axis {
    /// Reads the first axis of an image.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(super) fn from_header(header: &Header) -> Result<Self, String> {
        let number = |key: &str| header.f64(key).map_err(|error| error.to_string());
        let kind = header.str("CTYPE1").unwrap_or("LINEAR").trim();
        let unit = header.str("CUNIT1").map_err(|error| error.to_string())?;
        Ok(Self {
            crval: number("CRVAL1")?,
            crpix: header.f64("CRPIX1").unwrap_or(1.0),
            step: number("CD1_1").or_else(|_| number("CDELT1"))?,
            is_log: kind.ends_with("-LOG"),
            unit: unit_of(unit).ok_or_else(|| format!("CUNIT1 {unit} is no unit of wavelength"))?,
            is_air: match kind.get(..4) {
                Some("AWAV") => Some(true),
                Some("WAVE") => Some(false),
                _ => None,
            },
        })
    }

    /// Returns the wavelength of the centre of an element counted from 0.
    ///
    /// # References
    /// Greisen et al. 2006, A&A 446, 747, equation 5 for logarithmic axes.
    pub(super) fn at(&self, element: usize) -> f64 {
        let offset = self.step * (element as f64 + 1.0 - self.crpix);
        if self.is_log {
            self.crval * (offset / self.crval).exp()
        } else {
            self.crval + offset
        }
    }

    /// Tells whether two axes agree over `n` elements to a thousandth of a step.
    pub(super) fn agrees(&self, other: &Self, n: usize) -> bool {
        let near = |element: usize| (self.at(element) - other.at(element)).abs() <= 1e-3 * self.step.abs();
        self.unit == other.unit && near(0) && near(n.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;
    use crate::sdp::check::tests::good::header;

    fn axis(text: &str) -> Result<Axis, String> {
        Axis::from_header(&header(text))
    }

    #[test]
    fn a_linear_axis_counts_pixels_from_one() {
        let axis = axis("CTYPE1 = 'AWAV'\nCUNIT1 = 'Angstrom'\nCRVAL1 = 5000.0\nCRPIX1 = 1.0\nCDELT1 = 0.5").unwrap();
        assert!((axis.at(0) - 5000.0).abs() < 1e-12 && (axis.at(10) - 5005.0).abs() < 1e-12);
        assert_eq!((axis.unit, axis.is_air), ("angstrom", Some(true)));
    }

    #[test]
    fn a_logarithmic_axis_has_steps_that_grow_with_wavelength() {
        let axis = axis("CTYPE1 = 'WAVE-LOG'\nCUNIT1 = 'nm'\nCRVAL1 = 500.0\nCDELT1 = 0.01").unwrap();
        assert!((axis.at(100) - 500.0 * (1.0_f64 / 500.0).exp()).abs() < 1e-9);
        assert_eq!(axis.is_air, Some(false));
    }

    #[test]
    fn an_axis_without_unit_or_step_is_refused() {
        for text in [
            "CRVAL1 = 1.0\nCDELT1 = 1.0",
            "CUNIT1 = 'nm'\nCRVAL1 = 1.0",
            "CUNIT1 = 'Hz'\nCRVAL1 = 1.0\nCDELT1 = 1.0",
        ] {
            assert!(axis(text).is_err(), "{text}");
        }
    }
}
