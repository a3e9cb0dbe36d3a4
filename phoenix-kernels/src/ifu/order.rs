//! Whether rows lie in an order in which a window reads few of them in vain, and the planes by which to put them into one.

use super::position::Locator;
use super::stack::Stack;
use crate::math::{Numerics, Portable, System};
use rayon::prelude::*;

/// Rows are in no order if they are read more than this many times as often as the margins of windows ask for.
const MOST_READS: f64 = 4.0;

impl Stack<'_> {
    /// Returns how often windows that hold nothing for each other would read each row of each exposure, on average.
    ///
    /// # Contract
    /// Windows overlap by their margins, so that for rows in the best order it is `(w + 2 m) / w`, `w` being the planes of a
    /// window and `m` those of a margin.
    pub fn reads(&self) -> Vec<f64> {
        let (nz, margin) = (self.grid().naxis[2], self.margin());
        let windows = (0..nz).step_by(self.window_planes());
        let windows: Vec<_> = windows
            .map(|first| first.saturating_sub(margin)..(first + self.window_planes() + margin).min(nz))
            .collect();
        let of = |(exposure, index): (&super::Exposure<'_>, &super::blocks::PlaneIndex)| {
            let mut read = 0;
            for window in &windows {
                index.touching(window, |rows, _| read += rows.end - rows.start);
            }
            read as f64 / exposure.rows.len().max(1) as f64
        };
        self.exposures.par_iter().zip(&self.index).map(of).collect()
    }

    /// Tells which exposures have rows in no order: windows would read most of them in vain.
    ///
    /// Sorted by [`Stack::planes_of`], stable otherwise, they give the same cube with few reads.
    pub fn disordered(&self) -> Vec<bool> {
        let (window, margin) = (self.window_planes() as f64, self.margin() as f64);
        let best = (window + 2.0 * margin) / window;
        self.reads()
            .into_iter()
            .map(|reads| reads > MOST_READS * best)
            .collect()
    }

    /// Finds the plane of each wavelength (Angstrom, air) in whose cells its row lies; `None` where it lies in no cell.
    ///
    /// # Numerics
    /// Exactly the planes into which a run sorts the rows.
    pub fn planes_of(&self, lambda: &[f32], planes: &mut Vec<Option<u32>>) {
        let (mut lambda, mut found) = (lambda.to_vec(), Vec::new());
        let (range, origin) = (self.options.lambda_range, self.centres.origin);
        match self.options.numerics {
            Numerics::Eso => {
                Locator::<System>::new(&self.grid, origin, Numerics::Eso).planes(&mut lambda, range, &mut found);
            }
            Numerics::Phoenix => {
                Locator::<Portable>::new(&self.grid, origin, Numerics::Phoenix).planes(&mut lambda, range, &mut found);
            }
        }
        let last = self.grid.naxis[2] as i32 - 1;
        planes.clear();
        planes.extend(found.into_iter().map(|plane| match self.options.numerics {
            _ if plane == i32::MIN => None,
            // What lies outside is put into the border planes.
            Numerics::Eso => Some(plane.clamp(0, last) as u32),
            Numerics::Phoenix => (0..=last).contains(&plane).then_some(plane as u32),
        }));
    }

    /// Planes, and rows of cells of a strip, on either side that a window reads beside its own.
    pub(super) fn margin(&self) -> usize {
        self.reach() + usize::from(self.options.cosmic.sigma > 0.0)
    }
}
