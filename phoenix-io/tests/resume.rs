//! A cube that was interrupted goes on behind its last finished planes, and is the same file as if it never was.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod run_support;

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{CubeHdu, CubeLayout, Finished, JobSink, SinkError, SinkFactory, SlabWriter};
use phoenix_io::{DirSinks, FlatSinks, KeepEvery, MemorySinks};
use run_support::contents;
use serde_json::json;

const PLANES: usize = 12;
const PLANE: usize = 40 * 50;
/// Everything is made safe at once, so that the tests need no long cubes.
const ALWAYS: KeepEvery = KeepEvery {
    bytes: 0,
    time: Duration::ZERO,
};

fn record(digest: &str, location: &str) -> Record {
    Record {
        job: "stack".into(),
        recipe: "r".into(),
        pipeline: "test/1".into(),
        raw: vec![FrameRef {
            id: "raw".into(),
            tag: "PIXTABLE".into(),
            location: location.into(),
            size_bytes: Some(1),
            digest: Some(digest.into()),
        }],
        calib: Vec::new(),
        params: json!({"factor": 2.0}),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    }
}

fn layout() -> CubeLayout {
    let hdu = |name: &str| CubeHdu {
        name: name.into(),
        shape: [PLANES, 40, 50],
        header: Header::new(),
    };
    CubeLayout {
        tag: "CUBE".into(),
        name: "CUBE.fits".into(),
        header: Header::new(),
        reserve_cards: 36,
        hdus: vec![hdu("DATA"), hdu("STAT")],
    }
}

fn plane(hdu: usize, plane: usize) -> Vec<f32> {
    (0..PLANE)
        .map(|i| {
            if i == plane {
                f32::NAN
            } else {
                (1 + hdu) as f32 * (plane * PLANE + i) as f32
            }
        })
        .collect()
}

fn note(planes: usize) -> Finished {
    Finished {
        planes,
        note: json!({"rows": planes * 7}),
    }
}

/// Writes planes up to `end`, from where the writer stands.
fn write(writer: &mut dyn SlabWriter, end: usize) -> usize {
    let first = writer.finished().map_or(0, |finished| finished.planes);
    for at in first..end {
        for hdu in 0..2 {
            writer.write(hdu, at, &plane(hdu, at)).unwrap();
        }
        writer.mark(note(at + 1)).unwrap();
    }
    first
}

fn header(cards: usize) -> Header {
    let mut header = Header::new();
    for n in 0..cards {
        header.set(format!("QC.FIGURE{n}"), n as f64, "known at the end");
    }
    header
}

fn commit(mut sink: Box<dyn JobSink>, record: &Record, cards: usize) -> (usize, Option<Finished>) {
    let mut writer = sink.resume(layout(), record).unwrap();
    let finished = writer.finished().cloned();
    let first = write(writer.as_mut(), PLANES);
    writer.finish(header(cards)).unwrap();
    sink.commit(record).unwrap();
    (first, finished)
}

/// An attempt that writes `planes` planes and ends without commit.
fn attempt(sinks: &dyn SinkFactory, record: &Record, planes: usize) -> usize {
    let mut sink = sinks.open(&"stack".into()).unwrap();
    let mut writer = sink.resume(layout(), record).unwrap();
    write(writer.as_mut(), planes)
}

fn sinks(folder: &Path, every: KeepEvery) -> [(&'static str, Box<dyn SinkFactory>, PathBuf); 2] {
    let (dir, flat) = (folder.join("dir"), folder.join("flat"));
    [
        (
            "dir",
            Box::new(DirSinks::new(&dir).with_keeping(every)),
            dir.join("work/.stack.kept"),
        ),
        (
            "flat",
            Box::new(FlatSinks::new(&flat).with_keeping(every)),
            flat.join(".stack.kept"),
        ),
    ]
}

fn quiet(cards: usize) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    for (_, sinks, _) in sinks(folder.path(), ALWAYS) {
        commit(
            sinks.open(&"stack".into()).unwrap(),
            &record("a", "here/raw.fits"),
            cards,
        );
    }
    contents(folder.path())
}

