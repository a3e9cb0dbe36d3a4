//! Which cards a product takes over from its first input.

use phoenix_core::header::{Card, Header};

/// Cards that describe one file or its HDUs and never pass to a product.
const STRUCTURAL: [&str; 22] = [
    "SIMPLE", "XTENSION", "BITPIX", "EXTEND", "PCOUNT", "GCOUNT", "BLANK", "BZERO", "BSCALE", "BUNIT", "INHERIT",
    "CHECKSUM", "DATASUM", "DATAMD5", "DATAMIN", "DATAMAX", "DATE", "EXTNAME", "EXTVER", "EXTLEVEL", "END", "HDUVERS",
];

/// First parts of world-coordinate cards.
const WORLD: [&str; 14] = [
    "CTYPE", "CUNIT", "CRPIX", "CRVAL", "CDELT", "CSYER", "CRDER", "CROTA", "CD1_", "CD2_", "CD3_", "PC1_", "PC2_",
    "PC3_",
];

/// Tells whether a card describes the layout of its own HDU.
pub fn is_structural(card: &Card) -> bool {
    let key = card.key.as_str();
    STRUCTURAL.contains(&key) || key.starts_with("NAXIS") || key.starts_with("TFORM") || key.starts_with("TTYPE")
}

/// Tells whether a card is part of a world-coordinate system.
pub fn is_world(card: &Card) -> bool {
    let key = card.key.as_str();
    WORLD.iter().any(|part| key.starts_with(part))
        || key.starts_with("WCSAXES")
        || key.starts_with("WCSNAME")
        || matches!(key, "LONPOLE" | "LATPOLE")
}

/// Returns the header of `first` without cards of its layout, its world coordinates, unreadable cards, comments, and
/// without the cards whose key begins with one of `drop`.
///
/// # Contract
/// The order stays; `HISTORY` is kept, `COMMENT` (boilerplate of writers) is not.
pub fn inherit(first: &Header, drop: &[&str]) -> Header {
    first
        .cards()
        .iter()
        .filter(|card| {
            let key = card.key.as_str();
            !is_structural(card)
                && !is_world(card)
                && !matches!(key, "COMMENT" | "")
                && !matches!(card.value, phoenix_core::header::Value::Unreadable(_))
                && !drop.iter().any(|part| key.starts_with(part))
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::inherit;
    use phoenix_core::header::Header;

    #[test]
    fn layout_and_world_coordinates_stay_behind() {
        let mut first = Header::new();
        for key in [
            "BITPIX", "NAXIS1", "CTYPE1", "CD1_1", "CHECKSUM", "OBJECT", "DPR.CATG", "INS.MODE",
        ] {
            first.set(key, "x", "");
        }
        first.note("COMMENT", "boilerplate");
        first.note("HISTORY", "kept");
        let header = inherit(&first, &["ESO.DPR."]);
        let keys: Vec<&str> = header.cards().iter().map(|card| card.key.as_str()).collect();
        assert_eq!(keys, ["OBJECT", "ESO.INS.MODE", "HISTORY"]);
    }
}
