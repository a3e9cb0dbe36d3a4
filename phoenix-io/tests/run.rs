//! Runs on real files: resumable after `kill -9`, the same bits however they are run.
// What was written must come back bit for bit, so reals are compared as they are.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod run_support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use phoenix_core::engine::{Engine, RunIo, RunReport};
use phoenix_core::observe::{Event, JobEnd, Observer};
use phoenix_core::plan::{Plan, PlannedJob};
use phoenix_core::traits::{FrameReader, JobStore, Stage};
use phoenix_io::sink::Beside;
use phoenix_io::{DirSinks, FitsReader, MemoryReader, MemorySinks, RunLock, SqliteState, ThreadExecutor, read_product};
use phoenix_testkit::peers;
use run_support::{Chain, SHAPE, contents, night};

/// Set in a process that this test starts and kills: input folder and output folder.
const CHILD: &str = "PHOENIX_TEST_RUN_CHILD";
const FRAMES: usize = 6;

/// Notes how each job ended.
#[derive(Debug, Default)]
struct Ends(Mutex<BTreeMap<String, Vec<&'static str>>>);

impl Observer for Ends {
    fn on(&self, event: &Event<'_>) {
        if let Event::JobFinished { job, end, .. } = event {
            let end = match end {
                JobEnd::Done => "done",
                JobEnd::Skipped(_) => "skipped",
                _ => "other",
            };
            self.0.lock().unwrap().entry(job.to_string()).or_default().push(end);
        }
    }
}

fn run(plan: &Plan, out: &Path, width: usize, pause: Duration, ends: &Arc<Ends>) -> RunReport {
    std::fs::create_dir_all(out).unwrap();
    let _lock = RunLock::acquire(out).unwrap();
    let state = SqliteState::open(out.join("state.db")).unwrap();
    let sinks = DirSinks::new(out);
    sinks.sweep().unwrap();
    let engine = Engine::new(Arc::new(Chain::new(pause))).with_observer(ends.clone());
    let io = RunIo {
        reader: &FitsReader::new(),
        sinks: &sinks,
        jobs: &state,
    };
    engine.execute(plan, &io, &ThreadExecutor::new(width)).unwrap()
}

fn products(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = contents(out);
    found.retain(|name, _| name.starts_with("work"));
    found
}

#[test]
fn products_lie_in_one_folder_per_job_with_provenance_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let report = run(&night(folder.path(), 2), &out, 2, Duration::ZERO, &Arc::default());
    assert!(report.is_success(), "{report:?}");
    let names: Vec<String> = contents(&out).into_keys().collect();
    assert_eq!(
        names,
        [
            "run.lock",
            "state.db",
            "work/night:sum/SUM.fits",
            "work/night:sum/SUM.provenance.json",
            "work/ob0:make/CUBE.fits",
            "work/ob0:make/CUBE.provenance.json",
            "work/ob1:make/CUBE.fits",
            "work/ob1:make/CUBE.provenance.json",
        ]
    );
    let text = std::fs::read_to_string(out.join("work/night:sum/SUM.provenance.json")).unwrap();
    let beside: Beside = serde_json::from_str(&text).unwrap();
    let inputs: Vec<&str> = beside
        .provenance
        .raw
        .iter()
        .map(|frame| frame.location.as_str())
        .collect();
    assert_eq!(inputs, ["work/ob0:make/CUBE.fits", "work/ob1:make/CUBE.fits"]);
    assert!(beside.provenance.raw.iter().all(|frame| frame.digest.is_some()));
    let stored = report.products("SUM").next().unwrap();
    assert_eq!((&beside.digest, beside.size_bytes), (&stored.digest, stored.size_bytes));

    if let Some(complaints) = peers::fitsverify(&[Path::new(&stored.location), &out.join("work/ob0:make/CUBE.fits")]) {
        assert_eq!(complaints, [""; 0]);
    }

    let product = read_product(&stored.location).unwrap();
    assert_eq!(product.header.str("PIPEFILE"), Ok("SUM.fits"));
    assert_eq!(product.header.str("PRO.REC1.RAW2.NAME"), Ok("CUBE.fits"));
    assert_eq!(product.header.i64("PRO.DATANCOM"), Ok(2));
    assert_eq!(product.header.str("DATAMD5").unwrap().len(), 32);
    let mut first = [0.0; SHAPE[1] * SHAPE[2]];
    product.planes("DATA").unwrap().read(0..1, &mut first).unwrap();
    assert_eq!(first[..3], [2000.0, 2004.0, 2008.0]);
}

