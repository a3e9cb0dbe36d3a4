//! The layout of the file, as the list of steps that made it; each step runs once, in one transaction.

use std::path::Path;

use phoenix_core::traits::StateError;
use rusqlite::{Connection, TransactionBehavior};

use super::fault::{damaged, sort};

/// Marks the file as ours (`PHXS` as a big-endian number).
pub(super) const APPLICATION_ID: i64 = 0x5048_5853;

/// One step of the layout.
struct Step {
    name: &'static str,
    sql: &'static str,
}

const STEPS: [Step; 2] = [FIRST, COSTS];

const FIRST: Step = Step {
    name: "jobs, quality values, deliveries",
    sql: "
        CREATE TABLE migration (
            version INTEGER PRIMARY KEY,
            name TEXT NOT NULL
        ) STRICT;
        CREATE TABLE plan (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            json TEXT NOT NULL
        ) STRICT;
        CREATE TABLE job (
            job TEXT PRIMARY KEY,
            stage TEXT NOT NULL,
            halt TEXT,
            attempts INTEGER NOT NULL,
            wall_s REAL NOT NULL,
            json TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE qc_report (
            product TEXT PRIMARY KEY,
            json TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE qc_value (
            product TEXT NOT NULL,
            parameter TEXT NOT NULL,
            instrument TEXT NOT NULL,
            setup TEXT NOT NULL,
            mjd REAL NOT NULL,
            value REAL,
            unit TEXT NOT NULL,
            grade TEXT NOT NULL,
            reason TEXT NOT NULL,
            numerics TEXT NOT NULL,
            PRIMARY KEY (product, parameter)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX qc_value_trend ON qc_value (parameter, setup, mjd);
        CREATE TABLE delivery (
            name TEXT NOT NULL,
            digest TEXT NOT NULL,
            address TEXT NOT NULL,
            job TEXT NOT NULL,
            status TEXT NOT NULL,
            PRIMARY KEY (name, digest, address)
        ) STRICT, WITHOUT ROWID;
    ",
};

const COSTS: Step = Step {
    name: "costs of jobs",
    sql: "
        CREATE TABLE cost (
            id INTEGER PRIMARY KEY,
            recipe TEXT NOT NULL,
            software TEXT NOT NULL,
            setup TEXT NOT NULL,
            job TEXT NOT NULL,
            input_bytes INTEGER NOT NULL,
            threads INTEGER NOT NULL,
            wall_s REAL NOT NULL,
            cpu_s REAL,
            peak_bytes INTEGER,
            is_success INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX cost_kind ON cost (recipe, software, setup, id);
    ",
};

/// Brings the layout up to date; concurrent callers wait for each other.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    let latest = STEPS.len() as i64;
    if version(connection, path)? == latest {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| sort(path, error))?;
    let found = version(&transaction, path)?;
    for (version, step) in (1_i64..).zip(&STEPS).skip(usize::try_from(found).unwrap_or_default()) {
        transaction
            .execute_batch(step.sql)
            .and_then(|()| {
                transaction.execute(
                    "INSERT INTO migration (version, name) VALUES (?1, ?2)",
                    (version, step.name),
                )
            })
            .map_err(|error| sort(path, error))?;
    }
    transaction
        .pragma_update(None, "user_version", latest)
        .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
        .map_err(|error| sort(path, error))?;
    transaction.commit().map_err(|error| sort(path, error))
}

/// Returns the version of the layout; 0 for a new file.
fn version(connection: &Connection, path: &Path) -> Result<i64, StateError> {
    let number = |sql: &str| -> Result<i64, StateError> {
        connection
            .query_row(sql, (), |row| row.get(0))
            .map_err(|error| sort(path, error))
    };
    let (id, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let latest = STEPS.len() as i64;
    match (id, version) {
        (APPLICATION_ID, 1..) if version <= latest => Ok(version),
        (APPLICATION_ID, _) if version > latest => Err(damaged(
            path,
            format!("its layout {version} is newer than {latest}, which this program knows"),
        )),
        (0, 0) if number("SELECT count(*) FROM sqlite_schema")? == 0 => Ok(0),
        _ => Err(damaged(path, "it is a database of another program")),
    }
}
