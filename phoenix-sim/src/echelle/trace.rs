//! An order, column by column of the binned detector.

use super::Format;

/// Wavelengths and places of an order at the edges of the binned columns.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) order: u32,
    /// Wavelength at the edges; one more than columns.
    pub(crate) edges_nm: Vec<f64>,
    /// Centre of the slit at each column, binned pixels counted from 1.
    pub(crate) y: Vec<f64>,
}

impl Trace {
    /// Follows an order over the detector.
    pub(crate) fn of(format: &Format, order: u32, binning: usize) -> Option<Self> {
        let n = format.n_x / binning;
        let step = binning as f64;
        let mut guess = Guess::of(format, order)?;
        let mut edges_nm = Vec::with_capacity(n + 1);
        let mut heights = Vec::with_capacity(n + 1);
        for edge in 0..=n {
            let (lambda_nm, y) = guess.refine(format, order, edge as f64 * step + 0.5)?;
            edges_nm.push(lambda_nm);
            heights.push(y);
        }
        let y = heights
            .windows(2)
            .map(|pair| Some(binned(0.5 * (pair.first()? + pair.last()?), binning)))
            .collect::<Option<_>>()?;
        Some(Self { order, edges_nm, y })
    }

    /// Returns the dispersion at a column counted from 1.
    pub(crate) fn nm_per_px(&self, x: f64) -> Option<f64> {
        let column = (x - 0.5).max(0.0) as usize;
        let last = self.edges_nm.len().checked_sub(2)?;
        let column = column.min(last);
        Some((self.edges_nm.get(column + 1)? - self.edges_nm.get(column)?).abs())
    }

    pub(crate) fn range_nm(&self) -> (f64, f64) {
        let ends = (self.edges_nm.first(), self.edges_nm.last());
        match ends {
            (Some(a), Some(b)) => (a.min(*b), a.max(*b)),
            _ => (0.0, 0.0),
        }
    }
}

/// Turns unbinned pixels counted from 1 into binned ones.
fn binned(pixel: f64, binning: usize) -> f64 {
    (pixel - 0.5) / binning as f64 + 0.5
}

/// A wavelength and the dispersion there, carried from column to column.
struct Guess {
    lambda_nm: f64,
    nm_per_px: f64,
}

impl Guess {
    fn of(format: &Format, order: u32) -> Option<Self> {
        let lambda_nm = format.blaze_lambda_nm(order);
        let step = lambda_nm * 1e-5;
        let here = format.position(order, lambda_nm)?;
        let there = format.position(order, lambda_nm + step)?;
        Some(Self {
            lambda_nm,
            nm_per_px: step / (there[0] - here[0]),
        })
    }

    /// Finds the wavelength at a column by secant steps; the dispersion changes by a thousandth between columns.
    fn refine(&mut self, format: &Format, order: u32, x: f64) -> Option<(f64, f64)> {
        let mut y = 0.0;
        for _ in 0..24 {
            let here = format.position(order, self.lambda_nm)?;
            y = here[1];
            let miss = x - here[0];
            if miss.abs() < 1e-8 {
                break;
            }
            let before = self.lambda_nm;
            self.lambda_nm += miss * self.nm_per_px;
            if miss.abs() > 1e-3 {
                let moved = format.position(order, self.lambda_nm)?[0] - here[0];
                self.nm_per_px = (self.lambda_nm - before) / moved;
            }
        }
        Some((self.lambda_nm, y))
    }
}
