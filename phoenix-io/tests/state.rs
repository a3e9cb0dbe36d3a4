//! The state of a run: what is written stays, also when the process is killed; what is broken is said.
// What was written must come back bit for bit, so reals are compared as they are.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use phoenix_core::caveat::Caveat;
use phoenix_core::error::Status;
use phoenix_core::id::JobId;
use phoenix_core::plan::{Plan, PlannedJob, Readiness, Resources, Usage};
use phoenix_core::product::StoredProduct;
use phoenix_core::traits::{
    CostKind, CostRow, CostStore, Grade, Halt, IngestReceipt, IngestStatus, JobRecord, JobStore, Ledger, LedgerEntry,
    QcHeading, QcReport, QcRow, QcStore, Stage, StateError, TrendLookup,
};
use phoenix_core::unit::Mjd;
use phoenix_io::{RunLock, SqliteState};
use proptest::prelude::*;

/// Set in a process that this test starts and kills.
const CHILD: &str = "PHOENIX_TEST_STATE_CHILD";

fn record(job: &str) -> JobRecord {
    JobRecord {
        job: job.into(),
        stage: Stage::Processed,
        halt: Some(Halt::Failed {
            error: "frame x: no result".into(),
            status: Status::Temporary,
        }),
        attempts: 3,
        products: vec![StoredProduct {
            tag: "T".into(),
            name: "T.fits".into(),
            location: "work/T.fits".into(),
            digest: "sha256:00".into(),
            size_bytes: 2880,
        }],
        caveats: vec![Caveat::Partial { reason: "half".into() }],
        outputs: Vec::new(),
        wall_s: 1.25,
        usage: Usage {
            cpu_s: Some(2.5),
            peak_bytes: Some(1 << 30),
        },
        pipeline: Some("muse/2.8.7".into()),
    }
}

fn plan(jobs: &[&str]) -> Plan {
    Plan {
        version: Plan::VERSION,
        instrument: "FAKE".into(),
        label: "night".into(),
        jobs: jobs
            .iter()
            .map(|job| PlannedJob {
                id: (*job).into(),
                dataset: (*job).into(),
                task: "t".into(),
                recipe: "t".into(),
                key: std::collections::BTreeMap::new(),
                inputs: Vec::new(),
                slots: Vec::new(),
                params: serde_json::json!({"pixfrac": 0.6}),
                readiness: Readiness::Ready,
                resources: Resources::default(),
            })
            .collect(),
        left_out: Vec::new(),
        overlays: Vec::new(),
    }
}

fn qc_row(product: &str, parameter: &str, mjd: f64, value: Option<f64>) -> QcRow {
    QcRow {
        product: product.into(),
        instrument: "MUSE".into(),
        setup: "WFM-NOAO-N".into(),
        mjd: Mjd(mjd),
        parameter: parameter.into(),
        value,
        unit: "pix".into(),
        grade: if value.is_some() { Grade::Pass } else { Grade::NotScored },
        reason: "within limits".into(),
        numerics: "phoenix".into(),
    }
}

fn report(product: &str) -> QcReport {
    QcReport {
        product: product.into(),
        heading: QcHeading::default(),
        scores: Vec::new(),
        flags: Vec::new(),
    }
}

#[test]
fn records_and_plan_come_back_as_they_were_put() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    {
        let state = SqliteState::open(&path).unwrap();
        assert_eq!(state.plan().unwrap(), None);
        state.save_plan(&plan(&["a", "b"])).unwrap();
        state.put(&record("b")).unwrap();
        state.put(&record("a")).unwrap();
        state.put(&JobRecord::planned("b".into())).unwrap();
    }
    let state = SqliteState::open_existing(&path).unwrap();
    assert_eq!(state.plan().unwrap(), Some(plan(&["a", "b"])));
    assert_eq!(state.get(&"a".into()).unwrap(), Some(record("a")));
    assert_eq!(state.all().unwrap(), [record("a"), JobRecord::planned("b".into())]);
    state.save_plan(&plan(&["b", "c"])).unwrap();
    assert_eq!(state.all().unwrap(), [JobRecord::planned("b".into())]);
    drop(state);
    assert!(
        !folder.path().join("state.db-wal").exists(),
        "a closed state is one file"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_text_and_number_survives(job in "[^\0]{0,40}", error in ".{0,60}", wall_s in 0.0_f64..1e9, attempts: u32) {
        let state = SqliteState::open(":memory:").unwrap();
        let record = JobRecord {
            halt: Some(Halt::Failed { error, status: Status::Permanent }),
            attempts,
            wall_s,
            ..record(&job)
        };
        state.put(&record).unwrap();
        prop_assert_eq!(state.get(&JobId::from(job.as_str())).unwrap(), Some(record));
    }
}

