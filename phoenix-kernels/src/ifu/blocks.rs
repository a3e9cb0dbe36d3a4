//! Which blocks of rows lie at which wavelength, then at which planes: four bytes each.

use std::ops::Range;

/// Blocks whose planes are also known together, so that most of them need not be looked at.
const GROUP: usize = 64;

/// Wavelength range of the blocks that were scanned together: what their ranges are counted in.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeOfChunk([f32; 2]);

/// A block without usable rows.
const EMPTY: [u16; 2] = [u16::MAX, 0];

impl RangeOfChunk {
    /// Joins the ranges of blocks; those without usable rows begin above their end.
    pub(super) fn of(blocks: &[[f32; 2]]) -> Self {
        let used = blocks.iter().filter(|[low, high]| low <= high);
        Self(used.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], block| {
            [low.min(block[0]), high.max(block[1])]
        }))
    }

    /// Returns the wavelength of a mark; they rise from the smallest to the largest.
    fn wavelength(self, mark: u16) -> f32 {
        let [low, high] = self.0.map(f64::from);
        match mark {
            u16::MAX => self.0[1],
            _ => ((low + (high - low) / f64::from(u16::MAX) * f64::from(mark)) as f32).min(self.0[1]),
        }
    }

    /// Packs a range into one that holds it.
    pub(super) fn pack(self, [low, high]: [f32; 2]) -> [u16; 2] {
        if low > high {
            return EMPTY;
        }
        let span = f64::from(self.0[1]) - f64::from(self.0[0]);
        let mark = |v: f32| {
            let mark = (f64::from(v) - f64::from(self.0[0])) / span * f64::from(u16::MAX);
            // Truncated at the ends; what is no number is 0.
            mark as u16
        };
        let (mut first, mut last) = (mark(low), mark(high));
        while first > 0 && self.wavelength(first) > low {
            first -= 1;
        }
        while last < u16::MAX && self.wavelength(last) < high {
            last += 1;
        }
        [first, last]
    }

    fn unpack(self, [first, last]: [u16; 2]) -> [f32; 2] {
        if first > last {
            [f32::INFINITY, f32::NEG_INFINITY]
        } else {
            [self.wavelength(first), self.wavelength(last)]
        }
    }
}

/// Wavelength range of each block of rows of one exposure.
#[derive(Clone, Debug)]
pub struct BlockIndex {
    n_rows: u64,
    block_rows: u64,
    /// Blocks of a chunk; the last chunk may have fewer.
    per_chunk: usize,
    chunks: Vec<RangeOfChunk>,
    blocks: Vec<[u16; 2]>,
    cuts: Vec<Cut>,
}

/// A block in two parts, because the wavelength jumps within.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) block: u64,
    /// Rows of the first part.
    pub(super) rows: u64,
    /// Wavelength range of the second part.
    pub(super) lambda: [f32; 2],
}

impl BlockIndex {
    pub(super) fn new(n_rows: u64, block_rows: u64, per_chunk: u64) -> Self {
        Self {
            n_rows,
            block_rows,
            per_chunk: usize::try_from(per_chunk).unwrap_or(usize::MAX).max(1),
            chunks: Vec::new(),
            blocks: Vec::with_capacity(n_rows.div_ceil(block_rows) as usize),
            cuts: Vec::new(),
        }
    }

    /// Adds the blocks of the next chunk; cuts count from its first block.
    pub(super) fn add(&mut self, range: RangeOfChunk, blocks: Vec<[u16; 2]>, cuts: Vec<Cut>) {
        let first = self.blocks.len() as u64;
        self.cuts.extend(cuts.into_iter().map(|cut| Cut {
            block: cut.block + first,
            ..cut
        }));
        self.chunks.push(range);
        self.blocks.extend(blocks);
    }

