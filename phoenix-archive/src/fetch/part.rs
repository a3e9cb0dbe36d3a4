//! One transfer: `NAME.part`, resumed if the store vouches for it, checked, flushed, renamed.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use phoenix_core::id::Digest;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{FetchError, FetchOrigin, Fetched, sort};
use crate::store::{Hasher, ObjectInfo, Store, StoreError};

/// What is known of a cached or half-transferred file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    size_bytes: u64,
    e_tag: Option<String>,
    /// Present once the transfer is complete.
    digest: Option<Digest>,
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

struct Target<'a> {
    location: &'a str,
    path: PathBuf,
    part: PathBuf,
    note: PathBuf,
}

impl Target<'_> {
    fn refused(&self, source: std::io::Error) -> FetchError {
        FetchError::Refused {
            location: self.location.to_owned(),
            source: Box::new(StoreError::local(&self.path, source)),
        }
    }

    async fn note(&self) -> Option<Note> {
        let text = tokio::fs::read(&self.note).await.ok()?;
        serde_json::from_slice(&text).ok()
    }

    async fn write_note(&self, note: &Note) -> Result<(), FetchError> {
        let text = serde_json::to_vec(note).map_err(|error| self.refused(error.into()))?;
        tokio::fs::write(&self.note, text)
            .await
            .map_err(|error| self.refused(error))
    }
}

async fn digest_of(path: &Path) -> std::io::Result<Hasher> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(hasher),
            n => hasher.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// Returns a file from the cache if its content is still good, else transfers it.
pub(super) async fn bring(
    store: &Store,
    location: &str,
    info: &ObjectInfo,
    expected: Option<&Digest>,
    cache: &Path,
) -> Result<Fetched, FetchError> {
    let path = cache.join(&info.key);
    let target = Target {
        location,
        part: beside(&path, ".part"),
        note: beside(&path, ".note.json"),
        path,
    };
    if let Some(parent) = target.path.parent() {
        tokio::fs::create_dir_all(parent)
            .await
            .map_err(|error| target.refused(error))?;
    }
    if let Some(digest) = cached(&target, info, expected).await {
        return Ok(Fetched {
            path: target.path,
            digest: Some(digest),
            size_bytes: info.size_bytes,
            origin: FetchOrigin::Cache,
        });
    }
    let digest = transfer(store, &target, info, expected).await?;
    Ok(Fetched {
        path: target.path,
        digest: Some(digest),
        size_bytes: info.size_bytes,
        origin: FetchOrigin::Transferred,
    })
}

async fn cached(target: &Target<'_>, info: &ObjectInfo, expected: Option<&Digest>) -> Option<Digest> {
    let note = target.note().await?;
    let sealed = note.digest?;
    let is_same = note.size_bytes == info.size_bytes && note.e_tag == info.e_tag;
    let is_wanted = expected.is_none_or(|expected| *expected == sealed);
    if !is_same || !is_wanted {
        return None;
    }
    let (digest, size_bytes) = digest_of(&target.path).await.ok()?.finish();
    (digest == sealed && size_bytes == info.size_bytes).then_some(digest)
}

async fn transfer(
    store: &Store,
    target: &Target<'_>,
    info: &ObjectInfo,
    expected: Option<&Digest>,
) -> Result<Digest, FetchError> {
    let refused = |error| target.refused(error);
    let note = Note {
        size_bytes: info.size_bytes,
        e_tag: info.e_tag.clone(),
        digest: None,
    };
    let resumed = resumable(target, &note).await;
    let (mut hasher, offset) = match resumed {
        Some((hasher, offset)) => (hasher, offset),
        None => (Hasher::default(), 0),
    };
    target.write_note(&note).await?;
    let mut file = tokio::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(offset > 0)
        .truncate(offset == 0)
        .open(&target.part)
        .await
        .map_err(refused)?;
    if offset < info.size_bytes {
        let mut chunks = store
            .stream(&info.key, offset, info.e_tag.as_deref())
            .await
            .map_err(|error| sort(target.location, error))?;
        while let Some(chunk) = chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    // What has come is kept for the next try.
                    file.flush().await.map_err(refused)?;
                    return Err(sort(target.location, error));
                }
            };
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(refused)?;
        }
    }
    file.flush().await.map_err(refused)?;
    file.sync_all().await.map_err(refused)?;
    drop(file);
    let (digest, size_bytes) = hasher.finish();
    if size_bytes < info.size_bytes {
        return Err(FetchError::Unavailable {
            location: target.location.to_owned(),
            source: format!("the transfer ended after {size_bytes} of {} bytes", info.size_bytes).into(),
        });
    }
    if size_bytes > info.size_bytes || expected.is_some_and(|expected| *expected != digest) {
        tokio::fs::remove_file(&target.part).await.map_err(refused)?;
        return Err(FetchError::Damaged {
            location: target.location.to_owned(),
            reason: expected.map_or_else(
                || format!("{size_bytes} bytes instead of {}", info.size_bytes),
                |expected| format!("digest {digest} instead of {expected}"),
            ),
        });
    }
    tokio::fs::rename(&target.part, &target.path).await.map_err(refused)?;
    if let Some(parent) = target.path.parent() {
        let folder = tokio::fs::File::open(parent).await.map_err(refused)?;
        folder.sync_all().await.map_err(refused)?;
    }
    target
        .write_note(&Note {
            digest: Some(digest.clone()),
            ..note
        })
        .await?;
    Ok(digest)
}

/// Returns the digest so far and the length of a part that belongs to the very content the store has now.
async fn resumable(target: &Target<'_>, note: &Note) -> Option<(Hasher, u64)> {
    let before = target.note().await?;
    if before != *note || note.e_tag.is_none() {
        return None;
    }
    let length = tokio::fs::metadata(&target.part).await.ok()?.len();
    if length == 0 || length > note.size_bytes {
        return None;
    }
    Some((digest_of(&target.part).await.ok()?, length))
}
