//! Sorting the lanes of a block at once by compare and exchange.

use multiversion::multiversion;

use super::block::LANES;

/// Sorts each lane of `rows` in ascending order; there must be no NaN.
///
/// # References
/// Batcher's merge exchange, Knuth, The Art of Computer Programming 3, section 5.2.2, algorithm M.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn sort_lanes(rows: &mut [[f32; LANES]]) {
    let n = rows.len();
    if n < 2 {
        return;
    }
    let top = n.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            for i in (0..n - d).filter(|i| i & p == r) {
                let (below, above) = rows.split_at_mut(i + d);
                let (low, high) = (&mut below[i], &mut above[0]);
                for (a, b) in low.iter_mut().zip(high.iter_mut()) {
                    let (x, y) = (*a, *b);
                    *a = if y < x { y } else { x };
                    *b = if y < x { x } else { y };
                }
            }
            if q == p {
                break;
            }
            d = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, sort_lanes};

    #[test]
    fn every_lane_comes_out_sorted_for_any_number_of_cubes() {
        let mut state = 1_u32;
        for n in 0..70 {
            let mut rows = vec![[0.0_f32; LANES]; n];
            for value in rows.as_flattened_mut() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 26) as f32;
            }
            let before = rows.clone();
            sort_lanes(&mut rows);
            for lane in 0..LANES {
                let mut expected: Vec<f32> = before.iter().map(|row| row[lane]).collect();
                expected.sort_by(f32::total_cmp);
                let found: Vec<f32> = rows.iter().map(|row| row[lane]).collect();
                assert_eq!(found, expected);
            }
        }
    }
}
