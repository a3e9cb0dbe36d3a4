//! Writing without ever replacing.
//!
//! A file is first *staged* under a key that nobody reads, with its digest formed on the way and compared with what was
//! sealed, then read back, then *published* under its final key by a copy that fails if the key is taken. Small pieces
//! go in one conditional put. S3 copies at most 5 GiB at once; a larger object is first *claimed* by a small
//! create-only object that names its digest and then sent to its final key, where it shows only when it is complete.

use std::path::{Path, PathBuf};

use object_store::{CopyMode, CopyOptions, PutMode, PutOptions, PutPayload};
use phoenix_core::id::Digest;
use tokio::io::AsyncReadExt;

use super::error::sort;
use super::object::Hasher;
use super::{Store, StoreError};

/// The size of the pieces in which a file is sent; S3 allows 10,000 of at least 5 MiB.
const PART_BYTES: usize = 16 << 20;
/// How many pieces may be on their way at once.
const PARTS_IN_FLIGHT: usize = 2;

/// What became of a create-only write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// It was written.
    Stored,
    /// The key was taken; nothing was written.
    Exists,
}

/// A file on its way in.
#[derive(Debug)]
pub(crate) enum Staged {
    /// Complete and verified in the store, under a key that nobody reads.
    Copied { key: String, size_bytes: u64 },
    /// Still at home: too large to be copied inside the store.
    Direct {
        path: PathBuf,
        digest: Digest,
        size_bytes: u64,
    },
}

fn short(digest: &Digest) -> &str {
    let digits = digest.as_str().rsplit(':').next().unwrap_or_default();
    digits.get(..32).unwrap_or(digits)
}

/// Compares what was read with what was sealed.
fn compare(address: &str, expected: (&Digest, u64), found: &(Digest, u64)) -> Result<(), StoreError> {
    let reason = if expected.1 != found.1 {
        format!("{} bytes instead of {}", found.1, expected.1)
    } else if expected.0 != &found.0 {
        format!("digest {} instead of {}", found.0, expected.0)
    } else {
        return Ok(());
    };
    Err(StoreError::Damaged {
        address: address.to_owned(),
        reason,
    })
}

/// A missing bucket or folder shows as `NotFound` on a write, which no caller of a write expects.
fn on_write(error: StoreError) -> StoreError {
    match error {
        StoreError::NotFound { address } => StoreError::Denied {
            address,
            source: "the bucket or folder is not there".into(),
        },
        error => error,
    }
}

