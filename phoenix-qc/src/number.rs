//! Numbers as people read them in reports.

/// Returns a number with at most `digits` significant digits and no trailing zeros; very large and very small ones
/// get an exponent.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "not a number".into()
        } else if value > 0.0 {
            "infinity".into()
        } else {
            "-infinity".into()
        };
    }
    // Adding zero turns a negative zero into zero.
    let value = value + 0.0;
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..9).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        trimmed(&format!("{value:.decimals$}")).to_owned()
    } else {
        format!("{}e{exponent}", trimmed(mantissa))
    }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn numbers_keep_their_significant_digits_and_nothing_more() {
        let cases = [
            (300.0, "300"),
            (0.123_456_789, "0.123457"),
            (1.5e-20, "1.5e-20"),
            (-20.0, "-20"),
            (57_000.26, "57000.3"),
            (-0.0, "0"),
            (123_456_789.0, "123456789"),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value, 6), text);
        }
    }
}
