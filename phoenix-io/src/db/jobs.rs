//! The job store.

use phoenix_core::id::JobId;
use phoenix_core::plan::Plan;
use phoenix_core::traits::{Halt, JobRecord, JobStore, Stage, StateError};
use rusqlite::{OptionalExtension, Row};

use super::SqliteState;
use super::fault::{damaged, sort, unwritable};

impl JobStore for SqliteState {
    fn save_plan(&self, plan: &Plan) -> Result<(), StateError> {
        let json = plan.to_json().map_err(|error| unwritable(self.path(), error))?;
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(|error| sort(self.path(), error))?;
        transaction
            .execute("INSERT OR REPLACE INTO plan (id, json) VALUES (1, ?1)", [&json])
            .and_then(|_| {
                let mut names = transaction.prepare("SELECT job FROM job")?;
                let stored = names
                    .query_map((), |row| row.get::<_, String>(0))?
                    .collect::<Result<Vec<_>, _>>()?;
                for job in stored {
                    if plan.job(&JobId::from(job.as_str())).is_none() {
                        transaction.execute("DELETE FROM job WHERE job = ?1", [&job])?;
                    }
                }
                Ok(())
            })
            .map_err(|error| sort(self.path(), error))?;
        transaction.commit().map_err(|error| sort(self.path(), error))
    }

    fn plan(&self) -> Result<Option<Plan>, StateError> {
        let json: Option<String> = self
            .connection()
            .query_row("SELECT json FROM plan WHERE id = 1", (), |row| row.get(0))
            .optional()
            .map_err(|error| sort(self.path(), error))?;
        json.map(|json| Plan::from_json(&json))
            .transpose()
            .map_err(|error| damaged(self.path(), format!("its plan cannot be read: {error}")))
    }

    fn get(&self, job: &JobId) -> Result<Option<JobRecord>, StateError> {
        let json: Option<String> = self
            .connection()
            .query_row("SELECT json FROM job WHERE job = ?1", [job.as_str()], json_of)
            .optional()
            .map_err(|error| sort(self.path(), error))?;
        json.map(|json| self.record_of(&json)).transpose()
    }

    fn put(&self, record: &JobRecord) -> Result<(), StateError> {
        let json = serde_json::to_string(record).map_err(|error| unwritable(self.path(), error))?;
        // The columns repeat what people ask for with SQL; the record itself is the JSON.
        self.connection()
            .prepare_cached(
                "INSERT OR REPLACE INTO job (job, stage, halt, attempts, wall_s, json) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut statement| {
                statement.execute((
                    record.job.as_str(),
                    stage_name(record.stage),
                    record.halt.as_ref().map(halt_name),
                    record.attempts,
                    record.wall_s,
                    &json,
                ))
            })
            .map(|_| ())
            .map_err(|error| sort(self.path(), error))
    }

    fn all(&self) -> Result<Vec<JobRecord>, StateError> {
        let stored: Vec<String> = self
            .connection()
            .prepare_cached("SELECT json FROM job ORDER BY job")
            .and_then(|mut statement| statement.query_map((), json_of)?.collect())
            .map_err(|error| sort(self.path(), error))?;
        stored.iter().map(|json| self.record_of(json)).collect()
    }
}

impl SqliteState {
    fn record_of(&self, json: &str) -> Result<JobRecord, StateError> {
        serde_json::from_str(json)
            .map_err(|error| damaged(self.path(), format!("a job record cannot be read: {error}")))
    }
}

fn json_of(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Planned => "planned",
        Stage::Fetched => "fetched",
        Stage::Processed => "processed",
        Stage::Scored => "scored",
        Stage::Reviewed => "reviewed",
        Stage::Converted => "converted",
        Stage::Ingested => "ingested",
    }
}

fn halt_name(halt: &Halt) -> &'static str {
    match halt {
        Halt::Failed { .. } => "failed",
        Halt::Blocked { .. } => "blocked",
        Halt::Rejected { .. } => "rejected",
        Halt::AwaitsReview => "awaits-review",
    }
}
