//! Which rows the cosmic-ray test rejects, without a cube.

use super::slab::RowId;
use super::stack::Stack;
use super::window::WindowWork;
use crate::math::{Math, Numerics, Portable, System};
use crate::{Hooks, KernelError, SourceError};
use std::ops::Range;

impl Stack<'_> {
    /// Tests the rows of some planes again and hands out those that are rejected, window by window, each in order of
    /// exposure and row; for the planes of an interrupted run that are not to be made again.
    ///
    /// # Contract
    /// The rows are those of [`super::Slab::rejected_rows`]; the stack was planned with [`super::StackOptions::trace`].
    /// # Errors
    /// `Stopped`, `Read`, `Shape`, `Sink`.
    pub fn rejected_rows(
        &self,
        planes: Range<usize>,
        sink: &mut dyn FnMut(&[RowId]) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<(), KernelError> {
        match self.options.numerics {
            Numerics::Eso => self.rejected_with::<System>(planes, sink, hooks),
            Numerics::Phoenix => self.rejected_with::<Portable>(planes, sink, hooks),
        }
    }

    fn rejected_with<M: Math>(
        &self,
        planes: Range<usize>,
        sink: &mut dyn FnMut(&[RowId]) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<(), KernelError> {
        let planes = planes.start..planes.end.min(self.grid.naxis[2]);
        let windows: Vec<Range<usize>> = (planes.clone().step_by(self.window_planes()))
            .map(|first| first..(first + self.window_planes()).min(planes.end))
            .collect();
        let mut work = WindowWork::new(rayon::current_num_threads());
        for (done, planes) in (1..).zip(&windows) {
            work.slab.rejected_rows.clear();
            for strip in &self.strips {
                work.load::<M>(self, planes, strip, hooks)?;
                let (first, first_row) = (work.cells.first_plane, work.cells.first_row);
                let inner = planes.start - first..planes.end - first;
                work.list_rejected(&inner, &(strip.start - first_row..strip.end - first_row));
            }
            work.slab.rejected_rows.sort_unstable();
            sink(&work.slab.rejected_rows).map_err(|source| KernelError::Sink {
                first_plane: planes.start,
                source,
            })?;
            (hooks.on_tile)(done, windows.len());
        }
        Ok(())
    }
}
