//! The state of a run as text.

use console::style;
use phoenix::core::caveat::Caveat;
use phoenix::core::traits::{Halt, Stage};
use phoenix::line::{JobSummary, LineReport, ScoreSummary};

use super::count;

/// Writes how every job stands and what was left out.
pub(crate) fn status(report: &LineReport) -> String {
    let done = report.jobs.iter().filter(|job| job.is_done()).count();
    let mut lines = vec![format!(
        "{} {}: {done} of {} done",
        style(&report.instrument).bold(),
        report.label,
        count(report.jobs.len(), "job")
    )];
    for job in &report.jobs {
        job_lines(job, &mut lines);
    }
    if !report.left_out.is_empty() {
        lines.push(format!("left out: {}", count(report.left_out.len(), "frame")));
        lines.extend(report.left_out.iter().map(super::left_out_line));
    }
    let costs = super::costs::costs(&report.costs);
    if !costs.is_empty() {
        lines.push(costs.trim_end().to_owned());
    }
    if let Some(page) = &report.page {
        lines.push(format!("report: {page}"));
    }
    lines.join("\n") + "\n"
}

/// Writes the jobs that wait for a decision, and how to decide.
pub(crate) fn review_list(report: &LineReport) -> String {
    let waiting: Vec<&JobSummary> = (report.jobs.iter())
        .filter(|job| job.halt == Some(Halt::AwaitsReview))
        .collect();
    if waiting.is_empty() {
        return "nothing waits for a review\n".to_owned();
    }
    let mut lines = vec![format!("{} to review", count(waiting.len(), "job"))];
    for job in waiting {
        job_lines(job, &mut lines);
        lines.extend(
            job.products
                .iter()
                .map(|product| format!("    {} {}", product.tag, product.location)),
        );
        for (parameter, reason) in job.scores.iter().flat_map(|score| &score.grey) {
            lines.push(format!("    {parameter} is grey: {reason}"));
        }
    }
    lines.push("decide with --accept ID or --reject ID, and --because TEXT; then `phoenix resume`".to_owned());
    lines.join("\n") + "\n"
}

fn job_lines(job: &JobSummary, lines: &mut Vec<String>) {
    let mark = if job.is_done() {
        style("✔").green()
    } else if job.is_faulty() {
        style("✘").red()
    } else {
        style("…").yellow()
    };
    let scores: Vec<String> = job.scores.iter().map(score_words).collect();
    lines.push(format!(
        "{mark} {}  {} {}",
        style(&job.job).bold(),
        stage_word(job.stage),
        scores.join(", ")
    ));
    if let Some(because) = job.because() {
        lines.push(format!("    {because}"));
    }
    // What a job that is still to be made cannot be begun without.
    if job.stage < Stage::Processed && job.floor_bytes > 0 {
        lines.push(format!(
            "    memory: {} MiB at least",
            job.floor_bytes.div_ceil(1 << 20)
        ));
    }
    lines.extend(caveat_lines(&job.caveats));
    lines.extend(job.delivered.iter().map(|receipt| format!("    → {}", receipt.address)));
}

/// Most calibrations that one line names.
const MOST_NAMED: usize = 3;

/// Writes reservations one a line; calibrations that this run made itself and nobody certified yet share a line, since in
/// a run from raw frames that is all of them.
fn caveat_lines(caveats: &[Caveat]) -> Vec<String> {
    let slots: Vec<&str> = (caveats.iter())
        .filter_map(|caveat| match caveat {
            Caveat::VirtualInput { slot } => Some(slot.as_str()),
            _ => None,
        })
        .collect();
    let is_shared = slots.len() > 1;
    let mut lines: Vec<String> = (caveats.iter())
        .filter(|caveat| !(is_shared && matches!(caveat, Caveat::VirtualInput { .. })))
        .map(|caveat| format!("    caveat {}: {caveat}", caveat.code()))
        .collect();
    if is_shared {
        let named = slots.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if slots.len() > MOST_NAMED { ", …" } else { "" };
        lines.push(format!(
            "    caveat VI: {} calibrations are not certified: {named}{more}",
            slots.len()
        ));
    }
    lines
}

fn score_words(score: &ScoreSummary) -> String {
    let all = score.red + score.green + score.grey.len();
    let grey = if score.grey.is_empty() {
        String::new()
    } else {
        format!(", {} grey", score.grey.len())
    };
    format!(
        "[result {}/{all}, best 0/{all}{grey}; flags {}]",
        score.red, score.flags
    )
}

fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Planned => "planned",
        Stage::Fetched => "fetched",
        Stage::Processed => "processed",
        Stage::Scored => "scored",
        Stage::Reviewed => "reviewed",
        Stage::Converted => "converted",
        Stage::Ingested => "ingested",
    }
}

#[cfg(test)]
mod tests {
    use phoenix::core::caveat::Caveat;

    use super::caveat_lines;

    #[test]
    fn calibrations_that_nobody_certified_yet_share_a_line() {
        let of = |slot: &str| Caveat::VirtualInput { slot: slot.into() };
        let stale = Caveat::Partial {
            reason: "one exposure".into(),
        };
        assert_eq!(
            caveat_lines(&[of("A"), stale, of("B"), of("C"), of("D")]),
            [
                "    caveat PA: partial: one exposure",
                "    caveat VI: 4 calibrations are not certified: A, B, C, …"
            ]
        );
        assert_eq!(
            caveat_lines(&[of("A")]),
            ["    caveat VI: calibration A is not certified"]
        );
    }
}
