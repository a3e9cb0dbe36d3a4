//! What is computed of the values of a voxel.

use crate::KernelError;

/// Which width the clipping limits are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Standard deviation about the mean, divided by n.
    Deviation,
    /// 1.4826 times the median absolute deviation from the median.
    MedianDeviation,
}

/// Iterative clipping about the median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// Most rounds; 0 clips nothing.
    pub rounds: usize,
    /// Limits below and above the median, in widths.
    pub limits: [f64; 2],
    /// A round that would leave fewer values is not done; at least 1.
    pub least: usize,
    /// The width.
    pub spread: Spread,
}

impl Default for Clip {
    /// Two rounds at five standard deviations, as mpdaf 3.6 has it.
    fn default() -> Self {
        Self {
            rounds: 2,
            limits: [5.0; 2],
            least: 2,
            spread: Spread::Deviation,
        }
    }
}

/// What stands for the values of a voxel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimator {
    /// The mean after clipping.
    Mean(Clip),
    /// The median.
    Median,
}

/// Where the variance comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarianceOf {
    /// The variances of the cubes.
    Propagated,
    /// The scatter between the cubes, for the combined value.
    ScatterOfMean,
    /// The scatter between the cubes, for one value.
    ScatterOfOne,
}

/// What is to be computed, and within how much memory.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CombineOptions {
    /// Mean or median.
    pub estimator: Estimator,
    /// Where the variance comes from.
    pub variance: VarianceOf,
    /// Bytes for windows of the input and for the slab of the result.
    pub memory_bytes: usize,
}

impl Default for CombineOptions {
    fn default() -> Self {
        Self {
            estimator: Estimator::Mean(Clip::default()),
            variance: VarianceOf::Propagated,
            memory_bytes: 64 << 20,
        }
    }
}

impl CombineOptions {
    /// Fails where a value is outside what the kernel is defined for.
    pub(super) fn check(&self) -> Result<(), KernelError> {
        let Estimator::Mean(clip) = self.estimator else {
            return Ok(());
        };
        for (name, value) in [("lower limit", clip.limits[0]), ("upper limit", clip.limits[1])] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(KernelError::Parameter {
                    name,
                    value,
                    allowed: "numbers above 0",
                });
            }
        }
        if clip.least == 0 {
            return Err(KernelError::Parameter {
                name: "least number of values",
                value: 0.0,
                allowed: "1 or more",
            });
        }
        Ok(())
    }

    /// Tells whether the cubes' own variances are read.
    pub(super) fn reads_variance(&self) -> bool {
        self.variance == VarianceOf::Propagated
    }
}
