//! What the variance of a cube leaves out: factors for typical blocks in the header, and the whole covariance of a named part.

use std::ops::Range;

use ndarray::Array2;
use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::traits::RecipeError;
use phoenix_kernels::ifu::{CubeGrid, MOST_VOXELS};
use phoenix_kit::units;

/// Tag of the product.
pub const TAG: &str = "COVARIANCE";

/// Blocks of voxels (x, y, wave) for which the header tells what the variance leaves out.
pub const BLOCKS: [[usize; 3]; 3] = [[3, 3, 1], [5, 5, 1], [1, 1, 10]];

/// Letters of the axes in the keywords.
const AXES: [&str; 3] = ["X", "Y", "Z"];

/// Writes how much more uncertain means over blocks are than the variances say; a block that fits nowhere has no card.
pub fn set_factors(header: &mut Header, factors: &[Option<f64>]) {
    for (n, (block, factor)) in (1..).zip(BLOCKS.into_iter().zip(factors)) {
        let Some(factor) = factor else { continue };
        let [x, y, wave] = block;
        header.set(
            format!("PHX.COVAR{n}.BLOCK"),
            format!("{x}x{y}x{wave}"),
            "voxels (x, y, wave) of a mean",
        );
        header.set(
            format!("PHX.COVAR{n}.FACTOR"),
            *factor,
            "true error of the mean over that from STAT",
        );
    }
}

fn refuse(reason: String) -> RecipeError {
    RecipeError::Parameter {
        name: "covariance".into(),
        reason,
    }
}

/// Reads the parameter `covariance`: first and last pixel of x, y and plane as FITS counts them, e.g. `11:14,20:22,301:310`;
/// a single number is a range of one, an empty text none at all.
///
/// # Errors
/// `Parameter`.
pub fn part(text: &str) -> Result<Option<[Range<usize>; 3]>, RecipeError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let malformed = || refuse(format!("{text:?} is not three ranges such as 11:14,20:22,301:310"));
    let range = |word: &str| -> Option<Range<usize>> {
        let (first, last) = word.split_once(':').unwrap_or((word, word));
        let (first, last) = (first.trim().parse::<usize>().ok()?, last.trim().parse().ok()?);
        (first >= 1 && first <= last).then(|| first - 1..last)
    };
    let ranges: Vec<Range<usize>> = text
        .split(',')
        .map(range)
        .collect::<Option<_>>()
        .ok_or_else(malformed)?;
    let ranges: [Range<usize>; 3] = ranges.try_into().map_err(|_| malformed())?;
    let n = ranges.iter().fold(1_usize, |n, range| n.saturating_mul(range.len()));
    if n > MOST_VOXELS {
        return Err(refuse(format!("{text:?} has {n} voxels, {MOST_VOXELS} is the most")));
    }
    Ok(Some(ranges))
}

/// Checks that a part lies inside a cube.
///
/// # Errors
/// `Parameter`.
pub fn check_inside(part: &[Range<usize>; 3], grid: &CubeGrid) -> Result<(), RecipeError> {
    for ((range, n), axis) in part.iter().zip(grid.naxis).zip(["x", "y", "plane"]) {
        if range.end > n {
            return Err(refuse(format!("{axis} ends at {}, the cube at {n}", range.end)));
        }
    }
    Ok(())
}

/// Makes the product: the covariance of each pair of voxels, x fastest, then y, then plane.
pub fn product(matrix: Array2<f64>, part: &[Range<usize>; 3], cube: &Header, unit: &str) -> Product {
    let name = format!("{TAG}.fits");
    let mut header = cube.clone();
    header.set("PIPEFILE", name.as_str(), "");
    header.set("PRO.CATG", TAG, "");
    let mut image = Header::new();
    image.set("BUNIT", units::variance(unit), "");
    for (range, axis) in part.iter().zip(AXES) {
        image.set(
            format!("PHX.COVMAT.{axis}1"),
            range.start + 1,
            "[pix] first voxel in the cube, from 1",
        );
        image.set(
            format!("PHX.COVMAT.{axis}2"),
            range.end,
            "[pix] last voxel in the cube, from 1",
        );
    }
    Product {
        tag: TAG.into(),
        name,
        header,
        hdus: vec![Hdu {
            name: TAG.into(),
            header: image,
            data: HduData::Image(Pixels::F64(matrix.into_dyn())),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_part_is_three_ranges_counted_from_one() {
        assert_eq!(part(" 3:4, 7,1:2 ").unwrap(), Some([2..4, 6..7, 0..2]));
        assert_eq!(part("").unwrap(), None);
        for wrong in ["1:2,3:4", "0:2,1,1", "4:3,1,1", "a,b,c", "1,1,1,1", "1:100,1:100,1"] {
            let text = part(wrong).unwrap_err().to_string();
            assert!(text.contains("covariance"), "{wrong}: {text}");
        }
    }
}
