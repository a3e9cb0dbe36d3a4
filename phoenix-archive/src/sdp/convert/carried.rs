//! Which cards of the recipe's headers may stay beside the standard's own.

use phoenix_core::header::{Card, Header, Value};

use crate::sdp::standard::TEXT_LIMIT;

/// Keywords that the writer, the archive or the conversion sets.
const OURS: [&str; 44] = [
    "SIMPLE", "BITPIX", "NAXIS", "EXTEND", "XTENSION", "PCOUNT", "GCOUNT", "TFIELDS", "END", "BSCALE", "BZERO",
    "BLANK", "CHECKSUM", "DATASUM", "DATAMD5", "EXTNAME", "EXTVER", "EXTLEVEL", "ARCFILE", "ORIGFILE", "P3ORIG",
    "PIPEFILE", "INHERIT", "LONGSTRN", "CONTINUE", "BUNIT", "FSCALE", "PRODCATG", "HDUCLASS", "HDUDOC", "HDUVERS",
    "HDUCLAS1", "HDUCLAS2", "HDUCLAS3", "SCIDATA", "ERRDATA", "QUALDATA", "AUTHOR", "DATAMIN", "DATAMAX", "DATAMEAN",
    "DATAMED", "DATARMS", "PROVXTN",
];

/// Keywords that contradict the standard's own of the primary HDU, or that a cube may not have.
const CONTRADICTING: [&str; 12] = [
    "RADECSYS", "SPEC_BIN", "RA_ERR", "DEC_ERR", "WCSAXES", "LONPOLE", "LATPOLE", "EXPOSURE", "MJDEND", "M_EPOCH",
    "WCSNAME", "VELOSYS",
];

/// Stems of numbered keywords that the conversion sets anew, or refuses.
const NUMBERED: [&str; 18] = [
    "NAXIS", "PROV", "OBID", "ASSON", "ASSOC", "ASSOM", "PROGID", "TELESC", "INSTR", "FILTER", "CTYPE", "CRVAL",
    "CRPIX", "CUNIT", "CDELT", "CROTA", "CRDER", "CSYER",
];

/// Tells whether a keyword is the stem with a number, with or without an alternate letter, or the stem alone.
fn is_numbered(key: &str, stem: &str) -> bool {
    key.strip_prefix(stem).is_some_and(|rest| {
        let digits = rest.trim_end_matches(|c: char| c.is_ascii_uppercase());
        rest.len() - digits.len() <= 1 && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Tells whether a keyword is an element of a transformation matrix.
fn is_matrix(key: &str) -> bool {
    ["CD", "PC", "PV", "PS"].iter().any(|stem| {
        key.strip_prefix(stem)
            .and_then(|rest| rest.split_once('_'))
            .is_some_and(|(i, _)| !i.is_empty() && i.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn may_stay(card: &Card) -> bool {
    let key = card.key.as_str();
    let is_long = card
        .value
        .as_str()
        .is_some_and(|text| text.chars().count() > TEXT_LIMIT);
    let is_void = matches!(card.value, Value::Unreadable(_) | Value::Undefined | Value::Complex(..));
    !(card.key.is_commentary()
        || is_long
        || is_void
        || OURS.contains(&key)
        || CONTRADICTING.contains(&key)
        || NUMBERED.iter().any(|stem| is_numbered(key, stem))
        || is_matrix(key))
}

/// Appends what may stay of a recipe's header; what is there already wins.
pub(super) fn carry(from: &Header, to: &mut Header) {
    for card in from.cards() {
        if may_stay(card) && !to.contains(card.key.clone()) {
            to.push(card.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use phoenix_core::header::Header;

    use super::carry;

    #[test]
    fn cards_that_would_contradict_the_standard_stay_behind() {
        let mut from = Header::new();
        for key in [
            "RADECSYS", "CDELT1", "PC1_2", "CD1_1", "FILTER", "FILTER1", "PROV01", "OBID1", "SPEC_BIN", "CTYPE3",
            "CTYPE3A", "DATASUM",
        ] {
            from.set(key, 1_i64, "");
        }
        from.set("PI-COI", "somebody", "");
        from.set("ESO INS FILT1 NAME", "clear", "");
        from.set("CDMATRIX", 1_i64, "");
        from.set("NOTE", "x".repeat(69), "");
        from.note("HISTORY", "made elsewhere");
        let mut to = Header::new();
        to.set("PI-COI", "the right one", "");
        carry(&from, &mut to);
        let keys: Vec<&str> = to.cards().iter().map(|card| card.key.as_str()).collect();
        assert_eq!(keys, ["PI-COI", "ESO.INS.FILT1.NAME", "CDMATRIX"]);
        assert_eq!(to.str("PI-COI"), Ok("the right one"));
    }
}
