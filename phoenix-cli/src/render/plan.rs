//! A plan as text.

use console::style;
use phoenix::core::association::Fill;
use phoenix::core::engine::Forecast;
use phoenix::core::plan::{InputSource, Plan, PlannedJob, Readiness, Resources};

use super::count;

/// Writes a plan: jobs with inputs, calibrations and what keeps them from running; then what was left out.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut lines = vec![format!(
        "{} {}: {}",
        style(&plan.instrument).bold(),
        plan.label,
        count(plan.jobs.len(), "job")
    )];
    for job in &plan.jobs {
        lines.push(String::new());
        job_lines(job, &mut lines);
    }
    lines.extend(edited(plan));
    if !plan.left_out.is_empty() {
        lines.push(String::new());
        lines.push(format!("left out: {}", count(plan.left_out.len(), "frame")));
        lines.extend(plan.left_out.iter().map(super::left_out_line));
    }
    lines.join("\n") + "\n"
}

/// Writes header edits, those alike in one line.
fn edited(plan: &Plan) -> Vec<String> {
    let mut groups: Vec<(String, usize)> = Vec::new();
    for edit in plan.overlays.iter().flat_map(|overlaid| &overlaid.edits) {
        let value = edit.value.as_ref().map_or_else(
            || "removed".to_owned(),
            |value| format!("= {}", shortened(&value.display())),
        );
        let from = if edit.source.is_empty() {
            String::new()
        } else {
            format!(", {}", edit.source)
        };
        let text = format!("{} {value} ({}: {}{from})", edit.key.short(), edit.author, edit.reason);
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, n)) => *n += 1,
            None => groups.push((text, 1)),
        }
    }
    if groups.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        String::new(),
        format!("headers edited: {}", count(plan.overlays.len(), "frame")),
    ];
    lines.extend(groups.iter().map(|(text, n)| format!("  {n} × {text}")));
    lines
}

/// Most characters of a value that are shown; the plan itself has it all.
const SHOWN: usize = 40;

/// Shortens what an observer wrote, and keeps control characters from the terminal.
fn shortened(value: &str) -> String {
    let clean: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", clean.get(..end).unwrap_or_default()),
        None => clean,
    }
}

/// Writes what a run will take, as far as that is known.
pub(crate) fn forecast(forecast: &Forecast) -> String {
    if forecast.jobs.is_empty() {
        return String::new();
    }
    let peak_mib = forecast.peak_bytes.div_ceil(1 << 20);
    let time = match forecast.wall_s {
        Some(wall_s) => format!(
            "{wall_s:.0} s, {:.0} s of processor time, {} guessed",
            forecast.cpu_s,
            count(forecast.n_guessed, "job")
        ),
        None => "time not known before a first run".to_owned(),
    };
    let floor_mib = forecast.floor_bytes.div_ceil(1 << 20);
    let floor = match floor_mib {
        0 => String::new(),
        _ => format!(", {floor_mib} MiB at least"),
    };
    let refused = match forecast.n_refused {
        0 => String::new(),
        n => format!(
            "{} cannot be begun with so little memory: give --memory {floor_mib}M\n",
            count(n, "job")
        ),
    };
    format!("\nexpected: {time}, {peak_mib} MiB of memory{floor}\n{refused}")
}

fn job_lines(job: &PlannedJob, lines: &mut Vec<String>) {
    let mark = match &job.readiness {
        Readiness::Ready => style("●").green(),
        Readiness::Unsupported { .. } => style("○").yellow(),
        Readiness::Incomplete { .. } => style("○").red(),
    };
    lines.push(format!("{mark} {}", style(&job.id).bold()));
    if job.recipe.as_str() != job.task.as_str() {
        lines.push(format!("    recipe {}", job.recipe));
    }
    for (tag, frames) in inputs_by_tag(job) {
        lines.push(format!("    {tag} × {frames}"));
    }
    lines.extend(memory(&job.resources));
    for slot in &job.slots {
        match &slot.fill {
            Fill::Filled {
                level, dt_days, reason, ..
            } => lines.push(format!(
                "    {}: level {}, {dt_days:+.1} d ({reason})",
                slot.tag, level.0
            )),
            Fill::Pending { producer } => lines.push(format!("    {}: from {producer}", slot.tag)),
            Fill::Missing { reason } => {
                let need = if slot.required {
                    "missing"
                } else {
                    "not there, not needed"
                };
                lines.push(format!("    {}: {need} ({reason})", slot.tag));
            }
        }
    }
    match &job.readiness {
        Readiness::Ready => {}
        Readiness::Unsupported { reason } => lines.push(format!("    Unsupported: {reason}")),
        Readiness::Incomplete { reasons } => {
            lines.extend(reasons.iter().map(|reason| format!("    Incomplete: {reason}")));
        }
    }
}

/// Writes what a job is expected to take of the memory, and what it cannot be begun without.
fn memory(resources: &Resources) -> Option<String> {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    (resources.floor_bytes > 0).then(|| {
        format!(
            "    memory {} MiB, {} at least",
            mib(resources.memory_bytes),
            mib(resources.floor_bytes)
        )
    })
}

fn inputs_by_tag(job: &PlannedJob) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for input in &job.inputs {
        let tag = match input {
            InputSource::Frame { frame } => frame.tag.to_string(),
            InputSource::Job { tag, .. } => tag.to_string(),
        };
        match counts.iter_mut().find(|(known, _)| *known == tag) {
            Some((_, n)) => *n += 1,
            None => counts.push((tag, 1)),
        }
    }
    counts
}
