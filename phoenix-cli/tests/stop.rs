//! Ctrl-C: exit code 130, nothing half-written, and `resume` goes on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::process::Stdio;
use std::time::{Duration, Instant};

use stage::{Stage, files, job, names};

#[test]
fn ctrl_c_stops_a_run_that_resumes_to_the_same_products() {
    let stage = Stage::with_night();
    let start = Instant::now();
    stage.run("quiet", &["--deliver-to", "quiet-store"]).json_with(0);
    let whole = start.elapsed();
    for share in [0.15, 0.4, 0.7] {
        let (run, store) = (format!("run-{share}"), format!("store-{share}"));
        let mut command = stage.command(&Stage::run_words(&run, &["--deliver-to", &store]));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        std::thread::sleep(Duration::from_secs_f64(share * whole.as_secs_f64()));
        let was_running = child.try_wait().expect("a child").is_none();
        let signal = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        let end = stage::End::from(child.wait_with_output().expect("ends"));
        if !was_running || end.code == Some(0) {
            continue;
        }
        assert!(signal.is_ok());
        let document = end.json_with(130);
        assert!(
            document["error"][0]
                .as_str()
                .is_some_and(|text| text.contains("stopped")),
            "{document}"
        );
        for name in names(stage.path()) {
            assert!(!name.contains(".part"), "{name} is left");
        }
        if stage.path().join(&run).join("work/settings.json").is_file() {
            let document = stage.phoenix(&["resume", &run, "--json"]).json_with(0);
            assert_eq!(job(&document, "_tpl:")["stage"], "ingested");
            let products = |run: &str| files(&stage.path().join(run).join("products"));
            assert!(
                products(&run) == products("quiet"),
                "products differ after a stop at {share}"
            );
        }
    }
}

#[test]
fn two_processes_never_work_on_one_run() {
    let stage = Stage::with_night();
    stage.run("run", &["--step", "plan"]).json_with(0);
    let lock = phoenix::io::RunLock::acquire(stage.path().join("run")).expect("the lock is free");
    let end = stage.phoenix(&["resume", "run"]);
    assert_eq!(end.code, Some(2), "{}", end.err);
    assert!(end.err.contains("held by another process"), "{}", end.err);
    // Looking is allowed all the time.
    assert_eq!(stage.phoenix(&["status", "run"]).code, Some(0));
    drop(lock);
}
