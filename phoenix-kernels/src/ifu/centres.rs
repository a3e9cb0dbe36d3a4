//! Where the centres of voxels are, computed once for the part of a grid that rows come near.

use super::celestial::DEGREES;
use super::cells::Record;
use super::grid::CubeGrid;
use crate::math::Math;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Columns and rows of voxels whose centres are computed together.
const SIDE: usize = 16;
/// Grids up to this many columns and rows keep all centres that were looked at.
const SMALL: usize = 1 << 18;

/// Where the voxels of one column and row are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Centre {
    /// Absolute first coordinate.
    pub x: f64,
    /// Absolute second coordinate.
    pub y: f64,
    /// Cosine of the declination; 1 on a grid in pixels.
    pub cos: f64,
}

impl Centre {
    fn of<M: Math>(grid: &CubeGrid, [i, j]: [usize; 2]) -> Self {
        let (px, py) = ((i + 1) as f64, (j + 1) as f64);
        if grid.celestial {
            let [x, y] = grid.gnomonic().sky::<M>(px, py);
            let cos = M::cos(y / DEGREES);
            Self { x, y, cos }
        } else {
            let (dx, dy) = (px - grid.crpix[0], py - grid.crpix[1]);
            let [[a, b], [c, d]] = grid.cd;
            Self {
                x: a * dx + b * dy + grid.crval[0],
                y: c * dx + d * dy + grid.crval[1],
                cos: 1.0,
            }
        }
    }
}

/// Where voxel centres are.
///
/// # Numerics
/// Those of columns and rows are computed where they are first asked for, and kept: what no row comes near takes no memory.
#[derive(Clone, Debug)]
pub struct Centres {
    /// What turns the relative positions of rows into absolute ones.
    pub origin: [f64; 2],
    /// Wavelength of each plane.
    pub lambda: Vec<f64>,
    /// Thickness of each plane, Angstrom.
    pub height: Vec<f64>,
    pub(super) grid: CubeGrid,
    of: fn(&CubeGrid, [usize; 2]) -> Centre,
    /// Centres of [`SIDE`] columns and rows, y fastest.
    tiles: Vec<OnceLock<Box<[Centre; SIDE * SIDE]>>>,
    /// Tiles along y.
    along_y: usize,
}

impl Centres {
    /// Finds the voxel centres of a grid; rows are relative to `origin` (degrees) on the sky and absolute in pixels.
    pub fn of<M: Math>(grid: &CubeGrid, origin: [f64; 2]) -> Self {
        let [nx, ny, nz] = grid.naxis;
        let along_y = ny.div_ceil(SIDE);
        Self {
            origin: if grid.celestial { origin } else { [0.0; 2] },
            lambda: (1..=nz).map(|l| grid.spectral.lambda::<M>(l as f64)).collect(),
            height: (1..=nz).map(|l| grid.spectral.height::<M>(l as f64)).collect(),
            grid: *grid,
            of: Centre::of::<M>,
            tiles: vec![OnceLock::new(); nx.div_ceil(SIDE) * along_y],
            along_y,
        }
    }

    /// Returns the centre of the voxels of a column and a row.
    #[inline]
    pub fn at(&self, i: usize, j: usize) -> &Centre {
        let tile = &self.tiles[i / SIDE * self.along_y + j / SIDE];
        let tile = tile.get_or_init(|| self.tile([i / SIDE, j / SIDE]));
        &tile[i % SIDE * SIDE + j % SIDE]
    }

    #[cold]
    fn tile(&self, [i, j]: [usize; 2]) -> Box<[Centre; SIDE * SIDE]> {
        let mut tile = Box::new([Centre::default(); SIDE * SIDE]);
        for (place, centre) in tile.iter_mut().enumerate() {
            *centre = (self.of)(&self.grid, [i * SIDE + place / SIDE, j * SIDE + place % SIDE]);
        }
        tile
    }

    /// Returns the centre of the voxels of a column and a row, and keeps it on a small grid only.
    pub(super) fn glance(&self, i: usize, j: usize) -> Centre {
        if self.is_small() {
            *self.at(i, j)
        } else {
            (self.of)(&self.grid, [i, j])
        }
    }

    /// Whether all centres are kept, whatever rows come near; they count with the program.
    fn is_small(&self) -> bool {
        self.grid.naxis[0] * self.grid.naxis[1] <= SMALL
    }

    /// Bytes that all centres would take, if they count.
    pub(super) fn most_bytes(&self) -> usize {
        if self.is_small() {
            0
        } else {
            self.tiles.len() * size_of::<[Centre; SIDE * SIDE]>()
        }
    }

