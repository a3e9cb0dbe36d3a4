//! `phoenix demo`: a simulated night through the whole line, beside its truth.

use std::path::{Path, PathBuf};
use std::time::Instant;

use phoenix::controls::Controls;
use phoenix::core::association::Fill;
use phoenix::core::frame::FrameRef;
use phoenix::core::plan::Plan;
use phoenix::demo::{BlockQuality, DemoError, RejectionQuality, compare, lay_down, rejection};
use phoenix::line::{JobSummary, Line, LineReport, Nights, ReviewPolicy, Settings};
use phoenix::sim::night::{SimulatedNight, demo as simulate};
use serde::Serialize;

use crate::answer::Answer;
use crate::args::{DemoArgs, Output};
use crate::failure::{Exit, Failure};
use crate::render;

/// What the demonstration ends with.
#[derive(Debug, Serialize)]
pub(crate) struct DemoReport {
    /// The archive.
    pub(crate) archive: PathBuf,
    /// How the run stands.
    pub(crate) run: LineReport,
    /// The cubes beside the truth.
    pub(crate) cubes: Vec<BlockQuality>,
    /// The rejection of cosmic rays beside the truth.
    pub(crate) cosmics: Option<RejectionQuality>,
    /// Wall time in seconds.
    pub(crate) wall_s: f64,
}

/// Simulates, runs, compares.
pub(crate) fn run(args: &DemoArgs, output: Output) -> Result<Answer, Failure> {
    let start = Instant::now();
    require_empty(&args.out)?;
    let controls = super::controls(args.machine, output)?;
    let say = |message: &str| {
        controls.observer.on(&phoenix::core::observe::Event::StepStarted {
            step: message,
            items: 1,
        });
    };
    say("simulate");
    let night = simulate(args.seed);
    let archive = args.out.join("archive");
    lay_down(&night, &archive).map_err(|error| Failure::usage(&error))?;
    let folder = args.out.join("run");
    let registry = super::registry()?;
    let line = Line::begin(&registry, settings(&night, &archive)?, &folder, controls.clone())
        .map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let findings = |error| super::line_failure(&error, Exit::Findings);
    let run = line.run().map_err(findings)?;
    let plan = line.plan().map_err(findings)?;
    say("compare with the truth");
    let (cubes, cosmics) =
        beside_truth(&night, &plan, &run, &folder, &controls).map_err(|error| Failure::new(Exit::Findings, &error))?;
    let truth = night.truth.to_json().unwrap_or_default();
    let _ = std::fs::write(line.folder().report().join("truth.json"), truth);
    let report = DemoReport {
        archive,
        run,
        cubes,
        cosmics,
        wall_s: start.elapsed().as_secs_f64(),
    };
    let document = serde_json::to_value(&report).map_err(|error| Failure::new(Exit::Findings, &error))?;
    let exit = if report.run.is_clean() {
        Exit::Good
    } else {
        Exit::Findings
    };
    Ok(Answer::good(document, render::demo(&report)).with_exit(exit))
}

fn require_empty(out: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(out).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(
            Failure::message(Exit::Usage, format!("folder {} is not empty", out.display()))
                .with_hint("give another --out, or remove it"),
        ),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::usage(&error).within(format!("folder {} cannot be used", out.display()))),
    }
}

fn settings(night: &SimulatedNight, archive: &Path) -> Result<Settings, Failure> {
    let evening = night.truth.night.parse().map_err(|error| Failure::usage(&error))?;
    let archive = std::path::absolute(archive).map_err(|error| Failure::usage(&error))?;
    // The parameters that a small simulated field leaves grey must not stop the demonstration.
    Ok(Settings::new("MUSE", Nights::one(evening), archive.display().to_string()).with_review(ReviewPolicy::None))
}

fn beside_truth(
    night: &SimulatedNight,
    plan: &Plan,
    run: &LineReport,
    folder: &Path,
    controls: &Controls,
) -> Result<(Vec<BlockQuality>, Option<RejectionQuality>), DemoError> {
    let registry = phoenix::default_registry().unwrap_or_default();
    let (mut cubes, mut cosmics) = (Vec::new(), None);
    for job in &run.jobs {
        let Some(stored) = job
            .products
            .iter()
            .find(|product| product.tag.as_str() == "DATACUBE_FINAL")
        else {
            continue;
        };
        let cube = phoenix::io::read_product(&stored.location)?;
        let block = cube.header.i64("OBS.ID").ok().and_then(|id| night.truth.block(id));
        let Some(block) = block else { continue };
        let offsets = offsets_of(plan, job);
        cubes.push(compare(block, &cube, offsets.is_some())?);
        if block.exposures.len() > 1 && cosmics.is_none() {
            let silent = Controls::new()
                .with_cancel(controls.cancel.clone())
                .with_budget(controls.budget);
            let scratch = folder.join("work").join("without-cosmics");
            cosmics = Some(rejection(&registry, night, block, offsets, &scratch, &silent)?);
        }
    }
    Ok((cubes, cosmics))
}

/// Returns the offset list that a job used.
fn offsets_of<'a>(plan: &'a Plan, job: &JobSummary) -> Option<&'a FrameRef> {
    let planned = plan.job(&job.job)?;
    planned.slots.iter().find_map(|slot| match &slot.fill {
        Fill::Filled { frames, .. } if slot.tag.as_str() == "OFFSET_LIST" => frames.first(),
        _ => None,
    })
}
