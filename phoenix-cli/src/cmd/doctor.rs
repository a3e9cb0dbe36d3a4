//! `phoenix doctor`: what is there to run the recipes, and what is missing.

use console::style;
use phoenix::backend::{BackendSettings, DoctorReport, TaskState, doctor};

use crate::answer::Answer;
use crate::args::DoctorArgs;
use crate::failure::{Exit, Failure};

/// Looks what is there, for one instrument or for all.
pub(crate) fn run(args: &DoctorArgs) -> Result<Answer, Failure> {
    let registry = super::registry()?;
    let settings = super::backend(BackendSettings::default(), &args.backend)?;
    let names = match &args.instrument {
        Some(name) => vec![name.to_ascii_uppercase()],
        None => registry.names(),
    };
    let mut reports = Vec::new();
    for name in names {
        let instrument = registry.get(&name).map_err(|error| Failure::usage(&error))?;
        reports.push(doctor(&instrument, &settings, &args.out));
    }
    let is_healthy = reports.iter().all(DoctorReport::is_healthy);
    let document = serde_json::to_value(&reports).map_err(|error| Failure::new(Exit::Findings, &error))?;
    let exit = if is_healthy { Exit::Good } else { Exit::Findings };
    Ok(Answer::good(document, text(&reports)).with_exit(exit))
}

fn text(reports: &[DoctorReport]) -> String {
    let mut lines = Vec::new();
    if let Some(report) = reports.first() {
        let machine = &report.machine;
        lines.push(format!(
            "machine  {} cores, {} memory, {} free disk",
            machine.cores,
            gib(machine.memory_bytes),
            machine.free_disk_bytes.map_or_else(|| "unknown".to_owned(), gib)
        ));
        let esorex = &report.esorex;
        lines.push(match (&esorex.version, &esorex.problem) {
            (Some(version), _) => format!(
                "esorex   {version}, {} recipes, {}",
                esorex.n_recipes,
                esorex.program.display()
            ),
            (None, problem) => format!("esorex   {}", problem.as_deref().unwrap_or("not found")),
        });
    }
    for report in reports {
        lines.push(String::new());
        lines.push(style(&report.instrument).bold().to_string());
        for task in &report.tasks {
            lines.push(match &task.state {
                TaskState::Native { pipeline } => format!("  {} {}  native, {pipeline}", style("✔").green(), task.task),
                TaskState::Esorex { pipeline } => format!("  {} {}  esorex, {pipeline}", style("✔").green(), task.task),
                TaskState::Missing { reason } => format!("  {} {}  {reason}", style("✘").red(), task.task),
                _ => format!("  ? {}", task.task),
            });
        }
    }
    lines.join("\n") + "\n"
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
