//! The number of the cell of each row.

// The macro that compiles a function for several instruction sets calls its variants after asking the processor.
// Conditions are joined without branches, so that they become vector code.
#![allow(
    unsafe_code,
    clippy::needless_bitwise_bool,
    clippy::needless_range_loop,
    reason = "branch-free loops compiled for several instruction sets, as said above"
)]

use super::cells::CAME_SATURATED;
use multiversion::multiversion;

/// What the number of a cell depends on beside the row.
pub(super) struct KeyRequest {
    /// Last cell along each axis.
    pub(super) last: [i32; 3],
    /// First plane and number of planes of the window.
    pub(super) window: [i32; 2],
    /// First plane whose rows are counted, and the one behind the last.
    pub(super) counted: [i32; 2],
    /// First row of the cells that are filled, and the one behind the last.
    pub(super) strip: [i32; 2],
    /// First row of cells whose rows are counted, and the one behind the last.
    pub(super) counted_strip: [i32; 2],
    /// Whether rows outside the grid or not finite are left out.
    pub(super) drops: bool,
    /// Number for rows that are left out.
    pub(super) dropped: u32,
}

/// Cells and values of a run of rows.
pub(super) struct Placement<'a> {
    pub(super) cells: [&'a [i32]; 2],
    pub(super) plane: &'a [i32],
    /// All that must be finite.
    pub(super) values: [&'a [f32]; 4],
}

/// Counts the saturated rows of the planes and rows of cells that are counted.
pub(super) fn saturated(bits: &[u8], [planes, cells_y]: [&[i32]; 2], request: &KeyRequest) -> u64 {
    if bits.iter().fold(0, |all, bits| all | bits) & CAME_SATURATED == 0 {
        return 0;
    }
    let within = |[from, to]: [i32; 2], at: i32, last: i32| (from..to).contains(&at.clamp(0, last));
    let [_, last_j, last_l] = request.last;
    let rows = bits.iter().zip(planes.iter().zip(cells_y));
    rows.filter(|(bits, (plane, j))| {
        **bits & CAME_SATURATED != 0
            && within(request.counted, **plane, last_l)
            && within(request.counted_strip, **j, last_j)
    })
    .count() as u64
}

/// Numbers the cells of rows; returns how many rows were not finite, and outside.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn keys(request: &KeyRequest, place: &Placement<'_>, out: &mut [u32]) -> [u32; 2] {
    let n = out.len();
    let (i, j, plane) = (&place.cells[0][..n], &place.cells[1][..n], &place.plane[..n]);
    let [data, stat, x, y] = place.values.map(|values| &values[..n]);
    let [last_i, last_j, last_l] = request.last;
    let [first, width] = request.window;
    let [from, to] = request.counted;
    let [low, high] = request.strip;
    let [counted_low, counted_high] = request.counted_strip;
    let (ny, drops) = (high - low, request.drops);
    let mut counts = [0_u32; 2];
    for k in 0..n {
        // A sum of zeros times the values is no number if one of them is none.
        let finite = data[k] * 0.0 + stat[k] * 0.0 + x[k] * 0.0 + y[k] * 0.0 == 0.0;
        let (ci, cj, l) = (i[k].clamp(0, last_i), j[k].clamp(0, last_j), plane[k].clamp(0, last_l));
        let inside = (ci == i[k]) & (cj == j[k]) & (l == plane[k]);
        let in_strip = (cj >= low) & (cj < high);
        let is_counted = (l >= from) & (l < to) & (cj >= counted_low) & (cj < counted_high);
        counts[0] += u32::from(drops & is_counted & !finite);
        counts[1] += u32::from(is_counted & finite & !inside);
        let key = (ci * ny + (cj.clamp(low, high - 1) - low)).cast_unsigned() * width.cast_unsigned()
            + (l - first).cast_unsigned();
        out[k] = if (drops & !(finite & inside)) | !in_strip {
            request.dropped
        } else {
            key
        };
    }
    counts
}
