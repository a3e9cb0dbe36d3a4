//! The cells of a window: which rows lie in which.

use super::slab::RowId;
use std::ops::Range;

/// The row may be resampled.
pub const GOOD: u8 = 1;
/// The row counts in the statistics of the cosmic-ray test.
pub const SAMPLE: u8 = 1 << 1;
/// The row came flagged as a cosmic ray.
pub const CAME_FLAGGED: u8 = 1 << 2;
/// The cosmic-ray test rejected the row.
pub const REJECTED: u8 = 1 << 3;
/// Slices run along x.
pub const ALONG_X: u8 = 1 << 4;
/// Slices run along y.
pub const ALONG_Y: u8 = 1 << 5;

/// The raw pixel of the row was saturated.
pub const CAME_SATURATED: u8 = 1 << 6;

/// One row in its cell.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Record {
    /// Position relative to the reference, degrees or pixels.
    pub x: f32,
    /// Position relative to the reference, degrees or pixels.
    pub y: f32,
    /// Wavelength in the medium of the grid, Angstrom.
    pub lambda: f32,
    /// Value.
    pub data: f32,
    /// Variance.
    pub stat: f32,
    /// Weight.
    pub weight: f32,
}

/// The rows of a window and their order by cell: x, then y, then plane.
///
/// Records stay where they were written as they came, and places name them: the rows of one cell come from far apart in
/// the tables, and four bytes are moved more cheaply than a record.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// The rows as they came.
    pub records: Vec<Record>,
    /// Which record each place holds; `bits`, `sample` and `ids` follow the same order.
    pub order: Vec<u32>,
    /// Bits of each row, as above.
    pub bits: Vec<u8>,
    /// Values that count in the statistics of the cosmic-ray test, NaN for the other rows; [`PADDING`] more at the end.
    pub sample: Vec<f32>,
    /// Which rows of which exposures they are, if asked for.
    pub ids: Vec<RowId>,
    /// Start of each cell, and the end of the last.
    pub offsets: Vec<u32>,
    /// Cells along x and y.
    pub size: [usize; 2],
    /// First plane of the window in the grid.
    pub first_plane: usize,
    /// Planes of the window.
    pub width: usize,
    /// First row of cells in the grid.
    pub first_row: usize,
    /// From which record on they are of which exposure; [`NOBODY`] where that is not known any more.
    pub owners: Vec<[u32; 2]>,
}

/// In the place of an exposure: records that were held from the window before.
pub const NOBODY: u32 = u32::MAX;

/// How many values may be read past the end of a sample.
pub const PADDING: usize = 16;

impl Cells {
    /// Returns the range of rows of planes `planes` of the cells at (`i`, `j`).
    #[inline]
    pub fn range(&self, i: usize, j: usize, planes: Range<usize>) -> Range<usize> {
        let first = (i * self.size[1] + j) * self.width;
        self.offsets[first + planes.start] as usize..self.offsets[first + planes.end] as usize
    }

    /// Returns the row at a place.
    #[inline]
    pub fn record(&self, place: usize) -> &Record {
        &self.records[self.order[place] as usize]
    }

    /// Returns the exposure of the row at a place, or [`NOBODY`].
    pub fn owner(&self, place: usize) -> u32 {
        let record = self.order[place];
        let behind = self.owners.partition_point(|[first, _]| *first <= record);
        behind.checked_sub(1).map_or(NOBODY, |last| self.owners[last][1])
    }

    /// Counts the rows of some planes, counted in the grid, of some columns of cells.
    pub(super) fn rows_of(&self, columns: Range<usize>, planes: &Range<usize>) -> usize {
        if planes.is_empty() {
            return 0;
        }
        let planes = planes.start - self.first_plane..planes.end - self.first_plane;
        let of = |i: usize| (0..self.size[1]).map(move |j| (i, j));
        columns
            .flat_map(of)
            .map(|(i, j)| self.range(i, j, planes.clone()).len())
            .sum()
    }
}
