//! How far the centres of neighbouring voxels are from each other: what spares drizzle most of its neighbours.

use super::centres::{Centre, Centres};
use rayon::prelude::*;
use std::ops::Range;

/// Columns of voxels that are looked through at once.
const COLUMNS: usize = 32;
/// Covers the rounding of distances and overlaps.
const MARGIN: f64 = 1.0 + 1e-9;

impl Centres {
    /// Looks at all centres: returns the distances of a row to the voxel in its own row (or column) beyond which no other voxel
    /// of that column (or row) within `reach` is nearer than `near`, infinite where that cannot be said; and tells whether x and y
    /// of the centres rise with the voxel's number, if a row that is nearer than `near` to the centre of a neighbour along
    /// an axis always lies on that neighbour's side of its own voxel's centre, wavelengths included.
    pub(super) fn far_and_sides(&self, near: [f64; 2], thickness: f64, reach: usize) -> ([f64; 2], Option<[bool; 2]>) {
        let [nx, ny, _] = self.grid.naxis;
        let more = reach.max(1);
        let groups = (0..nx.div_ceil(COLUMNS)).into_par_iter();
        let found: Vec<_> = groups
            .map_init(Vec::new, |centres, group| {
                let own = group * COLUMNS..((group + 1) * COLUMNS).min(nx);
                let all = own.start.saturating_sub(more)..(own.end + more).min(nx);
                centres.clear();
                for i in all.clone() {
                    centres.extend((0..ny).map(|j| self.glance(i, j)));
                }
                let group = Columns { own, centres, all, ny };
                (group.steps(reach), group.rises(near))
            })
            .collect();
        let most = |of: fn(&Steps) -> f64| found.iter().map(|(steps, _)| of(steps)).fold(0.0, f64::max);
        let (shift, ratio) = ([most(|s| s.shift[0]), most(|s| s.shift[1])], most(|s| s.ratio));
        let x = if ratio < 0.5 {
            (near[0] + shift[0]) / (1.0 - ratio) * MARGIN
        } else {
            f64::INFINITY
        };
        let sides = (found.iter().map(|(_, rises)| *rises))
            .try_fold([None; 2], |all, rises| join(all, rises?))
            .filter(|_| self.is_thick_enough(thickness));
        (
            [x, (near[1] + shift[1]) * MARGIN],
            sides.map(|rises| rises.map(|rise| rise.unwrap_or(true))),
        )
    }

    /// Tells whether a row that reaches a neighbouring plane always lies on that plane's side of its own plane's centre.
    fn is_thick_enough(&self, thickness: f64) -> bool {
        let reached = |l: usize| MARGIN * 0.5 * (thickness + self.height[l].max(self.height[l + 1]));
        let mut planes = self.lambda.windows(2).enumerate();
        planes.all(|(l, pair)| pair[1] - pair[0] >= reached(l))
    }
}

/// Joins what is known of the directions along x and y; `None` where they differ.
fn join(all: [Option<bool>; 2], more: [Option<bool>; 2]) -> Option<[Option<bool>; 2]> {
    let differ = |(a, b): (&Option<bool>, &Option<bool>)| a.is_some() && b.is_some() && a != b;
    let joined = [all[0].or(more[0]), all[1].or(more[1])];
    (!all.iter().zip(&more).any(differ)).then_some(joined)
}

/// Some columns of voxels with those beside them.
struct Columns<'a> {
    own: Range<usize>,
    /// Centres of `all` columns, y fastest.
    centres: &'a [Centre],
    all: Range<usize>,
    ny: usize,
}

/// Most that neighbours differ by.
#[derive(Clone, Copy, Default)]
struct Steps {
    /// Of x along y and of y along x.
    shift: [f64; 2],
    /// Of the cosine along y, as a part of it.
    ratio: f64,
}

impl Columns<'_> {
    fn at(&self, i: usize, j: usize) -> &Centre {
        &self.centres[(i - self.all.start) * self.ny + j]
    }

    fn steps(&self, reach: usize) -> Steps {
        let Steps { mut shift, mut ratio } = Steps::default();
        for i in self.own.clone() {
            for j in 0..self.ny {
                let here = self.at(i, j);
                for step in 1..=reach {
                    if j + step < self.ny {
                        let there = self.at(i, j + step);
                        let (least, most) = (here.cos.min(there.cos), here.cos.max(there.cos));
                        shift[0] = shift[0].max((here.x - there.x).abs() * most);
                        ratio = ratio.max((most - least) / least);
                    }
                    if i + step < self.all.end {
                        shift[1] = shift[1].max((here.y - self.at(i + step, j).y).abs());
                    }
                }
            }
        }
        Steps { shift, ratio }
    }

    /// Whether x and y rise with the voxel's number, by `near` at least.
    fn rises(&self, near: [f64; 2]) -> Option<[Option<bool>; 2]> {
        let mut rises = [None; 2];
        let mut holds = |axis: usize, step: f64, cos: f64| {
            let rise = *rises[axis].get_or_insert(step > 0.0);
            (step > 0.0) == rise && step.abs() * cos >= near[axis] * MARGIN
        };
        for i in self.own.clone() {
            for j in 0..self.ny {
                let here = self.at(i, j);
                for other in j.saturating_sub(1)..(j + 2).min(self.ny) {
                    if i + 1 < self.all.end {
                        let there = self.at(i + 1, other);
                        if !holds(0, there.x - here.x, here.cos.min(there.cos)) {
                            return None;
                        }
                    }
                }
                for other in i.saturating_sub(1).max(self.all.start)..(i + 2).min(self.all.end) {
                    if j + 1 < self.ny && !holds(1, self.at(other, j + 1).y - here.y, 1.0) {
                        return None;
                    }
                }
            }
        }
        Some(rises)
    }
}

#[cfg(test)]
mod tests {
    use super::super::centres::Centres;
    use super::super::grid::{CubeGrid, start};
    use super::super::spectral::SpectralAxis;
    use crate::math::Portable;

    #[test]
    fn a_grid_too_coarse_for_its_drops_or_turned_has_no_sides() {
        let mut turned = start(true, [150.1, -27.5], [0.2, 0.2, 1.25], SpectralAxis::Awav);
        turned.naxis = [70, 130, 3];
        turned.crpix = [35.0, 65.0];
        turned.spectral.crval = 7000.0;
        let near = [0.16 / 3600.0; 2];
        let sides = |grid: &CubeGrid, near| Centres::of::<Portable>(grid, grid.crval).far_and_sides(near, 0.75, 1).1;
        assert_eq!(sides(&turned, near), Some([false, true]));
        assert_eq!(sides(&turned, [0.21 / 3600.0, near[1]]), None);
        let s = 0.2 / 3600.0 * 0.5_f64.sqrt();
        turned.cd = [[-s, s], [s, s]];
        assert_eq!(sides(&turned, near), None);
    }
}
