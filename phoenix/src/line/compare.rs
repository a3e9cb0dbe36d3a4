//! Two runs side by side: what was planned, how it went, what came out. Dry runs (`--step plan`) compare as well.

use std::collections::BTreeMap;
use std::path::Path;

use phoenix_core::association::{Fill, Slot};
use phoenix_core::id::JobId;
use phoenix_core::plan::{InputSource, Plan, PlannedJob};
use serde::Serialize;

use super::folder::read_json;
use super::{JobSummary, Line, LineError, LineReport, RunFolder};

/// One thing in which a job differs between two runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What differs: `recipe`, `inputs`, `calibration TAG`, `parameter NAME`, `readiness`, `stage`, `scores PRODUCT`,
    /// `product NAME`.
    pub what: String,
    /// How it is in the first run.
    pub first: String,
    /// How it is in the second run.
    pub second: String,
}

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Jobs of the first run alone.
    pub only_first: Vec<JobId>,
    /// Jobs of the second run alone.
    pub only_second: Vec<JobId>,
    /// Jobs that differ, and in what.
    pub differing: BTreeMap<JobId, Vec<Difference>>,
    /// Number of jobs that are equal in every respect.
    pub n_equal: usize,
}

impl Comparison {
    /// Tells whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.only_first.is_empty() && self.only_second.is_empty() && self.differing.is_empty()
    }
}

/// Compares two run folders; neither is disturbed.
///
/// # Errors
/// `NoRun` if a folder holds none; otherwise if plan or state cannot be read.
pub fn compare(first: &Path, second: &Path) -> Result<Comparison, LineError> {
    let (first, second) = (documents(first)?, documents(second)?);
    Ok(compare_documents((&first.0, &first.1), (&second.0, &second.1)))
}

fn documents(folder: &Path) -> Result<(Plan, LineReport), LineError> {
    let report = Line::peek(folder)?;
    Ok((read_json(&RunFolder::new(folder).plan())?, report))
}

fn compare_documents(first: (&Plan, &LineReport), second: (&Plan, &LineReport)) -> Comparison {
    let mut comparison = Comparison {
        only_first: missing(first.0, second.0),
        only_second: missing(second.0, first.0),
        differing: BTreeMap::new(),
        n_equal: 0,
    };
    for job in &first.0.jobs {
        let Some(other) = second.0.job(&job.id) else { continue };
        let mut found = Differences::default();
        found.plan(job, other);
        if let (Some(one), Some(two)) = (first.1.job(job.id.as_str()), second.1.job(job.id.as_str())) {
            found.results(one, two);
        }
        if found.0.is_empty() {
            comparison.n_equal += 1;
        } else {
            comparison.differing.insert(job.id.clone(), found.0);
        }
    }
    comparison
}

fn missing(from: &Plan, other: &Plan) -> Vec<JobId> {
    let ids = from.jobs.iter().map(|job| &job.id);
    ids.filter(|id| other.job(id).is_none()).cloned().collect()
}

#[derive(Debug, Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn note(&mut self, what: impl Into<String>, first: String, second: String) {
        if first != second {
            self.0.push(Difference {
                what: what.into(),
                first,
                second,
            });
        }
    }

    /// Notes the entries of two maps that are not the same in both.
    fn note_all(&mut self, what: &str, first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) {
        let names: std::collections::BTreeSet<&String> = first.keys().chain(second.keys()).collect();
        let text = |map: &BTreeMap<String, String>, name: &String| map.get(name).cloned().unwrap_or_else(|| "–".into());
        for name in names {
            self.note(format!("{what} {name}"), text(first, name), text(second, name));
        }
    }

    fn plan(&mut self, first: &PlannedJob, second: &PlannedJob) {
        self.note("recipe", first.recipe.to_string(), second.recipe.to_string());
        self.note("readiness", words(&first.readiness), words(&second.readiness));
        self.note("inputs", inputs(first), inputs(second));
        self.note_all("calibration", &slots(&first.slots), &slots(&second.slots));
        self.note_all("parameter", &params(&first.params), &params(&second.params));
    }

    fn results(&mut self, first: &JobSummary, second: &JobSummary) {
        self.note("stage", words(&first.stage), words(&second.stage));
        self.note(
            "outcome",
            first.because().unwrap_or_default(),
            second.because().unwrap_or_default(),
        );
        self.note_all("scores", &scores(first), &scores(second));
        self.note_all("product", &products(first), &products(second));
    }
}

/// Returns a value as its document has it.
fn words(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(_) => String::new(),
    }
}

fn inputs(job: &PlannedJob) -> String {
    let name = |input: &InputSource| match input {
        InputSource::Frame { frame } => frame.id.to_string(),
        InputSource::Job { job, tag } => format!("{tag} of {job}"),
    };
    job.inputs.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn slots(slots: &[Slot]) -> BTreeMap<String, String> {
    let fill = |slot: &Slot| match &slot.fill {
        Fill::Filled { frames, level, .. } => {
            let names: Vec<String> = frames.iter().map(|frame| frame.id.to_string()).collect();
            format!("{} (level {})", names.join(", "), level.0)
        }
        Fill::Pending { producer } => format!("from {producer}"),
        Fill::Missing { .. } => "missing".to_owned(),
    };
    slots.iter().map(|slot| (slot.tag.to_string(), fill(slot))).collect()
}

fn params(params: &serde_json::Value) -> BTreeMap<String, String> {
    let map = params.as_object().into_iter().flatten();
    map.map(|(name, value)| (name.clone(), words(value))).collect()
}

fn scores(job: &JobSummary) -> BTreeMap<String, String> {
    let line = |score: &super::ScoreSummary| {
        let text = format!(
            "{} red, {} green, {} grey, flags {}",
            score.red,
            score.green,
            score.grey.len(),
            score.flags
        );
        (score.product.clone(), text)
    };
    job.scores.iter().map(line).collect()
}

fn products(job: &JobSummary) -> BTreeMap<String, String> {
    let products = job.products.iter().chain(&job.outputs);
    products
        .map(|product| (product.name.clone(), product.digest.to_string()))
        .collect()
}