#[test]
fn the_latest_costs_of_each_setup_are_told_and_old_ones_are_forgotten() {
    let state = SqliteState::open(":memory:").unwrap();
    let row = |setup: &str, n: u32| CostRow {
        job: format!("j{n}").into(),
        kind: CostKind {
            recipe: "muse_bias".into(),
            software: "muse".into(),
            setup: setup.into(),
        },
        input_bytes: u64::from(n),
        threads: 2,
        wall_s: f64::from(n),
        usage: Usage {
            cpu_s: None,
            peak_bytes: Some(1 << 40),
        },
        is_success: n.is_multiple_of(2),
    };
    for n in 0..250 {
        state.record_cost(&row("A", n)).unwrap();
    }
    state.record_cost(&row("B", 1)).unwrap();
    let costs = state.costs(&"muse_bias".into(), "muse", 3).unwrap();
    assert_eq!(costs, [row("B", 1), row("A", 249), row("A", 248), row("A", 247)]);
    assert_eq!(state.costs(&"muse_bias".into(), "muse", 1000).unwrap().len(), 201);
    assert!(state.costs(&"muse_bias".into(), "phoenix", 3).unwrap().is_empty());
}

#[test]
fn quality_values_are_replaced_by_product_and_ordered_by_time() {
    let state = SqliteState::open(":memory:").unwrap();
    state
        .save(
            &report("p2"),
            &[
                qc_row("p2", "num_sat", 57_000.5, Some(4.0)),
                qc_row("p2", "lshift", 57_000.5, None),
            ],
        )
        .unwrap();
    state
        .save(&report("p1"), &[qc_row("p1", "num_sat", 57_000.0, Some(f64::NAN))])
        .unwrap();
    state
        .save(&report("p1"), &[qc_row("p1", "num_sat", 57_000.0, Some(2.0))])
        .unwrap();
    let rows: Vec<(String, String, Option<f64>)> = state
        .rows()
        .unwrap()
        .into_iter()
        .map(|row| (row.product, row.parameter, row.value))
        .collect();
    assert_eq!(
        rows,
        [
            ("p1".into(), "num_sat".into(), Some(2.0)),
            ("p2".into(), "lshift".into(), None),
            ("p2".into(), "num_sat".into(), Some(4.0)),
        ]
    );
    assert_eq!(state.report("p1").unwrap(), Some(report("p1")));
    assert_eq!(state.report("p9").unwrap(), None);
    let values =
        |points: Vec<phoenix_core::traits::TrendPoint>| points.iter().map(|point| point.value).collect::<Vec<_>>();
    let trend = state
        .trend("num_sat", "WFM-NOAO-N", Mjd(57_000.0), Mjd(57_000.5))
        .unwrap();
    assert_eq!(values(trend), [2.0, 4.0]);
    assert_eq!(
        values(state.recent("num_sat", "WFM-NOAO-N", Mjd(57_000.5), 0.25)),
        [4.0]
    );
}

#[test]
fn a_delivery_is_entered_once_and_its_first_receipt_stays() {
    let state = SqliteState::open(":memory:").unwrap();
    let entry = |name: &str, digest: &str, status| LedgerEntry {
        job: "j".into(),
        receipt: IngestReceipt {
            name: name.into(),
            address: format!("s3://archive/{name}"),
            digest: digest.into(),
            status,
        },
    };
    let first = entry("b.fits", "sha256:1", IngestStatus::Stored);
    state.record(&first).unwrap();
    state
        .record(&entry("b.fits", "sha256:1", IngestStatus::AlreadyPresent))
        .unwrap();
    let other = entry("a.fits", "sha256:2", IngestStatus::AlreadyPresent);
    state.record(&other).unwrap();
    assert_eq!(state.entries().unwrap(), [other, first]);
}