    /// Returns what finds out how many bytes the centres take that rows come near.
    pub(super) fn marks(&self) -> Marks<'_> {
        let n = if self.is_small() { 0 } else { self.tiles.len() };
        Marks {
            centres: self,
            tiles: std::iter::repeat_with(AtomicBool::default).take(n).collect(),
        }
    }

    /// As [`Self::distance`], with the reference added where it should be subtracted: the pipeline's `nearest`.
    pub(super) fn distance_with_wrong_sign(&self, [i, j]: [usize; 2], record: &Record) -> [f64; 2] {
        let centre = self.at(i, j);
        [
            (centre.x - f64::from(record.x) + self.origin[0]) * centre.cos,
            centre.y - f64::from(record.y) + self.origin[1],
        ]
    }

    /// Absolute distances along the spatial axes between the centre of a column and row of voxels and a row of a table.
    #[inline]
    pub(super) fn distance(&self, [i, j]: [usize; 2], record: &Record) -> [f64; 2] {
        let centre = self.at(i, j);
        [
            (centre.x - (f64::from(record.x) + self.origin[0])).abs() * centre.cos,
            (centre.y - (f64::from(record.y) + self.origin[1])).abs(),
        ]
    }
}

/// Groups of centres that rows come near.
#[derive(Debug)]
pub(super) struct Marks<'a> {
    centres: &'a Centres,
    tiles: Vec<AtomicBool>,
}

impl Marks<'_> {
    /// Marks where rows are; what lies outside the grid is put into its border.
    pub(super) fn mark(&self, [i, j]: [&[i32]; 2]) {
        if self.tiles.is_empty() {
            return;
        }
        let [nx, ny, _] = self.centres.grid.naxis.map(|n| n as i32);
        for (i, j) in i.iter().zip(j) {
            let (i, j) = ((*i).clamp(0, nx - 1) as usize, (*j).clamp(0, ny - 1) as usize);
            let tile = &self.tiles[i / SIDE * self.centres.along_y + j / SIDE];
            if !tile.load(Ordering::Relaxed) {
                tile.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Bytes of the centres within `reach` of the rows.
    pub(super) fn bytes(&self, reach: usize) -> usize {
        let (along_y, more) = (self.centres.along_y, reach.div_ceil(SIDE));
        let along_x = self.tiles.len() / along_y.max(1);
        let is_near = |i: usize, j: usize| {
            let around = |at: usize, n: usize| at.saturating_sub(more)..(at + more + 1).min(n);
            around(i, along_x).any(|i| around(j, along_y).any(|j| self.tiles[i * along_y + j].load(Ordering::Relaxed)))
        };
        let near = (0..self.tiles.len()).filter(|tile| is_near(tile / along_y, tile % along_y));
        near.count() * size_of::<[Centre; SIDE * SIDE]>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::{CubeGrid, start};
    use super::super::spectral::SpectralAxis;
    use super::{Centre, Centres, SIDE};
    use crate::math::Portable;

    fn grid(naxis: [usize; 3]) -> CubeGrid {
        let mut grid = start(true, [150.1, -27.5], [0.2, 0.2, 1.25], SpectralAxis::Awav);
        grid.naxis = naxis;
        grid.crpix = [0.5 * naxis[0] as f64, 0.5 * naxis[1] as f64];
        grid.spectral.crval = 7000.0;
        grid
    }

    #[test]
    fn centres_of_a_large_grid_are_kept_only_where_they_were_asked_for() {
        let grid = grid([700, 500, 3]);
        let centres = Centres::of::<Portable>(&grid, grid.crval);
        let near = [0.16 / 3600.0; 2];
        let (far, sides) = centres.far_and_sides(near, 0.75, 1);
        assert!(
            far[0] > near[0] && far[0] < 2.0 * near[0] && sides == Some([false, true]),
            "{far:?} {sides:?}"
        );
        let kept = || centres.tiles.iter().filter(|tile| tile.get().is_some()).count();
        assert_eq!(kept(), 0);
        for at in [[3, 4], [5, SIDE - 1], [699, 499], [SIDE, 0]] {
            let expected = Centre::of::<Portable>(&grid, at);
            let found = centres.at(at[0], at[1]);
            let bits = |centre: &Centre| [centre.x, centre.y, centre.cos].map(f64::to_bits);
            assert_eq!(bits(found), bits(&expected));
        }
        assert_eq!(kept(), 3);
        let marks = centres.marks();
        marks.mark([&[3, 40, 1000], &[4, 40, 1000]]);
        // Tiles around (0, 0) and (2, 2) share one; that in the corner has three beside it.
        assert_eq!(marks.bytes(1), (4 + 9 - 1 + 4) * size_of::<[Centre; SIDE * SIDE]>());
    }
}
