//! The association blocks of a run, in `ab/` beside its plan.

use std::fs;

use phoenix_core::plan::{Plan, PlannedJob};
use phoenix_core::traits::JobRecord;
use phoenix_io::ab::{AbContext, AssociationBlock};

use crate::backend::Backend;
use crate::line::folder::{write_json, write_whole};
use crate::line::{Line, LineError, Planned};

impl Line {
    /// Writes a block for each job: the historical text where the job came from one.
    pub(in crate::line) fn keep_blocks(&self, planned: &Planned) -> Result<(), LineError> {
        for job in &planned.plan.jobs {
            let text = match planned.block_texts.get(&job.id) {
                Some(text) => text.clone(),
                None => AssociationBlock::from_job(job, &self.block_context(job)).to_text(),
            };
            write_whole(&self.folder.block(&job.dataset), text.as_bytes())?;
        }
        if !planned.block_changes.is_empty() {
            write_json(&self.folder.block_changes(), &planned.block_changes)?;
        }
        Ok(())
    }

    fn block_context(&self, job: &PlannedJob) -> AbContext {
        let settings = &self.settings;
        AbContext {
            instrument: settings.instrument.to_string(),
            date: settings.label(),
            mode: settings.mode.map_or("PHOENIX", crate::choice::Mode::name).to_owned(),
            drs_type: match settings.backend.backend(&job.task) {
                Backend::Native => "INT".to_owned(),
                Backend::Esorex => "CPL".to_owned(),
            },
        }
    }

    /// Enters in each block how far its job has come; a block whose job did not move is not touched.
    pub(in crate::line) fn update_blocks(&self, plan: &Plan, records: &[JobRecord]) -> Result<(), LineError> {
        for record in records {
            let Some(job) = plan.job(&record.job) else { continue };
            let path = self.folder.block(&job.dataset);
            let before = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(LineError::folder(path, "read")(error)),
            };
            let mut block = AssociationBlock::parse(&before);
            block.set_status(record);
            let after = block.to_text();
            if after != before {
                write_whole(&path, after.as_bytes())?;
            }
        }
        Ok(())
    }
}