#[test]
fn one_worker_and_four_make_the_same_bits_in_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    let plan = night(folder.path(), FRAMES);
    let made = |name: &str, width: usize| {
        let out = folder.path().join(name);
        assert!(run(&plan, &out, width, Duration::ZERO, &Arc::default()).is_success());
        products(&out)
    };
    let one = made("one", 1);
    assert_eq!(one.len(), 2 * (FRAMES + 1));
    assert_eq!(made("four", 4), one);
}

#[test]
fn a_truncated_frame_fails_its_job_and_not_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let plan = night(folder.path(), 3);
    let whole = std::fs::read(folder.path().join("raw1.fits")).unwrap();
    std::fs::write(folder.path().join("raw1.fits"), &whole[..whole.len() - 2880]).unwrap();
    let out = folder.path().join("out");
    let report = run(&plan, &out, 1, Duration::ZERO, &Arc::default());
    let text = format!("{:?}", report.job(&"ob1:make".into()).unwrap().end);
    assert!(
        text.contains("raw1.fits") && text.contains("hdu 1, byte") && text.contains("ends after"),
        "{text}"
    );
    assert_eq!(report.count(phoenix_core::engine::JobOutcome::is_success), 2);
    assert_eq!(products(&out).len(), 4);
}

#[test]
fn a_job_that_was_committed_and_not_recorded_is_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let plan = night(folder.path(), 2);
    let out = folder.path().join("out");
    run(&plan, &out, 1, Duration::ZERO, &Arc::default());
    let before = products(&out);
    // As a process leaves it that is killed between the two.
    let forget = || {
        let state = SqliteState::open(out.join("state.db")).unwrap();
        let mut record = state.get(&"ob1:make".into()).unwrap().unwrap();
        (record.stage, record.products) = (Stage::Fetched, Vec::new());
        state.put(&record).unwrap();
    };
    let again = |what: &str, expected: &str| {
        forget();
        let ends = Arc::new(Ends::default());
        assert!(run(&plan, &out, 1, Duration::ZERO, &ends).is_success());
        assert_eq!(ends.0.lock().unwrap()["ob1:make"], [expected], "{what}");
        assert_eq!(products(&out), before);
    };
    again("whole", "skipped");
    std::fs::write(out.join("work/ob1:make/CUBE.fits"), "something else").unwrap();
    again("changed", "done");
    std::fs::remove_file(out.join("work/ob1:make/CUBE.fits")).unwrap();
    again("lost", "done");
}

/// The process that is killed: it runs the night in the folder that it is given.
#[test]
fn the_process_that_is_killed() {
    let Ok(folders) = std::env::var(CHILD) else { return };
    let (input, out) = folders.split_once('|').unwrap();
    let plan = night(Path::new(input), FRAMES);
    run(&plan, Path::new(out), 2, Duration::from_millis(4), &Arc::default());
}

#[test]
fn a_run_that_is_killed_at_any_point_resumes_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let plan = night(folder.path(), FRAMES);
    let undisturbed = folder.path().join("undisturbed");
    run(&plan, &undisturbed, 2, Duration::ZERO, &Arc::default());
    let expected = products(&undisturbed);

    let rounds: u32 = std::env::var("PHOENIX_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20);
    let (mut n_killed, mut n_partial) = (0, 0);
    for round in 0..rounds {
        let out = folder.path().join(format!("killed{round}"));
        std::fs::create_dir(&out).unwrap();
        // Two kills of one run, at points spread over its length.
        for kill in 0..2_u32 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "the_process_that_is_killed", "--nocapture"])
                .env(CHILD, format!("{}|{}", folder.path().display(), out.display()))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let started = Instant::now();
            while !out.join("work").exists() && started.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let spread = (round * 37 + kill * 53) % 140;
            std::thread::sleep(Duration::from_millis(u64::from(spread)));
            n_killed += u32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // Recorded, or committed a moment before the kill: the folder of a job appears when it is whole.
        let sinks = DirSinks::new(&out);
        let is_visible = |job: &&PlannedJob| sinks.folder(&job.id).exists();
        let done_before: Vec<String> = plan
            .jobs
            .iter()
            .filter(is_visible)
            .map(|job| job.id.to_string())
            .collect();
        let state = SqliteState::open(out.join("state.db")).unwrap();
        for record in state.all().unwrap() {
            let is_done = done_before.contains(&record.job.to_string());
            assert!(record.stage < Stage::Processed || is_done, "{record:?}");
        }
        drop(state);
        n_partial += u32::from(!done_before.is_empty() && done_before.len() < plan.jobs.len());
        let ends = Arc::new(Ends::default());
        assert!(run(&plan, &out, 2, Duration::ZERO, &ends).is_success());
        for (job, ends) in ends.0.lock().unwrap().iter() {
            let expected = if done_before.contains(job) { "skipped" } else { "done" };
            assert_eq!(ends, &[expected], "{job} in round {round}");
        }
        assert_eq!(products(&out), expected, "round {round}");
        let others: Vec<String> = contents(&out)
            .into_keys()
            .filter(|name| !name.starts_with("work"))
            .collect();
        assert_eq!(others, ["run.lock", "state.db"]);
    }
    println!(
        "{n_killed} of {} runs were alive when they were killed, {n_partial} resumed half done",
        rounds * 2
    );
    assert!(
        n_killed > 0 && n_partial > 0,
        "{n_killed} killed, {n_partial} half done"
    );
}

