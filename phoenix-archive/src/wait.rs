//! The only place that builds a runtime.

use std::future::Future;
use std::time::Duration;

use phoenix_core::cancel::CancelToken;

/// A runtime cannot be built: the system refuses threads or handles.
#[derive(Debug, thiserror::Error)]
#[error("no runtime for archive access")]
pub struct RuntimeError {
    #[source]
    source: std::io::Error,
}

/// Runs a future of this crate to its end for a synchronous caller.
///
/// # Contract
/// * Must not be called from async code, nor from inside a thread pool's task that others wait for.
///
/// # Errors
/// If no runtime can be built.
pub fn wait<F: Future>(future: F) -> Result<F::Output, RuntimeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| RuntimeError { source })?;
    Ok(runtime.block_on(future))
}

/// As [`wait`], but gives up and drops the future once the token is set; `None` then.
///
/// # Contract
/// * Within 50 ms of cancellation the future is dropped, which by the contracts of this crate leaves either whole
///   files or nothing visible.
///
/// # Errors
/// If no runtime can be built.
pub fn wait_unless_stopped<F: Future>(future: F, cancel: &CancelToken) -> Result<Option<F::Output>, RuntimeError> {
    wait(async {
        tokio::select! {
            output = future => Some(output),
            () = stopped(cancel) => None,
        }
    })
}

async fn stopped(cancel: &CancelToken) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use phoenix_core::cancel::CancelToken;

    use super::wait_unless_stopped;

    #[test]
    fn a_stopped_wait_drops_its_future() -> Result<(), super::RuntimeError> {
        let cancel = CancelToken::new();
        assert_eq!(wait_unless_stopped(std::future::ready(7), &cancel)?, Some(7));
        cancel.cancel();
        assert_eq!(wait_unless_stopped(std::future::pending::<()>(), &cancel)?, None);
        Ok(())
    }
}
