//! The unit of flux density of a product.

/// A flux density per wavelength as a multiple of erg/s/cm^2/Angstrom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FluxUnit {
    /// erg/s/cm^2/Angstrom in one unit of the product.
    pub erg_s_cm2_angstrom: f64,
}

/// Speed of light in Angstrom/s, exact (SI).
const LIGHT_ANGSTROM_S: f64 = 2.997_924_58e18;

impl FluxUnit {
    /// Reads `BUNIT` in the spellings of ESO's pipelines and of the data-product standard.
    ///
    /// # Errors
    /// A sentence that names the unit, if it is no flux density per wavelength.
    pub fn parse(bunit: &str) -> Result<Self, String> {
        let text: String = bunit
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect::<String>()
            .to_ascii_lowercase();
        let (factor, body) = power_of_ten(&text).unwrap_or((1.0, &text));
        let spelling = [
            "erg/s/cm**2/angstrom",
            "erg/s/cm^2/angstrom",
            "erg/s/cm2/angstrom",
            "erg/(s*cm**2*angstrom)",
            "erg.s**(-1).cm**(-2).angstrom**(-1)",
            "erg.cm**(-2).s**(-1).angstrom**(-1)",
            "ergs**(-1)cm**(-2)angstrom**(-1)",
        ];
        if spelling.contains(&body) {
            Ok(Self {
                erg_s_cm2_angstrom: factor,
            })
        } else if bunit.trim().is_empty() {
            Err("the product has no BUNIT".into())
        } else {
            Err(format!("BUNIT {bunit:?} is no flux density per wavelength"))
        }
    }

    /// Returns the AB magnitude of a flux density in units of the product at a pivot wavelength.
    ///
    /// # References
    /// Oke and Gunn 1983, `ApJ` 266, 713 (zero point 48.60 with `f_nu` in erg/s/cm^2/Hz).
    pub fn ab_magnitude(&self, flux_density: f64, pivot_nm: f64) -> f64 {
        let pivot_angstrom = 10.0 * pivot_nm;
        let f_nu = flux_density * self.erg_s_cm2_angstrom * pivot_angstrom * pivot_angstrom / LIGHT_ANGSTROM_S;
        -2.5 * f_nu.log10() - 48.60
    }
}

/// Returns the pivot wavelength of a band of constant transmission.
///
/// # References
/// Koornneef et al. 1986, Highlights of Astronomy 7, 833: pivot^2 = int T lambda / int T/lambda.
pub fn pivot_nm(band_nm: (f64, f64)) -> f64 {
    let (low, high) = band_nm;
    if high <= low {
        return low;
    }
    ((high * high - low * low) / (2.0 * (high / low).ln())).sqrt()
}

/// Splits a leading `10**(-20)` or `1e-20` and the sign of multiplication after it.
fn power_of_ten(text: &str) -> Option<(f64, &str)> {
    let (exponent, rest) = if let Some(rest) = text.strip_prefix("10**(") {
        rest.split_once(')')?
    } else if let Some(rest) = text.strip_prefix("10**").or_else(|| text.strip_prefix("10^")) {
        let end = rest.find(|c: char| c != '-' && c != '+' && !c.is_ascii_digit())?;
        rest.split_at(end)
    } else {
        let rest = text.strip_prefix("1e")?;
        let end = rest.find(|c: char| c != '-' && c != '+' && !c.is_ascii_digit())?;
        rest.split_at(end)
    };
    let exponent: i32 = exponent.parse().ok()?;
    Some((10_f64.powi(exponent), rest.trim_start_matches(['*', '.'])))
}

#[cfg(test)]
mod tests {
    use super::{FluxUnit, pivot_nm};

    #[test]
    fn the_spellings_of_pipeline_and_standard_mean_the_same() {
        for unit in [
            "10**(-20)*erg/s/cm**2/Angstrom",
            "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)",
            "1e-20 erg/s/cm^2/Angstrom",
        ] {
            let scale = FluxUnit::parse(unit).unwrap().erg_s_cm2_angstrom;
            assert!((scale / 1e-20 - 1.0).abs() < 1e-9, "{unit}");
        }
        assert!(FluxUnit::parse("count").is_err() && FluxUnit::parse("").is_err());
    }

    #[test]
    fn a_source_of_3631_jansky_has_magnitude_zero() {
        // 3631 Jy = 3.631e-20 erg/s/cm^2/Hz; at 5500 Angstrom f_lambda = f_nu c / lambda^2.
        let unit = FluxUnit {
            erg_s_cm2_angstrom: 1.0,
        };
        let f_lambda = 3.631e-20 * 2.997_924_58e18 / (5500.0 * 5500.0);
        assert!(unit.ab_magnitude(f_lambda, 550.0).abs() < 1e-3);
    }

    #[test]
    fn the_pivot_lies_inside_its_band() {
        let pivot = pivot_nm((465.0, 930.0));
        assert!((pivot - 684.0).abs() < 1.0, "{pivot}");
    }
}