    /// Hands each part of the table, in order, to `take`: its rows, and a range that holds their wavelengths; it begins above
    /// its end in a part without usable rows.
    pub fn each(&self, mut take: impl FnMut(Range<u64>, [f32; 2])) {
        let mut cuts = self.cuts.iter().peekable();
        let chunks = self.chunks.iter().zip(self.blocks.chunks(self.per_chunk));
        let ranges = chunks.flat_map(|(chunk, blocks)| blocks.iter().map(|block| chunk.unpack(*block)));
        for (block, lambda) in (0..).zip(ranges) {
            let rows = block * self.block_rows..((block + 1) * self.block_rows).min(self.n_rows);
            match cuts.next_if(|cut| cut.block == block) {
                Some(cut) => {
                    take(rows.start..rows.start + cut.rows, lambda);
                    take(rows.start + cut.rows..rows.end, cut.lambda);
                }
                None => take(rows, lambda),
            }
        }
    }

    /// Turns wavelengths into planes; the index of planes takes the memory of this one.
    pub fn into_planes(mut self, of: impl Fn([f32; 2]) -> Range<usize>, nz: usize) -> PlaneIndex {
        let unit = nz.div_ceil(usize::from(u16::MAX)).max(1);
        let packed = |lambda: [f32; 2]| {
            let planes = of(lambda);
            [planes.start / unit, planes.end.div_ceil(unit)].map(|plane| plane as u16)
        };
        for (chunk, blocks) in self.chunks.iter().zip(self.blocks.chunks_mut(self.per_chunk)) {
            for block in blocks {
                *block = packed(chunk.unpack(*block));
            }
        }
        let planes = self.blocks;
        let cuts: Vec<_> = (self.cuts.iter())
            .map(|cut| PlaneCut {
                block: cut.block as u32,
                rows: cut.rows as u32,
                planes: packed(cut.lambda),
            })
            .collect();
        let mut groups: Vec<[u16; 2]> = planes
            .chunks(GROUP)
            .map(|group| group.iter().copied().fold(NOWHERE, join))
            .collect();
        for cut in &cuts {
            if let Some(group) = groups.get_mut(cut.block as usize / GROUP) {
                *group = join(*group, cut.planes);
            }
        }
        PlaneIndex {
            n_rows: self.n_rows,
            block_rows: self.block_rows,
            unit,
            planes,
            groups,
            cuts,
        }
    }
}

/// Planes that each block of rows of one exposure touches.
#[derive(Clone, Debug)]
pub struct PlaneIndex {
    n_rows: u64,
    block_rows: u64,
    /// Planes counted as one.
    unit: usize,
    planes: Vec<[u16; 2]>,
    /// The same for each [`GROUP`] of blocks, parts of blocks included.
    groups: Vec<[u16; 2]>,
    cuts: Vec<PlaneCut>,
}

/// A block in two parts.
#[derive(Clone, Copy, Debug)]
struct PlaneCut {
    block: u32,
    /// Rows of the first part.
    rows: u32,
    /// Planes of the second part.
    planes: [u16; 2],
}

/// Rows whose planes the index knows by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A block, or its first part.
    Block(usize),
    /// The second part of a block, by its number among those.
    Rest(usize),
}

impl PlaneIndex {
    /// Hands the rows and planes of each part that touches `window` to `take`, in order.
    pub fn touching(&self, window: &Range<usize>, mut take: impl FnMut(Range<u64>, Range<usize>)) {
        self.parts(window, |_, rows, planes| take(rows, planes));
    }

    /// As [`Self::touching`], and tells which part it is.
    pub(super) fn parts(&self, window: &Range<usize>, mut take: impl FnMut(Part, Range<u64>, Range<usize>)) {
        let (low, high) = (window.start / self.unit, window.end.div_ceil(self.unit));
        let touches = |[start, end]: [u16; 2]| usize::from(start) < high && usize::from(end) > low && start < end;
        let wide = |[start, end]: [u16; 2]| usize::from(start) * self.unit..usize::from(end) * self.unit;
        for (n, (group, planes)) in self.groups.iter().zip(self.planes.chunks(GROUP)).enumerate() {
            if !touches(*group) {
                continue;
            }
            let first = n * GROUP;
            let mut cut = self.cuts_before(first);
            for (block, planes) in (first..).zip(planes) {
                let (rows, middle) = self.rows_of(block, cut);
                if touches(*planes) {
                    take(Part::Block(block), rows.start..middle, wide(*planes));
                }
                if middle < rows.end {
                    let planes = self.cuts[cut].planes;
                    if touches(planes) {
                        take(Part::Rest(cut), middle..rows.end, wide(planes));
                    }
                    cut += 1;
                }
            }
        }
    }

