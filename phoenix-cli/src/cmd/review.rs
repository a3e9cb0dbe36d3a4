//! `phoenix review`: a person decides.

use phoenix::controls::Controls;
use phoenix::core::traits::Halt;
use phoenix::line::Line;
use serde_json::json;

use crate::answer::Answer;
use crate::args::{Output, ReviewArgs};
use crate::failure::{Exit, Failure};
use crate::render;

/// Lists what waits, or records decisions.
pub(crate) fn run(args: &ReviewArgs, _output: Output) -> Result<Answer, Failure> {
    let usage = |error| super::line_failure(&error, Exit::Usage);
    if args.accept.is_empty() && args.reject.is_empty() {
        let report = Line::peek(&args.out).map_err(usage)?;
        let is_waiting = |job: &&phoenix::line::JobSummary| job.halt == Some(Halt::AwaitsReview);
        let waiting: Vec<_> = report.jobs.iter().filter(is_waiting).collect();
        return Ok(Answer::good(json!({"waiting": waiting}), render::review_list(&report)));
    }
    let because = args.because.as_deref().unwrap_or("no reason given");
    let line = Line::reopen(&super::registry()?, &args.out, Controls::new()).map_err(usage)?;
    for job in &args.accept {
        line.accept(&job.as_str().into()).map_err(usage)?;
    }
    for job in &args.reject {
        line.reject(&job.as_str().into(), because).map_err(usage)?;
    }
    let text = format!(
        "{} accepted, {} rejected; `phoenix resume` goes on\n",
        args.accept.len(),
        args.reject.len()
    );
    Ok(Answer::good(
        json!({"accepted": args.accept, "rejected": args.reject}),
        text,
    ))
}
