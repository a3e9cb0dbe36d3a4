//! Makes safe what a long cube has finished, while it goes on being written.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use phoenix_core::frame::FrameRef;
use phoenix_core::id::Digest;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{CubeLayout, Finished};

use super::journal::{Entry, Journal};
use super::shelf::Shelf;
use crate::digest;
use crate::fits::KeptUnit;

/// How often what a long cube has finished is made safe: whichever comes first.
///
/// A cube that is done before is not kept at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepEvery {
    /// After this many bytes of output.
    pub bytes: u64,
    /// After this time.
    pub time: Duration,
}

impl Default for KeepEvery {
    /// 64 MiB or five seconds.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            time: Duration::from_secs(5),
        }
    }
}

/// Returns what tells a cube from all others: what it looks like, what it is made of, and by which software.
///
/// Where the inputs lie does not matter, because their digests are known.
pub(super) fn identity(layout: &CubeLayout, record: &Record) -> io::Result<Digest> {
    let mut record = record.clone();
    for frame in record.raw.iter_mut().chain(&mut record.calib) {
        if frame.digest.is_some() {
            let FrameRef { location, .. } = frame;
            location.clear();
        }
    }
    let text = format!(
        "{} {layout:?} {}",
        env!("CARGO_PKG_VERSION"),
        serde_json::to_string(&record)?
    );
    Ok(digest::content_of_bytes(text.as_bytes()))
}

/// Keeps one cube.
#[derive(Debug)]
pub(super) struct Keeper {
    every: KeepEvery,
    journal: Arc<Journal>,
    /// The cube's own file, by a second handle.
    file: Arc<File>,
    place: PathBuf,
    /// The last entry that is safe or being made so.
    entered: Entry,
    /// What was told after it.
    latest: Option<Entry>,
    /// Bytes since then, and when it was.
    bytes: u64,
    since: Instant,
    flushing: Option<JoinHandle<io::Result<()>>>,
    /// Whether another attempt has nothing to take up.
    is_over: bool,
    _shelf: Arc<Shelf>,
}

impl Keeper {
    /// Keeps the cube in `file`, of which `entry` is safe.
    pub(super) fn new(
        every: KeepEvery,
        journal: Journal,
        (file, place): (File, PathBuf),
        entry: Entry,
        shelf: Arc<Shelf>,
    ) -> Self {
        Self {
            every,
            journal: Arc::new(journal),
            file: Arc::new(file),
            place,
            entered: entry,
            latest: None,
            bytes: 0,
            since: Instant::now(),
            flushing: None,
            is_over: false,
            _shelf: shelf,
        }
    }

    /// Returns where the cube lies.
    pub(super) fn place(&self) -> &PathBuf {
        &self.place
    }

    /// Counts output.
    pub(super) fn count(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Takes notice of what is finished, and makes it safe if it is time.
    ///
    /// Flushing goes on beside the work; a mark that comes meanwhile waits for the next.
    ///
    /// # Errors
    /// If an earlier mark could not be made safe.
    pub(super) fn mark(&mut self, finished: Finished, units: Vec<(usize, KeptUnit)>) -> io::Result<()> {
        self.latest = Some(Entry {
            identity: self.entered.identity.clone(),
            number: self.entered.number + 1,
            planes: finished.planes,
            units,
            note: finished.note,
        });
        if self.is_due() && self.flushing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.wait()?;
            self.enter();
        }
        Ok(())
    }

    /// Makes the last mark safe if the cube is one of the long ones.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.wait()?;
        if self.is_due() || self.entered.number > 0 {
            self.enter();
        }
        self.wait()
    }

    /// Forgets everything: the data move or have moved away.
    pub(super) fn give_up(&mut self) {
        let _ = self.wait();
        self.is_over = true;
        self.journal.remove();
    }

    fn is_due(&self) -> bool {
        self.bytes >= self.every.bytes || self.since.elapsed() >= self.every.time
    }

    /// Begins to make the last mark safe.
    fn enter(&mut self) {
        let Some(entry) = self.latest.take() else { return };
        let (journal, file, told) = (Arc::clone(&self.journal), Arc::clone(&self.file), entry.clone());
        self.entered = entry;
        self.bytes = 0;
        self.since = Instant::now();
        // The planes first: an entry must never tell of planes that a power cut takes.
        self.flushing = Some(thread::spawn(move || {
            file.sync_data()?;
            journal.write(&told)
        }));
    }

    fn wait(&mut self) -> io::Result<()> {
        match self.flushing.take().map(JoinHandle::join) {
            Some(Ok(flushed)) => flushed,
            Some(Err(_)) => Err(io::Error::other("flushing panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // After a failure, such as a full disk, what was safe before stays so.
        let _ = self.settle();
        if self.entered.number == 0 {
            self.journal.remove();
            let _ = std::fs::remove_file(&self.place);
        }
    }
}
