//! The pages of a run and the answer to "how does it stand"; written anew from the state, never the state itself.

use std::collections::BTreeMap;

use phoenix_core::traits::{JobStore, Ledger, QcReport, QcStore};
use phoenix_io::SqliteState;
use phoenix_qc::report::{NightIndex, ScorePage};

use super::folder::{read_json, write_json, write_whole};
use super::quality::product_key;
use super::{DeepReport, Line, LineError, LineReport, RunFolder};

impl Line {
    /// Tells how the run stands.
    ///
    /// # Errors
    /// If plan or state cannot be read.
    pub fn report(&self) -> Result<LineReport, LineError> {
        report_from(&self.folder, &self.state)
    }

    /// Tells how a run stands, beside a process that may be working on it.
    ///
    /// # Errors
    /// `NoRun` if the folder holds none; otherwise if plan or state cannot be read.
    pub fn peek(folder: impl AsRef<std::path::Path>) -> Result<LineReport, LineError> {
        let folder = RunFolder::new(folder.as_ref());
        if !folder.plan().is_file() {
            return Err(LineError::NoRun {
                path: folder.root().to_owned(),
            });
        }
        report_from(&folder, &SqliteState::open_existing(folder.state())?)
    }

    /// Writes the pages and returns how the run stands.
    pub(super) fn finish(&self) -> Result<LineReport, LineError> {
        let mut report = self.report()?;
        let mut index = NightIndex::new(report.instrument.as_str(), &report.label)
            .with_tool(concat!("phoenix ", env!("CARGO_PKG_VERSION")));
        for job in &report.jobs {
            if let Some(because) = job.because() {
                index = index.with_failure(job.job.as_str(), &because);
            }
            for product in &job.products {
                let stem = product.name.trim_end_matches(".fits");
                let folder = phoenix_io::job_folder(&job.job);
                let page = self.folder.report().join(&folder).join(format!("{stem}.score.json"));
                let Ok(text) = std::fs::read_to_string(page) else {
                    continue;
                };
                if let Ok(page) = ScorePage::from_json(&text) {
                    index = index.with_entry(&page, &format!("{folder}/{stem}.score.html"));
                }
            }
        }
        if let Ok(html) = index.to_html() {
            write_whole(&self.folder.index(), html.as_bytes())?;
            report.page = Some(page_address(&self.folder));
        }
        self.update_blocks(&self.plan()?, &self.state.all()?)?;
        write_json(&self.folder.report().join("run.json"), &report)?;
        if let Some(deep) = DeepReport::of_run(&self.folder)? {
            write_json(&self.folder.report().join("deep.json"), &deep)?;
        }
        Ok(report)
    }
}

fn report_from(folder: &RunFolder, state: &SqliteState) -> Result<LineReport, LineError> {
    let settings = super::resume::settings_of(folder)?;
    let plan: phoenix_core::plan::Plan = read_json(&folder.plan())?;
    let records = state.all()?;
    let mut reports: BTreeMap<String, QcReport> = BTreeMap::new();
    for record in &records {
        for product in &record.products {
            let key = product_key(&record.job, &product.name);
            if let Some(report) = state.report(&key)? {
                reports.insert(key, report);
            }
        }
    }
    let costs = super::costs::by_recipe(&plan, &records, super::costs::forecast_of(folder)?.as_ref());
    let mut report = LineReport::new(&settings, &plan, records, &reports, &state.entries()?);
    report.costs = costs;
    report.folder = folder.root().display().to_string();
    report.page = folder.index().is_file().then(|| page_address(folder));
    Ok(report)
}

/// Returns the index page as a link that a terminal opens.
fn page_address(folder: &RunFolder) -> String {
    let index = folder.index();
    let absolute = std::path::absolute(&index).unwrap_or(index);
    format!("file://{}", absolute.display())
}
