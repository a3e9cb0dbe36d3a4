//! Writing: clean for fitsverify, equal for astropy, whole or not there.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like the tests themselves")]

mod fits_support;

use std::path::Path;

use fits_support::{digests, peer_script, run_python};
use phoenix_core::header::{Header, Value};
use phoenix_io::fits::{
    Column, ColumnData, ElementType, FitsError, FitsFile, FitsWriter, ImageSpec, LongText, Pixel, Pixels, SumState,
    Table, TableSpec, WriteOptions,
};
use phoenix_testkit::peers;

fn rich_header() -> Header {
    let mut header = Header::new();
    header.set("OBJECT", "O'Hara's star", "target");
    header.set("EXPTIME", 900.0, "[s] total exposure");
    header.set(
        "MJD-OBS",
        Value::Real(57_509.123_456_78, Some("57509.12345678".into())),
        "start",
    );
    header.set("DPR.CATG", "SCIENCE", "observation category");
    header.set("QC.SATURATED", 12, "");
    header.set(
        "PRO.REC1.PARAM1.NAME",
        "resample",
        "a comment that is much longer than what is left of the card",
    );
    header.set("FLAG", false, "");
    header.set("UNDEF", Value::Undefined, "nothing is known");
    header.set("COMPLX", Value::Complex(1.0, -2.5e-10), "");
    header.set("BITPIX", 99, "must not survive");
    header.set("TFORM1", "99Z", "must not survive");
    header.set(
        "ASSON1",
        "a very long text that goes on and on, ".repeat(4).as_str(),
        "long",
    );
    header.note("HISTORY", &"words ".repeat(30));
    header.note("COMMENT", "one line");
    header.push(header.card("FLAG").cloned().unwrap());
    header
}

fn append<T: Pixel>(file: &mut FitsWriter, name: &str, values: &[T]) {
    let spec = ImageSpec::new(T::ELEMENT, &[2, 3, values.len() / 6], rich_header()).name(name);
    let hdu = file.append_image(spec).unwrap();
    let plane = values.len() / 2;
    file.write_planes(hdu, 1, &values[plane..]).unwrap();
    file.write_planes(hdu, 0, &values[..plane]).unwrap();
}

fn all_columns(n: usize) -> Table {
    let f = |i: usize| (i as f64 * 0.37).sin();
    Table::new(vec![
        Column::new(
            "flag",
            ColumnData::Logical((0..n).map(|i| [Some(true), Some(false)][i % 2]).collect()),
        ),
        Column::new("bits", ColumnData::Bits((0..n * 11).map(|i| i % 3 == 0).collect())).shape(&[11]),
        Column::new("u8", (0..n).map(|i| i as u8).collect::<Vec<_>>()),
        Column::new("i8", (0..n).map(|i| i as i8).collect::<Vec<_>>()),
        Column::new("i16", (0..n).map(|i| i as i16 - 50).collect::<Vec<_>>()).null(-50),
        Column::new("u16", (0..n).map(|i| 60_000 + i as u16).collect::<Vec<_>>()),
        Column::new("i32", (0..n).map(|i| i as i32 * -70_000).collect::<Vec<_>>()).unit("adu"),
        Column::new("u32", (0..n).map(|i| 4_000_000_000 + i as u32).collect::<Vec<_>>()).null(4_000_000_001),
        Column::new("i64", (0..n).map(|i| i as i64 - (1 << 60)).collect::<Vec<_>>()),
        Column::new("u64", (0..n).map(|i| u64::MAX - i as u64).collect::<Vec<_>>()),
        Column::new("f32", (0..n).map(|i| f(i) as f32).collect::<Vec<_>>())
            .unit("Angstrom")
            .display("F8.3"),
        Column::new("f64", (0..n).map(f).collect::<Vec<_>>()).unit("s"),
        Column::new("vector", (0..n * 6).map(|i| f(i) as f32).collect::<Vec<_>>()).shape(&[2, 3]),
        Column::new("text", (0..n).map(|i| format!("row {i}")).collect::<Vec<_>>()),
        Column::new("texts", (0..n * 2).map(|i| format!("t{i}")).collect::<Vec<_>>()).shape(&[2]),
        Column::new(
            "c32",
            ColumnData::Complex32((0..n).map(|i| [f(i) as f32, 1.0]).collect()),
        ),
        Column::new("c64", ColumnData::Complex64((0..n).map(|i| [f(i), -1.0]).collect())),
        Column::new(
            "ragged",
            ColumnData::Variable(
                (0..n)
                    .map(|i| (0..i % 4).map(|j| j as f32).collect::<Vec<_>>().into())
                    .collect(),
            ),
        ),
        Column::new(
            "words",
            ColumnData::Variable((0..n).map(|i| vec!["x".repeat(i % 5)].into()).collect()),
        ),
    ])
}

