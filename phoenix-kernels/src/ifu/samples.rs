//! What is learnt from a few planes beside the cube: formed while their rows are at hand, read again only where they were not.

use super::covariance::BlockRatios;
use super::coverage::Coverage;
use super::stack::Stack;
use super::window::WindowWork;
use crate::math::{Math, Numerics, Portable, System};
use crate::{Hooks, KernelError};
use ndarray::Array2;

/// Asks a run over a stack for an exposure map, for covariance factors, for both or nothing.
///
/// # Contract
/// Serves one stack. What comes out is the same whether the planes were seen in a run or are read for it.
#[derive(Debug, Default)]
pub struct Samples {
    coverage: Option<Coverage>,
    ratios: Option<BlockRatios>,
}

impl Samples {
    /// Asks for an exposure map.
    #[must_use]
    pub fn with_exposure_map(mut self, stack: &Stack<'_>) -> Self {
        self.coverage = Some(Coverage::new(stack));
        self
    }

    /// Asks for the covariance factors of means over `blocks` voxels (x, y, wavelength).
    #[must_use]
    pub fn with_covariance(mut self, stack: &Stack<'_>, blocks: &[[usize; 3]]) -> Self {
        self.ratios = Some(BlockRatios::new(stack, blocks));
        self
    }

    /// Learns what the planes of a window tell.
    pub(super) fn look<M: Math>(&mut self, stack: &Stack<'_>, work: &WindowWork) {
        if let Some(coverage) = &mut self.coverage {
            coverage.look::<M>(stack, work);
        }
        if let Some(ratios) = &mut self.ratios {
            ratios.look::<M>(stack, work);
        }
    }

    /// Sums, for each spaxel, the times of the exposures that reach it; reads the planes that were not seen.
    ///
    /// # Contract
    /// `seconds` has one time for each exposure. An exposure reaches a spaxel if, resampled alone, it gives it a value in at
    /// least half of the sampled runs of planes in which it gives any; rows that only the cosmic-ray test rejects count.
    /// # Shapes
    /// (ny, nx).
    /// # Units
    /// Those of `seconds`; 0 where no exposure reaches.
    /// # Numerics
    /// Three runs of two planes, evenly spread over the cube, stand for all. The same bits for any number of threads.
    /// # Errors
    /// `Shape` if the number of times is another than that of exposures; `Stopped`, `Read`.
    pub fn exposure_map(
        &mut self,
        stack: &Stack<'_>,
        seconds: &[f64],
        hooks: &Hooks<'_>,
    ) -> Result<Array2<f32>, KernelError> {
        let coverage = self.coverage.get_or_insert_with(|| Coverage::new(stack));
        match stack.options.numerics {
            Numerics::Eso => coverage.complete::<System>(stack, hooks)?,
            Numerics::Phoenix => coverage.complete::<Portable>(stack, hooks)?,
        }
        coverage.sum(stack, seconds)
    }

    /// Tells by how much the error of a mean over each of the blocks asked for exceeds what independent variances say: true
    /// error over independent error, from blocks spread evenly over the cube; reads the planes that were not seen.
    ///
    /// # Contract
    /// `None` where no sample block is complete. 1 for `Nearest`, whose voxels share no rows. Empty if nothing was asked for.
    /// # Numerics
    /// For each block the weights of every row over all its voxels are formed as in the resampling; the factor is the
    /// root of the mean ratio of variances, so that deviations divided by it have unit mean square.
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    /// # References
    /// `docs/algorithms/ifu-covariance.md`.
    pub fn covariance_factors(
        &mut self,
        stack: &Stack<'_>,
        hooks: &Hooks<'_>,
    ) -> Result<Vec<Option<f64>>, KernelError> {
        let Some(ratios) = &mut self.ratios else {
            return Ok(Vec::new());
        };
        match stack.options.numerics {
            Numerics::Eso => ratios.complete::<System>(stack, hooks)?,
            Numerics::Phoenix => ratios.complete::<Portable>(stack, hooks)?,
        }
        Ok(ratios.factors())
    }
}

impl Stack<'_> {
    /// Makes an exposure map of planes read for it alone, as [`Samples::exposure_map`] does.
    ///
    /// # Errors
    /// `Shape`, `Stopped`, `Read`.
    pub fn exposure_map(&self, seconds: &[f64], hooks: &Hooks<'_>) -> Result<Array2<f32>, KernelError> {
        Samples::default().exposure_map(self, seconds, hooks)
    }

    /// Measures covariance factors on planes read for it alone, as [`Samples::covariance_factors`] does.
    ///
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub fn covariance_factors(
        &self,
        blocks: &[[usize; 3]],
        hooks: &Hooks<'_>,
    ) -> Result<Vec<Option<f64>>, KernelError> {
        Samples::default()
            .with_covariance(self, blocks)
            .covariance_factors(self, hooks)
    }
}
