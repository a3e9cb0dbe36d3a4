//! `phoenix deep`: stacks of a target or run across blocks and nights.

use std::path::Path;

use phoenix::choice::Mode;
use phoenix::core::dataset::Severity;
use phoenix::core::deep::DeepRequest;
use phoenix::line::{BatchKey, DeepReport, Line, RunFolder, Settings, plan as plan_line};

use super::run;
use crate::answer::Answer;
use crate::args::{DeepArgs, Output, RunArgs};
use crate::failure::{Exit, Failure};
use crate::render;

/// Where the quality of exposures is judged.
const WEIGHTS: &str = "muse_exp_weights";

/// Groups, aligns, weighs and stacks; or tells how it would.
pub(crate) fn run(args: &DeepArgs, output: Output) -> Result<Answer, Failure> {
    let settings = settings(args)?;
    let controls = super::controls(args.machine, output)?;
    let registry = super::registry()?;
    let before = |error| super::line_failure(&error, Exit::Usage);
    if args.explain {
        let planned = plan_line(&registry, &settings, &controls).map_err(before)?;
        let told = DeepReport::of_plan(&settings, &planned, &RunFolder::new(&args.out)).map_err(before)?;
        let report = told.ok_or_else(not_deep)?;
        let mut answer = Answer::good(run::document(&report)?, render::deep(&report));
        answer.text.push_str(&render::forecast(&planned.forecast));
        let is_lost = planned
            .plan
            .left_out
            .iter()
            .any(|left| left.severity == Severity::Error);
        let is_ready = planned.plan.is_executable() && !is_lost;
        return Ok(answer.with_exit(if is_ready { Exit::Good } else { Exit::Findings }));
    }
    let line = Line::begin(&registry, settings, &args.out, controls).map_err(before)?;
    let after = |error| super::line_failure(&error, Exit::Findings);
    let report = line.run().map_err(after)?;
    told(run::report_answer(&report, false)?, line.folder().root())
}

/// Puts how exposures were put together before the answer of a run that is a stack across blocks.
pub(super) fn told(mut answer: Answer, folder: &Path) -> Result<Answer, Failure> {
    let after = |error| super::line_failure(&error, Exit::Findings);
    let Some(told) = DeepReport::of_run(&RunFolder::new(folder)).map_err(after)? else {
        return Ok(answer);
    };
    if let Some(document) = answer.document.as_object_mut() {
        document.insert("deep".to_owned(), run::document(&told)?);
    }
    answer.text = format!("{}\n{}", render::deep(&told), answer.text);
    Ok(answer)
}

fn not_deep() -> Failure {
    Failure::message(Exit::Findings, "the plan tells nothing of stacks across blocks")
}

/// Turns options into settings: those of a run of mode DEEP, and how exposures are put together.
fn settings(args: &DeepArgs) -> Result<Settings, Failure> {
    let batch = match (&args.target, &args.run) {
        (Some(name), _) => BatchKey::target(name).map_err(|error| Failure::usage(&error).within("--target"))?,
        (None, Some(id)) => BatchKey::run(id).map_err(|error| Failure::usage(&error).within("--run"))?,
        (None, None) => return Err(Failure::message(Exit::Usage, "which target? give --target or --run")),
    };
    let mut params = Vec::new();
    if let Some(clip) = args.clip {
        params.push(format!("{WEIGHTS}.clip={clip}"));
    }
    // What is said by name wins over what is said in short.
    params.extend(args.params.iter().cloned());
    let run = RunArgs {
        instrument: Some(args.instrument.clone()),
        project: args.project.clone(),
        night: None,
        from: args.from.clone(),
        to: args.to.clone(),
        month: None,
        batch: Some(batch),
        archive: args.archive.clone(),
        deliver_to: args.deliver_to.clone(),
        review: args.review,
        numerics: args.numerics,
        mode: Some(Mode::Deep),
        backend: args.backend.clone(),
        blocks: None,
        history: args.history.clone(),
        params,
        step: None,
        jobs: Vec::new(),
        dry_run: args.explain,
        explain: None,
        label: None,
        out: args.out.clone(),
        machine: args.machine,
    };
    let mut request = DeepRequest::default();
    request.max_separation_arcsec = args.max_separation;
    request.max_diameter_arcsec = args.max_diameter;
    request.max_fwhm_arcsec = args.max_fwhm;
    request.mode.clone_from(&args.ins_mode);
    request.is_measured = !args.no_align;
    request.takes_nearby = args.nearby;
    request.grades = args.grades.iter().map(|grade| grade.trim().to_uppercase()).collect();
    Ok(run::settings(&run)?.with_deep(request))
}
