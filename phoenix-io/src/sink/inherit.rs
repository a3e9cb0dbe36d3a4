//! Products that an earlier run made of the same content in the same way.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use phoenix_core::frame::FrameRef;
use phoenix_core::header::{Key, Value};
use phoenix_core::id::{FrameId, JobId, RecipeId};
use phoenix_core::plan::{InputSource, PlannedJob};
use phoenix_core::provenance::Record;

use super::staging::sync_folder;
use super::{Beside, WORK, beside, job_folder};

/// The directory of an earlier run, and the recipes whose products are taken from it.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub(super) directory: PathBuf,
    pub(super) recipes: BTreeSet<RecipeId>,
}

impl Earlier {
    fn folder(&self, job: &JobId) -> PathBuf {
        self.directory.join(WORK).join(job_folder(job))
    }

    /// Copies what the earlier run made as `record` says into `part`; `None` if it made nothing of that content.
    ///
    /// # Errors
    /// If the system refuses to write; what cannot be read there was not made.
    pub(super) fn copy(&self, record: &Record, directory: &Path, part: &Path) -> io::Result<Option<Vec<Beside>>> {
        if !self.recipes.contains(&record.recipe) {
            return Ok(None);
        }
        let folder = self.folder(&record.job);
        let Ok(found) = beside::read_all(&folder) else {
            return Ok(None);
        };
        let is_taken = |beside: &Beside| same_content(&beside.provenance, record) && beside::is_intact(&folder, beside);
        if found.is_empty() || !found.iter().all(is_taken) {
            return Ok(None);
        }
        fs::create_dir_all(part)?;
        let mut copied = Vec::with_capacity(found.len());
        for mut beside in found {
            let place = part.join(&beside.product);
            fs::copy(folder.join(&beside.product), &place)?;
            File::open(&place)?.sync_all()?;
            // Its reservations are its own; everything else is told as this run knows it.
            let own = Record {
                caveats: beside.provenance.caveats,
                ..record.clone()
            };
            beside.provenance = beside::relocatable(&own, Some(directory));
            beside::write(part, &beside)?;
            copied.push(beside);
        }
        sync_folder(part)?;
        Ok(Some(copied))
    }
}

/// Tells whether two products were made by the same software of the same content in the same way.
///
/// Which rules chose the inputs, and where these lie, does not matter.
fn same_content(one: &Record, other: &Record) -> bool {
    let same_frames = |ours: &[FrameRef], theirs: &[FrameRef]| {
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(ours, theirs)| {
                ours.id == theirs.id && ours.tag == theirs.tag && ours.digest.is_some() && ours.digest == theirs.digest
            })
    };
    one.recipe == other.recipe
        && one.pipeline == other.pipeline
        && one.params == other.params
        && edits(one) == edits(other)
        && same_frames(&one.raw, &other.raw)
        && same_frames(&one.calib, &other.calib)
}

/// Returns the header edits that the recipe saw; what is known beside a file changes no product.
fn edits(record: &Record) -> Vec<(&FrameId, &Key, Option<&Value>)> {
    let of_frame = record.overlays.iter().flat_map(|overlaid| {
        let edits = overlaid.for_recipes();
        edits.map(|edit| (&overlaid.frame, &edit.key, edit.value.as_ref()))
    });
    of_frame.collect()
}

/// Tells whether a run's directory holds products of a planned job, as far as names, sizes and parameters tell; whether the
/// content is the same shows when the job is done.
pub fn holds_products_of(directory: &Path, job: &PlannedJob) -> bool {
    let folder = directory.join(WORK).join(job_folder(&job.id));
    let Ok(found) = beside::read_all(&folder) else {
        return false;
    };
    let looks_like = |beside: &Beside| {
        let record = &beside.provenance;
        let is_used = |input: &InputSource| match input {
            InputSource::Frame { frame } => record.raw.iter().chain(&record.calib).any(|used| {
                let same_size =
                    used.size_bytes.is_none() || frame.size_bytes.is_none() || used.size_bytes == frame.size_bytes;
                used.id == frame.id && used.tag == frame.tag && same_size
            }),
            InputSource::Job { .. } => false,
        };
        record.recipe == job.recipe
            && record.params == job.params
            && record.raw.len() + record.calib.len() == job.inputs.len()
            && job.inputs.iter().all(is_used)
    };
    !found.is_empty() && found.iter().all(looks_like)
}
