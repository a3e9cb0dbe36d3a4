//! Opening the file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use phoenix_core::traits::StateError;
use rusqlite::{Connection, OpenFlags};

use super::fault::{damaged, sort};
use super::migrate::migrate;

/// How long a call waits for another process that is writing.
const BUSY: Duration = Duration::from_secs(10);
/// Up to this size the whole file is checked when it is opened; reading it takes well under a second.
const CHECKED_BYTES: u64 = 64 << 20;

/// The state of a run: job store, quality store and ledger in one SQLite file.
///
/// # Contract
/// * What a call has written is on disk when it returns (write-ahead log, flushed at every commit), so that a reader
///   after `kill -9` or a power cut sees the whole call or nothing of it.
/// * Several processes may read while one writes; who must wait longer than ten seconds gets `Held`.
/// * A file of another program, of a newer layout, or with broken content is `Damaged` and is not touched.
#[derive(Debug)]
pub struct SqliteState {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl SqliteState {
    /// Opens the state, or creates it where there is none.
    ///
    /// # Errors
    /// `Damaged`, `Held` or `System`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let path = path.as_ref();
        let is_new = !path.exists();
        let state = Self::open_with(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        if is_new {
            // The name of a new file is on disk only when its folder is.
            sync_folder(path)?;
        }
        Ok(state)
    }

    /// Opens a state that must exist already.
    ///
    /// # Errors
    /// `System` if there is none; `Damaged` or `Held`.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, StateError> {
        Self::open_with(path.as_ref(), OpenFlags::empty())
    }

    fn open_with(path: &Path, extra: OpenFlags) -> Result<Self, StateError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let mut connection = Connection::open_with_flags(path, flags).map_err(|error| sort(path, error))?;
        let setup = |connection: &Connection| {
            connection.busy_timeout(BUSY)?;
            connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get::<_, String>(0))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)
        };
        // The check reads before anything is written, so that a foreign file stays as it is.
        check(&connection, path)?;
        setup(&connection).map_err(|error| sort(path, error))?;
        migrate(&mut connection, path)?;
        Ok(Self {
            path: path.to_path_buf(),
            connection: Mutex::new(connection),
        })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(connection: &Connection, path: &Path) -> Result<(), StateError> {
    connection.busy_timeout(BUSY).map_err(|error| sort(path, error))?;
    let id: i64 = connection
        .query_row("PRAGMA application_id", (), |row| row.get(0))
        .map_err(|error| sort(path, error))?;
    let n_tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .map_err(|error| sort(path, error))?;
    if id != super::migrate::APPLICATION_ID && (id != 0 || n_tables != 0) {
        return Err(damaged(path, "it is a database of another program"));
    }
    if n_tables > 0 && path.metadata().is_ok_and(|meta| meta.len() <= CHECKED_BYTES) {
        let found: String = connection
            .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
            .map_err(|error| sort(path, error))?;
        if found != "ok" {
            return Err(damaged(path, found));
        }
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<(), StateError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| StateError::System {
            location: path.display().to_string(),
            source: Box::new(source),
        })
}
