//! What a stack takes from the memory: windows of rows, and what stands beside them.

use phoenix_core::frame::FrameRef;
use phoenix_core::plan::Resources;

/// Least memory for windows: small inputs fit whole.
const LEAST_WINDOW_BYTES: u64 = 40 << 20;
/// Most memory for windows: larger ones are no faster.
const MOST_WINDOW_BYTES: u64 = 3 << 30;
/// Bytes of one row in the files.
const ROW_BYTES: u64 = 28;
/// Bytes of a window for each row of the longest exposure: as many rows as it has go into a window, nearly.
const WINDOW_BYTES_PER_ROW: u64 = 50;
/// Program, images, buffers of readers and writers.
const BASE_BYTES: u64 = 40 << 20;
/// Fewest rows of a block of the index, and most blocks of an exposure.
const BLOCKS: [u64; 2] = [32, 196_608];
/// Bytes of the index for each block; what strips need to know beside is counted with their windows.
const BLOCK_BYTES: u64 = 5;

/// Memory for windows below which no stack is begun; fields that need more say so when they are known.
const FLOOR_BYTES: u64 = 8 << 20;
/// Threads that can be used well.
pub(crate) const MOST_THREADS: usize = 64;

/// Returns the memory that a window is made to fill: it follows from the longest exposure, whatever their number.
pub(crate) fn wanted_window_bytes(n_rows: impl Iterator<Item = u64>) -> usize {
    let bytes = n_rows.max().unwrap_or(0).saturating_mul(WINDOW_BYTES_PER_ROW);
    usize::try_from(bytes.clamp(LEAST_WINDOW_BYTES, MOST_WINDOW_BYTES)).unwrap_or(usize::MAX)
}

/// Returns the memory that windows may take of a budget; half of it at least.
pub(crate) fn allowed_window_bytes(budget_bytes: u64, n_rows: impl Iterator<Item = u64>) -> usize {
    let rest = rest_bytes(n_rows);
    let bytes = budget_bytes.saturating_sub(rest).max(budget_bytes / 2);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Returns the least budget that allows windows of `window_bytes`.
pub(crate) fn least_budget_bytes(window_bytes: usize, n_rows: impl Iterator<Item = u64>) -> u64 {
    let bytes = window_bytes as u64;
    bytes.saturating_add(bytes.min(rest_bytes(n_rows)))
}

/// Returns what a stack of these inputs is expected to take, and what it takes at least: both bounded, however many rows
/// there are.
pub(crate) fn resources(inputs: &[FrameRef]) -> Resources {
    let tables = || inputs.iter().filter(|frame| frame.tag.as_str().starts_with("PIXTABLE"));
    let n_rows = || tables().map(|table| table.size_bytes.unwrap_or(0) / ROW_BYTES);
    Resources {
        memory_bytes: rest_bytes(n_rows()).saturating_add(wanted_window_bytes(n_rows()) as u64),
        threads: MOST_THREADS,
        floor_bytes: FLOOR_BYTES + index_bytes(n_rows()),
    }
}

/// Bytes of all that is no window.
fn rest_bytes(n_rows: impl Iterator<Item = u64>) -> u64 {
    BASE_BYTES + index_bytes(n_rows)
}

/// Bytes of the indices of all exposures.
fn index_bytes(n_rows: impl Iterator<Item = u64>) -> u64 {
    let [rows, most] = BLOCKS;
    n_rows.map(|n| n.div_ceil(rows).min(most) * BLOCK_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use phoenix_core::frame::FrameRef;

    use super::{
        BLOCK_BYTES, BLOCKS, FLOOR_BYTES, ROW_BYTES, allowed_window_bytes, least_budget_bytes, resources, rest_bytes,
        wanted_window_bytes,
    };

    fn tables(n: usize, n_rows: u64) -> Vec<FrameRef> {
        let table = |n: usize| FrameRef {
            id: format!("table-{n}").into(),
            tag: "PIXTABLE_REDUCED".into(),
            location: String::new(),
            size_bytes: Some(n_rows * ROW_BYTES),
            digest: None,
        };
        (0..n).map(table).collect()
    }

    #[test]
    fn the_plan_and_the_run_mean_the_same_memory() {
        let rows = || std::iter::repeat_n(5_000_000, 16);
        let planned = resources(&tables(16, 5_000_000));
        assert_eq!(
            planned.memory_bytes,
            rest_bytes(rows()) + wanted_window_bytes(rows()) as u64
        );
        assert_eq!(
            allowed_window_bytes(planned.memory_bytes, rows()),
            wanted_window_bytes(rows())
        );
        let [four, many] = [4, 64].map(|n| resources(&tables(n, 320_000_000)));
        assert!(many.memory_bytes - four.memory_bytes <= 60 * BLOCKS[1] * BLOCK_BYTES);
        assert_eq!(many.floor_bytes, FLOOR_BYTES + 64 * BLOCKS[1] * BLOCK_BYTES);
        assert!(four.memory_bytes < 4 << 30 && four.floor_bytes < 32 << 20);
    }

    #[test]
    fn a_window_depends_on_the_longest_exposure_and_not_on_their_number() {
        let of = |n: usize| wanted_window_bytes(std::iter::repeat_n(5_000_000, n));
        assert_eq!(of(64), of(4));
        assert!(of(4) > 200 << 20);
    }

    #[test]
    fn the_least_budget_allows_just_what_was_asked_for() {
        for window in [1_000, 10 << 20, 100 << 20, 2_usize << 30] {
            let rows = || std::iter::repeat_n(5_000_000, 16);
            let budget = least_budget_bytes(window, rows());
            assert_eq!(allowed_window_bytes(budget, rows()), window);
            assert!(allowed_window_bytes(budget - 2, rows()) < window);
        }
    }
}
