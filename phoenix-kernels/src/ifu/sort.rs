//! The rows of a window into the order of their cells: one stable counting sort, shared by threads.

// Threads write to one array, each to places of its own. What is called for every row is to be inlined.
#![allow(
    unsafe_code,
    clippy::inline_always,
    reason = "places of one array shared by threads, as said above"
)]

use super::cells::{Cells, PADDING, Record, SAMPLE};
use super::rows::GatherWork;
use super::slab::RowId;
use bytemuck::Zeroable;
use bytemuck::allocation::zeroed_vec;
use rayon::prelude::*;

// SAFETY: a record is six numbers, and 0 is one.
unsafe impl Zeroable for Record {}

/// An array that threads fill, each at places of its own.
struct Places<T> {
    first: *mut T,
    len: usize,
}

// SAFETY: values are written only, through `write`, whose caller promises that no place is written by two threads.
unsafe impl<T: Send> Sync for Places<T> {}

impl<T: Copy> Places<T> {
    fn of(values: &mut [T]) -> Self {
        Self {
            first: values.as_mut_ptr(),
            len: values.len(),
        }
    }

    /// Writes one value.
    ///
    /// # Safety
    /// The array outlives `self`, and no other thread writes or reads this place meanwhile.
    // SAFETY: what the caller promises is said above.
    #[inline(always)]
    unsafe fn write(&self, at: usize, value: T) {
        assert!(at < self.len, "a row beyond its window");
        // SAFETY: the place is inside the array, and the caller's alone.
        unsafe { self.first.add(at).write(value) }
    }

    /// Asks the processor for the line of a place; a hint without effect on results.
    #[inline(always)]
    fn prefetch(&self, at: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: a prefetch reads nothing and faults on no address.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                    self.first.wrapping_add(at).cast::<i8>(),
                );
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }
}

/// How many rows before it is written the place of a row is asked for.
const AHEAD: usize = 64;

/// Where the threads put rows.
struct Target {
    order: Places<u32>,
    bits: Places<u8>,
    sample: Places<f32>,
    ids: Places<RowId>,
}

/// Sorts the rows of all threads into `n_cells` cells: those of the first thread come first in each cell, in their order.
///
/// # Contract
/// Each thread has counted its rows by cell, those that are left out in one cell more.
pub(super) fn sort(works: &mut [GatherWork], n_cells: usize, cells: &mut Cells) {
    let Cells {
        records,
        order,
        bits,
        sample,
        ids,
        offsets,
        ..
    } = cells;
    offsets.resize(n_cells + 1, 0);
    let mut sum = 0;
    for (cell, offset) in offsets.iter_mut().enumerate() {
        *offset = sum;
        for work in works.iter_mut() {
            sum += std::mem::replace(&mut work.counts[cell], sum);
        }
    }
    // The last cell holds what is left out: it is sorted as well, and cut off.
    let (kept, n_rows) = (offsets[n_cells] as usize, sum as usize);
    make_room(order, n_rows);
    make_room(bits, n_rows);
    make_room(sample, n_rows + PADDING);
    ids.resize(works.iter().map(|work| work.rows.ids.len()).sum(), RowId::default());
    let target = Target {
        order: Places::of(&mut order[..n_rows]),
        bits: Places::of(&mut bits[..n_rows]),
        sample: Places::of(&mut sample[..n_rows]),
        ids: Places::of(ids),
    };
    works.par_iter_mut().with_max_len(1).for_each(|work| {
        // SAFETY: the counts of the cells were turned into ranges of places, one for each thread and cell, and each
        // thread writes as many rows to a cell as it has counted.
        unsafe { scatter(work, records, &target) }
    });
    sample[kept..kept + PADDING].fill(f32::NAN);
}

/// Makes a buffer long enough, whatever becomes of its values.
///
/// Zeroed memory comes from the system untouched: the threads that fill it take its pages, each its own.
pub(super) fn make_room<T: Zeroable>(buffer: &mut Vec<T>, n: usize) {
    if buffer.len() < n {
        // The old buffer goes first, so that both are never held; windows differ by little in their rows.
        *buffer = Vec::new();
        *buffer = zeroed_vec(n + n / 32);
    }
}

/// Gives the rows of one thread their places.
///
/// # Safety
/// `work.counts` holds for each cell the first place of a range that is this thread's alone and has room for its rows of
/// that cell.
// SAFETY: what the caller promises is said above.
unsafe fn scatter(work: &mut GatherWork, records: &[Record], target: &Target) {
    let GatherWork { rows, counts, .. } = work;
    let n = rows.key.len();
    let (keys, bits, records) = (&rows.key[..n], &rows.bits[..n], &records[rows.first..rows.first + n]);
    for k in 0..n {
        if let Some(key) = keys.get(k + AHEAD) {
            let to = counts[*key as usize] as usize;
            target.order.prefetch(to);
            target.sample.prefetch(to);
            target.bits.prefetch(to);
        }
        let at = &mut counts[keys[k] as usize];
        let to = *at as usize;
        *at += 1;
        let value = if bits[k] & SAMPLE == 0 {
            f32::NAN
        } else {
            records[k].data
        };
        // SAFETY: `to` lies in the range of this thread and cell, as the caller promises.
        unsafe {
            target.order.write(to, (rows.first + k) as u32);
            target.bits.write(to, bits[k]);
            target.sample.write(to, value);
            if let Some(id) = rows.ids.get(k) {
                target.ids.write(to, *id);
            }
        }
    }
}
