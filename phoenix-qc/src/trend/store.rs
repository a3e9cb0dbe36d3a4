//! Samples of the past from the quality store.

use std::sync::Mutex;

use phoenix_core::traits::{QcStore, StateError, TrendLookup, TrendPoint};
use phoenix_core::unit::Mjd;

/// Looks up values through the `QcStore` port.
///
/// # Contract
/// A store that cannot be read gives an empty sample, so that limits on the past are not formed and nothing passes by them;
/// the first error is kept and `finish` returns it.
#[derive(Debug)]
pub struct StoreTrend<'s> {
    store: &'s dyn QcStore,
    error: Mutex<Option<StateError>>,
}

impl<'s> StoreTrend<'s> {
    /// Wraps a store.
    pub fn new(store: &'s dyn QcStore) -> Self {
        Self {
            store,
            error: Mutex::new(None),
        }
    }

    /// Tells whether every look-up succeeded.
    ///
    /// # Errors
    /// The first error of the store.
    pub fn finish(self) -> Result<(), StateError> {
        let error = self
            .error
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        error.map_or(Ok(()), Err)
    }
}

impl TrendLookup for StoreTrend<'_> {
    fn recent(&self, parameter: &str, setup: &str, mjd: Mjd, window_days: f64) -> Vec<TrendPoint> {
        match self.store.trend(parameter, setup, Mjd(mjd.0 - window_days), mjd) {
            Ok(points) => points,
            Err(error) => {
                let mut first = self.error.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                first.get_or_insert(error);
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StoreTrend;
    use phoenix_core::traits::{QcReport, QcRow, QcStore, StateError, TrendLookup, TrendPoint};
    use phoenix_core::unit::Mjd;

    #[derive(Debug)]
    struct Broken;

    impl QcStore for Broken {
        fn save(&self, _: &QcReport, _: &[QcRow]) -> Result<(), StateError> {
            Ok(())
        }
        fn report(&self, _: &str) -> Result<Option<QcReport>, StateError> {
            Ok(None)
        }
        fn rows(&self) -> Result<Vec<QcRow>, StateError> {
            Ok(Vec::new())
        }
        fn trend(&self, _: &str, _: &str, _: Mjd, _: Mjd) -> Result<Vec<TrendPoint>, StateError> {
            Err(StateError::Held {
                location: "state.db".into(),
            })
        }
    }

    #[test]
    fn a_store_that_cannot_be_read_is_not_an_empty_past() {
        let trend = StoreTrend::new(&Broken);
        assert!(trend.recent("num_sat", "WFM", Mjd(57_000.0), 90.0).is_empty());
        assert!(matches!(trend.finish(), Err(StateError::Held { .. })));
    }
}
