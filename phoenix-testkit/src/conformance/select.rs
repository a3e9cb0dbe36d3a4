//! Contracts of `DatasetSelector`.

use std::collections::BTreeSet;

use phoenix_core::frame::{ClassifiedFrame, Frame};
use phoenix_core::header::{Header, Value};
use phoenix_core::traits::{Instrument, Selection};

use super::Report;

/// Names the kinds of frames; those without one are passed over.
pub(super) fn classify_all(instrument: &dyn Instrument, frames: &[Frame]) -> Result<Vec<ClassifiedFrame>, String> {
    let mut classified = Vec::new();
    for frame in frames {
        if let Some((tag, category)) = instrument
            .selector()
            .classify(frame)
            .map_err(|error| error.to_string())?
        {
            classified.push(ClassifiedFrame {
                frame: frame.clone(),
                tag,
                category,
            });
        }
    }
    Ok(classified)
}

fn damaged(frame: &Frame, keep: usize) -> Frame {
    let mut header: Header = frame.header.cards().iter().take(keep).cloned().collect();
    header.set("OBS.ID", Value::Unreadable("HIERARCH ESO OBS ID = '".into()), "");
    Frame {
        header,
        ..frame.clone()
    }
}

/// Checks the selector on real or simulated frames of one or more nights.
pub fn selector(instrument: &dyn Instrument, frames: &[Frame], request: &Selection) -> Report {
    let mut report = Report::default();
    let selector = instrument.selector();
    let classified = match classify_all(instrument, frames) {
        Ok(classified) => classified,
        Err(error) => {
            report.check("classification of sound frames succeeds", false, || error);
            return report;
        }
    };
    report.check(
        "classification is stable",
        classify_all(instrument, frames).as_ref() == Ok(&classified),
        || "two calls differ".into(),
    );
    let foreign = Frame {
        header: Header::new(),
        ..frames.first().cloned().unwrap_or(empty_frame())
    };
    report.check(
        "a frame without any key is not known",
        matches!(selector.classify(&foreign), Ok(None)),
        || format!("{:?}", selector.classify(&foreign)),
    );
    let survives = frames.iter().all(|frame| {
        [0, 1, 7, frame.header.len() / 2].iter().all(|keep| {
            let broken = damaged(frame, *keep);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| selector.classify(&broken).is_ok())).is_ok()
        })
    });
    report.check("a damaged header is an error or unknown, no panic", survives, || {
        "it panicked".into()
    });

    let selected = match selector.select(&classified, request) {
        Ok(selected) => selected,
        Err(error) => {
            report.check("selection of sound frames succeeds", false, || error.to_string());
            return report;
        }
    };
    let mut turned: Vec<ClassifiedFrame> = classified.iter().rev().cloned().collect();
    let third = turned.len() / 3;
    turned.rotate_left(third);
    report.check(
        "permuting the frames changes nothing",
        selector.select(&turned, request).as_ref() == Ok(&selected),
        || "another order gives another result".into(),
    );
    let in_datasets: BTreeSet<_> = selected
        .datasets
        .iter()
        .flat_map(|set| &set.frames)
        .map(|member| &member.frame.id)
        .collect();
    let left_out: BTreeSet<_> = selected.left_out.iter().map(|left| &left.frame).collect();
    let lost: Vec<_> = classified
        .iter()
        .map(|member| &member.frame.id)
        .filter(|id| !in_datasets.contains(id) && !left_out.contains(id))
        .collect();
    report.check(
        "every frame is in a dataset or left out with a reason",
        lost.is_empty(),
        || format!("{lost:?}"),
    );
    report.check(
        "every reason says something",
        selected.left_out.iter().all(|left| left.reason.len() > 8),
        || format!("{:?}", selected.left_out),
    );
    for set in &selected.datasets {
        let alone: Vec<ClassifiedFrame> = set.frames.clone();
        let again = selector.select(&alone, request).unwrap_or_default();
        let same = again
            .datasets
            .iter()
            .any(|other| other.id == set.id && other.frames == set.frames);
        report.check(
            "a group does not depend on frames outside it",
            same || !set.needs.is_empty(),
            || format!("dataset {} differs when selected alone", set.id),
        );
    }
    report
}

fn empty_frame() -> Frame {
    Frame {
        id: "EMPTY".into(),
        location: "EMPTY.fits".into(),
        header: Header::new(),
        size_bytes: None,
    }
}
