//! Many nights: the historical batch of `phoenix run`, and `phoenix stream`.

use phoenix::line::{Campaign, CampaignKind, CampaignReport, GivenUp, Settings};
use phoenix::project::{OpenProject, ProjectKind};

use super::run;
use crate::answer::Answer;
use crate::args::{FolderArgs, Output, ResumeArgs, RunArgs, StreamArgs};
use crate::failure::{Exit, Failure};
use crate::render;

/// Tells whether a run of several nights is a campaign; one of a project that is tried out is one plan.
pub(super) fn kind(project: Option<&OpenProject>, settings: &Settings) -> Option<CampaignKind> {
    let many = settings.nights.single().is_none() && settings.batch.is_none();
    match project.map(|open| open.project.kind) {
        Some(ProjectKind::Batch) if many => Some(CampaignKind::Batch),
        Some(ProjectKind::Stream) if many => Some(CampaignKind::Stream),
        _ => None,
    }
}

/// Works the nights of a campaign, as far as it may go now.
pub(super) fn run(args: &RunArgs, settings: Settings, kind: CampaignKind, output: Output) -> Result<Answer, Failure> {
    only_whole_nights(args)?;
    let controls = super::controls(args.machine, output)?;
    let before = |error| super::line_failure(&error, Exit::Usage);
    let campaign = Campaign::begin(settings, kind, args.folder(), controls).map_err(before)?;
    let report = campaign.run(&super::registry()?, run::now()?);
    answer(
        &report.map_err(|error| super::line_failure(&error, Exit::Findings))?,
        false,
    )
}

/// Works a month of the stream.
pub(crate) fn stream(args: &StreamArgs, output: Output) -> Result<Answer, Failure> {
    only_whole_nights(&args.run)?;
    let project = run::project(&args.run)?;
    if let Some(open) = &project {
        open.check_frozen("stream").map_err(|error| Failure::usage(&error))?;
    }
    let settings = run::settings_of(&args.run, project.as_ref())?;
    if settings.batch.is_some() {
        return Err(Failure::message(
            Exit::Usage,
            "a stream goes by nights; --batch is of `phoenix run`",
        ));
    }
    let controls = super::controls(args.run.machine, output)?;
    let before = |error| super::line_failure(&error, Exit::Usage);
    let campaign = Campaign::begin(settings, CampaignKind::Stream, args.run.folder(), controls).map_err(before)?;
    for given in &args.give_up {
        let given = given_up(given, args.because.as_deref().unwrap_or_default())?;
        campaign.give_up(given).map_err(before)?;
    }
    if args.run.dry_run {
        return status_of(&args.run.folder());
    }
    let report = campaign.run(&super::registry()?, run::now()?);
    answer(
        &report.map_err(|error| super::line_failure(&error, Exit::Findings))?,
        true,
    )
}

/// Reads `[NIGHT:]KIND`.
fn given_up(text: &str, because: &str) -> Result<GivenUp, Failure> {
    let within = |failure: Failure| failure.within(format!("--give-up {text}"));
    let (night, tag) = match text.split_once(':') {
        Some((night, tag)) => (Some(night), tag),
        None => (None, text),
    };
    let night = night.map(|night| {
        night
            .parse::<phoenix::core::unit::Night>()
            .map(|night| night.to_string())
    });
    let night = night.transpose().map_err(|error| within(Failure::usage(&error)))?;
    if tag.is_empty() || because.trim().is_empty() {
        return Err(within(Failure::message(
            Exit::Usage,
            "it needs a kind of calibration and a reason",
        )));
    }
    Ok(GivenUp {
        tag: tag.into(),
        night,
        because: because.to_owned(),
    })
}

/// Steps and jobs belong to the run of one night.
fn only_whole_nights(args: &RunArgs) -> Result<(), Failure> {
    if args.step.is_none() && args.jobs.is_empty() {
        return Ok(());
    }
    Err(Failure::message(Exit::Usage, "--step and --job are for one night")
        .with_hint("each night of a campaign is a run of its own, in nights/ below --out"))
}

/// Goes on with a campaign.
pub(super) fn resume(args: &ResumeArgs, output: Output) -> Result<Answer, Failure> {
    let controls = super::controls(args.machine, output)?;
    let campaign = Campaign::reopen(&args.out, controls).map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let report = campaign.run(&super::registry()?, run::now()?);
    answer(
        &report.map_err(|error| super::line_failure(&error, Exit::Findings))?,
        true,
    )
}

/// Shows how a campaign stands.
pub(super) fn status(args: &FolderArgs) -> Result<Answer, Failure> {
    status_of(&args.out)
}

fn status_of(folder: &std::path::Path) -> Result<Answer, Failure> {
    let report = Campaign::peek(folder, run::now()?).map_err(|error| super::line_failure(&error, Exit::Usage))?;
    answer(&report, true)
}

/// A stream that waits is no finding; one that is late is.
fn answer(report: &CampaignReport, may_be_open: bool) -> Result<Answer, Failure> {
    let is_good = !report.is_faulty() && (may_be_open || report.is_done());
    let exit = if is_good { Exit::Good } else { Exit::Findings };
    Ok(Answer::good(run::document(report)?, render::campaign(report)).with_exit(exit))
}
