//! Signals: the first asks the work to stop, the second ends the process at once.

use phoenix::core::cancel::CancelToken;

use crate::failure::{Exit, Failure};

/// Returns a token that `SIGINT`, `SIGTERM` and `SIGHUP` set; a second signal ends the process.
pub(crate) fn token() -> Result<CancelToken, Failure> {
    let cancel = CancelToken::new();
    let handler_token = cancel.clone();
    ctrlc::set_handler(move || {
        if handler_token.is_cancelled() {
            std::process::exit(i32::from(Exit::Stopped.code()));
        }
        handler_token.cancel();
    })
    .map_err(|error| Failure::usage(&error))?;
    Ok(cancel)
}
