//! How two association blocks of one job differ: an old one and one made again with better rules or masters.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::AssociationBlock;

/// Qualifiers that only tell who wrote the block and how far the job has come.
const ABOUT: [&str; 8] = [
    "TOOL_VERSION",
    "CONFIG_VERSION",
    "BATCH_ID",
    "PROCESS_STATUS",
    "LOG_NAME",
    "PROD_ROOT_NAME",
    "PROD_PATH",
    "PRODUCT",
];

/// One qualifier whose values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The qualifier.
    pub qualifier: String,
    /// Values that only the old block has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Values that only the new block has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Whether it changes what is made, and not only what is said about it.
    pub is_work: bool,
}

/// Returns how two blocks differ, by qualifier in the order of the old block, then of the new one.
///
/// # Contract
/// * Comments, blanks and the order of the values of different qualifiers do not count; nor does the order of values
///   of one qualifier, except that of the set of frames.
/// * No difference with itself; the differences the other way round are the same with both sides exchanged.
pub fn compare(old: &AssociationBlock, new: &AssociationBlock) -> Vec<Difference> {
    let mut seen = BTreeSet::new();
    let qualifiers = old.entries().chain(new.entries()).map(|entry| entry.qualifier);
    let in_order: Vec<&str> = qualifiers.filter(|qualifier| seen.insert(*qualifier)).collect();
    in_order
        .into_iter()
        .filter_map(|qualifier| difference(qualifier, old, new))
        .collect()
}

fn difference(qualifier: &str, old: &AssociationBlock, new: &AssociationBlock) -> Option<Difference> {
    let values =
        |ab: &AssociationBlock| -> Vec<String> { ab.all(qualifier).map(|entry| entry.value.to_owned()).collect() };
    let (before, after) = (values(old), values(new));
    if before == after {
        return None;
    }
    let (removed, added) = (surplus(&before, &after), surplus(&after, &before));
    let is_only_order = removed.is_empty() && added.is_empty();
    if is_only_order && qualifier != "SOF_CONTENT" {
        return None;
    }
    Some(Difference {
        qualifier: qualifier.to_owned(),
        // Where only the order differs, both orders are told.
        removed: if is_only_order { before } else { removed },
        added: if is_only_order { after } else { added },
        is_work: !ABOUT.contains(&qualifier),
    })
}

/// Returns the values of `these` beyond those of `others`, each as often as it is too often.
fn surplus(these: &[String], others: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in others {
        *counts.entry(value).or_default() += 1;
    }
    let mut is_surplus = |value: &&String| match counts.get_mut(value.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    these.iter().filter(|value| is_surplus(value)).cloned().collect()
}

impl AssociationBlock {
    /// Records at the end, as comments, how this block differs from an older one; the block itself stays as it is.
    pub fn note_differences(&mut self, from: &str, differences: &[Difference]) {
        if differences.is_empty() {
            return;
        }
        self.comment(&format!("differs from {from}:"));
        for difference in differences {
            for (sign, values) in [("-", &difference.removed), ("+", &difference.added)] {
                for value in values {
                    self.comment(&format!("{sign} {} {value}", difference.qualifier));
                }
            }
        }
    }
}
