//! A campaign of nights as text.

use console::style;
use phoenix::line::{ALARM_DAYS, CampaignReport, NightEnd, NightState};

use super::count;

/// Writes how every night stands, how far behind it is, and what a month waits for.
pub(crate) fn campaign(report: &CampaignReport) -> String {
    let done = report.nights.iter().filter(|night| night.end == NightEnd::Done).count();
    let mut lines = vec![format!(
        "{} {} {}: {done} of {} done",
        style(&report.instrument).bold(),
        report.kind,
        report.label,
        count(report.nights.len(), "night")
    )];
    lines.extend(report.nights.iter().map(night_line));
    for lack in &report.waits_for {
        lines.push(format!("waits: {lack}, for {}", count(lack.n_jobs, "job")));
    }
    if !report.waits_for.is_empty() {
        lines.push("certify them, or go on without: --give-up [NIGHT:]KIND --because TEXT".to_owned());
    }
    let late = report.nights.iter().filter(|night| night.is_late).count();
    if late > 0 {
        lines.push(format!(
            "{}: {} more than {ALARM_DAYS} days behind",
            style("alarm").red().bold(),
            count(late, "night")
        ));
    }
    lines.join("\n") + "\n"
}

fn night_line(night: &NightState) -> String {
    let (mark, word) = match night.end {
        NightEnd::Done => (style("✔").green(), "done"),
        NightEnd::Faulty => (style("✘").red(), "faulty"),
        NightEnd::AwaitsReview => (style("…").yellow(), "waits for a review"),
        NightEnd::Open => (style("…").yellow(), "begun"),
        _ => (style("○").yellow(), "waits"),
    };
    let because = night
        .because
        .as_deref()
        .map(|because| format!(": {because}"))
        .unwrap_or_default();
    let late = if night.is_late { ", late" } else { "" };
    format!(
        "{mark} {}  lag {:.1} d{late}  {word}{because}",
        night.night, night.lag_days
    )
}
