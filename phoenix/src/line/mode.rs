//! What kind of batch a run is: it decides which frames are offered to the plan.

use std::collections::BTreeSet;

use phoenix_core::dataset::LeftOut;
use phoenix_core::frame::{Category, ClassifiedFrame, Frame};
use phoenix_core::header::OverlayBook;
use phoenix_core::id::{FrameId, InstrumentId, Tag};
use phoenix_core::traits::{Instrument, RecipeDyn};

use super::{BatchKey, LineError};
use crate::choice::Mode;

/// How frames are named before the plan: with their headers edited, as the plan will see them.
pub(super) struct Naming<'a> {
    pub(super) instrument: &'a dyn Instrument,
    pub(super) edits: &'a OverlayBook,
}

impl Naming<'_> {
    /// Names a frame; `None` for what has no kind, which is told by the plan itself.
    fn classify(&self, frame: &Frame) -> Option<ClassifiedFrame> {
        let mut frame = frame.clone();
        self.edits.apply(frame.id.as_str(), &mut frame.header);
        let (tag, category) = self.instrument.selector().classify(&frame).ok()??;
        Some(ClassifiedFrame { frame, tag, category })
    }

    /// Tells whether a frame is a raw calibration.
    pub(super) fn is_raw_calibration(&self, frame: &Frame) -> bool {
        matches!(self.kind(frame), Some((_, Category::RawCalib)))
    }

    /// Returns kind and category alone; a header that nobody edits is not copied.
    fn kind(&self, frame: &Frame) -> Option<(Tag, Category)> {
        if self.edits.is_empty() {
            return self.instrument.selector().classify(frame).ok()?;
        }
        self.classify(frame).map(|named| (named.tag, named.category))
    }

    /// Takes away science that is not of a batch, but for the frames that are named.
    pub(super) fn of_batch(
        &self,
        frames: Vec<Frame>,
        batch: &BatchKey,
        instrument: &InstrumentId,
        also: &BTreeSet<FrameId>,
    ) -> Result<(Vec<Frame>, Vec<LeftOut>), LineError> {
        let is_science = |frame: &Frame| {
            (self.classify(frame))
                .filter(|named| named.category == Category::Science)
                .map(|named| named.frame)
        };
        let science: Vec<Frame> = frames.iter().filter_map(is_science).collect();
        if !science.iter().any(|frame| batch.holds(&frame.header)) {
            return Err(LineError::EmptyBatch {
                instrument: instrument.clone(),
                batch: batch.to_string(),
                seen: match batch.seen(science.iter()).as_slice() {
                    [] => "none".to_owned(),
                    seen => seen.join(", "),
                },
            });
        }
        Ok(batch.restrict(frames, also, |frame| self.classify(frame)))
    }

    /// Takes away the frames that a mode does not work with; each is named with the reason.
    pub(super) fn restrict(&self, frames: Vec<Frame>, mode: Option<Mode>) -> (Vec<Frame>, Vec<LeftOut>) {
        let Some(mode) = mode else {
            return (frames, Vec::new());
        };
        let made = made_here(self.instrument);
        let mut left_out = Vec::new();
        let mut kept = Vec::new();
        for frame in frames {
            let named = self.kind(&frame);
            let reason = named.and_then(|(tag, category)| refusal(mode, &tag, category, &made));
            match reason {
                Some(reason) => left_out.push(LeftOut::info(frame.id, reason)),
                None => kept.push(frame),
            }
        }
        (kept, left_out)
    }
}

fn refusal(mode: Mode, tag: &Tag, category: Category, made: &BTreeSet<Tag>) -> Option<String> {
    match (mode, category) {
        (Mode::Idp | Mode::Deep, Category::RawCalib) => {
            Some(format!("mode {mode} works with certified masters, not with raw {tag}"))
        }
        (Mode::Mcalib, Category::Science) => Some(format!("mode MCALIB works no science, this is {tag}")),
        (Mode::Mcalib | Mode::Complete, Category::Master) if made.contains(tag) => {
            Some(format!("mode {mode} makes {tag} anew"))
        }
        _ => None,
    }
}

/// The kinds of product that some task of the instrument makes; statics are not among them.
pub(super) fn made_here(instrument: &dyn Instrument) -> BTreeSet<Tag> {
    let tasks: BTreeSet<_> = instrument.tasks().into_iter().chain(instrument.outlined()).collect();
    let specs = tasks.iter().filter_map(|task| {
        let native = instrument.recipe(task).map(RecipeDyn::spec_dyn);
        instrument.outline(task).or(native)
    });
    specs.flat_map(|spec| spec.outputs.iter().cloned()).collect()
}
