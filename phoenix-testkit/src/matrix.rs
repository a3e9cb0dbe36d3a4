//! The calibration plan of an instrument as a document: which kind of file feeds which task, how near in time it must
//! be at which level, and which task makes it.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::association::CalibPool;
use phoenix_core::dataset::{Completeness, Dataset};
use phoenix_core::id::{Tag, TaskId};
use phoenix_core::rules::validity::Window;
use phoenix_core::rules::{CalibrationPlan, Moment, TimeRule, Validity};
use phoenix_core::traits::{AssociateError, Instrument, RecipeDyn};

/// What one task wants of one kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Want {
    /// It is made of these, this many at least.
    Main(usize),
    /// It does not work without one.
    Needs,
    /// It takes one where there is one.
    Takes,
}

/// Writes the matrix of tag, task and level, one line per kind of file.
///
/// # Contract
/// * Which slots a task has is asked of the associator, with an empty pool: the matrix tells what is done, whatever
///   text it comes from.
/// * Levels are those of the validity table; a kind that it does not name fits at level 0 whenever it was made.
///
/// # Errors
/// If the associator refuses a task that the instrument outlines.
pub fn matrix(instrument: &dyn Instrument, validity: &Validity) -> Result<Vec<String>, AssociateError> {
    let mut wants: BTreeMap<Tag, BTreeMap<Want, Vec<TaskId>>> = BTreeMap::new();
    let mut makers: BTreeMap<Tag, Vec<TaskId>> = BTreeMap::new();
    let tasks: BTreeSet<TaskId> = instrument.outlined().into_iter().chain(instrument.tasks()).collect();
    for task in &tasks {
        let native = instrument.recipe(task).map(RecipeDyn::spec_dyn);
        let Some(outline) = instrument.outline(task).or(native) else {
            continue;
        };
        let mut note = |tag: &Tag, want| {
            let known = wants.entry(tag.clone()).or_default().entry(want).or_default();
            if known.last() != Some(task) {
                known.push(task.clone());
            }
        };
        for input in outline.inputs.iter().filter(|input| input.is_main) {
            note(&input.tag, Want::Main(input.min));
        }
        for slot in instrument
            .associator()
            .associate(&empty(task), &CalibPool::new(&[], &[]))?
            .slots
        {
            note(&slot.tag, if slot.required { Want::Needs } else { Want::Takes });
        }
        for tag in &outline.outputs {
            makers.entry(tag.clone()).or_default().push(task.clone());
        }
    }
    let line = |(tag, wants): (&Tag, &BTreeMap<Want, Vec<TaskId>>)| {
        let mut parts = Vec::new();
        if wants.keys().any(|want| !matches!(want, Want::Main(_))) {
            parts.push(levels(validity.calibrations.get(tag)));
        }
        parts.extend(wants.iter().map(|(want, tasks)| {
            let tasks: Vec<&str> = tasks.iter().map(TaskId::as_str).collect();
            let tasks = tasks.join(" ");
            match want {
                Want::Main(0 | 1) => format!("starts {tasks}"),
                Want::Main(n) => format!("{n} of them start {tasks}"),
                Want::Needs => format!("needed by {tasks}"),
                Want::Takes => format!("welcome to {tasks}"),
            }
        }));
        if let Some(makers) = makers.get(tag) {
            let makers: Vec<&str> = makers.iter().map(TaskId::as_str).collect();
            parts.push(format!("made by {}", makers.join(" ")));
        }
        format!("{tag}: {}", parts.join("; "))
    };
    Ok(wants.iter().map(line).collect())
}

fn empty(task: &TaskId) -> Dataset {
    Dataset {
        id: "2016-05-02T00:00:00.000".into(),
        task: task.clone(),
        key: BTreeMap::new(),
        frames: Vec::new(),
        needs: Vec::new(),
        completeness: Completeness::Complete,
    }
}

/// The levels of a calibration in words: `plan ±1.5 d, extended ±7 d, level 2 ±30 d`.
fn levels(plan: Option<&CalibrationPlan>) -> String {
    let Some(plan) = plan else {
        return "any time".to_owned();
    };
    let rule = match plan.rule {
        TimeRule::Closest => None,
        TimeRule::Next => Some("the next"),
        TimeRule::Previous => Some("the one before"),
        TimeRule::SameNight => Some("of the same night"),
        TimeRule::Between => Some("between two"),
        TimeRule::TryBetween => Some("between two where there are two"),
        TimeRule::ValidFrom => Some("the latest that is valid"),
    };
    let mut words: Vec<String> = rule.map(str::to_owned).into_iter().collect();
    words.extend(plan.windows.iter().map(window));
    if words.is_empty() {
        words.push("any time".to_owned());
    }
    let day = |moment: Moment| moment.mjd().to_iso().chars().take(10).collect::<String>();
    words.extend(
        plan.breakpoints
            .iter()
            .map(|moment| format!("not across {}", day(*moment))),
    );
    words.extend(plan.since.map(|moment| format!("asked for since {}", day(moment))));
    words.extend(plan.until.map(|moment| format!("asked for until {}", day(moment))));
    words.join(", ")
}

fn window(window: &Window) -> String {
    const DAY_MS: f64 = 86_400_000.0;
    #[expect(clippy::cast_precision_loss, reason = "windows are at most years")]
    let days = |milliseconds: i64| milliseconds as f64 / DAY_MS;
    let name = match window.level.0 {
        0 => "plan".to_owned(),
        1 => "extended".to_owned(),
        level => format!("level {level}"),
    };
    let (before, after) = (days(window.before_ms), days(window.after_ms));
    let span = if window.before_ms == window.after_ms {
        format!("±{before} d")
    } else {
        format!("-{before}..+{after} d")
    };
    let day = |moment: Moment| moment.mjd().to_iso().chars().take(10).collect::<String>();
    let since = window.since.map(|moment| format!(" since {}", day(moment)));
    let until = window.until.map(|moment| format!(" until {}", day(moment)));
    format!(
        "{name} {span}{}{}",
        since.unwrap_or_default(),
        until.unwrap_or_default()
    )
}