fn reason(path: &Path) -> String {
    match SqliteState::open(path) {
        Err(StateError::Damaged { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_foreign_newer_or_broken_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let refused = |expected: &str| {
        let before = std::fs::read(&path).unwrap();
        let reason = reason(&path);
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::remove_file(&path).unwrap();
    };

    std::fs::write(&path, "SIMPLE  =                    T".repeat(100)).unwrap();
    refused("not a database");

    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE contacts (name TEXT)").unwrap();
    drop(foreign);
    refused("database of another program");

    drop(SqliteState::open(&path).unwrap());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    refused("newer than 2");

    let state = SqliteState::open(&path).unwrap();
    for n in 0..200 {
        state.put(&record(&format!("job {n}"))).unwrap();
    }
    drop(state);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let reason = reason(&path);
    assert!(
        reason.contains("malformed") || reason.contains("ut of range") || reason.contains("page"),
        "{reason}"
    );

    let missing = SqliteState::open_existing(folder.path().join("none.db"));
    assert!(matches!(missing, Err(StateError::System { .. })), "{missing:?}");
}

#[test]
fn a_file_of_an_older_layout_is_brought_up_to_date_and_keeps_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = SqliteState::open(&path).unwrap();
    state.put(&record("a")).unwrap();
    drop(state);
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch("DROP TABLE cost; DELETE FROM migration WHERE version = 2; PRAGMA user_version = 1;")
        .unwrap();
    drop(older);
    let state = SqliteState::open(&path).unwrap();
    assert_eq!(state.get(&"a".into()).unwrap(), Some(record("a")));
    assert!(state.costs(&"x".into(), "y", 1).unwrap().is_empty());
}

#[test]
fn a_record_that_is_no_record_is_damage_and_not_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = SqliteState::open(&path).unwrap();
    state.put(&record("a")).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE job SET json = '{}'", ()).unwrap();
    assert!(matches!(state.get(&"a".into()), Err(StateError::Damaged { .. })));
}

#[test]
fn another_process_may_read_while_one_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let writer = SqliteState::open(&path).unwrap();
    let reader = SqliteState::open_existing(&path).unwrap();
    for n in 0..20_usize {
        writer.put(&record(&format!("j{n:02}"))).unwrap();
        assert_eq!(reader.all().unwrap().len(), n + 1);
    }
}

#[test]
fn a_run_directory_has_one_holder_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let lock = RunLock::acquire(folder.path()).unwrap();
    let second = RunLock::acquire(folder.path());
    assert!(matches!(second, Err(StateError::Held { .. })), "{second:?}");
    drop(lock);
    RunLock::acquire(folder.path()).unwrap();
}

/// The process that is killed: it takes the lease, puts records and says which are put.
#[test]
fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let _lock = RunLock::acquire(&folder).unwrap();
    let state = SqliteState::open(Path::new(&folder).join("state.db")).unwrap();
    let start = state.all().unwrap().len();
    let mut out = std::io::stdout();
    for n in start.. {
        state.put(&record(&format!("job {n:06}"))).unwrap();
        writeln!(out, "put {n}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_put_is_there_after_kill_minus_nine() {
    let folder = tempfile::tempdir().unwrap();
    for wait_ms in [60, 10, 35, 80, 20] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut last = None;
        let number = |line: &str| line.rsplit_once("put ").map(|(_, n)| n.parse::<usize>().unwrap());
        while last.is_none() {
            last = number(&lines.next().expect("the child says what it has put"));
        }
        std::thread::sleep(Duration::from_millis(wait_ms));
        child.kill().unwrap();
        for line in lines {
            last = number(&line).or(last);
        }
        child.wait().unwrap();

        let _lock = RunLock::acquire(folder.path()).expect("the lease dies with the process");
        let state = SqliteState::open(folder.path().join("state.db")).unwrap();
        let found = state.all().unwrap();
        let said = last.unwrap() + 1;
        assert!(
            found.len() == said || found.len() == said + 1,
            "{} of {said}",
            found.len()
        );
        for (n, found) in found.iter().enumerate() {
            assert_eq!(*found, record(&format!("job {n:06}")));
        }
    }
}
