//! Sinks and reader: whole or nothing, never over an input, and what was written reads back.
// What was written must come back bit for bit, so reals are compared as they are.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod run_support;

use std::path::Path;
use std::process::{Command, Stdio};

use ndarray::{Array2, Array3, ArrayD, IxDyn};
use phoenix_core::caveat::Caveat;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::product::{ColumnData, Hdu, HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{
    ColumnHdu, ColumnKind, ColumnLayout, ColumnRun, CubeHdu, CubeLayout, FrameReader, HduKind, JobSink, ReadError,
    SinkError, SinkFactory,
};
use phoenix_io::{DirSinks, FitsReader, FlatSinks, MemorySinks, read_product};
use run_support::{contents, frame_file, small_product};

fn record() -> Record {
    Record {
        job: "j".into(),
        recipe: "r".into(),
        pipeline: "test/1".into(),
        raw: Vec::new(),
        calib: Vec::new(),
        params: serde_json::json!({"factor": 2.0}),
        rules: None,
        overlays: Vec::new(),
        caveats: vec![Caveat::Partial { reason: "half".into() }],
    }
}

fn layout(name: &str, planes: usize) -> CubeLayout {
    CubeLayout {
        tag: "CUBE".into(),
        name: name.into(),
        header: Header::new(),
        reserve_cards: 36,
        hdus: vec![CubeHdu {
            name: "DATA".into(),
            shape: [planes, 64, 64],
            header: Header::new(),
        }],
    }
}

fn table(name: &str, n_rows: u64) -> ColumnLayout {
    let column = |name: &str, kind| ColumnHdu {
        name: name.into(),
        kind,
        header: Header::new(),
    };
    ColumnLayout {
        tag: "TABLE".into(),
        name: name.into(),
        header: Header::new(),
        reserve_cards: 36,
        n_rows,
        columns: vec![column("x", ColumnKind::F32), column("q", ColumnKind::I32)],
    }
}

fn cube(value: f32) -> Array3<f32> {
    Array3::from_elem((2, 3, 4), value)
}

fn factories(folder: &Path) -> Vec<(&'static str, Box<dyn SinkFactory>)> {
    vec![
        ("dir", Box::new(DirSinks::new(folder.join("dir")))),
        ("flat", Box::new(FlatSinks::new(folder.join("flat")))),
        ("memory", Box::new(MemorySinks::new())),
    ]
}

#[test]
fn a_sink_that_is_dropped_leaves_nothing_visible() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sinks) in factories(folder.path()) {
        let mut sink = sinks.open(&"j".into()).unwrap();
        sink.put(small_product("A", cube(1.0))).unwrap();
        let mut slabs = sink.begin(layout("B.fits", 2)).unwrap();
        slabs.write(0, 0, &[0.0; 64 * 64]).unwrap();
        drop(sink);
        drop(slabs);
        assert_eq!(
            contents(folder.path()).into_keys().collect::<Vec<_>>(),
            [""; 0],
            "{name}"
        );
    }
}

#[test]
fn a_cube_that_is_not_whole_is_refused_and_nothing_appears() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sinks) in factories(folder.path()) {
        let mut sink = sinks.open(&"j".into()).unwrap();
        let mut slabs = sink.begin(layout("B.fits", 2)).unwrap();
        slabs.write(0, 1, &[0.0; 64 * 64]).unwrap();
        assert!(
            slabs.write(0, 1, &[0.0; 64 * 64]).is_err(),
            "{name}: a plane came twice"
        );
        assert!(
            slabs.write(0, 2, &[0.0; 64 * 64]).is_err(),
            "{name}: a plane behind the end"
        );
        assert!(slabs.write(3, 0, &[0.0; 64 * 64]).is_err(), "{name}: no such extension");
        let ended = slabs.finish(Header::new()).and_then(|()| sink.commit(&record()));
        assert!(matches!(ended, Err(SinkError::Invalid { .. })), "{name}: {ended:?}");
        assert_eq!(
            contents(folder.path()).into_keys().collect::<Vec<_>>(),
            [""; 0],
            "{name}"
        );
    }
}

