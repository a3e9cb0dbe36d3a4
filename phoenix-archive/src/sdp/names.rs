//! The names under which products go to the archive.
//!
//! `<II>_<CODE>_<OBID>_<timestamp>_<setup>[_<suffix>].fits`, e.g.
//! `MU_SCBC_1135706_2014-12-08T02:48:44.000_WFM-NOAO-N_OBJ.fits`. The setup of a deep product ends with a mark of its
//! exposures. Masters have the names of ESO's archive with two parts
//! more: `M.<INSTRUME>.<timestamp>_<PRO.CATG>_<mark>.fits`, e.g. `M.UVES.2016-05-01T21:04:12.345_MASTER_BIAS_REDL_1f0c93ab.fits`.

use std::collections::BTreeSet;

use phoenix_core::header::Header;
use phoenix_core::id::Digest;
use phoenix_core::unit::Mjd;

use super::standard::NAME_LIMIT;
use crate::store::Hasher;

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

/// How many hexadecimal digits mark the content of a master.
const MARK_DIGITS: usize = 8;

/// How many hexadecimal digits mark a set of exposures: what the longest name leaves room for.
const SET_DIGITS: usize = 6;

/// Marks a set of exposures by their names.
///
/// # Contract
/// * It depends on which exposures went in, and on nothing else: not on their order, nor on how they were combined. The
///   same set made anew has the same mark, another set another one.
pub fn set_mark<'a>(exposures: impl IntoIterator<Item = &'a String>) -> String {
    let names: BTreeSet<&str> = exposures.into_iter().map(|name| name.trim()).collect();
    let mut hasher = Hasher::default();
    for name in names {
        hasher.update(name.as_bytes());
        hasher.update(b"\n");
    }
    digits(&hasher.finish().0, SET_DIGITS)
}

/// Returns the first hexadecimal digits of a digest.
fn digits(digest: &Digest, n: usize) -> String {
    let text = digest.as_str();
    let (_, all) = text.split_once(':').unwrap_or(("", text));
    all.chars().take(n).collect()
}

/// Returns the MD5 of the data units, as ESO's pipelines and our own writer state it.
pub(crate) fn data_md5(header: &Header) -> Option<&str> {
    let text = header.str("DATAMD5").ok()?.trim();
    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// Forms the name of a certified master.
///
/// # Contract
/// * The time is the start of the earliest raw frame, so that names sort by epoch and tell the age of a calibration.
/// * The mark follows from category and data (`DATAMD5`, else the digest of the file): masters of one template differ
///   in it, and the same data made again have the same name.
/// * A long category is cut; the mark keeps the names apart.
///
/// # Errors
/// `Empty` if the header tells no instrument, category or time.
pub fn master_name(header: &Header, digest: &Digest) -> Result<String, NameError> {
    let text = |key: &str, part: &'static str| {
        let value = header.str(key).map(clean).unwrap_or_default();
        if value.is_empty() {
            Err(NameError::Empty { part })
        } else {
            Ok(value)
        }
    };
    let (instrument, category) = (text("INSTRUME", "instrument")?, text("PRO.CATG", "category")?);
    let stated = header
        .str("DATE-OBS")
        .ok()
        .and_then(|time| Mjd::from_iso(time.trim()).ok());
    let time = stated.or_else(|| header.f64("MJD-OBS").ok().filter(|mjd| mjd.is_finite()).map(Mjd));
    let time = time.ok_or(NameError::Empty { part: "timestamp" })?.to_iso();
    let mut hasher = Hasher::default();
    hasher.update(category.as_bytes());
    hasher.update(b"/");
    hasher.update(data_md5(header).unwrap_or(digest.as_str()).as_bytes());
    let mark = digits(&hasher.finish().0, MARK_DIGITS);
    let begin = format!("M.{instrument}.{}", clean(&time));
    let room = NAME_LIMIT.saturating_sub(begin.len() + MARK_DIGITS + "__.fits".len());
    let category: String = category.chars().take(room).collect();
    Ok(format!("{begin}_{category}_{mark}.fits"))
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
    use super::{NameError, companion_name, master_name, origfile, preview_name, set_mark};
    use crate::sdp::check::tests::good::header;

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

    #[test]
    fn sets_of_exposures_are_told_apart_by_their_members_alone() {
        let set = |names: [&str; 3]| set_mark(&names.map(str::to_owned));
        let first = set(["MUSE.2016-05-02T00:00:00.000", "MUSE.2016-05-02T00:30:00.000", "a"]);
        assert_eq!(first.len(), 6);
        assert_eq!(
            first,
            set(["a", "MUSE.2016-05-02T00:30:00.000", "MUSE.2016-05-02T00:00:00.000"])
        );
        assert_ne!(
            first,
            set(["b", "MUSE.2016-05-02T00:30:00.000", "MUSE.2016-05-02T00:00:00.000"])
        );
        // The longest mode and a block of nine digits fill the 68 characters that the archive takes.
        let setup = format!("WFM-NOAO-N_{first}");
        let name = origfile("MU_SCBD", 200_256_465, "2016-05-02T00:00:00.000", &setup, "OBJ").expect("fits");
        assert_eq!(name.len(), 68);
    }

    const MASTER: &str = "
        INSTRUME = 'XSHOOTER'
        DATE-OBS = '2016-05-01T21:04:12.3456'
        MJD-OBS = 57509.9
        DATAMD5 = '0123456789abcdef0123456789abcdef'
        ESO PRO CATG = 'ORDER_TAB_EDGES_SLIT_VIS'
    ";

    #[test]
    fn a_master_is_named_by_epoch_kind_and_data_and_not_by_when_it_was_made() {
        let mut header = header(MASTER);
        let name = master_name(&header, &"sha256:1".into()).expect("named");
        assert!(name.starts_with("M.XSHOOTER.2016-05-01T21:04:12.34"), "{name}");
        assert!(name.contains("_ORDER_TAB_EDGES_SL") && name.len() <= 68, "{name}");
        header.set("DATE", "2026-11-23", "");
        assert_eq!(master_name(&header, &"sha256:2".into()), Ok(name.clone()));
        header.set("DATAMD5", "f123456789abcdef0123456789abcdef", "");
        assert_ne!(master_name(&header, &"sha256:1".into()), Ok(name));
    }

    #[test]
    fn masters_of_one_template_have_different_names_even_if_they_are_empty() {
        let mut header = header(MASTER);
        let one = master_name(&header, &"sha256:1".into());
        header.set("PRO.CATG", "ORDER_TAB_EDGES_SLIT_UVB", "");
        assert_ne!(master_name(&header, &"sha256:1".into()), one);
    }

    #[test]
    fn a_master_without_epoch_is_not_named() {
        let mut header = header(MASTER);
        header.remove("DATE-OBS");
        assert!(
            master_name(&header, &"sha256:1".into()).is_ok(),
            "MJD-OBS tells the epoch too"
        );
        header.remove("MJD-OBS");
        let error = master_name(&header, &"sha256:1".into());
        assert_eq!(error, Err(NameError::Empty { part: "timestamp" }));
    }
}
