//! Measurements: pure functions from a product's pixels and header to numbers.
//!
//! `cube` passes a cube once or twice in windows and keeps what the others need; `axis`, `flux`, `source`, `sky`,
//! `depth`, `wave`, `snr`, `noise`, `residual`, `saturation` read one quantity each; `keyword` takes what the pipeline measured;
//! `fit`, `stat` and `window` are the arithmetic below. Sources and tolerances: docs/algorithms/qc-*.md.

pub mod axis;
pub mod cube;
pub mod depth;
mod fit;
pub mod flux;
pub mod keyword;
pub mod noise;
pub mod residual;
pub mod saturation;
pub mod sky;
pub mod snr;
pub mod source;
pub mod stat;
pub mod wave;
mod window;

use phoenix_core::traits::Measured;

pub use axis::{Medium, SpectralAxis};
pub use cube::{CubeSurvey, SurveyOptions};
pub use flux::FluxUnit;
pub use keyword::{header_max, header_number};

/// Wraps a measured number; one that is not finite is absent.
pub fn value(value: f64) -> Measured {
    if value.is_finite() {
        Measured::Value { value }
    } else {
        absent("the value is not a finite number")
    }
}

/// Wraps the reason why there is no number.
pub fn absent(reason: impl Into<String>) -> Measured {
    Measured::Absent { reason: reason.into() }
}

/// Wraps a number or the reason why there is none.
pub fn measured(result: Result<f64, String>) -> Measured {
    match result {
        Ok(number) => value(number),
        Err(reason) => absent(reason),
    }
}
