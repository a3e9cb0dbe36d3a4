//! `phoenix compare`: two runs side by side.

use std::path::PathBuf;

use phoenix::line::{Comparison, compare};

use crate::answer::Answer;
use crate::args::CompareArgs;
use crate::failure::{Exit, Failure};

/// Compares two runs, named by label or by folder.
pub(crate) fn run(args: &CompareArgs) -> Result<Answer, Failure> {
    let folder = |name: &str| {
        let labelled = args.out.join(name);
        if labelled.is_dir() {
            labelled
        } else {
            PathBuf::from(name)
        }
    };
    let comparison = compare(&folder(&args.first), &folder(&args.second))
        .map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let exit = if comparison.is_equal() {
        Exit::Good
    } else {
        Exit::Findings
    };
    let document = serde_json::to_value(&comparison).map_err(|error| Failure::new(Exit::Findings, &error))?;
    Ok(Answer::good(document, text(args, &comparison)).with_exit(exit))
}

fn text(args: &CompareArgs, comparison: &Comparison) -> String {
    let mut lines = Vec::new();
    for (name, jobs) in [
        (&args.first, &comparison.only_first),
        (&args.second, &comparison.only_second),
    ] {
        lines.extend(jobs.iter().map(|job| format!("{job}: only in {name}")));
    }
    for (job, differences) in &comparison.differing {
        lines.push(job.to_string());
        for difference in differences {
            lines.push(format!("  {}:", difference.what));
            lines.push(format!("    {}: {}", args.first, difference.first));
            lines.push(format!("    {}: {}", args.second, difference.second));
        }
    }
    lines.push(format!("{} equal", crate::render::count(comparison.n_equal, "job")));
    lines.join("\n") + "\n"
}
