//! `phoenix redo`: forget results, so that they are made anew.

use phoenix::controls::Controls;
use phoenix::core::id::JobId;
use phoenix::line::Line;
use serde_json::json;

use crate::answer::Answer;
use crate::args::RedoArgs;
use crate::failure::{Exit, Failure};

/// Forgets the results of jobs and tells which jobs wait again.
pub(crate) fn run(args: &RedoArgs) -> Result<Answer, Failure> {
    let failed = |error| super::line_failure(&error, Exit::Usage);
    let line = Line::reopen(&super::registry()?, &args.out, Controls::new()).map_err(failed)?;
    let jobs: Vec<JobId> = args.jobs.iter().map(|job| job.as_str().into()).collect();
    let forgotten = line.redo(&jobs, args.downstream).map_err(failed)?;
    let lines: Vec<String> = forgotten.iter().map(|job| format!("{job} waits again")).collect();
    let text = lines.join("\n") + "\n";
    Ok(Answer::good(json!({ "redo": forgotten }), text))
}
