//! Files of a store on this machine: in place, from the cache, or transferred with resume and digest check.
//!
//! `part` writes one file; this page decides whether that is needed and tries again.

mod part;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use phoenix_core::error::Status;
use phoenix_core::id::Digest;

use crate::store::{Store, StoreError};

/// A file cannot be brought to this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The store has no such object: look elsewhere.
    #[error("{location} is not in the store")]
    NotFound {
        /// The object.
        location: String,
    },
    /// The content is not what was asked for: leave the frame out.
    #[error("{location} is damaged: {reason}")]
    Damaged {
        /// The object.
        location: String,
        /// What differs.
        reason: String,
    },
    /// The store does not answer now: try again later.
    #[error("{location} cannot be fetched now")]
    Unavailable {
        /// The object.
        location: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Store or cache refuse: mend rights or space.
    #[error("{location} cannot be fetched")]
    Refused {
        /// The object.
        location: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl FetchError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Unavailable { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}

/// How to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchOptions {
    /// How many files are transferred at once.
    pub parallel: usize,
    /// How often a transfer is begun or resumed.
    pub attempts: u32,
    /// The wait before the second try; it doubles with each.
    pub backoff: Duration,
    /// Whether files of a local store are used where they are.
    pub is_in_place: bool,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            parallel: 4,
            attempts: 3,
            backoff: Duration::from_millis(500),
            is_in_place: true,
        }
    }
}

impl FetchOptions {
    /// Returns the defaults: 4 at once, 3 tries, local files in place.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies files of a local store into the cache as well.
    #[must_use]
    pub fn with_copy(mut self) -> Self {
        self.is_in_place = false;
        self
    }

    /// Sets how often a transfer is tried and how long the first wait is.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32, backoff: Duration) -> Self {
        self.attempts = attempts;
        self.backoff = backoff;
        self
    }
}

/// Where a fetched file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchOrigin {
    /// It is used where it lies.
    InPlace,
    /// It was in the cache, and its content is still what it was.
    Cache,
    /// It was transferred now.
    Transferred,
}

/// A file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Its content digest; absent for a file in place of which no digest was asked.
    pub digest: Option<Digest>,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Where it came from.
    pub origin: FetchOrigin,
}

/// A file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// An address or key of the store, or a path inside its folder.
    pub location: String,
    /// What its content must be, where known.
    pub digest: Option<Digest>,
}

pub(super) fn sort(location: &str, error: StoreError) -> FetchError {
    let location = location.to_owned();
    match error {
        StoreError::NotFound { .. } => FetchError::NotFound { location },
        StoreError::Damaged { reason, .. } | StoreError::Invalid { reason, .. } => {
            FetchError::Damaged { location, reason }
        }
        error if error.status() == Status::Temporary => FetchError::Unavailable {
            location,
            source: Box::new(error),
        },
        error => FetchError::Refused {
            location,
            source: Box::new(error),
        },
    }
}

/// Brings one file to this machine.
///
/// # Contract
/// * What is returned has the length that the store states and, if one is given, the `expected` digest.
/// * A file in the cache is read through again: a cache that was cut short or edited is not trusted.
/// * A transfer writes `NAME.part`, flushes it to disk and renames it; an interrupted one is resumed if the store
///   vouches by its tag that the content is still the same.
/// * Temporary errors are tried again as the options say.
///
/// # Errors
/// See [`FetchError`].
pub async fn fetch(
    store: &Store,
    location: &str,
    expected: Option<&Digest>,
    cache: &Path,
    options: &FetchOptions,
) -> Result<Fetched, FetchError> {
    let mut wait = options.backoff;
    let mut attempts_left = options.attempts.max(1);
    loop {
        attempts_left -= 1;
        match attempt_fetch(store, location, expected, cache, options).await {
            Err(error) if error.status() == Status::Temporary && attempts_left > 0 => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            outcome => return outcome,
        }
    }
}

async fn attempt_fetch(
    store: &Store,
    location: &str,
    expected: Option<&Digest>,
    cache: &Path,
    options: &FetchOptions,
) -> Result<Fetched, FetchError> {
    let not_found = || FetchError::NotFound {
        location: location.to_owned(),
    };
    let key = store.key_of(location).ok_or_else(not_found)?;
    let info = store
        .head(&key)
        .await
        .map_err(|error| sort(location, error))?
        .ok_or_else(not_found)?;
    if options.is_in_place
        && let Some(path) = store.local_path(&key)
    {
        let digest = match expected {
            None => None,
            Some(expected) => {
                store
                    .verify(&key, expected, info.size_bytes)
                    .await
                    .map_err(|error| sort(location, error))?;
                Some(expected.clone())
            }
        };
        return Ok(Fetched {
            path,
            digest,
            size_bytes: info.size_bytes,
            origin: FetchOrigin::InPlace,
        });
    }
    part::bring(store, location, &info, expected, cache).await
}

/// Brings many files to this machine, some at once; one failure never stops the rest.
///
/// # Contract
/// * The answers are in the order of the requests; a file that is asked for twice is fetched once.
pub async fn fetch_all(
    store: &Store,
    requests: &[FetchRequest],
    cache: &Path,
    options: &FetchOptions,
) -> Vec<Result<Fetched, FetchError>> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, request) in requests.iter().enumerate() {
        first.entry(&request.location).or_insert(n);
    }
    let unique = first.values().copied().collect::<Vec<_>>();
    let answers: BTreeMap<usize, Result<Fetched, FetchError>> = futures::stream::iter(unique)
        .filter_map(|n| futures::future::ready(requests.get(n).map(|request| (n, request))))
        .map(|(n, request)| async move {
            let answer = fetch(store, &request.location, request.digest.as_ref(), cache, options).await;
            (n, answer)
        })
        .buffer_unordered(options.parallel.max(1))
        .collect()
        .await;
    let mut given: BTreeMap<usize, Result<Fetched, FetchError>> = answers;
    let repeated: Vec<(usize, Option<Fetched>)> = requests
        .iter()
        .enumerate()
        .filter_map(|(n, request)| {
            let source = *first.get(request.location.as_str())?;
            (source != n).then(|| (n, given.get(&source).and_then(|answer| answer.as_ref().ok()).cloned()))
        })
        .collect();
    for (n, fetched) in repeated {
        let location = requests
            .get(n)
            .map(|request| request.location.clone())
            .unwrap_or_default();
        given.insert(
            n,
            fetched.ok_or_else(|| FetchError::Unavailable {
                location,
                source: "the same file failed beside it".into(),
            }),
        );
    }
    given.into_values().collect()
}
