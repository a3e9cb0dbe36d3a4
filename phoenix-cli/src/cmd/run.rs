//! `phoenix plan`, `run`, `status`, `resume`: the line on nights.

use std::time::{SystemTime, UNIX_EPOCH};

use phoenix::core::dataset::Severity;
use phoenix::core::plan::Plan;
use phoenix::core::unit::{Mjd, Night};
use phoenix::line::{Line, LineReport, Nights, Settings, Step, plan as plan_line};
use serde_json::Value;

use crate::answer::Answer;
use crate::args::{FolderArgs, Output, ResumeArgs, RunArgs};
use crate::failure::{Exit, Failure};
use crate::render;

/// Shows what would be done; writes nothing.
pub(crate) fn plan(args: &RunArgs, output: Output) -> Result<Answer, Failure> {
    let settings = settings(args)?;
    let controls = super::controls(args.machine, output)?;
    let mut planned = plan_line(&super::registry()?, &settings, &controls)
        .map_err(|error| super::line_failure(&error, Exit::Usage))?
        .plan;
    if !args.jobs.is_empty() {
        planned
            .jobs
            .retain(|job| args.jobs.iter().any(|wanted| wanted == job.id.as_str()));
    }
    planned_answer(&planned)
}

/// Runs the line, or one step of it.
pub(crate) fn run(args: &RunArgs, output: Output) -> Result<Answer, Failure> {
    let settings = settings(args)?;
    let controls = super::controls(args.machine, output)?;
    let registry = super::registry()?;
    let before = |error| super::line_failure(&error, Exit::Usage);
    let line = Line::begin(&registry, settings, &args.out, controls)
        .and_then(|line| line.with_jobs(args.jobs.iter().map(|job| job.as_str().into())))
        .map_err(before)?;
    if args.step == Some(Step::Plan) {
        let plan = line.plan().map_err(before)?;
        return planned_answer(&plan);
    }
    let report = match args.step {
        Some(step) => line.step(step),
        None => line.run(),
    };
    report_answer(
        &report.map_err(|error| super::line_failure(&error, Exit::Findings))?,
        args.step.is_some(),
    )
}

fn planned_answer(plan: &Plan) -> Result<Answer, Failure> {
    let is_lost = plan.left_out.iter().any(|left| left.severity == Severity::Error);
    let exit = if plan.is_executable() && !is_lost {
        Exit::Good
    } else {
        Exit::Findings
    };
    Ok(Answer::good(document(plan)?, render::plan(plan)).with_exit(exit))
}

/// Continues a run.
pub(crate) fn resume(args: &ResumeArgs, output: Output) -> Result<Answer, Failure> {
    let controls = super::controls(args.machine, output)?;
    let line = Line::reopen(&super::registry()?, &args.out, controls)
        .map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let report = line
        .run()
        .map_err(|error| super::line_failure(&error, Exit::Findings))?;
    report_answer(&report, false)
}

/// Shows how a run stands; a run that is at work is not disturbed.
pub(crate) fn status(args: &FolderArgs) -> Result<Answer, Failure> {
    let report = Line::peek(&args.out).map_err(|error| super::line_failure(&error, Exit::Usage))?;
    report_answer(&report, true)
}

/// An unfinished run is a finding only if it was to be finished.
pub(crate) fn report_answer(report: &LineReport, may_be_open: bool) -> Result<Answer, Failure> {
    let is_good = if may_be_open {
        !report.is_faulty()
    } else {
        report.is_clean()
    };
    let exit = if is_good { Exit::Good } else { Exit::Findings };
    Ok(Answer::good(document(report)?, render::status(report)).with_exit(exit))
}

fn document(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new(Exit::Findings, &error))
}

/// Turns options into settings.
pub(crate) fn settings(args: &RunArgs) -> Result<Settings, Failure> {
    if args.backend != "native" {
        return Err(Failure::message(
            Exit::Usage,
            format!("backend {} is not built in; built in: native", args.backend),
        ));
    }
    let mut settings = Settings::new(
        args.instrument.to_ascii_uppercase(),
        nights(args)?,
        args.archive.clone(),
    )
    .with_review(args.review)
    .with_numerics(args.numerics)
    .with_date(date()?);
    if let Some(url) = &args.deliver_to {
        settings = settings.with_delivery(url.clone());
    }
    if let Some(mode) = args.mode {
        settings = settings.with_mode(mode);
    }
    for text in &args.params {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| Failure::message(Exit::Usage, format!("--param {text:?} is not RECIPE.NAME=VALUE")))?;
        let (recipe, name) = name
            .split_once('.')
            .ok_or_else(|| Failure::message(Exit::Usage, format!("--param {text:?} is not RECIPE.NAME=VALUE")))?;
        let registry = super::registry()?;
        let instrument = phoenix::single::find(&registry, recipe).map_err(|error| Failure::usage(&error))?;
        let Some(found) = instrument.recipe(&recipe.into()) else {
            continue;
        };
        let typed = phoenix::single::params(found, &[(name.to_owned(), value.to_owned())])
            .map_err(|error| Failure::usage(&error).within(format!("--param {text}")))?;
        for (name, value) in typed {
            settings = settings.with_param(recipe, name, value);
        }
    }
    Ok(settings)
}

fn nights(args: &RunArgs) -> Result<Nights, Failure> {
    let night = |option: &str, text: &str| {
        text.parse::<Night>()
            .map_err(|error| Failure::usage(&error).within(option.to_owned()))
    };
    match (&args.night, &args.from, &args.to, &args.month) {
        (Some(text), ..) => Ok(Nights::one(night("--night", text)?)),
        (_, Some(from), Some(to), _) => Nights::between(night("--from", from)?, night("--to", to)?)
            .map_err(|error| Failure::usage(&error).within("--from, --to")),
        (.., Some(month)) => Nights::month(month).map_err(|error| Failure::usage(&error).within("--month")),
        _ => Err(Failure::message(
            Exit::Usage,
            "which night? give --night, --from and --to, or --month",
        )),
    }
}

/// MJD of 1970-01-01, the origin of system time.
const UNIX_ORIGIN_MJD: f64 = 40_587.0;

/// The date that products carry: `SOURCE_DATE_EPOCH` where it is set, so that builds of products can be repeated.
fn date() -> Result<String, Failure> {
    let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text
            .parse::<f64>()
            .map_err(|error| Failure::usage(&error).within(format!("SOURCE_DATE_EPOCH={text}")))?,
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs().to_string().parse().unwrap_or(0.0)),
    };
    Ok(Mjd(UNIX_ORIGIN_MJD + seconds / 86_400.0).to_iso())
}
