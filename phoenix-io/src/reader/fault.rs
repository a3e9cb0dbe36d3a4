//! What the FITS layer says, as the reader's port says it.

use std::io;

use phoenix_core::traits::ReadError;

use crate::fits::{FitsError, Place};

/// Turns an error of the FITS layer into the port's.
pub(crate) fn read(location: &str, error: FitsError) -> ReadError {
    let location = location.to_owned();
    let damaged = |place: String, reason: String| ReadError::Damaged {
        location: location.clone(),
        place,
        reason,
    };
    match error {
        FitsError::Io { source, .. } => system(&location, source),
        FitsError::Truncated {
            place,
            what,
            needed,
            found,
        } => damaged(
            spot(&place),
            format!("the file ends after {found} of the {needed} bytes that {what} needs"),
        ),
        FitsError::Malformed { place, what } => damaged(spot(&place), what),
        FitsError::Unsupported { place, what } => damaged(spot(&place), format!("{what} is not supported")),
        FitsError::Missing { what, .. } => ReadError::Lacks { location, what },
        FitsError::Type {
            place,
            what,
            expected,
            found,
        } => ReadError::Lacks {
            location,
            what: format!("{expected} as {what} ({}), it is {found}", spot(&place)),
        },
        FitsError::TooLarge {
            what, needed, limit, ..
        } => damaged(
            "memory".to_owned(),
            format!("{what} needs {needed} bytes, {limit} are allowed"),
        ),
        FitsError::Shape { hdu, what, .. } => damaged(format!("hdu {hdu}"), what),
        error => damaged("file".to_owned(), error.to_string()),
    }
}

/// Turns an error of the operating system into the port's.
pub(crate) fn system(location: &str, source: io::Error) -> ReadError {
    let location = location.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        ReadError::NotFound { location }
    } else {
        ReadError::System { location, source }
    }
}

fn spot(place: &Place) -> String {
    format!("hdu {}, byte {}", place.hdu, place.byte)
}