fn write_everything(path: &Path) {
    let options = WriteOptions::default().data_md5(true);
    let mut file = FitsWriter::create(path, &options).unwrap();
    let primary = file
        .append_image(ImageSpec::header_only(rich_header()).reserve_cards(40))
        .unwrap();
    append(&mut file, "U8", &(0..42).collect::<Vec<u8>>());
    append(&mut file, "I8", &(-20..22).collect::<Vec<i8>>());
    append(&mut file, "I16", &(-20..22).map(|i| i * 999).collect::<Vec<i16>>());
    append(&mut file, "U16", &(0..42).map(|i| i * 1500).collect::<Vec<u16>>());
    append(&mut file, "I32", &(-20..22).map(|i| i * 99_999).collect::<Vec<i32>>());
    append(
        &mut file,
        "U32",
        &(0..42).map(|i| i * 100_000_000).collect::<Vec<u32>>(),
    );
    append(&mut file, "I64", &(-20..22).map(|i| i << 55).collect::<Vec<i64>>());
    append(&mut file, "U64", &(0..42).map(|i| i << 58).collect::<Vec<u64>>());
    append(&mut file, "F32", &(0..42).map(|i| 1.0 / i as f32).collect::<Vec<f32>>());
    append(
        &mut file,
        "F64",
        &(0..42).map(|i| f64::from(i).sqrt()).collect::<Vec<f64>>(),
    );
    let mut blank = ImageSpec::new(ElementType::I16, &[3], Header::new()).name("BLANK");
    blank.blank = Some(-1);
    let hdu = file.append_image(blank).unwrap();
    file.write_pixels(hdu, 0, &[1_i16, -1, 3]).unwrap();
    file.append_table(TableSpec::new("ALL", rich_header()), &all_columns(100))
        .unwrap();
    file.append_table(
        TableSpec::new("EMPTY", Header::new()),
        &Table::new(vec![Column::new("x", Vec::<f32>::new())]),
    )
    .unwrap();
    file.header_mut(primary)
        .unwrap()
        .set("QC.LATE", 0.5, "known after the pixels");
    file.finish().unwrap();
}

#[test]
fn everything_written_is_clean_for_fitsverify_and_the_same_for_astropy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.fits");
    write_everything(&path);
    if let Some(complaints) = peers::fitsverify(&[&path]) {
        assert!(complaints.is_empty(), "{}", complaints.concat());
    }
    let file = FitsFile::open(&path).unwrap();
    for unit in file.hdus() {
        // fitsrs knows no bit columns; the strict scan goes on alone.
        let expected = usize::from(unit.name.as_deref() == Some("ALL"));
        assert_eq!(unit.remarks.len(), expected, "{:?}", unit.remarks);
    }
    for unit in file.checksums().unwrap() {
        assert_eq!((unit.datasum, unit.checksum), (SumState::Ok, SumState::Ok));
    }
    if let Some(python) = peers::python(&["astropy"]) {
        let theirs = run_python(&python, &peer_script("digests.py"), &[&path]);
        assert_eq!(digests(&path).unwrap(), theirs);
        run_python(&python, &peer_script("sums.py"), &[&path]);
    }
}

#[test]
fn what_was_written_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.fits");
    write_everything(&path);
    let file = FitsFile::open(&path).unwrap();
    let table = file.table(file.find("ALL").unwrap().index).unwrap();
    for (read, written) in table.columns.iter().zip(all_columns(100).columns) {
        assert_eq!(read.data, written.data, "{}", read.name);
        assert_eq!(read.null, written.null, "{}", read.name);
        assert_eq!(read.unit, written.unit);
    }
    assert_eq!(table.columns.len(), all_columns(1).columns.len());
    let image = file.image(file.find("U64").unwrap().index).unwrap();
    assert_eq!(image.shape, [2, 3, 7]);
    assert_eq!(image.pixels, Pixels::U64((0..42).map(|i| i << 58).collect()));
    let blank = file.pixel_reader(file.find("BLANK").unwrap().index).unwrap();
    let mut reals = [0.0_f32; 3];
    blank.read(0, &mut reals).unwrap();
    assert!(reals[1].is_nan() && reals[2] > 2.5);

    let header = &file.primary().unwrap().header;
    let wanted = rich_header();
    for card in wanted.cards() {
        match card.key.as_str() {
            "BITPIX" | "TFORM1" | "HISTORY" => {}
            "UNDEF" => assert!(!header.contains("UNDEF")),
            "EXPTIME" => assert_eq!(header.get("EXPTIME").unwrap().display(), "900.0"),
            key => assert_eq!(header.get(key).unwrap().display(), card.value.display(), "{key}"),
        }
    }
    assert_eq!(
        header.cards().iter().filter(|card| card.key.as_str() == "FLAG").count(),
        1
    );
    assert_eq!(header.f64("QC.LATE"), Ok(0.5));
    assert_eq!(
        header.str("DATAMD5").unwrap(),
        phoenix_io::digest::data_md5(&file).unwrap()
    );
}