#[test]
fn a_table_in_runs_of_rows_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let n = 300_000_u64;
    let reals: Vec<f32> = (0..n).map(|row| row as f32 * 0.5).collect();
    let integers: Vec<i32> = (0..n).map(|row| row as i32 - 7).collect();
    let memory = MemorySinks::new();
    let mut sinks = factories(folder.path());
    sinks.push(("own memory", Box::new(memory.clone())));
    for (name, sinks) in sinks {
        let mut sink = sinks.open(&"j".into()).unwrap();
        let mut rows = sink.begin_columns(table("T.fits", n)).unwrap();
        let (front, back) = reals.split_at(200_001);
        rows.write(1, 0, ColumnRun::I32(&integers)).unwrap();
        rows.write(0, 200_001, ColumnRun::F32(back)).unwrap();
        rows.write(0, 0, ColumnRun::F32(front)).unwrap();
        let mut header = Header::new();
        header.set("ESO.QC.ROWS", n as i64, "");
        rows.finish(header).unwrap();
        let stored = sink.commit(&record()).unwrap();
        let found = match name {
            "memory" => continue,
            "own memory" => memory.product(&"j".into(), "TABLE").unwrap(),
            _ => read_product(&stored[0].location).unwrap(),
        };
        assert_eq!(found.header.i64("QC.ROWS"), Ok(n as i64));
        let x = found.planes("x").unwrap();
        assert_eq!(x.shape(), [1, n as usize, 1], "{name}");
        let mut values = vec![0.0; n as usize];
        x.read(0..1, &mut values).unwrap();
        assert!(values == reals, "{name}");
        let HduData::Image(Pixels::I32(q)) = &found.hdu("q").unwrap().data else {
            panic!("{name}: integers are not integers")
        };
        assert!(q.iter().eq(&integers), "{name}");
        if name == "dir" {
            let place = Path::new(&stored[0].location);
            let complaints = phoenix_testkit::peers::fitsverify(&[place]).unwrap_or_default();
            assert!(complaints.is_empty(), "{complaints:?}");
        }
    }
}

#[test]
fn a_table_that_is_not_whole_is_refused_and_nothing_appears() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sinks) in factories(folder.path()) {
        let mut sink = sinks.open(&"j".into()).unwrap();
        let mut rows = sink.begin_columns(table("T.fits", 10)).unwrap();
        rows.write(0, 0, ColumnRun::F32(&[0.0; 10])).unwrap();
        rows.write(1, 4, ColumnRun::I32(&[0; 3])).unwrap();
        for (column, first, why) in [
            (1, 6, "a row came twice"),
            (1, 9, "a row behind the end"),
            (2, 0, "no such column"),
        ] {
            let refused = rows.write(column, first, ColumnRun::I32(&[0; 2]));
            assert!(
                matches!(refused, Err(SinkError::Invalid { .. })),
                "{name}: {why}: {refused:?}"
            );
        }
        let refused = rows.write(1, 0, ColumnRun::F32(&[0.0; 2]));
        assert!(
            matches!(refused, Err(SinkError::Invalid { .. })),
            "{name}: reals: {refused:?}"
        );
        let again = sink.begin_columns(table("T.fits", 1)).map(|_| ());
        assert!(matches!(again, Err(SinkError::Taken { .. })), "{name}: {again:?}");
        let ended = rows.finish(Header::new()).and_then(|()| sink.commit(&record()));
        assert!(matches!(ended, Err(SinkError::Invalid { .. })), "{name}: {ended:?}");
        assert_eq!(contents(folder.path()).len(), 0, "{name}");
    }
}

#[test]
fn a_name_stands_once_in_a_job() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sinks) in factories(folder.path()) {
        let mut sink = sinks.open(&"j".into()).unwrap();
        sink.put(small_product("A", cube(1.0))).unwrap();
        let again = sink.put(small_product("A", cube(2.0)));
        assert!(matches!(again, Err(SinkError::Taken { .. })), "{name}: {again:?}");
        let begun = sink.begin(layout("A.fits", 1)).map(|_| ());
        assert!(matches!(begun, Err(SinkError::Taken { .. })), "{name}: {begun:?}");
        assert_eq!(sink.commit(&record()).unwrap().len(), 1);
    }
}

