//! The lines of a thorium-argon lamp.

use std::sync::OnceLock;

/// A line of the lamp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArcLine {
    /// Wavelength in air.
    pub lambda_nm: f64,
    /// Relative intensity.
    pub intensity: f64,
}

/// Returns the lines, by wavelength: 300 to 1000 nm, relative intensity 100 and more.
///
/// # References
/// Palmer & Engleman 1983; Norlén 1973; NIST Atomic Spectra Database; Murphy et al. 2007, MNRAS 378, 221. See
/// `data/thar.txt`.
pub fn lines() -> &'static [ArcLine] {
    static LINES: OnceLock<Vec<ArcLine>> = OnceLock::new();
    LINES.get_or_init(|| include_str!("../data/thar.txt").lines().filter_map(line).collect())
}

fn line(text: &str) -> Option<ArcLine> {
    let mut words = text.split_whitespace();
    let lambda_aa: f64 = words.next()?.parse().ok()?;
    Some(ArcLine {
        lambda_nm: lambda_aa / 10.0,
        intensity: words.next()?.parse().ok()?,
    })
}

/// Returns the lines between two wavelengths.
pub fn between(low_nm: f64, high_nm: f64) -> &'static [ArcLine] {
    let all = lines();
    let first = all.partition_point(|line| line.lambda_nm < low_nm);
    let end = all.partition_point(|line| line.lambda_nm <= high_nm);
    all.get(first..end).unwrap_or_default()
}

/// Lines closer than this many resolution elements are one.
const BLEND: f64 = 1.5;

/// Returns what a catalogue for wavelength calibration lists: lines of some strength that no neighbour blends.
///
/// # Contract
/// A line is left out if it is fainter than `faintest`, or if the lines within one and a half resolution elements have
/// together a tenth of its intensity or more.
pub fn catalogue(low_nm: f64, high_nm: f64, faintest: f64, resolution: f64) -> Vec<ArcLine> {
    between(low_nm, high_nm)
        .iter()
        .filter(|line| line.intensity >= faintest)
        .filter(|line| {
            let reach_nm = BLEND * line.lambda_nm / resolution;
            let near = between(line.lambda_nm - reach_nm, line.lambda_nm + reach_nm);
            near.iter().map(|other| other.intensity).sum::<f64>() < 1.1 * line.intensity
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{catalogue, lines};

    #[test]
    fn lines_are_sorted_and_in_air() {
        assert_eq!(lines().len(), 6279);
        assert!(lines().windows(2).all(|pair| pair[0].lambda_nm < pair[1].lambda_nm));
        // Ar I 6965.4307 and Th II 4019.1289 (Norlén 1973; Palmer & Engleman 1983).
        for lambda_nm in [696.543_07, 401.912_89] {
            assert!(
                lines().iter().any(|line| (line.lambda_nm - lambda_nm).abs() < 1e-4),
                "{lambda_nm}"
            );
        }
    }

    #[test]
    fn a_catalogue_has_no_blends() {
        let listed = catalogue(370.0, 500.0, 150.0, 40_000.0);
        assert!(listed.len() > 1000, "{}", listed.len());
        assert!(
            listed
                .windows(2)
                .all(|pair| pair[1].lambda_nm - pair[0].lambda_nm > 0.013)
        );
    }
}
