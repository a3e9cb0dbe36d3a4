//! Which bytes have been written: each exactly once, or the sum would be wrong.

/// A set of disjoint byte ranges.
#[derive(Debug, Default)]
pub(super) struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    /// Adds a range; `false` if any of it is there already.
    pub(super) fn add(&mut self, start: u64, end: u64) -> bool {
        if start >= end {
            return true;
        }
        let at = self.0.partition_point(|(first, _)| *first < start);
        let before = at.checked_sub(1).and_then(|before| self.0.get(before)).copied();
        let after = self.0.get(at).copied();
        if before.is_some_and(|(_, last)| last > start) || after.is_some_and(|(first, _)| first < end) {
            return false;
        }
        let joins_before = before.is_some_and(|(_, last)| last == start);
        let joins_after = after.is_some_and(|(first, _)| first == end);
        match (joins_before, joins_after) {
            (true, true) => {
                let (_, last) = self.0.remove(at);
                if let Some(range) = self.0.get_mut(at - 1) {
                    range.1 = last;
                }
            }
            (true, false) => {
                if let Some(range) = self.0.get_mut(at - 1) {
                    range.1 = end;
                }
            }
            (false, true) => {
                if let Some(range) = self.0.get_mut(at) {
                    range.0 = start;
                }
            }
            (false, false) => self.0.insert(at, (start, end)),
        }
        true
    }

    /// Returns how many bytes are written if they begin with the first and have no gap.
    pub(super) fn beginning(&self) -> Option<u64> {
        match self.0.as_slice() {
            [] => Some(0),
            [(0, end)] => Some(*end),
            _ => None,
        }
    }

    /// Returns the number of bytes written.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Intervals;

    #[test]
    fn ranges_join_and_an_overlap_is_told() {
        let mut seen = Intervals::default();
        assert!(seen.add(10, 20) && seen.add(30, 40) && seen.add(20, 30) && seen.add(0, 10));
        assert_eq!(seen.0, [(0, 40)]);
        assert!(!seen.add(39, 41) && !seen.add(5, 6));
        assert!(seen.add(50, 60) && !seen.add(45, 51));
        assert_eq!(seen.total(), 50);
    }
}