#[test]
fn a_name_that_is_no_plain_file_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = DirSinks::new(folder.path()).open(&"j".into()).unwrap();
    for name in ["../escape.fits", "/etc/escape.fits", ".hidden.fits", ""] {
        let product = Product {
            name: name.into(),
            ..small_product("A", cube(1.0))
        };
        assert!(matches!(sink.put(product), Err(SinkError::Invalid { .. })), "{name}");
    }
}

#[test]
fn a_plain_folder_keeps_its_inputs_and_replaces_earlier_products() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("OBJECT.fits");
    std::fs::write(&input, "an input").unwrap();
    std::os::unix::fs::symlink(&input, folder.path().join("LINK.fits")).unwrap();
    let sinks = FlatSinks::new(folder.path()).with_inputs([&input]);
    for value in [1.0, 2.0] {
        let mut sink = sinks.open(&"j".into()).unwrap();
        for name in ["OBJECT", "LINK"] {
            let refused = sink
                .put(small_product(name, cube(0.0)))
                .map_err(|error| error.to_string());
            assert!(refused.unwrap_err().contains("which is an input"), "{name}");
        }
        sink.put(small_product("A", cube(value))).unwrap();
        sink.commit(&record()).unwrap();
        let mut first = [0.0; 12];
        let product = read_product(folder.path().join("A.fits")).unwrap();
        product.planes("DATA").unwrap().read(0..1, &mut first).unwrap();
        assert_eq!(first, [value; 12]);
    }
    let names: Vec<String> = contents(folder.path()).into_keys().collect();
    assert_eq!(names, ["A.fits", "A.provenance.json", "LINK.fits", "OBJECT.fits"]);
    assert_eq!(std::fs::read(&input).unwrap(), b"an input");
}

#[test]
fn an_attempt_that_runs_is_left_alone_and_a_dead_one_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join(".phoenix-1-0.part");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("lease"), "").unwrap();
    let sinks = FlatSinks::new(folder.path());
    let mut first = sinks.open(&"one".into()).unwrap();
    assert!(!dead.exists());
    let mut second = sinks.open(&"two".into()).unwrap();
    first.put(small_product("A", cube(1.0))).unwrap();
    second.put(small_product("B", cube(1.0))).unwrap();
    first.commit(&record()).unwrap();
    second.commit(&record()).unwrap();
    assert_eq!(contents(folder.path()).len(), 4);
}

#[test]
fn what_a_killed_attempt_left_is_removed_when_the_job_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let sinks = DirSinks::new(folder.path());
    let commit = |sink: Box<dyn JobSink>| sink.commit(&record()).unwrap();
    let mut sink = sinks.open(&"j".into()).unwrap();
    sink.put(small_product("OLD", cube(1.0))).unwrap();
    commit(sink);
    for leaving in ["work/.j.part", "work/.j.old", "work/.k.part"] {
        std::fs::create_dir(folder.path().join(leaving)).unwrap();
        std::fs::write(folder.path().join(leaving).join("CUBE.fits"), "half").unwrap();
    }
    let mut sink = sinks.open(&"j".into()).unwrap();
    assert_eq!(
        contents(folder.path()).into_keys().collect::<Vec<_>>(),
        ["work/.k.part/CUBE.fits"]
    );
    sink.put(small_product("NEW", cube(1.0))).unwrap();
    commit(sink);
    sinks.sweep().unwrap();
    let names: Vec<String> = contents(folder.path()).into_keys().collect();
    assert_eq!(names, ["work/j/NEW.fits", "work/j/NEW.provenance.json"]);
}

