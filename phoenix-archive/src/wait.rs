//! The only place that builds a runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phoenix_core::cancel::CancelToken;
use tokio::task::JoinHandle;

/// A runtime cannot be built: the system refuses threads or handles.
#[derive(Debug, thiserror::Error)]
#[error("no runtime for archive access")]
pub struct RuntimeError {
    #[source]
    source: std::io::Error,
}

/// How often the stop flag is looked at.
const POLL: Duration = Duration::from_millis(50);

tokio::task_local! {
    static LANDINGS: Landings;
}

/// Work that must be finished once it has begun, even if nobody waits for it any more.
#[derive(Debug, Clone, Default)]
struct Landings(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Landings {
    fn take(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Finishes a short step even if the caller drops the future; `None` if the runtime itself ends first.
pub(crate) async fn land<T: Send + 'static>(step: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let handle = tokio::spawn(async move {
        // A dropped receiver is the very case this is for.
        let _ = sender.send(step.await);
    });
    // Without a registry the caller's own runtime keeps the task.
    let _ = LANDINGS.try_with(|landings| {
        let mut handles = landings.0.lock().unwrap_or_else(PoisonError::into_inner);
        handles.retain(|handle| !handle.is_finished());
        handles.push(handle);
    });
    receiver.await.ok()
}

/// Runs a future of this crate to its end for a synchronous caller.
///
/// # Contract
/// * Must not be called from async code, nor from inside a thread pool's task that others wait for.
///
/// # Errors
/// If no runtime can be built.
pub fn wait<F: Future>(future: F) -> Result<F::Output, RuntimeError> {
    let landings = Landings::default();
    let runtime = runtime()?;
    Ok(runtime.block_on(LANDINGS.scope(landings, future)))
}

/// Like [`wait`], but drops the future when the token is set and returns `None`.
///
/// # Contract
/// * What must not be left half-done (the publication of a product) is finished before it returns.
///
/// # Errors
/// If no runtime can be built.
pub fn wait_unless_stopped<F: Future>(future: F, cancel: &CancelToken) -> Result<Option<F::Output>, RuntimeError> {
    let landings = Landings::default();
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let mut work = pin!(LANDINGS.scope(landings.clone(), future));
        loop {
            if cancel.is_cancelled() {
                return None;
            }
            if let Ok(output) = tokio::time::timeout(POLL, &mut work).await {
                return Some(output);
            }
        }
    });
    runtime.block_on(async {
        for handle in landings.take() {
            // A step that panicked has nothing left to land.
            let _ = handle.await;
        }
    });
    Ok(outcome)
}

fn runtime() -> Result<tokio::runtime::Runtime, RuntimeError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| RuntimeError { source })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use phoenix_core::cancel::CancelToken;

    use super::{land, wait, wait_unless_stopped};

    #[test]
    fn a_stop_ends_the_wait_but_not_what_must_land() {
        let token = CancelToken::new();
        let landed = Arc::new(AtomicBool::new(false));
        let (stop, flag) = (token.clone(), landed.clone());
        let outcome = wait_unless_stopped(
            async move {
                land(async move {
                    stop.cancel();
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    flag.store(true, Ordering::SeqCst);
                })
                .await;
                tokio::time::sleep(Duration::from_mins(10)).await;
            },
            &token,
        );
        assert!(matches!(outcome, Ok(None)));
        assert!(landed.load(Ordering::SeqCst));
    }

    #[test]
    fn a_synchronous_caller_gets_the_value() {
        assert_eq!(wait(async { 3 }).ok(), Some(3));
        assert_eq!(
            wait_unless_stopped(async { 3 }, &CancelToken::new()).ok(),
            Some(Some(3))
        );
    }
}
