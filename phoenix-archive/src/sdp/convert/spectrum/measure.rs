//! What the keywords of a spectrum tell of its values.

use super::super::Faults;
use super::arrays::Spectrum;

/// Facts of one spectrum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Survey {
    /// The first wavelength with a good value.
    pub min_nm: f64,
    /// The last wavelength with a good value.
    pub max_nm: f64,
    /// The mean distance of neighbouring elements.
    pub bin_nm: f64,
    /// The median of flux over error of the good elements.
    pub snr: f64,
}

/// Measures a spectrum.
///
/// # References
/// ESO-044286 version 8, Table 8: `WAVELMIN`, `WAVELMAX` bound the valid signal, `SPEC_BIN` is the mean bin, `SNR` the median
/// signal to noise per pixel over the elements of good quality.
pub(super) fn survey(spectrum: &Spectrum, faults: &mut Faults) -> Option<Survey> {
    let wave_nm = spectrum.wave_nm();
    if wave_nm.len() < 2 || !wave_nm.windows(2).all(|pair| pair[1] > pair[0]) {
        faults.add("the wavelengths do not rise");
        return None;
    }
    let good = spectrum.good();
    let (Some(first), Some(last)) = (good.iter().position(|good| *good), good.iter().rposition(|good| *good)) else {
        faults.add("no element of the spectrum holds a measurement");
        return None;
    };
    let flux = spectrum.flux.data.to_f64()?;
    let error = spectrum.error.data.to_f64()?;
    let ratios = flux.iter().zip(&error).zip(&good);
    let ratios = ratios.filter(|(_, good)| **good).map(|((flux, error), _)| flux / error);
    Some(Survey {
        min_nm: *wave_nm.get(first)?,
        max_nm: *wave_nm.get(last)?,
        bin_nm: (wave_nm.last()? - wave_nm.first()?) / (wave_nm.len() - 1) as f64,
        snr: median(ratios.collect())?,
    })
}

/// The median; the mean of the two middle values where their number is even.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    Some(if values.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(*values.get(values.len() / 2 - 1)?, upper)
    })
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