#[test]
fn products_of_another_run_are_taken_only_if_content_parameters_and_software_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let input = |digest: &str, location: &str| FrameRef {
        digest: Some(digest.into()),
        ..frame(location)
    };
    let of = |digest: &str, location: &str| Record {
        raw: vec![input(digest, location)],
        ..record()
    };
    let made = of("blake3:1", "/somewhere/a.fits");
    let mut sink = DirSinks::new(&old).open(&"j".into()).unwrap();
    sink.put(small_product("A", cube(1.0))).unwrap();
    let first = sink.commit(&made).unwrap();

    let sinks = DirSinks::new(&new).with_earlier(&old, ["r".into()]);
    let wanted = Record {
        caveats: Vec::new(),
        ..of("blake3:1", "/elsewhere/a.fits")
    };
    let others = [
        of("blake3:2", "/elsewhere/a.fits"),
        Record {
            params: serde_json::json!({"factor": 3.0}),
            ..wanted.clone()
        },
        Record {
            pipeline: "test/2".into(),
            ..wanted.clone()
        },
        Record {
            recipe: "other".into(),
            ..wanted.clone()
        },
        Record {
            job: "k".into(),
            ..wanted.clone()
        },
        Record {
            raw: vec![FrameRef {
                digest: None,
                ..input("", "/elsewhere/a.fits")
            }],
            ..wanted.clone()
        },
    ];
    for other in others {
        assert_eq!(sinks.inherit(&other).unwrap(), None, "{other:?}");
    }
    assert!(!new.exists());
    let taken = sinks.inherit(&wanted).unwrap().expect("the same content");
    assert_eq!((taken.products.len(), &taken.products[0].digest), (1, &first[0].digest));
    assert_eq!(taken.caveats, made.caveats, "its reservations stay");
    // It lies there as if it had been made there.
    assert_eq!(sinks.committed(&wanted).unwrap(), Some(taken));
    assert_eq!(
        read_product(&first[0].location)
            .unwrap()
            .planes("DATA")
            .map(|planes| planes.shape()),
        Some([2, 3, 4])
    );

    // What was damaged since is not taken.
    std::fs::write(&first[0].location, b"x").unwrap();
    let third = DirSinks::new(folder.path().join("third")).with_earlier(&old, ["r".into()]);
    assert_eq!(third.inherit(&wanted).unwrap(), None);
}

#[test]
fn a_product_reads_back_as_it_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let mut product = small_product(
        "A",
        Array3::from_shape_fn((3, 4, 5), |(w, y, x)| (100 * w + 10 * y + x) as f32),
    );
    let array = |data| Hdu {
        name: String::new(),
        header: Header::new(),
        data,
    };
    let image = Array2::from_elem((2, 3), 7.5_f32);
    product.hdus.extend([
        Hdu {
            name: "WHITE".into(),
            ..array(HduData::Image(Pixels::F32(std::sync::Arc::new(image))))
        },
        Hdu {
            name: "DQ".into(),
            ..array(HduData::Image(Pixels::I32(ArrayD::from_elem(IxDyn(&[2, 2, 2]), -1))))
        },
        Hdu {
            name: "WIDE".into(),
            ..array(HduData::Image(Pixels::F64(ArrayD::from_elem(IxDyn(&[4]), 0.1))))
        },
        Hdu {
            name: "NOTE".into(),
            ..array(HduData::Empty)
        },
    ]);
    let mut sink = DirSinks::new(folder.path()).open(&"j".into()).unwrap();
    sink.put(product).unwrap();
    let stored = sink.commit(&record()).unwrap();
    let read = read_product(&stored[0].location).unwrap();
    assert_eq!((read.tag.as_str(), read.name.as_str()), ("A", "A.fits"));
    assert_eq!(read.header.str("PRO.REC1.CAVEAT1"), Ok("PA"));
    assert_eq!(read.planes("DATA").unwrap().shape(), [3, 4, 5]);
    let mut plane = [0.0; 20];
    read.planes("DATA").unwrap().read(2..3, &mut plane).unwrap();
    assert_eq!(plane[19], 234.0);
    assert_eq!(read.planes("WHITE").unwrap().shape(), [1, 2, 3]);
    assert_eq!(read.hdu("WHITE").unwrap().header.i64("NAXIS"), Ok(2));
    let Some(HduData::Image(Pixels::I32(dq))) = read.hdu("DQ").map(|hdu| &hdu.data) else {
        panic!("no DQ")
    };
    assert_eq!(dq, &ArrayD::from_elem(IxDyn(&[2, 2, 2]), -1));
    let list = read.table("LIST").unwrap();
    assert_eq!(
        list.column("STAR").unwrap().data,
        ColumnData::Text(vec!["HD 1".into(), "HD 20".into()])
    );
    let flux = list.column("flux").unwrap();
    assert_eq!((flux.repeat, flux.unit.as_deref()), (2, Some("adu")));
    assert!(flux.data.to_f64().unwrap()[3].is_nan());
    assert!(matches!(read.hdu("NOTE").unwrap().data, HduData::Empty));
}

