//! What the caller of a run holds in its hands: where events go, how to stop, what may be used.

use std::sync::Arc;

use phoenix_core::cancel::CancelToken;
use phoenix_core::engine::{Budget, Engine};
use phoenix_core::observe::Observer;
use phoenix_core::traits::Instrument;

/// Observer, cancel token and budget of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Controls {
    /// Where events go.
    pub observer: Arc<dyn Observer>,
    /// What stops the run.
    pub cancel: CancelToken,
    /// What all jobs together may use.
    pub budget: Budget,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            observer: Arc::new(()),
            cancel: CancelToken::new(),
            budget: Budget::default(),
        }
    }
}

impl Controls {
    /// Returns silence, no way to stop, all cores and no memory limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where events go.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Sets what stops the run.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets what all jobs together may use.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Returns an engine that heeds these controls.
    pub fn engine(&self, instrument: Arc<dyn Instrument>) -> Engine {
        Engine::new(instrument)
            .with_observer(Arc::clone(&self.observer))
            .with_cancel(self.cancel.clone())
            .with_budget(self.budget)
    }
}
