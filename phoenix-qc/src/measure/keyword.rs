//! What the pipeline measured already and wrote into the header.

use phoenix_core::header::Header;
use phoenix_core::traits::Measured;

use super::{absent, value};

/// Returns the number of the first of several keys that is there; absent names all of them.
pub fn header_number(header: &Header, keys: &[&str]) -> Measured {
    keys.iter()
        .find_map(|key| header.f64(*key).ok())
        .map_or_else(|| absent(format!("no key {} in the header", keys.join(", "))), value)
}

/// Returns the largest magnitude among the numbered keys that begin with `prefix` and end with `suffix`.
pub fn header_max(header: &Header, prefix: &str, suffix: &str) -> Measured {
    let (prefix, suffix) = (prefix.to_ascii_uppercase(), suffix.to_ascii_uppercase());
    let largest = header
        .cards()
        .iter()
        .filter(|card| card.key.short().starts_with(&prefix) && card.key.short().ends_with(&suffix))
        .filter_map(|card| card.value.as_f64())
        .filter(|number| number.is_finite())
        .map(f64::abs)
        .reduce(f64::max);
    largest.map_or_else(|| absent(format!("no key {prefix}*{suffix} in the header")), value)
}

#[cfg(test)]
mod tests {
    use super::{header_max, header_number};
    use phoenix_core::header::Header;
    use phoenix_core::traits::Measured;

    #[test]
    fn the_largest_shift_of_all_units_counts_with_its_magnitude() {
        let mut header = Header::new();
        header.set("QC.SCIBASIC.LAMBDA1.SHIFT", -0.7, "");
        header.set("QC.SCIBASIC.LAMBDA2.SHIFT", 0.3, "");
        header.set("QC.SCIBASIC.LAMBDA2.OTHER", 9.0, "");
        assert_eq!(
            header_max(&header, "QC.SCIBASIC.LAMBDA", "SHIFT"),
            Measured::Value { value: 0.7 }
        );
        assert_eq!(
            header_number(&header, &["QC.X", "QC.SCIBASIC.LAMBDA2.OTHER"]),
            Measured::Value { value: 9.0 }
        );
        assert!(matches!(header_number(&header, &["QC.X", "QC.Y"]),
            Measured::Absent { reason } if reason.contains("QC.X, QC.Y")));
    }
}
