//! The cards of a few keys out of a long header, without parsing the rest.

use std::collections::HashSet;

use phoenix_core::header::{Card, Header, Key};

use super::{Body, CARD_BYTES, RawCard, body, is_end, join, parse_card, value};

/// Bits of the first look at a card.
const N_BITS: u32 = 1 << 13;

/// Keys to be taken from headers.
#[derive(Debug, Clone)]
pub struct WantedKeys {
    keys: HashSet<Key>,
    /// Which folded names a wanted key has; a card that has none of them is passed over unparsed.
    bits: Box<[u64]>,
}

/// Numbers a name without case, blanks, points, `HIERARCH` and `ESO`, so that all spellings of a key have one number.
fn fold(name: &[u8]) -> u32 {
    let mut folded = [0_u8; CARD_BYTES];
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut n = 0;
    for (byte, place) in name.iter().filter(is_part).zip(&mut folded) {
        *place = byte.to_ascii_uppercase();
        n += 1;
    }
    let name = folded.get(..n).unwrap_or_default();
    let name = name.strip_prefix(b"HIERARCH").unwrap_or(name);
    let name = name.strip_prefix(b"ESO").unwrap_or(name);
    // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
    let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    (hash ^ (hash >> 15)) % N_BITS
}

impl WantedKeys {
    /// Wants these keys.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let keys: HashSet<Key> = keys.into_iter().collect();
        let mut bits = vec![0_u64; N_BITS as usize / 64].into_boxed_slice();
        for key in &keys {
            let bit = fold(key.as_str().as_bytes());
            if let Some(word) = bits.get_mut(bit as usize / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        Self { keys, bits }
    }

    /// Tells whether a key is wanted.
    pub fn contains(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }

    /// Tells whether a card may be of a wanted key.
    fn may_want(&self, raw: &RawCard) -> bool {
        let (name, rest) = raw.split_at(8);
        let name = if name == b"HIERARCH" && !rest.starts_with(b"= ") {
            match rest.iter().position(|byte| *byte == b'=') {
                Some(equals) => rest.split_at(equals).0,
                None => name,
            }
        } else {
            name
        };
        let bit = fold(name);
        self.bits
            .get(bit as usize / 64)
            .is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }
}

/// Parses the cards of wanted keys before `END`; `None` if there is no `END` card.
///
/// # Contract
/// It gives what `parse_header` gives, less the cards of other keys.
pub fn parse_wanted(bytes: &[u8], wanted: &WantedKeys) -> Option<Header> {
    let mut cards: Vec<Card> = Vec::with_capacity(wanted.keys.len());
    let mut open_text = false;
    for raw in bytes.as_chunks::<CARD_BYTES>().0 {
        if is_end(raw) {
            return Some(cards.into_iter().collect());
        }
        if open_text
            && let Body::Continuation { field } = body(raw)
            && let Some(last) = cards.last_mut()
            && let Some(piece) = value::parse_long_text(field)
        {
            join(last, &piece);
            open_text = piece.text.ends_with('&');
            continue;
        }
        open_text = false;
        if !wanted.may_want(raw) {
            continue;
        }
        let card = parse_card(raw);
        if !wanted.contains(&card.key) {
            continue;
        }
        if let Body::Value { field, .. } = body(raw)
            && let Some(piece) = value::parse_long_text(field)
        {
            open_text = piece.text.ends_with('&');
        }
        cards.push(card);
    }
    None
}

#[cfg(test)]
mod tests {
    use phoenix_core::header::{Header, Key};
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

    use super::{WantedKeys, parse_wanted};
    use crate::fits::card::parse_header;

    fn wanted() -> WantedKeys {
        let names = [
            "MJD-OBS",
            "DPR.CATG",
            "DET.WIN1.BINX",
            "HIERARCH MPDAF TAG",
            "OBJECT",
            "ESO.TPL.START",
        ];
        WantedKeys::new(names.map(Key::new))
    }

    /// Cards around the wanted keys, in every spelling, and around what looks like them.
    fn card() -> impl Strategy<Value = Vec<u8>> {
        let name = prop_oneof![
            Just("MJD-OBS ="),
            Just("mjd-obs ="),
            Just("HIERARCH ESO DPR CATG ="),
            Just("HIERARCH ESO  DPR  CATG="),
            Just("HIERARCH eso dpr catg ="),
            Just("HIERARCH ESO DPR.CATG ="),
            Just("HIERARCH DPR CATG ="),
            Just("HIERARCH ESO DET WIN1 BINX ="),
            Just("HIERARCH MPDAF TAG ="),
            Just("OBJECT  ="),
            Just("OBJECT=="),
            Just("CONTINUE "),
            Just("HIERARCH ESO TPL START"),
            Just("COMMENT "),
            Just("        "),
            Just("HIERARCH="),
            Just("\u{0}MJD-OBS="),
            Just("DPR CATG="),
            Just("ESODPRCA="),
            Just("HISTORY "),
        ];
        let value = prop_oneof![
            Just(" 'TEXT&'"),
            Just(" 'TEXT' / with a comment"),
            Just(" 12.5"),
            Just("12"),
            Just(" T / yes"),
            Just(" '"),
            Just(" "),
            Just(" 'it''s & ' / &"),
        ];
        (name, value, any::<u8>()).prop_map(|(name, value, odd)| {
            let mut raw = format!("{name}{value}").into_bytes();
            raw.resize(80, b' ');
            if odd < 20 {
                raw[usize::from(odd) * 4] = odd.wrapping_mul(13);
            }
            raw
        })
    }

    proptest! {
        #[test]
        fn wanted_cards_are_those_of_the_whole_header(cards in proptest::collection::vec(card(), 0..40), ends: bool) {
            let wanted = wanted();
            let mut bytes = cards.concat();
            if ends {
                let mut end = b"END".to_vec();
                end.resize(80, b' ');
                bytes.extend(end);
            }
            let whole = parse_header(&bytes).map(|header| {
                header.cards().iter().filter(|card| wanted.contains(&card.key)).cloned().collect::<Header>()
            });
            assert_eq!(parse_wanted(&bytes, &wanted), whole);
        }
    }
}