#[test]
fn an_embedding_program_gets_typed_products_without_an_output_file() {
    let folder = tempfile::tempdir().unwrap();
    let plan = night(folder.path(), 2);
    let sinks = MemorySinks::new();
    let jobs = phoenix_core::engine::MemoryJobs::new();
    let reader = MemoryReader::new(&sinks, FitsReader::new());
    let io = RunIo {
        reader: &reader,
        sinks: &sinks,
        jobs: &jobs,
    };
    let engine = Engine::new(Arc::new(Chain::new(Duration::ZERO)));
    assert!(
        engine
            .execute(&plan, &io, &ThreadExecutor::new(2))
            .unwrap()
            .is_success()
    );
    let sum = sinks.product(&"night:sum".into(), "SUM").expect("the sum was made");
    let mut plane = [0.0; SHAPE[1] * SHAPE[2]];
    sum.planes("DATA").unwrap().read(0..1, &mut plane).unwrap();
    assert_eq!(plane[..3], [2000.0, 2004.0, 2008.0]);
    assert_eq!(sum.header.str("PRO.REC1.ID"), Ok("sum"));

    let again = engine.execute(&plan, &io, &ThreadExecutor::new(2)).unwrap();
    assert_eq!(
        again.count(|end| matches!(end, phoenix_core::engine::JobOutcome::Skipped { .. })),
        3
    );
    let record = jobs.get(&"night:sum".into()).unwrap().unwrap();
    let frame = phoenix_core::frame::FrameRef {
        id: "x".into(),
        tag: "SUM".into(),
        location: record.products[0].location.clone(),
        size_bytes: None,
        digest: None,
    };
    assert_eq!(reader.table(&frame, 2).unwrap().n_rows(), 2);
    assert_eq!(reader.column(&frame, 1, None).unwrap().len(), 480);
}

/// A file system of one megabyte, given back when dropped; `None` where one may not be made.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(at.to_path_buf()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_written_and_the_run_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let Some(_disk) = SmallDisk::mount(&out) else {
        println!("skipped: no file system may be mounted here");
        return;
    };
    let plan = night(folder.path(), 3);
    let ballast = out.join("ballast");
    // Room for the state and not for all products.
    std::fs::write(&ballast, vec![0_u8; 950 << 10]).unwrap();
    let report = {
        let state = SqliteState::open(folder.path().join("state.db")).unwrap();
        let sinks = DirSinks::new(&out);
        let io = RunIo {
            reader: &FitsReader::new(),
            sinks: &sinks,
            jobs: &state,
        };
        let engine = Engine::new(Arc::new(Chain::new(Duration::ZERO)));
        let report = engine.execute(&plan, &io, &ThreadExecutor::new(1)).unwrap();
        let failed = report.count(|end| matches!(end, phoenix_core::engine::JobOutcome::Failed { .. }));
        assert!(failed > 0 && failed < 4, "{report:?}");
        for file in products(&out).keys() {
            let job = report
                .jobs
                .iter()
                .find(|job| file.contains(&phoenix_io::sink::job_folder(&job.job)));
            assert!(job.is_some_and(|job| job.end.is_success()), "{file} was left");
        }
        std::fs::remove_file(&ballast).unwrap();
        engine.execute(&plan, &io, &ThreadExecutor::new(1)).unwrap()
    };
    assert!(report.is_success(), "{report:?}");
    assert_eq!(products(&out).len(), 8);
}