    /// Hands the parts that a run of rows consists of to `take`, in order; both ends are those of a part.
    pub(super) fn parts_of(&self, run: &Range<u64>, mut take: impl FnMut(Part, Range<u64>)) {
        let first = (run.start / self.block_rows) as usize;
        let mut cut = self.cuts_before(first);
        for block in first..run.end.div_ceil(self.block_rows) as usize {
            let (rows, middle) = self.rows_of(block, cut);
            if rows.start >= run.start && middle <= run.end {
                take(Part::Block(block), rows.start..middle);
            }
            if middle < rows.end {
                if middle >= run.start && rows.end <= run.end {
                    take(Part::Rest(cut), middle..rows.end);
                }
                cut += 1;
            }
        }
    }

    /// Number of blocks, and of those in two parts.
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.planes.len(), self.cuts.len()]
    }

    /// Bytes of the index.
    pub(super) fn bytes(&self) -> usize {
        (self.planes.len() + self.groups.len()) * size_of::<[u16; 2]>() + self.cuts.len() * size_of::<PlaneCut>()
    }

    /// Number of blocks in two parts before `block`.
    fn cuts_before(&self, block: usize) -> usize {
        self.cuts.partition_point(|cut| (cut.block as usize) < block)
    }

    /// Rows of a block, and the end of its first part; `cut` is the first block in two parts that is not before it.
    fn rows_of(&self, block: usize, cut: usize) -> (Range<u64>, u64) {
        let first = block as u64 * self.block_rows;
        let rows = first..(first + self.block_rows).min(self.n_rows);
        let middle = match self.cuts.get(cut) {
            Some(cut) if cut.block as usize == block => first + u64::from(cut.rows),
            _ => rows.end,
        };
        (rows, middle)
    }
}

/// Planes of no row.
const NOWHERE: [u16; 2] = [u16::MAX, 0];

/// The smallest range that holds two; one that is empty adds nothing.
fn join([a, b]: [u16; 2], [c, d]: [u16; 2]) -> [u16; 2] {
    if c < d { [a.min(c), b.max(d)] } else { [a, b] }
}

#[cfg(test)]
mod tests {
    use super::{EMPTY, RangeOfChunk};

    #[test]
    fn a_packed_range_holds_what_was_packed_and_little_more() {
        let blocks: Vec<[f32; 2]> = (0..5000)
            .map(|n| [4749.873 + n as f32 * 0.9137, 4752.1 + n as f32 * 0.9137])
            .chain([[f32::INFINITY, f32::NEG_INFINITY], [7000.0, 7000.0]])
            .collect();
        let range = RangeOfChunk::of(&blocks);
        let step = (range.0[1] - range.0[0]) / 65535.0;
        for block in blocks {
            let [low, high] = range.unpack(range.pack(block));
            if block[0] > block[1] {
                assert_eq!(range.pack(block), EMPTY);
                assert!(low > high);
            } else {
                assert!(low <= block[0] && high >= block[1]);
                assert!(block[0] - low <= 1.1 * step && high - block[1] <= 1.1 * step);
            }
        }
    }

    #[test]
    fn one_wavelength_and_none_are_packed_as_well() {
        let one = RangeOfChunk::of(&[[5000.0, 5000.0]]);
        let bits = |range: [f32; 2]| range.map(f32::to_bits);
        assert_eq!(bits(one.unpack(one.pack([5000.0, 5000.0]))), bits([5000.0, 5000.0]));
        let none = RangeOfChunk::of(&[[1.0, 0.0]]);
        assert_eq!(none.pack([1.0, 0.0]), EMPTY);
    }
}
