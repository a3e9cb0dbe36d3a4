//! Inputs as the overlays tell them: the plan and the recipe see the same headers.

use std::sync::Arc;

use crate::frame::FrameRef;
use crate::id::Digest;
use crate::plan::Overlaid;
use crate::product::{PlaneSource, Table};
use crate::traits::{ColumnSource, FrameReader, HduInfo, ReadError};

/// A reader that edits the primary headers of some frames; data and digests are those of the files.
#[derive(Debug)]
pub(super) struct OverlaidReader<'a> {
    inner: &'a dyn FrameReader,
    overlays: &'a [Overlaid],
}

impl<'a> OverlaidReader<'a> {
    pub(super) fn new(inner: &'a dyn FrameReader, overlays: &'a [Overlaid]) -> Self {
        Self { inner, overlays }
    }
}

impl FrameReader for OverlaidReader<'_> {
    fn hdus(&self, frame: &FrameRef) -> Result<Vec<HduInfo>, ReadError> {
        let mut hdus = self.inner.hdus(frame)?;
        if let Some(primary) = hdus.first_mut() {
            for overlaid in self.overlays.iter().filter(|overlaid| overlaid.frame == frame.id) {
                overlaid.apply(&mut primary.header);
            }
        }
        Ok(hdus)
    }

    fn column(&self, frame: &FrameRef, hdu: usize, name: Option<&str>) -> Result<Arc<dyn ColumnSource>, ReadError> {
        self.inner.column(frame, hdu, name)
    }

    fn planes(&self, frame: &FrameRef, hdu: usize) -> Result<Arc<dyn PlaneSource>, ReadError> {
        self.inner.planes(frame, hdu)
    }

    fn table(&self, frame: &FrameRef, hdu: usize) -> Result<Table, ReadError> {
        self.inner.table(frame, hdu)
    }

    fn digest(&self, frame: &FrameRef) -> Result<Digest, ReadError> {
        self.inner.digest(frame)
    }
}
