//! What jobs took from the machine.

use std::collections::BTreeMap;

use phoenix_core::id::RecipeId;
use phoenix_core::plan::Usage;
use phoenix_core::traits::{CostKind, CostRow, CostStore, StateError};
use rusqlite::Row;

use super::SqliteState;
use super::fault::sort;

/// How many rows of one kind are kept for each that is looked back at, so that the file does not grow for ever.
const KEPT: i64 = 200;

impl CostStore for SqliteState {
    fn record_cost(&self, row: &CostRow) -> Result<(), StateError> {
        let mut connection = self.connection();
        let mut write = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            let kind = &row.kind;
            transaction
                .prepare_cached(
                    "INSERT INTO cost (recipe, software, setup, job, input_bytes, threads, wall_s, cpu_s, peak_bytes, \
                     is_success) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute((
                    kind.recipe.as_str(),
                    &kind.software,
                    &kind.setup,
                    row.job.as_str(),
                    row.input_bytes as i64,
                    row.threads as i64,
                    row.wall_s,
                    row.usage.cpu_s,
                    row.usage.peak_bytes.map(|bytes| bytes as i64),
                    row.is_success,
                ))?;
            transaction
                .prepare_cached(
                    "DELETE FROM cost WHERE recipe = ?1 AND software = ?2 AND setup = ?3 AND id <= \
                     (SELECT id FROM cost WHERE recipe = ?1 AND software = ?2 AND setup = ?3 \
                     ORDER BY id DESC LIMIT 1 OFFSET ?4)",
                )?
                .execute((kind.recipe.as_str(), &kind.software, &kind.setup, KEPT))?;
            transaction.commit()
        };
        write().map_err(|error| sort(self.path(), error))
    }

    fn costs(&self, recipe: &RecipeId, software: &str, limit: usize) -> Result<Vec<CostRow>, StateError> {
        let rows: Vec<CostRow> = self
            .connection()
            .prepare_cached(
                "SELECT setup, job, input_bytes, threads, wall_s, cpu_s, peak_bytes, is_success FROM cost \
                 WHERE recipe = ?1 AND software = ?2 ORDER BY id DESC",
            )
            .and_then(|mut statement| {
                statement
                    .query_map((recipe.as_str(), software), |row| cost_row(recipe, software, row))?
                    .collect()
            })
            .map_err(|error| sort(self.path(), error))?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let latest = rows.into_iter().filter(|row| {
            let count = counts.entry(row.kind.setup.clone()).or_default();
            *count += 1;
            *count <= limit
        });
        Ok(latest.collect())
    }
}

fn cost_row(recipe: &RecipeId, software: &str, row: &Row<'_>) -> rusqlite::Result<CostRow> {
    Ok(CostRow {
        kind: CostKind {
            recipe: recipe.clone(),
            software: software.to_owned(),
            setup: row.get(0)?,
        },
        job: row.get::<_, String>(1)?.into(),
        input_bytes: row.get::<_, i64>(2)?.unsigned_abs(),
        threads: row.get::<_, i64>(3)?.unsigned_abs() as usize,
        wall_s: row.get(4)?,
        usage: Usage {
            cpu_s: row.get(5)?,
            peak_bytes: row.get::<_, Option<i64>>(6)?.map(i64::unsigned_abs),
        },
        is_success: row.get(7)?,
    })
}
