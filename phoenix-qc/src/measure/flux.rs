//! The unit of flux density of a product.

use std::collections::BTreeMap;

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
        if bunit.trim().is_empty() {
            return Err("the product has no BUNIT".into());
        }
        let (factor, powers) = factors(bunit).ok_or_else(|| format!("BUNIT {bunit:?} cannot be read"))?;
        let expected = [("angstrom", -1), ("cm", -2), ("erg", 1), ("s", -1)];
        if powers.len() == expected.len() && expected.iter().all(|(name, power)| powers.get(*name) == Some(power)) {
            Ok(Self {
                erg_s_cm2_angstrom: factor,
            })
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

/// Reads a product of powers: the number in front, and the power of each unit by its name in lower case.
///
/// Factors are parted by `*`, `.` or blanks, `/` turns the sign of the one after it; powers stand behind `**`, `^` or
/// nothing, in brackets or not.
///
/// # References
/// FITS standard 4.0, section 4.3.1; ESO DICD 8.
fn factors(unit: &str) -> Option<(f64, BTreeMap<String, i32>)> {
    // A mark of its own for "to the power of" frees the star to part factors.
    let text = unit.trim().to_ascii_lowercase().replace("**", "^");
    let mut rest = text.as_str();
    let (mut number, mut powers) = (1.0, BTreeMap::new());
    let mut sign = 1;
    while !rest.is_empty() {
        let is_name = |c: char| c.is_ascii_alphabetic();
        let name_len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if name_len > 0 {
            let (name, tail) = rest.split_at(name_len);
            let (power, tail) = power(tail)?;
            *powers.entry(name.to_owned()).or_insert(0) += sign * power;
            (rest, sign) = (tail, 1);
            continue;
        }
        if let Some(tail) = rest.strip_prefix("10^") {
            let (exponent, tail) = power(tail)?;
            number *= 10.0_f64.powi(exponent);
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("1e") {
            let (exponent, tail) = power(tail)?;
            number *= 10.0_f64.powi(exponent);
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('/') {
            (rest, sign) = (tail, -1);
        } else {
            rest = rest.strip_prefix(['*', '.', ' '])?;
        }
    }
    Some((number, powers))
}

/// Reads an integer power, 1 if there is none.
fn power(text: &str) -> Option<(i32, &str)> {
    let text = text.strip_prefix('^').unwrap_or(text);
    if let Some(inner) = text.strip_prefix('(') {
        let (digits, tail) = inner.split_once(')')?;
        return Some((digits.trim().parse().ok()?, tail));
    }
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || (*at == 0 && (*c == '-' || *c == '+'))))
        .map_or(text.len(), |(at, _)| at);
    let (digits, tail) = text.split_at(end);
    Some((if digits.is_empty() { 1 } else { digits.parse().ok()? }, tail))
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
            "10**-20 Angstrom-1 cm-2 erg s-1",
        ] {
            let scale = FluxUnit::parse(unit).unwrap().erg_s_cm2_angstrom;
            assert!((scale / 1e-20 - 1.0).abs() < 1e-9, "{unit}");
        }
        assert!(
            [
                "count",
                "",
                "erg/s/cm**2/Hz",
                "10**(-20)*erg/s/cm**2/Angstrom**2",
                "10^("
            ]
            .iter()
            .all(|u| FluxUnit::parse(u).is_err())
        );
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