/// Who forms the MD5 of the data.
#[derive(Clone, Copy, PartialEq)]
enum Hashing {
    WhileWriting,
    /// Others, before the last slab and not behind it.
    Deferred,
}

/// Writes two images of some MiB in slabs of these planes, those of both in turn as a stream does.
fn write_slabs(path: &Path, slabs: &[std::ops::Range<usize>], md5: Hashing) {
    let [nz, plane] = [11, 150_001];
    let value = |hdu: usize, at: usize| (at * 7 + hdu) as f32 * 0.25;
    let mut file = FitsWriter::create(path, &WriteOptions::default().data_md5(true)).unwrap();
    file.append_image(ImageSpec::header_only(Header::new())).unwrap();
    for name in ["DATA", "STAT"] {
        file.append_image(ImageSpec::new(ElementType::F32, &[nz, 1, plane], Header::new()).name(name))
            .unwrap();
    }
    let beside = (md5 == Hashing::Deferred).then(|| file.defer_md5().unwrap().unwrap());
    for (turn, slab) in slabs.iter().enumerate() {
        for hdu in [1, 2] {
            let values: Vec<f32> = (slab.start * plane..slab.end * plane)
                .map(|at| value(hdu, at))
                .collect();
            file.write_planes(hdu, slab.start, &values).unwrap();
        }
        if let Some(beside) = beside.clone().filter(|_| turn + 1 < slabs.len()) {
            let others = [beside.clone(), beside].map(|beside| std::thread::spawn(move || beside()));
            for other in others {
                other.join().unwrap();
            }
        }
    }
    file.finish().unwrap();
    if let Some(beside) = beside {
        beside();
    }
}

#[test]
fn large_slabs_make_the_same_file_whatever_their_order_the_threads_and_who_hashes_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (ascending, other) = ([0..4, 4..8, 8..11], [8..11, 0..4, 4..8]);
    write_slabs(&path("alone"), &ascending, Hashing::WhileWriting);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| write_slabs(&path("together"), &ascending, Hashing::WhileWriting));
    pool.install(|| write_slabs(&path("disordered"), &other, Hashing::WhileWriting));
    write_slabs(&path("deferred"), &ascending, Hashing::Deferred);
    pool.install(|| write_slabs(&path("deferred-disordered"), &other, Hashing::Deferred));
    let alone = std::fs::read(path("alone")).unwrap();
    for name in ["together", "disordered", "deferred", "deferred-disordered"] {
        assert!(std::fs::read(path(name)).unwrap() == alone, "{name}");
    }
    let file = FitsFile::open(path("alone")).unwrap();
    assert_eq!(
        file.hdus()[0].header.str("DATAMD5").unwrap(),
        phoenix_io::digest::data_md5(&file).unwrap()
    );
}

#[test]
fn a_header_that_outgrows_its_room_moves_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grown.fits");
    let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
    let primary = file.append_image(ImageSpec::header_only(Header::new())).unwrap();
    let pixels: Vec<f32> = (0..6000).map(|i| i as f32).collect();
    for name in ["DATA", "STAT"] {
        let hdu = file
            .append_image(ImageSpec::new(ElementType::F32, &[6000], Header::new()).name(name))
            .unwrap();
        file.write_pixels(hdu, 0, &pixels).unwrap();
    }
    for n in 0..200 {
        file.header_mut(primary).unwrap().set(format!("QC.PAR{n}"), n, "");
        file.header_mut(1).unwrap().set(format!("QC.PAR{n}"), n, "");
    }
    file.finish().unwrap();
    let file = FitsFile::open(&path).unwrap();
    for hdu in [1, 2] {
        assert_eq!(file.image(hdu).unwrap().pixels, Pixels::F32(pixels.clone()));
    }
    assert!(
        file.checksums()
            .unwrap()
            .iter()
            .all(|unit| unit.checksum == SumState::Ok)
    );
    if let Some(complaints) = peers::fitsverify(&[&path]) {
        assert!(complaints.is_empty(), "{}", complaints.concat());
    }
}

