//! What makes a second start safe: the settings of the first one, kept in the folder.

use super::folder::{read_json, write_json};
use super::{LineError, RunFolder, Settings};

/// Returns the settings that a run folder was begun with.
pub(super) fn settings_of(folder: &RunFolder) -> Result<Settings, LineError> {
    if !folder.holds_run() {
        return Err(LineError::NoRun {
            path: folder.root().to_owned(),
        });
    }
    read_json(&folder.settings())
}

/// Returns the settings to go on with: the kept ones if the folder was begun with the same request.
pub(super) fn agreed_settings(folder: &RunFolder, wanted: Settings) -> Result<Settings, LineError> {
    if !folder.holds_run() {
        return Ok(wanted);
    }
    let kept = settings_of(folder)?;
    match difference(&kept, &wanted) {
        None => Ok(kept),
        Some(difference) => Err(LineError::OtherRun {
            path: folder.root().to_owned(),
            difference,
        }),
    }
}

/// Keeps the settings; they are written once.
pub(super) fn keep_settings(folder: &RunFolder, settings: &Settings) -> Result<(), LineError> {
    if folder.holds_run() {
        return Ok(());
    }
    write_json(&folder.settings(), settings)
}

fn words(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn mode_of(settings: &Settings) -> String {
    settings
        .mode
        .map_or_else(|| "not set".to_owned(), |mode| mode.to_string())
}

/// Names the first difference between two requests; the date of the run is no difference.
pub(super) fn difference(kept: &Settings, wanted: &Settings) -> Option<String> {
    let fields = [
        ("instrument", kept.instrument.to_string(), wanted.instrument.to_string()),
        ("nights", kept.nights.to_string(), wanted.nights.to_string()),
        ("archive", kept.archive.clone(), wanted.archive.clone()),
        ("deliver-to", kept.deliver_to.clone(), wanted.deliver_to.clone()),
        ("review", kept.review.to_string(), wanted.review.to_string()),
        ("mode", mode_of(kept), mode_of(wanted)),
        ("backend", words(&kept.backend), words(&wanted.backend)),
        ("project", words(&kept.project), words(&wanted.project)),
        ("batch", words(&kept.batch), words(&wanted.batch)),
        ("grouping", words(&kept.deep), words(&wanted.deep)),
        (
            "source of association blocks",
            words(&kept.blocks),
            words(&wanted.blocks),
        ),
        ("judgement", words(&kept.judgement), words(&wanted.judgement)),
        ("numerics", kept.numerics.to_string(), wanted.numerics.to_string()),
    ];
    let differing = fields.into_iter().find(|(_, kept, wanted)| kept != wanted);
    let named = differing.map(|(name, kept, wanted)| format!("its {name} is {kept}, not {wanted}"));
    let texts = || kept.texts != wanted.texts || kept.overlays != wanted.overlays;
    named
        .or_else(|| (kept.params != wanted.params).then(|| "its parameters differ".to_owned()))
        .or_else(|| texts().then(|| "its project's rules or overlays differ".to_owned()))
}
