//! `CHECKSUM` and `DATASUM` after the FITS standard 4.0, section 4.4.2.7 and appendix J.

/// A ones' complement sum of big-endian 32-bit words; the order of the words does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WordSum(u64);

impl WordSum {
    /// Adds bytes that start at byte `position` of the data unit.
    pub fn add(&mut self, bytes: &[u8], position: u64) {
        let lead = ((4 - position % 4) % 4) as usize;
        let (head, rest) = bytes.split_at(lead.min(bytes.len()));
        let (words, tail) = rest.as_chunks::<4>();
        self.add_loose(head, position % 4);
        // 2^31 words of 32 bits stay below 2^63, so one fold per call is enough.
        for part in words.chunks(1 << 28) {
            let sum: u64 = part.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
            self.0 = fold(self.0 + fold(sum));
        }
        self.add_loose(tail, 0);
    }

    fn add_loose(&mut self, bytes: &[u8], first: u64) {
        for (at, byte) in (first..).zip(bytes) {
            self.0 = fold(self.0 + (u64::from(*byte) << (8 * (3 - at % 4))));
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.0 = fold(self.0 + other.0);
    }

    /// Returns the 32-bit sum.
    pub fn value(self) -> u32 {
        fold(self.0) as u32
    }
}

fn fold(mut sum: u64) -> u64 {
    while sum >> 32 != 0 {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
    }
    sum
}

/// Encodes the complement of a sum as the 16 characters of `CHECKSUM`.
///
/// # References
/// FITS standard 4.0, appendix J.2.
pub(super) fn encode(sum: u32) -> String {
    const EXCLUDED: std::ops::RangeInclusive<u8> = b':'..=b'@';
    const ALSO_EXCLUDED: std::ops::RangeInclusive<u8> = b'['..=b'`';
    let mut ascii = [0_u8; 16];
    for (column, byte) in (!sum).to_be_bytes().into_iter().enumerate() {
        let quarter = byte / 4 + b'0';
        let mut quads = [quarter + byte % 4, quarter, quarter, quarter];
        let is_bad = |value: u8| EXCLUDED.contains(&value) || ALSO_EXCLUDED.contains(&value);
        // One up and one down keeps the sum of the pair.
        while quads.iter().any(|value| is_bad(*value)) {
            for pair in quads.as_chunks_mut::<2>().0 {
                if pair.iter().any(|value| is_bad(*value)) {
                    pair[0] += 1;
                    pair[1] -= 1;
                }
            }
        }
        for (row, value) in quads.into_iter().enumerate() {
            // The standard rotates the string by one character, to align it in the card.
            ascii[(4 * row + column + 1) % 16] = value;
        }
    }
    ascii.iter().map(|byte| char::from(*byte)).collect()
}

/// What a check of one sum found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SumState {
    /// The keyword is right.
    Ok,
    /// There is no keyword.
    Absent,
    /// The keyword is not the sum of the bytes.
    Stale {
        /// What the header says.
        stated: String,
        /// What the bytes say: for `DATASUM` the sum, for `CHECKSUM` the sum of the unit, which should be all ones.
        computed: String,
    },
}

/// The checks of one header and data unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSums {
    /// The 0-based index of the unit.
    pub hdu: usize,
    /// `EXTNAME`.
    pub name: Option<Box<str>>,
    /// `DATASUM`.
    pub datasum: SumState,
    /// `CHECKSUM`.
    pub checksum: SumState,
}

impl UnitSums {
    /// Tells whether a stated sum is wrong.
    pub fn is_stale(&self) -> bool {
        [&self.datasum, &self.checksum]
            .iter()
            .any(|state| matches!(state, SumState::Stale { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::{WordSum, encode};

    #[test]
    fn the_example_of_the_standard_is_reproduced() {
        // FITS standard 4.0, appendix J.3: the sum 868229149 encodes as this text.
        assert_eq!(encode(868_229_149), "hcHjjc9ghcEghc9g");
    }

    #[test]
    fn an_encoded_sum_brings_the_unit_to_all_ones() {
        for sum in [0, 1, 0x1234_5678, 0xffff_fffe, u32::MAX] {
            let mut total = WordSum(u64::from(sum));
            // The 16 characters start one byte after a word boundary, as in a card.
            total.add(encode(sum).as_bytes(), 3);
            let mut zeros = WordSum(0);
            zeros.add("0000000000000000".as_bytes(), 3);
            let expected = super::fold(u64::from(u32::MAX) + u64::from(zeros.value()));
            assert!(
                u64::from(total.value()) == expected || total.value() == zeros.value(),
                "{sum}"
            );
        }
    }

    #[test]
    fn the_sum_does_not_depend_on_the_order_or_the_cut_of_the_pieces() {
        let bytes: Vec<u8> = (0..1003_u32).map(|i| (i * 37 % 251) as u8).collect();
        let mut whole = WordSum::default();
        whole.add(&bytes, 0);
        let mut pieces = WordSum::default();
        for range in [501..1003, 0..3, 7..501, 3..7] {
            pieces.add(&bytes[range.clone()], range.start as u64);
        }
        assert_eq!(whole.value(), pieces.value());
    }
}
