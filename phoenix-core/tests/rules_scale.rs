//! Years of four instruments are planned in seconds: 5,840 nights with `PHOENIX_SCALE_NIGHTS=5840`, 60 in the gate.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use phoenix_core::rule_instrument::{Draft, DraftFill, DraftFrames, RuleInstrument, RuleInstrumentBuilder};
use phoenix_core::traits::Selection;
use phoenix_sim::nights::headers::catalogue::catalogue;
use phoenix_testkit::peers;

fn instrument(name: &str) -> RuleInstrument {
    let folder = peers::workspace_root()
        .join("phoenix-instruments")
        .join(name)
        .join("rules");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    RuleInstrument::from_rules(&read(&format!("{name}.oca")), &read("validity.toml"))
        .and_then(RuleInstrumentBuilder::build)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Processor time of this thread, which other work on the machine does not stretch; wall time where it is not told.
fn processor_time(begin: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

/// Peak resident memory in MiB; `None` where the system does not tell.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib / 1024)
}

#[test]
fn years_of_four_instruments_are_planned_in_seconds() {
    let n_nights: usize = std::env::var("PHOENIX_SCALE_NIGHTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let mut catalogues: BTreeMap<&str, DraftFrames> = ["uves", "giraffe", "xshooter", "muse"]
        .into_iter()
        .map(|name| (name, DraftFrames::new(instrument(name).policy().clone())))
        .collect();
    // Making the headers is no part of planning; taking from them what the rules name is.
    let start = Instant::now();
    let mut reading = Duration::ZERO;
    let mut batch = Vec::new();
    let mut entries = catalogue(n_nights, 1).peekable();
    while entries.peek().is_some() {
        batch.clear();
        batch.extend(entries.by_ref().take(5000));
        let begin = processor_time(start);
        for entry in &batch {
            let name = entry
                .header
                .str("INSTRUME")
                .expect("every frame has it")
                .to_ascii_lowercase();
            let frame = entry.path.rsplit('/').next().expect("a path has a last part");
            let frames = catalogues.get_mut(name.as_str()).expect("one of the four");
            frames.push_header(frame, &entry.header);
        }
        reading += processor_time(start).saturating_sub(begin);
    }
    let n_frames: usize = catalogues.values().map(DraftFrames::len).sum();
    let begin = processor_time(start);
    let drafts: Vec<(&str, Draft)> = catalogues
        .into_iter()
        .map(|(name, frames)| (name, Draft::new(frames, &Selection::new())))
        .collect();
    let planning = processor_time(start).saturating_sub(begin);
    let mut report = std::io::stderr().lock();
    let _ = writeln!(
        report,
        "{n_frames} frames of {n_nights} nights: {reading:?} to take the keys, {planning:?} to plan"
    );
    let mut n_jobs = 0;
    for (name, draft) in &drafts {
        n_jobs += draft.len();
        let (mut filled, mut pending, mut missing) = (0, 0, 0);
        for n in 0..draft.len() {
            for (_, fill) in draft.slots(n) {
                match fill {
                    DraftFill::Missing => missing += 1,
                    DraftFill::Pending(_) => pending += 1,
                    DraftFill::Filled { .. } => filled += 1,
                }
            }
        }
        let _ = writeln!(
            report,
            "{name}: {} jobs; slots: {filled} filled, {pending} pending, {missing} missing; {} frames left out",
            draft.len(),
            draft.n_left_out()
        );
        assert!(pending > 0, "{name}");
    }
    let peak = peak_mib();
    let _ = writeln!(report, "{n_jobs} jobs, peak memory {peak:?} MiB");
    assert!(n_jobs * 20 > n_frames, "{n_jobs} jobs of {n_frames} frames");
    if n_nights >= 5840 {
        assert!(reading + planning < Duration::from_secs(10), "{:?}", reading + planning);
        assert!(peak.is_none_or(|peak| peak < 1024), "{peak:?} MiB");
    }
}
