//! What SQLite says, sorted by what the caller can do.

use std::path::Path;

use phoenix_core::traits::StateError;
use rusqlite::ErrorCode;

/// Turns an error of SQLite into the port's.
pub(super) fn sort(path: &Path, error: rusqlite::Error) -> StateError {
    let location = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StateError::Held { location },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StateError::Damaged {
            location,
            reason: error.to_string(),
        },
        _ => match error {
            // Content that SQLite reads and that is not what the layout promises.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => StateError::Damaged {
                location,
                reason: error.to_string(),
            },
            error => StateError::System {
                location,
                source: Box::new(error),
            },
        },
    }
}

/// Reports content that is not what the layout promises.
pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> StateError {
    StateError::Damaged {
        location: path.display().to_string(),
        reason: reason.into(),
    }
}

/// Reports what cannot be written as the layout demands.
pub(super) fn unwritable(path: &Path, source: serde_json::Error) -> StateError {
    StateError::System {
        location: path.display().to_string(),
        source: Box::new(source),
    }
}
