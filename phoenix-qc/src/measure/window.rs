//! Planes of a product in windows of bounded size.

use std::ops::Range;

use phoenix_core::product::PlaneSource;
use phoenix_core::traits::QcError;

/// Hands each plane of a range to `visit`, holding at most `window_bytes` (but at least one plane) in memory.
pub(crate) fn for_each_plane(
    product: &str,
    source: &dyn PlaneSource,
    range: Range<usize>,
    window_bytes: usize,
    mut visit: impl FnMut(usize, &[f32]),
) -> Result<(), QcError> {
    let [_, n_y, n_x] = source.shape();
    let plane_len = n_y * n_x;
    if plane_len == 0 {
        return Ok(());
    }
    let height = (window_bytes / (plane_len * size_of::<f32>())).clamp(1, range.len().max(1));
    let mut buffer = vec![0.0; height * plane_len];
    let mut first = range.start;
    while first < range.end {
        let last = (first + height).min(range.end);
        let window = &mut buffer[..(last - first) * plane_len];
        source.read(first..last, window).map_err(|source| QcError::Unreadable {
            product: product.to_owned(),
            source,
        })?;
        for (offset, plane) in window.chunks_exact(plane_len).enumerate() {
            visit(first + offset, plane);
        }
        first = last;
    }
    Ok(())
}
