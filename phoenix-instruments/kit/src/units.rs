//! Unit texts as ESO's pipelines and the FITS standard spell them.

/// Returns a unit text without blanks and in lower case, for comparison.
pub fn folded(unit: &str) -> String {
    unit.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Tells whether two unit texts mean the same up to blanks and case.
pub fn is_same(a: &str, b: &str) -> bool {
    folded(a) == folded(b)
}

/// Tells whether a unit text means Angstrom.
pub fn is_angstrom(unit: &str) -> bool {
    matches!(folded(unit).as_str(), "angstrom" | "angstroms" | "0.1nm" | "aa")
}

/// Returns the unit of the variance of data in `unit`.
pub fn variance(unit: &str) -> String {
    format!("({unit})**2")
}

#[cfg(test)]
mod tests {
    use super::{is_angstrom, is_same, variance};

    #[test]
    fn spelling_does_not_matter() {
        assert!(is_same(
            "10**(-20)*erg/s/cm**2/Angstrom",
            "10**(-20) * erg/s/cm**2/angstrom"
        ));
        assert!(is_angstrom(" Angstrom "));
        assert_eq!(variance("count"), "(count)**2");
    }
}