fn frame(location: impl Into<String>) -> FrameRef {
    FrameRef {
        id: "f".into(),
        tag: "RAW".into(),
        location: location.into(),
        size_bytes: None,
        digest: None,
    }
}

#[test]
fn frames_are_read_from_paths_and_file_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("with space");
    std::fs::create_dir(&inner).unwrap();
    let path = frame_file(&inner, 0).display().to_string();
    let reader = FitsReader::new();
    for location in [path.clone(), format!("file://{}", path.replace(' ', "%20"))] {
        let hdus = reader.hdus(&frame(location.as_str())).unwrap();
        assert_eq!(hdus.len(), 2);
        assert_eq!((hdus[1].name.as_str(), hdus[1].kind), ("DATA", HduKind::Image));
        let column = reader.column(&frame(location), 1, None).unwrap();
        let mut values = [0.0; 3];
        column.read_f32(column.len() - 3, &mut values).unwrap();
        assert_eq!(values, [477.0, 478.0, 479.0]);
        assert!(matches!(
            column.read_f32(478, &mut values),
            Err(ReadError::Window { .. })
        ));
    }
    for missing in ["/nowhere/x.fits", "s3://bucket/x.fits", "file:///%zz"] {
        assert!(
            matches!(reader.hdus(&frame(missing)), Err(ReadError::NotFound { .. })),
            "{missing}"
        );
    }
}

#[test]
fn a_file_that_was_replaced_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (frame_file(folder.path(), 0), frame_file(folder.path(), 1));
    let reader = FitsReader::new();
    let look = || {
        let frame = frame(first.display().to_string());
        let mut value = [0.0];
        reader.column(&frame, 1, None).unwrap().read_f32(0, &mut value).unwrap();
        (value[0], reader.digest(&frame).unwrap())
    };
    let before = look();
    assert_eq!(look(), before);
    std::fs::rename(&second, &first).unwrap();
    let after = look();
    assert_eq!((before.0, after.0), (0.0, 1000.0));
    assert_ne!(before.1, after.1);
}

/// The process whose files may not grow: it puts a product that is larger.
#[test]
fn the_process_without_room() {
    let Ok(folder) = std::env::var("PHOENIX_TEST_SINK_CHILD") else {
        return;
    };
    let sinks = DirSinks::new(&folder);
    let mut sink = sinks.open(&"j".into()).unwrap();
    sink.put(small_product("SMALL", cube(1.0))).unwrap();
    let mut slabs = sink.begin(layout("LARGE.fits", 64)).unwrap();
    let error = (0..64).find_map(|iw| slabs.write(0, iw, &[0.0; 64 * 64]).err());
    let mut rows = sink.begin_columns(table("TABLE.fits", 1 << 18)).unwrap();
    let of_rows = rows.write(0, 0, ColumnRun::F32(&vec![0.0; 1 << 18])).err();
    drop((slabs, rows, sink));
    let is_refused = |error: Option<SinkError>| error.is_some_and(|error| matches!(error, SinkError::System { .. }));
    println!("refused: {}", is_refused(error) && is_refused(of_rows));
}

#[test]
fn a_write_that_the_system_refuses_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // The shell ignores the signal of the limit, so that the write fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" --exact the_process_without_room --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("PHOENIX_TEST_SINK_CHILD", folder.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("refused: true"), "{text}");
    assert!(contents(folder.path()).is_empty());
}