#[test]
fn an_interrupted_cube_goes_on_behind_its_last_finished_plane_and_is_the_same_file() {
    // With many cards the header outgrows its room, and the data move at the very end.
    for cards in [3, 400] {
        let expected = quiet(cards);
        let folder = tempfile::tempdir().unwrap();
        let made = record("a", "here/raw.fits");
        for (name, sinks, shelf) in sinks(folder.path(), ALWAYS) {
            assert_eq!(attempt(&*sinks, &made, 5), 0, "{name}");
            assert!(shelf.join("CUBE.fits.part").is_file(), "{name}");
            assert_eq!(attempt(&*sinks, &made, 7), 5, "{name}");
            let mut sink = sinks.open(&"stack".into()).unwrap();
            let writer = sink.resume(layout(), &made).unwrap();
            assert_eq!(writer.finished(), Some(&note(7)));
            let mut back = vec![0.0; 2 * PLANE];
            writer.read(1, 5, &mut back).unwrap();
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&back), bits(&[plane(1, 5), plane(1, 6)].concat()), "{name}");
            assert!(matches!(writer.read(0, 6, &mut back), Err(SinkError::Invalid { .. })));
            drop((writer, sink));
            assert_eq!(
                commit(sinks.open(&"stack".into()).unwrap(), &made, cards).0,
                7,
                "{name}"
            );
            assert!(!shelf.exists(), "{name}");
        }
        assert!(contents(folder.path()) == expected);
    }
}

#[test]
fn a_cube_that_is_whole_and_not_committed_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let made = record("a", "here/raw.fits");
    for (name, sinks, _) in sinks(folder.path(), ALWAYS) {
        let mut sink = sinks.open(&"stack".into()).unwrap();
        let mut writer = sink.resume(layout(), &made).unwrap();
        write(writer.as_mut(), PLANES);
        writer.finish(header(3)).unwrap();
        drop(sink);
        let again = commit(sinks.open(&"stack".into()).unwrap(), &made, 3);
        assert_eq!(again.0, PLANES, "{name}");
    }
    assert!(contents(folder.path()) == quiet(3));
}

#[test]
fn where_the_inputs_lie_does_not_matter_and_what_they_are_does() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sinks, _) in sinks(folder.path(), ALWAYS) {
        attempt(&*sinks, &record("a", "here/raw.fits"), 5);
        assert_eq!(attempt(&*sinks, &record("a", "there/raw.fits"), 6), 5, "{name}");
        assert_eq!(attempt(&*sinks, &record("b", "there/raw.fits"), 4), 0, "{name}");
        let mut other = record("b", "there/raw.fits");
        other.params = json!({"factor": 3.0});
        assert_eq!(attempt(&*sinks, &other, 4), 0, "{name}");
        other.pipeline = "test/2".into();
        assert_eq!(attempt(&*sinks, &other, 4), 0, "{name}");
        assert_eq!(attempt(&*sinks, &other, 4), 4, "{name}");
    }
}

/// What happens to a shelf.
type Harm = fn(&Path);

#[test]
fn what_is_damaged_or_cut_short_is_begun_anew() {
    let made = record("a", "here/raw.fits");
    let harms: [(&str, Harm); 4] = [
        ("a bit is flipped", |shelf| {
            let file = std::fs::File::options()
                .read(true)
                .write(true)
                .open(shelf.join("CUBE.fits.part"));
            let file = file.unwrap();
            let (at, mut byte) = (3 * 2880 + 4 * PLANE as u64, [0]);
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 4], at).unwrap();
        }),
        ("the file is cut short", |shelf| {
            let file = std::fs::File::options()
                .write(true)
                .open(shelf.join("CUBE.fits.part"))
                .unwrap();
            file.set_len(3 * 2880).unwrap();
        }),
        ("the file is gone", |shelf| {
            std::fs::remove_file(shelf.join("CUBE.fits.part")).unwrap();
        }),
        ("the journal is spoilt", |shelf| {
            std::fs::write(shelf.join("CUBE.fits.journal"), vec![b'x'; 1 << 16]).unwrap();
        }),
    ];
    for (harm, does) in harms {
        let folder = tempfile::tempdir().unwrap();
        for (name, sinks, shelf) in sinks(folder.path(), ALWAYS) {
            attempt(&*sinks, &made, 5);
            does(&shelf);
            let found = commit(sinks.open(&"stack".into()).unwrap(), &made, 3);
            assert_eq!(found, (0, None), "{name}: {harm}");
        }
        assert!(contents(folder.path()) == quiet(3), "{harm}");
    }
}

