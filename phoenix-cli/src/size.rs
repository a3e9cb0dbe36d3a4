//! Sizes in bytes as people write them.

/// Reads `1500000`, `512MiB`, `2G`, `1.5GB`; letters without `i` count in powers of 1024 too, as memory does.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let error = || format!("{text:?} is no size such as 800M or 2GiB");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().map_err(|_| error())?;
    let power = match unit.to_ascii_uppercase().trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(error()),
    };
    let bytes = number * 1024_f64.powi(power);
    if bytes.is_finite() && bytes >= 1.0 {
        Ok(bytes as u64)
    } else {
        Err(error())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(super::parse("2G"), Ok(2 << 30));
        assert_eq!(super::parse("1.5MiB"), Ok(3 << 19));
        assert_eq!(super::parse("4096"), Ok(4096));
        for text in ["", "G", "-1G", "0", "2 parsecs", "NaN"] {
            assert!(super::parse(text).is_err(), "{text}");
        }
    }
}
