//! How historical association blocks and the rules of today differ, as text.

use phoenix::line::{BlockChange, CalibrationChange};

/// Tells whether nothing differs that decides what is made.
pub(crate) fn is_equal(change: &BlockChange) -> bool {
    change.calibrations.is_empty() && change.others.is_empty()
}

/// Writes each block that differs, calibration by calibration with both levels.
pub(crate) fn block_changes(changes: &[BlockChange]) -> String {
    let mut lines = Vec::new();
    for change in changes {
        if change.is_made_today && is_equal(change) {
            continue;
        }
        lines.push(format!("association block {}", change.block));
        if !change.is_made_today {
            lines.push("    the rules of today make no such job".to_owned());
        }
        lines.extend(change.calibrations.iter().map(calibration_line));
        for other in &change.others {
            let words = |values: &[String]| {
                if values.is_empty() {
                    "–".to_owned()
                } else {
                    values.join(", ")
                }
            };
            lines.push(format!(
                "    {}: {} → {}",
                other.qualifier,
                words(&other.removed),
                words(&other.added)
            ));
        }
    }
    if lines.is_empty() {
        String::new()
    } else {
        lines.join("\n") + "\n"
    }
}

fn calibration_line(change: &CalibrationChange) -> String {
    let side = |names: &[String], level: Option<u8>| {
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        let level = level.map(|level| format!(" (level {level})")).unwrap_or_default();
        format!("{names}{level}")
    };
    let verdict = match (change.is_taken, change.because.as_str()) {
        (_, "") => String::new(),
        (true, because) => format!(", taken: {because}"),
        (false, because) => format!(", not taken: {because}"),
    };
    format!(
        "    {}: {} → {}{verdict}",
        change.tag,
        side(&change.old, change.old_level),
        side(&change.new, change.new_level)
    )
}
