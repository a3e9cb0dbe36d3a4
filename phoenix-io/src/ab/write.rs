//! A planned job as an association block.

use phoenix_core::association::{Fill, Slot};
use phoenix_core::frame::FrameRef;
use phoenix_core::id::JobId;
use phoenix_core::plan::{InputSource, PlannedJob, Readiness};
use phoenix_core::traits::{Halt, JobRecord, Stage};
use serde_json::Value;

use super::AssociationBlock;
use super::escape::{text, word};

/// What a block says beside the job itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AbContext {
    /// The instrument.
    pub instrument: String,
    /// The processing date, or the batch key where that is no date.
    pub date: String,
    /// The mode of the batch, e.g. `SCIENCE` or `CALIB`.
    pub mode: String,
    /// What runs the job: `CPL` for ESO's recipes, `INT` for those that divide themselves.
    pub drs_type: String,
}

impl AssociationBlock {
    /// Returns the block of a planned job, in canonical order.
    ///
    /// # Contract
    /// `to_job` gives the job back, field by field (`ab::tests`).
    pub fn from_job(job: &PlannedJob, context: &AbContext) -> Self {
        let mut ab = Self::new();
        let name = word(job.dataset.as_str());
        ab.push("TOOL_VERSION", concat!("phoenix-", env!("CARGO_PKG_VERSION")));
        ab.push("INSTRUMENT", &text(&context.instrument));
        ab.push("DATE", &text(&context.date));
        ab.push("BATCH_ID", &text(&format!("{}_{}", context.mode, context.date)));
        ab.push("AB_NAME", &format!("{name}.ab"));
        ab.push("PHX_JOB", &word(job.id.as_str()));
        ab.push("PHX_TASK", &word(job.task.as_str()));
        ab.push("RECIPE", &word(job.recipe.as_str()));
        ab.push("DRS_TYPE", &text(&context.drs_type));
        if let Some(InputSource::Frame { frame }) = job.inputs.first() {
            ab.push("RAW_TYPE", &word(frame.tag.as_str()));
        }
        for (qualifier, key) in [("OBS_PROG_ID", "OBS.PROG.ID"), ("OBS_ID", "OBS.ID")] {
            if let Some(value) = job.key.get(key) {
                ab.push(qualifier, &text(value));
            }
        }
        write_readiness(&mut ab, &job.readiness);
        ab.push("PROCESS_STATUS", "CREATED");
        ab.push("PROD_ROOT_NAME", &format!("r.{name}"));
        ab.push("LOG_NAME", &format!("r.{name}.log"));
        for (key, value) in &job.key {
            ab.push("RAW_MATCH_KEY", &format!("{}={}", word(key), text(value)));
        }
        write_params(&mut ab, &job.params);
        write_inputs(&mut ab, job);
        for slot in &job.slots {
            write_slot(&mut ab, slot);
        }
        ab.push("PHX_MEMORY_BYTES", &job.resources.memory_bytes.to_string());
        ab.push("PHX_THREADS", &job.resources.threads.to_string());
        if job.resources.floor_bytes > 0 {
            ab.push("PHX_FLOOR_BYTES", &job.resources.floor_bytes.to_string());
        }
        ab
    }

    /// Enters how far the job has come.
    pub fn set_status(&mut self, record: &JobRecord) {
        let status = match (&record.halt, record.stage) {
            (Some(Halt::Failed { .. }), _) => "FAILED",
            (_, stage) if stage >= Stage::Processed => "SUCCESSFUL",
            _ => "CREATED",
        };
        self.set("PROCESS_STATUS", status);
        self.remove("PRODUCT");
        for product in &record.products {
            self.push(
                "PRODUCT",
                &format!(
                    "{} {} {}",
                    word(&product.name),
                    word(product.tag.as_str()),
                    product.digest
                ),
            );
        }
    }
}

fn write_readiness(ab: &mut AssociationBlock, readiness: &Readiness) {
    let (word, reasons) = match readiness {
        Readiness::Ready => ("COMPLETE", &[] as &[String]),
        Readiness::Unsupported { reason } => ("UNSUPPORTED", std::slice::from_ref(reason)),
        Readiness::Incomplete { reasons } => ("INCOMPLETE", reasons.as_slice()),
    };
    ab.push("COMPLETENESS", word);
    for reason in reasons {
        ab.push("PHX_REASON", &text(reason));
    }
}

fn write_params(ab: &mut AssociationBlock, params: &Value) {
    match params {
        Value::Object(values) => {
            for (name, value) in values {
                ab.push("PPAR", &format!("{}={}", word(name), text(&value.to_string())));
            }
        }
        other => ab.push("PHX_PARAMS", &text(&other.to_string())),
    }
}

/// Writes the raw files and the jobs to wait for, for people and other tools, and the set of frames in its order.
fn write_inputs(ab: &mut AssociationBlock, job: &PlannedJob) {
    let is_calibration = |frame: &FrameRef| {
        job.slots.iter().any(|slot| match &slot.fill {
            Fill::Filled { frames, .. } => frames.contains(frame),
            _ => false,
        })
    };
    for input in &job.inputs {
        if let InputSource::Frame { frame } = input
            && !is_calibration(frame)
        {
            ab.push("RAWFILE", &word(&frame.location));
        }
    }
    let mut waits: Vec<&str> = job.producers().map(JobId::as_str).collect();
    waits.sort_unstable();
    waits.dedup();
    for producer in waits {
        ab.push("WAITFOR", &word(producer));
    }
    for input in &job.inputs {
        match input {
            InputSource::Frame { frame } => ab.push("SOF_CONTENT", &frame_words(frame)),
            InputSource::Job { job, tag } => ab.push(
                "SOF_CONTENT",
                &format!("job:{} {}", word(job.as_str()), word(tag.as_str())),
            ),
        }
    }
}

fn write_slot(ab: &mut AssociationBlock, slot: &Slot) {
    let tag = word(slot.tag.as_str());
    let need = if slot.required { "required" } else { "optional" };
    match &slot.fill {
        Fill::Filled {
            frames,
            level,
            dt_days,
            reason,
        } => {
            let level = level.0;
            ab.push(
                "PHX_SLOT",
                &format!("{tag} {need} filled {level} {dt_days} {}", text(reason)),
            );
            for frame in frames {
                ab.push("MCALIB", &format!("REAL {}", frame_words(frame)));
            }
        }
        Fill::Pending { producer } => {
            let producer = word(producer.as_str());
            ab.push("PHX_SLOT", &format!("{tag} {need} pending {producer}"));
            ab.push("MCALIB", &format!("VIRTUAL {producer} {tag}"));
        }
        Fill::Missing { reason } => ab.push("PHX_SLOT", &format!("{tag} {need} missing {}", text(reason))),
    }
}

/// Returns `location tag id` and what else is known.
fn frame_words(frame: &FrameRef) -> String {
    let location = word(&frame.location);
    // A file so named is told from the name of a job.
    let location = location
        .strip_prefix("job:")
        .map_or(location.clone(), |rest| format!("%6Aob:{rest}"));
    let mut words = format!("{location} {} {}", word(frame.tag.as_str()), word(frame.id.as_str()));
    if let Some(size_bytes) = frame.size_bytes {
        words.push_str(" size=");
        words.push_str(&size_bytes.to_string());
    }
    if let Some(digest) = &frame.digest {
        words.push_str(" digest=");
        words.push_str(&word(digest.as_str()));
    }
    words
}