#[test]
fn a_short_cube_is_not_kept_and_a_sink_in_memory_begins_always() {
    let folder = tempfile::tempdir().unwrap();
    let made = record("a", "here/raw.fits");
    for (_, sinks, _) in sinks(folder.path(), KeepEvery::default()) {
        attempt(&*sinks, &made, 5);
    }
    assert_eq!(contents(folder.path()).into_keys().collect::<Vec<_>>(), [""; 0]);
    let memory = MemorySinks::new();
    attempt(&memory, &made, 5);
    assert_eq!(attempt(&memory, &made, 6), 0);
}

#[test]
fn a_mark_that_is_not_true_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sinks, _) in sinks(folder.path(), ALWAYS) {
        let mut sink = sinks.open(&"stack".into()).unwrap();
        let mut writer = sink.resume(layout(), &record("a", "raw.fits")).unwrap();
        writer.write(0, 0, &plane(0, 0)).unwrap();
        assert!(matches!(writer.mark(note(1)), Err(SinkError::Invalid { .. })), "{name}");
        writer.write(1, 0, &plane(1, 0)).unwrap();
        writer.mark(note(1)).unwrap();
        writer.write(0, 2, &plane(0, 2)).unwrap();
        assert!(matches!(writer.mark(note(1)), Err(SinkError::Invalid { .. })), "{name}");
    }
}

#[test]
fn two_attempts_at_one_cube_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let sinks = FlatSinks::new(folder.path()).with_keeping(ALWAYS);
    let made = record("a", "here/raw.fits");
    let mut first = sinks.open(&"stack".into()).unwrap();
    let mut writer = first.resume(layout(), &made).unwrap();
    write(writer.as_mut(), 4);
    assert_eq!(commit(sinks.open(&"stack".into()).unwrap(), &made, 3).0, 0);
    for at in 4..PLANES {
        for hdu in 0..2 {
            writer.write(hdu, at, &plane(hdu, at)).unwrap();
        }
        writer.mark(note(at + 1)).unwrap();
    }
    writer.finish(header(3)).unwrap();
    first.commit(&made).unwrap();
    let names: Vec<String> = contents(folder.path()).into_keys().collect();
    assert_eq!(names, ["CUBE.fits", "CUBE.provenance.json"]);
}

#[test]
fn scratch_space_gives_back_what_was_written_and_has_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let memory = MemorySinks::new();
    let [dir, flat] = sinks(folder.path(), ALWAYS).map(|(_, sinks, _)| sinks);
    for sinks in [&*dir, &*flat, &memory] {
        let sink = sinks.open(&"stack".into()).unwrap();
        let before = contents(folder.path());
        let scratch = sink.scratch(100).unwrap();
        scratch.write(90, &[7; 10]).unwrap();
        let mut back = [1; 20];
        scratch.read(80, &mut back).unwrap();
        assert_eq!((back[9], back[10], back[19]), (0, 7, 7));
        assert!(scratch.write(91, &[7; 10]).is_err() && scratch.read(81, &mut back).is_err());
        assert!(contents(folder.path()) == before);
    }
}

#[test]
fn a_shelf_whose_job_has_committed_is_swept_and_any_other_stays() {
    let folder = tempfile::tempdir().unwrap();
    let sinks = DirSinks::new(folder.path()).with_keeping(ALWAYS);
    let made = record("a", "here/raw.fits");
    commit(sinks.open(&"stack".into()).unwrap(), &made, 3);
    let shelf = folder.path().join("work/.stack.kept");
    std::fs::create_dir(&shelf).unwrap();
    std::fs::write(shelf.join("CUBE.fits.journal"), "old").unwrap();
    let mut sink = sinks.open(&"other".into()).unwrap();
    write(sink.resume(layout(), &made).unwrap().as_mut(), 4);
    drop(sink);
    sinks.sweep().unwrap();
    assert!(!shelf.exists());
    assert!(folder.path().join("work/.other.kept/CUBE.fits.part").is_file());
}
