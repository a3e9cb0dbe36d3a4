//! The names under which products go to the archive.
//!
//! `<II>_<CODE>_<OBID>_<timestamp>_<setup>[_<suffix>].fits`, e.g.
//! `MU_SCBC_1135706_2014-12-08T02:48:44.000_WFM-NOAO-N_OBJ.fits`.

use super::standard::NAME_LIMIT;

/// A name cannot be formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It would be longer than the archive takes: shorten the setup.
    #[error("name {name} has {} characters, the archive takes {NAME_LIMIT}", name.len())]
    TooLong {
        /// The name.
        name: String,
    },
    /// A part is empty: the header lacks it.
    #[error("name has no {part}")]
    Empty {
        /// The part.
        part: &'static str,
    },
}

/// Keeps what the archive allows in a name; anything else becomes a hyphen.
fn clean(part: &str) -> String {
    part.trim()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._+-:".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect()
}

/// Tells whether a name is that of a FITS file that the archive takes.
pub(crate) fn is_fits(name: &str) -> bool {
    name.strip_suffix(".fz").unwrap_or(name).strip_suffix(".fits").is_some()
}

/// Forms the name of a product.
///
/// # Contract
/// * The same values give the same name, on every run: that is what makes deliveries idempotent.
///
/// # Errors
/// `TooLong` or `Empty`.
pub fn origfile(code: &str, ob_id: i64, timestamp: &str, setup: &str, suffix: &str) -> Result<String, NameError> {
    let (code, timestamp) = (clean(code), clean(timestamp));
    for (part, value) in [("code", &code), ("timestamp", &timestamp)] {
        if value.is_empty() {
            return Err(NameError::Empty { part });
        }
    }
    let parts = [code, ob_id.to_string(), timestamp, clean(setup), clean(suffix)];
    let kept: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let name = format!("{}.fits", kept.join("_"));
    if name.len() > NAME_LIMIT {
        return Err(NameError::TooLong { name });
    }
    Ok(name)
}

/// Returns the name of a companion: that of the product with another code.
pub fn companion_name(product: &str, product_code: &str, code: &str) -> String {
    match product.strip_prefix(product_code) {
        Some(rest) => format!("{code}{rest}"),
        None => format!("{code}_{product}"),
    }
}

/// Returns the name of a product's preview.
pub fn preview_name(product: &str) -> String {
    format!("{}.png", product.trim_end_matches(".fits"))
}

#[cfg(test)]
mod tests {
    use super::{NameError, companion_name, origfile, preview_name};

    #[test]
    fn names_are_those_of_esos_own_products() {
        let name = origfile("MU_SCBC", 1_135_706, "2014-12-08T02:48:44.000", "WFM-NOAO-N", "OBJ").expect("fits");
        assert_eq!(name, "MU_SCBC_1135706_2014-12-08T02:48:44.000_WFM-NOAO-N_OBJ.fits");
        let white = companion_name(&name, "MU_SCBC", "MU_SIMC");
        assert_eq!(white, "MU_SIMC_1135706_2014-12-08T02:48:44.000_WFM-NOAO-N_OBJ.fits");
        assert_eq!(
            preview_name(&name),
            "MU_SCBC_1135706_2014-12-08T02:48:44.000_WFM-NOAO-N_OBJ.png"
        );
    }

    #[test]
    fn a_name_that_the_archive_would_refuse_is_not_formed() {
        let long = origfile("MU_SCBC", 1, "2014-12-08T02:48:44.000", &"x".repeat(60), "");
        assert!(matches!(long, Err(NameError::TooLong { .. })));
        assert_eq!(
            origfile("MU_SCBC", 1, " ", "", ""),
            Err(NameError::Empty { part: "timestamp" })
        );
        let odd = origfile("MU_SCBC", 1, "t", "a/b c", "").expect("cleaned");
        assert_eq!(odd, "MU_SCBC_1_t_a-b-c.fits");
    }
}
