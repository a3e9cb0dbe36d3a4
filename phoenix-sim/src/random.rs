//! Streams of random numbers: one per seed, purpose and index, so that no value depends on threads or order.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Poisson, StandardNormal};

/// What the numbers of a stream are used for; streams of different purposes share nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Shape = 1,
    Defects,
    Scene,
    Noise,
    Cosmics,
    Saturation,
    Offsets,
    Pointing,
    Response,
    Readout,
    Targets,
    Schedule,
}

/// A counter-based stream: any slice of any exposure can be drawn alone.
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    pub(crate) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(((purpose as u64) << 48) | (index & 0xffff_ffff_ffff));
        Self(generator)
    }

    /// A real in `[low, high)`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// A normal deviate of mean 0 and variance 1.
    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// A non-negative real with density falling by e every `mean`.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.0.random::<f64>())
    }

    /// An index below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((self.0.random::<f64>() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// A Poisson count; 0 if the mean is not positive.
    pub(crate) fn count(&mut self, mean: f64) -> usize {
        Poisson::new(mean).map_or(0, |poisson| {
            let count: f64 = poisson.sample(&mut self.0);
            count as usize
        })
    }
}
