//! The inputs of a job as it runs: edges bound to products, every frame with its digest, and the record of it all.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::ANY_TAG;
use super::job::Work;
use crate::association::Fill;
use crate::caveat::Caveat;
use crate::frame::FrameRef;
use crate::id::{FrameId, JobId};
use crate::plan::{InputSource, Overlaid};
use crate::product::StoredProduct;
use crate::provenance::Record;
use crate::traits::{RecipeError, RecipeSpec};

impl Work<'_> {
    /// Returns the inputs with their digests; edges to other jobs are bound to the products that those made.
    pub(super) fn bind(&self) -> Result<Vec<FrameRef>, RecipeError> {
        let mut frames = Vec::with_capacity(self.job.inputs.len());
        for input in &self.job.inputs {
            match input {
                InputSource::Frame { frame } => frames.push((frame.clone(), true)),
                InputSource::Job { job, tag } => {
                    let products = self
                        .upstream
                        .iter()
                        .find(|producer| producer.job == *job)
                        .map_or(&[] as &[StoredProduct], |producer| &producer.products);
                    let wanted = products
                        .iter()
                        .filter(|product| product.tag == *tag || tag.as_str() == ANY_TAG);
                    frames.extend(wanted.map(|product| (product_ref(job, product), false)));
                }
            }
        }
        // A digest reads the whole frame: the threads of the job share the frames.
        let next = AtomicUsize::new(0);
        let (next, frames) = (&next, &frames);
        let worker = || {
            let mut bound = Vec::new();
            while let Some((place, (frame, needs_digest))) = next_of(next, frames) {
                let result = if self.engine.cancel.is_cancelled() {
                    Err(RecipeError::Stopped)
                } else if *needs_digest {
                    self.with_digest(frame)
                } else {
                    Ok(frame.clone())
                };
                bound.push((place, result));
            }
            bound
        };
        let n_helpers = self.share.threads.min(frames.len()).saturating_sub(1);
        let mut bound = thread::scope(|scope| {
            let helpers: Vec<_> = (0..n_helpers).map(|_| scope.spawn(worker)).collect();
            let mut bound = worker();
            for helper in helpers {
                match helper.join() {
                    Ok(more) => bound.extend(more),
                    Err(panic) => resume_unwind(panic),
                }
            }
            bound
        });
        bound.sort_by_key(|(place, _)| *place);
        bound.into_iter().map(|(_, result)| result).collect()
    }

    fn with_digest(&self, frame: &FrameRef) -> Result<FrameRef, RecipeError> {
        let digest = self.io.reader.digest(frame).map_err(|source| RecipeError::Read {
            frame: frame.id.clone(),
            source,
        })?;
        match &frame.digest {
            Some(planned) if *planned != digest => Err(RecipeError::Frame {
                frame: frame.id.clone(),
                reason: format!("its content has digest {digest}, planned was {planned}"),
            }),
            _ => Ok(FrameRef {
                digest: Some(digest),
                ..frame.clone()
            }),
        }
    }

    /// Returns the record as known before the recipe runs: inputs, parameters and what the association implies.
    pub(super) fn provenance(&self, spec: &RecipeSpec, frames: &[FrameRef]) -> Record {
        let is_main = |frame: &&FrameRef| spec.inputs.iter().any(|input| input.is_main && input.tag == frame.tag);
        let mut caveats = Vec::new();
        for slot in &self.job.slots {
            match &slot.fill {
                Fill::Filled { level, .. } if level.0 > 0 => caveats.push(Caveat::WeakCalibration {
                    slot: slot.tag.clone(),
                    level: level.0,
                }),
                Fill::Pending { .. } => caveats.push(Caveat::VirtualInput { slot: slot.tag.clone() }),
                Fill::Filled { .. } | Fill::Missing { .. } => {}
            }
        }
        let is_input = |edited: &&Overlaid| frames.iter().any(|frame| frame.id == edited.frame);
        Record {
            job: self.job.id.clone(),
            recipe: self.job.recipe.clone(),
            pipeline: spec.pipeline.clone(),
            raw: frames.iter().filter(is_main).cloned().collect(),
            calib: frames.iter().filter(|frame| !is_main(frame)).cloned().collect(),
            params: self.job.params.clone(),
            rules: self.engine.rules.clone(),
            overlays: self.overlays.iter().filter(is_input).cloned().collect(),
            caveats,
        }
    }
}

/// Takes the next item of a list that several threads work on.
fn next_of<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    items.get(place).map(|item| (place, item))
}

/// Returns a product as the jobs below refer to it; the job's name keeps equal file names of two jobs apart.
pub(super) fn product_ref(job: &JobId, product: &StoredProduct) -> FrameRef {
    let stem = product.name.strip_suffix(".fits").unwrap_or(&product.name);
    FrameRef {
        id: FrameId::from(format!("{job}:{stem}")),
        tag: product.tag.clone(),
        location: product.location.clone(),
        size_bytes: Some(product.size_bytes),
        digest: Some(product.digest.clone()),
    }
}
