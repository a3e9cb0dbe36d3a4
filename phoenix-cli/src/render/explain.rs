//! Why calibration slots got what they got, as text.

use console::style;
use phoenix::core::association::{SlotExplained, Verdict};

/// Writes every slot of a job with its candidates, the chosen ones first.
pub(crate) fn explained(job: &str, slots: &[SlotExplained]) -> String {
    let mut lines = vec![style(job).bold().to_string()];
    for slot in slots {
        let need = if slot.min == 0 { ", not needed" } else { "" };
        lines.push(format!("  {}{need}", slot.tag));
        if let Some(shut) = &slot.shut {
            lines.push(format!("    not searched: {shut}"));
        }
        for candidate in &slot.candidates {
            let planned = if candidate.is_planned { " (planned)" } else { "" };
            let (mark, verdict) = words(&candidate.verdict);
            lines.push(format!("    {mark} {}{planned}: {verdict}", candidate.name));
        }
        if slot.candidates.is_empty() && slot.shut.is_none() {
            lines.push("    no candidate".to_owned());
        }
    }
    lines.join("\n") + "\n"
}

fn days(dt_days: Option<f64>) -> String {
    dt_days.map_or_else(|| "no time".to_owned(), |days| format!("{days:+.2} d"))
}

fn words(verdict: &Verdict) -> (String, String) {
    match verdict {
        Verdict::Chosen { level, dt_days } => (
            style("✔").green().to_string(),
            format!("chosen, level {}, {}", level.0, days(*dt_days)),
        ),
        Verdict::Outranked { level, dt_days, place } => (
            style("·").yellow().to_string(),
            format!("fits, level {}, {}, place {place}", level.0, days(*dt_days)),
        ),
        Verdict::Refused { rule } => (style("✘").red().to_string(), rule.clone()),
    }
}
