//! What can go wrong with a store, sorted by what the caller can do.

use std::io::ErrorKind;

use phoenix_core::error::Status;

/// A store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The location or key cannot name anything: mend the call.
    #[error("store location {location}: {reason}")]
    Invalid {
        /// The location.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such object.
    #[error("object {address} is not there")]
    NotFound {
        /// The object.
        address: String,
    },
    /// The store cannot answer now: try again later.
    #[error("store cannot serve {address} now")]
    Unavailable {
        /// The object.
        address: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store refuses: mend rights, credentials or space.
    #[error("store refuses {address}")]
    Denied {
        /// The object.
        address: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The content is not what it should be: get or make it again.
    #[error("content of {address} is wrong: {reason}")]
    Damaged {
        /// The object or file.
        address: String,
        /// What differs.
        reason: String,
    },
    /// A local file that is to be sent or written cannot be used: mend rights or space.
    #[error("file {location} cannot be used")]
    Local {
        /// The file.
        location: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl StoreError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Unavailable { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }

    pub(crate) fn local(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Local {
            location: path.display().to_string(),
            source,
        }
    }
}

/// Tells whether the system said so for good: another try meets the same rights and the same full disk.
fn is_lasting(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::Unsupported
    )
}

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

/// Sorts an error of the object store.
pub(crate) fn sort(address: &str, error: object_store::Error) -> StoreError {
    use object_store::Error as E;
    let address = address.to_owned();
    let kind = io_kind(&error);
    match error {
        E::NotFound { .. } => StoreError::NotFound { address },
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => StoreError::Denied {
            address,
            source: Box::new(error),
        },
        E::InvalidPath { .. }
        | E::NotSupported { .. }
        | E::NotImplemented { .. }
        | E::UnknownConfigurationKey { .. } => StoreError::Invalid {
            location: address,
            reason: error.to_string(),
        },
        error if kind.is_some_and(is_lasting) => StoreError::Denied {
            address,
            source: Box::new(error),
        },
        error => StoreError::Unavailable {
            address,
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use phoenix_core::error::Status;

    use super::{StoreError, sort};

    fn generic(kind: ErrorKind) -> object_store::Error {
        object_store::Error::Generic {
            store: "test",
            source: Box::new(std::io::Error::from(kind)),
        }
    }

    #[test]
    fn a_full_disk_and_missing_rights_last_and_a_time_out_passes() {
        for kind in [
            ErrorKind::StorageFull,
            ErrorKind::PermissionDenied,
            ErrorKind::ReadOnlyFilesystem,
        ] {
            let error = sort("a", generic(kind));
            assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
            assert_eq!(error.status(), Status::Permanent);
        }
        let error = sort("a", generic(ErrorKind::TimedOut));
        assert_eq!(error.status(), Status::Temporary);
    }
}
