//! `phoenix plan`, `run`, `status`, `resume`: the line on nights.

use std::time::{SystemTime, UNIX_EPOCH};

use phoenix::choice::Mode;
use phoenix::controls::Controls;
use phoenix::core::dataset::Severity;
use phoenix::core::plan::Plan;
use phoenix::core::unit::{Mjd, Night};
use phoenix::line::{Campaign, Line, LineReport, Nights, Settings, Step, explain as explain_line, plan as plan_line};
use phoenix::project::BlockPolicy;
use phoenix::project::OpenProject;
use serde_json::Value;

use super::{campaign, deep};
use crate::answer::Answer;
use crate::args::{FolderArgs, Output, ResumeArgs, RunArgs};
use crate::failure::{Exit, Failure};
use crate::render;

/// Shows what would be done; writes nothing.
pub(crate) fn plan(args: &RunArgs, output: Output) -> Result<Answer, Failure> {
    let settings = settings(args)?;
    let controls = super::controls(args.machine, output)?;
    if let Some(job) = &args.explain {
        return explain(&settings, &controls, job);
    }
    let made = plan_line(&super::registry()?, &settings, &controls)
        .map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let mut planned = made.plan;
    if !args.jobs.is_empty() {
        planned
            .jobs
            .retain(|job| args.jobs.iter().any(|wanted| wanted == job.id.as_str()));
    }
    let mut answer = planned_answer(&planned)?;
    answer.text.push_str(&render::block_changes(&made.block_changes));
    answer.text.push_str(&render::forecast(&made.forecast));
    Ok(answer)
}

/// Tells for one job every candidate calibration and the first rule that refused it.
fn explain(settings: &Settings, controls: &Controls, job: &str) -> Result<Answer, Failure> {
    let slots = explain_line(&super::registry()?, settings, controls, &job.into())
        .map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let document = serde_json::json!({ "job": job, "slots": document(&slots)? });
    Ok(Answer::good(document, render::explained(job, &slots)))
}

/// Runs the line, or one step of it.
pub(crate) fn run(args: &RunArgs, output: Output) -> Result<Answer, Failure> {
    let project = project(args)?;
    let settings = settings_of(args, project.as_ref())?;
    if let Some(kind) = campaign::kind(project.as_ref(), &settings) {
        return campaign::run(args, settings, kind, output);
    }
    let controls = super::controls(args.machine, output)?;
    let registry = super::registry()?;
    let before = |error| super::line_failure(&error, Exit::Usage);
    let line = Line::begin(&registry, settings, args.folder(), controls)
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
    if Campaign::is_at(&args.out) {
        return campaign::resume(args, output);
    }
    let controls = super::controls(args.machine, output)?;
    let line = Line::reopen(&super::registry()?, &args.out, controls)
        .map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let report = line
        .run()
        .map_err(|error| super::line_failure(&error, Exit::Findings))?;
    deep::told(report_answer(&report, false)?, &args.out)
}

/// Shows how a run stands; a run that is at work is not disturbed.
pub(crate) fn status(args: &FolderArgs) -> Result<Answer, Failure> {
    if Campaign::is_at(&args.out) {
        return campaign::status(args);
    }
    let report = Line::peek(&args.out).map_err(|error| super::line_failure(&error, Exit::Usage))?;
    deep::told(report_answer(&report, true)?, &args.out)
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

pub(super) fn document(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new(Exit::Findings, &error))
}

/// Opens the project that the options name.
pub(super) fn project(args: &RunArgs) -> Result<Option<OpenProject>, Failure> {
    let open = args.project.as_deref().map(OpenProject::open).transpose();
    open.map_err(|error| Failure::usage(&error))
}

/// Turns options into settings.
pub(crate) fn settings(args: &RunArgs) -> Result<Settings, Failure> {
    settings_of(args, project(args)?.as_ref())
}

/// Turns options and the project that they name into settings.
pub(super) fn settings_of(args: &RunArgs, project: Option<&OpenProject>) -> Result<Settings, Failure> {
    let stores = project.map(|open| &open.project.archive);
    let archive = (args.archive.clone())
        .or_else(|| stores.map(|stores| stores.read.clone()))
        .unwrap_or_default();
    let instrument = args.instrument.clone().unwrap_or_default().to_ascii_uppercase();
    let mut settings = Settings::new(instrument, nights(args)?, archive).with_date(date()?);
    if let Some(open) = project {
        if settings.nights.single().is_none() && args.batch.is_none() {
            open.project.check_frozen().map_err(|error| Failure::usage(&error))?;
        }
        settings = settings.with_project(open).map_err(|error| Failure::usage(&error))?;
    }
    if let Some(review) = args.review {
        settings = settings.with_review(review);
    }
    if let Some(numerics) = args.numerics {
        settings = settings.with_numerics(numerics);
    }
    let backend = super::backend(settings.backend.clone(), &args.backend)?;
    settings = settings.with_backend(backend);
    let deliver_to = (args.deliver_to.clone()).or_else(|| stores.and_then(|stores| stores.deliver_to.clone()));
    if let Some(url) = deliver_to {
        settings = settings.with_delivery(url);
    }
    if let Some(mode) = args.mode {
        settings = settings.with_mode(mode);
    }
    if let Some(source) = args.blocks {
        let blocks = BlockPolicy {
            source,
            ..settings.blocks
        };
        settings = settings.with_blocks(blocks);
    }
    if let Some(history) = &args.history {
        let mut judgement = settings.judgement.clone();
        let place = std::path::absolute(history);
        judgement.history = Some(place.map_err(|error| Failure::usage(&error).within("--history"))?);
        settings = settings.with_judgement(judgement);
    }
    settings = batched(args, settings)?;
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

/// Takes the batch key; it and mode DEEP go together.
fn batched(args: &RunArgs, settings: Settings) -> Result<Settings, Failure> {
    match (&args.batch, settings.mode) {
        (Some(batch), None | Some(Mode::Deep)) => Ok(settings.with_mode(Mode::Deep).with_batch(batch.clone())),
        (Some(_), Some(mode)) => Err(Failure::message(
            Exit::Usage,
            format!("--batch is of mode DEEP, not of mode {mode}"),
        )),
        (None, Some(Mode::Deep)) => Err(Failure::message(
            Exit::Usage,
            "mode DEEP needs --batch KEY: a programme run, a target, or KEY=VALUE",
        )),
        (None, _) => Ok(settings),
    }
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
        _ if args.batch.is_some() => Ok(Nights::all()),
        _ => Err(Failure::message(
            Exit::Usage,
            "which night? give --night, --from and --to, or --month",
        )),
    }
}

/// MJD of 1970-01-01, the origin of system time.
const UNIX_ORIGIN_MJD: f64 = 40_587.0;

/// The date that products carry: `SOURCE_DATE_EPOCH` where it is set, so that builds of products can be repeated.
pub(super) fn date() -> Result<String, Failure> {
    Ok(now()?.to_iso())
}

/// The present, or what stands for it.
pub(super) fn now() -> Result<Mjd, Failure> {
    let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text
            .parse::<f64>()
            .map_err(|error| Failure::usage(&error).within(format!("SOURCE_DATE_EPOCH={text}")))?,
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs().to_string().parse().unwrap_or(0.0)),
    };
    Ok(Mjd(UNIX_ORIGIN_MJD + seconds / 86_400.0))
}