impl Store {
    /// Writes a small object under a key that must be free, atomically; what a killed process left of an earlier try goes.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn put_new(&self, key: &str, bytes: impl Into<bytes::Bytes>) -> Result<PutOutcome, StoreError> {
        let payload = PutPayload::from_bytes(bytes.into());
        let options = PutOptions::from(PutMode::Create);
        self.sweep(key).await;
        match self.inner.put_opts(&self.path(key)?, payload, options).await {
            Ok(_) => Ok(PutOutcome::Stored),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                self.confirm_taken(key).await
            }
            Err(error) => Err(on_write(sort(&self.address(key), error))),
        }
    }

    /// Writes a file under a key that must be free: digest compared on the way, read back, then visible at once.
    ///
    /// # Errors
    /// `Damaged` if the file is not what `digest` and `size_bytes` say, `Local` if it cannot be read; else if the
    /// store cannot be written.
    pub async fn put_file_new(
        &self,
        key: &str,
        path: &Path,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<PutOutcome, StoreError> {
        let staged = self.stage(path, digest, size_bytes).await?;
        let outcome = self.publish(&staged, key).await;
        let cleared = self.clear(path, digest).await;
        outcome.and_then(|outcome| cleared.map(|()| outcome))
    }

    /// Sends a file under a key that nobody reads, compares its digest on the way and reads it back.
    pub(crate) async fn stage(&self, path: &Path, digest: &Digest, size_bytes: u64) -> Result<Staged, StoreError> {
        if self.local_path("").is_none() && size_bytes >= self.copy_limit_bytes {
            return Ok(Staged::Direct {
                path: path.to_owned(),
                digest: digest.clone(),
                size_bytes,
            });
        }
        let key = self.staging_key(path, digest);
        self.sweep(&key).await;
        let staged = Staged::Copied { key, size_bytes };
        let Staged::Copied { key, .. } = &staged else {
            return Ok(staged);
        };
        let sent = match self.send(path, key, digest, size_bytes).await {
            Ok(()) => self.verify(key, digest, size_bytes).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => Ok(staged),
            Err(error) => {
                // The first error is the one to report; what cannot be removed now is removed by the next try.
                let _ = self.remove(key).await;
                Err(error)
            }
        }
    }

    /// Makes a staged file visible under a key that must be free.
    pub(crate) async fn publish(&self, staged: &Staged, key: &str) -> Result<PutOutcome, StoreError> {
        match staged {
            Staged::Copied { key: from, size_bytes } => {
                let options = CopyOptions::new().with_mode(CopyMode::Create);
                match self.inner.copy_opts(&self.path(from)?, &self.path(key)?, options).await {
                    Ok(()) => self.confirm_size(key, *size_bytes).await,
                    Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                        self.confirm_taken(key).await
                    }
                    Err(error @ object_store::Error::NotFound { .. }) => Err(StoreError::Unavailable {
                        address: self.address(from),
                        source: Box::new(error),
                    }),
                    Err(error) => Err(on_write(sort(&self.address(key), error))),
                }
            }
            Staged::Direct {
                path,
                digest,
                size_bytes,
            } => self.send_claimed(path, key, digest, *size_bytes).await,
        }
    }

    /// Removes whatever an earlier try, even one that was killed, left of a file on its way in.
    pub(crate) async fn clear(&self, path: &Path, digest: &Digest) -> Result<(), StoreError> {
        let key = self.staging_key(path, digest);
        self.sweep(&key).await;
        self.remove(&key).await?;
        if let Some(folder) = self.local_path(&self.layout().incoming) {
            // It goes only if it is empty, which is what is wanted.
            let _ = tokio::fs::remove_dir(folder).await;
        }
        Ok(())
    }

    fn staging_key(&self, path: &Path, digest: &Digest) -> String {
        let name = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().replace(['#', '%'], "_"));
        format!("{}/{}-{name}", self.layout().incoming, short(digest))
    }

    /// Removes what a killed process left of an earlier try under the same key.
    ///
    /// The local object store writes to `NAME#1`, which it does not list, so that only the file system can tell.
    async fn sweep(&self, key: &str) {
        if let Some(path) = self.local_path(key) {
            for n in 1..=8 {
                let mut name = path.clone().into_os_string();
                name.push(format!("#{n}"));
                if tokio::fs::remove_file(&name).await.is_err() {
                    break;
                }
            }
        }
    }

    async fn send(&self, path: &Path, key: &str, digest: &Digest, size_bytes: u64) -> Result<(), StoreError> {
        let unreadable = |source| StoreError::local(path, source);
        let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let mut upload = self.multipart(key, PART_BYTES).await.map_err(on_write)?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0_u8; 1 << 20];
        let copied = loop {
            let n = match file.read(&mut buffer).await {
                Ok(0) => break compare(&path.display().to_string(), (digest, size_bytes), &hasher.finish()),
                Ok(n) => n,
                Err(source) => break Err(unreadable(source)),
            };
            let chunk = buffer.get(..n).unwrap_or_default();
            hasher.update(chunk);
            upload.write(chunk);
            if let Err(error) = upload.wait_for_capacity(PARTS_IN_FLIGHT).await {
                break Err(on_write(sort(&self.address(key), error)));
            }
        };
        if let Err(error) = copied {
            // The upload never becomes visible; whether the server clears its pieces at once changes nothing for us.
            let _ = upload.abort().await;
            return Err(error);
        }
        upload
            .finish()
            .await
            .map(drop)
            .map_err(|error| on_write(sort(&self.address(key), error)))
    }

    /// Reads an object back and compares it with what was sealed.
    pub(crate) async fn verify(&self, key: &str, digest: &Digest, size_bytes: u64) -> Result<(), StoreError> {
        let found = self.digest(key).await?;
        compare(&self.address(key), (digest, size_bytes), &found)
    }

    async fn confirm_size(&self, key: &str, size_bytes: u64) -> Result<PutOutcome, StoreError> {
        match self.head(key).await? {
            Some(info) if info.size_bytes == size_bytes => Ok(PutOutcome::Stored),
            Some(info) => Err(StoreError::Damaged {
                address: self.address(key),
                reason: format!("{} bytes instead of {size_bytes} after the copy", info.size_bytes),
            }),
            None => Err(StoreError::Unavailable {
                address: self.address(key),
                source: "the copy succeeded and nothing is there".into(),
            }),
        }
    }

    /// A server that is busy with another conditional write of the same key answers as if the key were taken.
    async fn confirm_taken(&self, key: &str) -> Result<PutOutcome, StoreError> {
        match self.head(key).await? {
            Some(_) => Ok(PutOutcome::Exists),
            None => Err(StoreError::Unavailable {
                address: self.address(key),
                source: "another writer is busy with it".into(),
            }),
        }
    }

    async fn send_claimed(
        &self,
        path: &Path,
        key: &str,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<PutOutcome, StoreError> {
        if self.head(key).await?.is_some() {
            return Ok(PutOutcome::Exists);
        }
        let claim = format!("{}/claims/{key}", self.layout().incoming);
        if self.put_new(&claim, digest.as_str().to_owned()).await? == PutOutcome::Exists
            && self.read(&claim).await? != digest.as_str().as_bytes()
        {
            return Err(StoreError::Unavailable {
                address: self.address(key),
                source: "another writer has claimed it for another content".into(),
            });
        }
        self.send(path, key, digest, size_bytes).await?;
        if let Err(error) = self.verify(key, digest, size_bytes).await {
            let _ = self.remove(key).await;
            return Err(error);
        }
        self.remove(&claim).await?;
        Ok(PutOutcome::Stored)
    }
}
