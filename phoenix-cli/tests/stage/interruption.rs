//! What tests of interrupted work share: when it is interrupted, and what must be the same after it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;

use super::files;

/// A small generator for moments; its seed is printed with a failure.
pub(crate) struct Moments(pub(crate) u64);

impl Moments {
    /// Returns a number in 0..1 (Steele et al. 2014, `SplitMix64`).
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Returns how many kills the environment asks for.
pub(crate) fn kills(variable: &str, usual: usize) -> usize {
    let asked = std::env::var(variable).ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Kills a child, with no chance to tidy up.
pub(crate) fn kill(child: &mut Child) {
    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");
}

/// Returns the files below a folder that do not depend on where the run lies: the settings name its folders.
pub(crate) fn bits(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = files(folder);
    all.retain(|name, _| !name.ends_with("settings.json"));
    all
}

/// Checks that the same files are there with the same bits.
pub(crate) fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>, context: &str) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{context}"
    );
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{context}: {name} differs");
    }
}