#[test]
fn rows_written_in_pieces_make_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut whole = all_columns(1000);
    whole
        .columns
        .retain(|column| !matches!(column.data, ColumnData::Variable(_)));
    whole
        .columns
        .retain(|column| matches!(column.data, ColumnData::Number(_)) && column.repeat() == 1);
    let part = |range: std::ops::Range<usize>| {
        let mut table = all_columns(1000);
        table.columns.retain(|column| whole.column(&column.name).is_some());
        for column in &mut table.columns {
            macro_rules! cut {
                ($($kind:ident),*) => {
                    match &mut column.data {
                        $(ColumnData::Number(Pixels::$kind(values)) => *values = values[range.clone()].to_vec(),)*
                        _ => unreachable!(),
                    }
                };
            }
            cut!(U8, I8, I16, U16, I32, U32, I64, U64, F32, F64);
        }
        table.rows = range.len();
        table
    };
    let paths = [folder.path().join("whole.fits"), folder.path().join("pieces.fits")];
    let mut file = FitsWriter::create(&paths[0], &WriteOptions::default()).unwrap();
    file.append_table(TableSpec::new("T", Header::new()), &whole).unwrap();
    file.finish().unwrap();
    let mut file = FitsWriter::create(&paths[1], &WriteOptions::default()).unwrap();
    let hdu = file
        .begin_table(TableSpec::new("T", Header::new()), 1000, &part(0..0))
        .unwrap();
    for range in [700..1000, 0..333, 333..700] {
        file.write_rows(hdu, range.start, &part(range)).unwrap();
    }
    file.finish().unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_is_left_of_a_file_that_was_not_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.fits");
    let begin = || {
        let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
        file.append_image(ImageSpec::new(ElementType::F32, &[2, 4], Header::new()))
            .unwrap();
        file.write_planes(0, 1, &[1.0_f32; 4]).unwrap();
        file
    };
    drop(begin());
    assert_eq!(names(folder.path()), [""; 0]);
    assert!(matches!(
        begin().finish(),
        Err(FitsError::Incomplete {
            hdu: 0,
            missing: 16,
            ..
        })
    ));
    assert_eq!(names(folder.path()), [""; 0]);
    let mut file = begin();
    assert!(matches!(
        file.write_planes(0, 1, &[1.0_f32; 4]),
        Err(FitsError::Shape { .. })
    ));
    assert!(matches!(
        file.write_planes(0, 2, &[1.0_f32; 4]),
        Err(FitsError::Shape { .. })
    ));
    assert!(matches!(
        file.write_planes(0, 0, &[1_i32; 4]),
        Err(FitsError::Shape { .. })
    ));
    file.header_mut(0).unwrap().set("OBSERVER", "José", "");
    file.write_planes(0, 0, &[1.0_f32; 4]).unwrap();
    let error = file.finish().unwrap_err();
    assert!(matches!(error, FitsError::Card { .. }), "{error}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn create_new_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("once.fits");
    let options = WriteOptions::default().create_new(true);
    let write = |value: i16| -> Result<(), FitsError> {
        let mut file = FitsWriter::create(&path, &options)?;
        file.append_image(ImageSpec::new(ElementType::I16, &[1], Header::new()))?;
        file.write_pixels(0, 0, &[value])?;
        file.finish().map(|_| ())
    };
    let late = FitsWriter::create(&path, &options).unwrap();
    write(1).unwrap();
    let first = std::fs::read(&path).unwrap();
    assert!(matches!(write(2), Err(FitsError::Exists { .. })));
    let mut late = late;
    late.append_image(ImageSpec::header_only(Header::new())).unwrap();
    assert!(matches!(late.finish(), Err(FitsError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), first);
    assert_eq!(names(folder.path()), ["once.fits"]);
}

#[test]
fn long_texts_are_refused_where_continue_is_forbidden() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriteOptions::default().long_text(LongText::Refuse);
    let mut file = FitsWriter::create(folder.path().join("sdp.fits"), &options).unwrap();
    let error = file.append_image(ImageSpec::header_only(rich_header())).unwrap_err();
    let FitsError::Card { source, .. } = error else {
        panic!("{error}")
    };
    assert!(
        source.to_string().starts_with("key ASSON1 with its value needs"),
        "{source}"
    );
}

/// A folder on a file system of one megabyte; `None` where none may be mounted.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_file() {
    let Some(disk) = TinyDisk::mount() else {
        println!("skipped: no file system may be mounted here");
        return;
    };
    let path = disk.0.path().join("cube.fits");
    let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
    file.append_image(ImageSpec::new(ElementType::F32, &[40, 10_000], Header::new()))
        .unwrap();
    let plane = vec![1.0_f32; 10_000];
    let error = (0..40).find_map(|n| file.write_planes(0, n, &plane).err()).unwrap();
    let FitsError::Io { source, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    drop(file);
    assert_eq!(names(disk.0.path()), [""; 0]);
}
