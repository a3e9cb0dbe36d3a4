//! The ledger of deliveries.

use phoenix_core::id::{Digest, JobId};
use phoenix_core::traits::{IngestReceipt, IngestStatus, Ledger, LedgerEntry, StateError};
use rusqlite::Row;
use rusqlite::types::Type;

use super::SqliteState;
use super::fault::sort;

impl Ledger for SqliteState {
    fn record(&self, entry: &LedgerEntry) -> Result<(), StateError> {
        let receipt = &entry.receipt;
        // The first receipt of a content stays: that a second delivery found it there is no news.
        self.connection()
            .execute(
                "INSERT OR IGNORE INTO delivery (name, digest, address, job, status) VALUES (?1, ?2, ?3, ?4, ?5)",
                (
                    &receipt.name,
                    receipt.digest.as_str(),
                    &receipt.address,
                    entry.job.as_str(),
                    status_name(receipt.status),
                ),
            )
            .map(|_| ())
            .map_err(|error| sort(self.path(), error))
    }

    fn entries(&self) -> Result<Vec<LedgerEntry>, StateError> {
        self.connection()
            .prepare_cached("SELECT name, digest, address, job, status FROM delivery ORDER BY name, digest, address")
            .and_then(|mut statement| statement.query_map((), entry_of)?.collect())
            .map_err(|error| sort(self.path(), error))
    }
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    let status: String = row.get(4)?;
    Ok(LedgerEntry {
        job: JobId::from(row.get::<_, String>(3)?),
        receipt: IngestReceipt {
            name: row.get(0)?,
            digest: Digest::from(row.get::<_, String>(1)?),
            address: row.get(2)?,
            status: status_of(&status).ok_or_else(|| {
                rusqlite::Error::FromSqlConversionFailure(4, Type::Text, format!("{status:?} is no status").into())
            })?,
        },
    })
}

/// Unknown future kinds are entered as stored: the receipt proves that the content is there.
fn status_name(status: IngestStatus) -> &'static str {
    match status {
        IngestStatus::AlreadyPresent => "already-present",
        IngestStatus::DryRun => "dry-run",
        _ => "stored",
    }
}

fn status_of(name: &str) -> Option<IngestStatus> {
    [IngestStatus::Stored, IngestStatus::AlreadyPresent, IngestStatus::DryRun]
        .into_iter()
        .find(|status| status_name(*status) == name)
}
