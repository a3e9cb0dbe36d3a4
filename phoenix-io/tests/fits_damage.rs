//! Damaged and hostile files: an error that names the place, or sound data; never a panic, a signal, a huge allocation.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like the tests themselves"
)]

use std::io::Write;
use std::path::Path;

use fitsio_pure::compress::{TileCompression, compress_image_hdu};
use phoenix_core::header::Header;
use phoenix_io::digest::{data_md5, data_md5_as_cpl};
use phoenix_io::fits::{
    Column, ColumnData, ElementType, FitsError, FitsFile, FitsWriter, ImageSpec, OpenOptions, Place, Table, TableSpec,
    Window, WriteOptions,
};
use proptest::prelude::*;

fn sample() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.fits");
    let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
    let mut header = Header::new();
    header.set("DPR.CATG", "SCIENCE", "category");
    header.set("TITLE", "long text ".repeat(20).as_str(), "");
    file.append_image(ImageSpec::header_only(header)).unwrap();
    let image = ImageSpec::new(ElementType::U16, &[3, 4, 5], Header::new()).name("DATA");
    let image = file.append_image(image).unwrap();
    file.write_planes(image, 0, &[40_000_u16; 60]).unwrap();
    let n = 10;
    let columns = vec![
        Column::new("l", vec![true; n]),
        Column::new("x", ColumnData::Bits(vec![true; n * 11])).shape(&[11]),
        Column::new("j", vec![5_i32; n]).null(5),
        Column::new("e", vec![0.5_f32; n * 6]).shape(&[2, 3]),
        Column::new("a", vec!["text"; n]),
        Column::new("c", ColumnData::Complex32(vec![[1.0, 2.0]; n])),
        Column::new(
            "p",
            ColumnData::Variable((0..n).map(|row| vec![1.0_f64; row % 3].into()).collect()),
        ),
    ];
    file.append_table(TableSpec::new("T", Header::new()), &Table::new(columns))
        .unwrap();
    file.finish().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let pixels: Vec<i16> = (0..200).map(|at| at % 17).collect();
    bytes.extend(compress_image_hdu(&[20, 10], &pixels, &TileCompression::rice(), &[]).unwrap());
    let reals: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel)).collect();
    bytes.extend(compress_image_hdu(&[20, 10], &reals, &TileCompression::gzip2().lossless(), &[]).unwrap());
    bytes
}

/// Reads all there is in every way; says whether all went well.
fn read_all(bytes: &[u8]) -> Result<(), FitsError> {
    let options = OpenOptions::default().max_unpacked_bytes(64 << 20);
    let source = phoenix_io::fits::BytesSource::new(bytes);
    let file = FitsFile::from_source(Box::new(source), "x.fits", &options)?;
    let mut outcome = file.checksums().map(|_| ());
    outcome = outcome
        .and(data_md5(&file).map(|_| ()))
        .and(data_md5_as_cpl(&file).map(|_| ()));
    for unit in file.hdus() {
        let mut buffer = [0.0_f32; 7];
        if let Ok(planes) = file.plane_reader(unit.index) {
            let [n, ..] = planes.shape();
            if let Some(last) = planes.pixels().len().checked_sub(1) {
                outcome = outcome.and(planes.pixels().read(last, &mut buffer[..1]));
            }
            let _ = planes.read(n.saturating_sub(1)..n, &mut buffer);
        }
        if unit.is_image() {
            outcome = outcome.and(file.image(unit.index).map(|_| ()));
        } else {
            outcome = outcome.and(file.table(unit.index).map(|_| ()));
        }
        for column in file.columns(unit.index).unwrap_or_default() {
            if let Ok(reader) = file.column_reader(unit.index, &column.name) {
                let last = reader.len().saturating_sub(1);
                let mut row = vec![0.0; reader.repeat().min(1 << 16)];
                let _ = reader.read(last, Window::F64(&mut row));
                let _ = reader.read_i32(last, &mut [0; 3]);
            }
        }
        outcome = outcome.and(file.raw_data(unit.index).map(|_| ()));
    }
    outcome
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn the_sound_sample_reads() {
    read_all(&sample()).unwrap();
    read_all(&gzip(&sample())).unwrap();
}

#[test]
fn a_file_cut_anywhere_in_its_data_is_an_error_that_names_the_place() {
    let bytes = sample();
    let n_units = FitsFile::from_bytes("x.fits", bytes.as_slice()).unwrap().hdus().len();
    for cut in (0..bytes.len()).step_by(173) {
        match FitsFile::from_bytes("x.fits", &bytes[..cut]) {
            // Cut between two units, or inside the padding of one, the file is shorter and sound.
            Ok(file) => assert!(file.hdus().len() < n_units || cut + 2880 > bytes.len(), "cut at {cut}"),
            Err(FitsError::Truncated { place, .. } | FitsError::Malformed { place, .. }) => {
                assert_eq!(place.file, Path::new("x.fits"));
                assert!(place.byte <= cut as u64);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let packed = gzip(&bytes);
    for cut in (20..packed.len()).step_by(97) {
        let error = FitsFile::from_bytes("x.fits.gz", &packed[..cut]).unwrap_err();
        assert!(matches!(error, FitsError::Truncated { .. }), "{error}");
    }
}

#[test]
fn a_file_cut_short_while_it_is_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.fits");
    let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
    file.append_image(ImageSpec::new(ElementType::F32, &[10, 100, 100], Header::new()))
        .unwrap();
    file.write_planes(0, 0, &vec![1.0_f32; 100_000]).unwrap();
    file.finish().unwrap();
    for map in [false, true] {
        let reader = FitsFile::open_with(&path, &OpenOptions::default().map(map))
            .unwrap()
            .plane_reader(0)
            .unwrap();
        let mut plane = vec![0.0_f32; 10_000];
        reader.read(9..10, &mut plane).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(200_000)
            .unwrap();
        reader.read(0..1, &mut plane).unwrap();
        let error = reader.read(9..10, &mut plane).unwrap_err();
        let FitsError::Truncated { place, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(
            place,
            Place {
                file: path.clone(),
                hdu: 0,
                byte: 2880 + 360_000
            }
        );
        std::fs::write(&path, whole).unwrap();
    }
}

/// Replaces the value of the first card of a key, in place.
fn with_card(bytes: &[u8], key: &str, value: &str) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let name = format!("{key:<8}= ");
    let at = (0..bytes.len())
        .step_by(80)
        .find(|at| bytes[*at..].starts_with(name.as_bytes()));
    let at = at.unwrap_or_else(|| panic!("no {key}"));
    bytes[at..at + 80].copy_from_slice(format!("{:<80}", format!("{name}{value:>20}")).as_bytes());
    bytes
}

#[test]
fn lying_sizes_are_errors_and_allocate_nothing() {
    let bytes = sample();
    for (key, value) in [
        ("NAXIS1", "9223372036854775807"),
        ("NAXIS1", "-1"),
        ("NAXIS1", "1000000000000"),
        ("NAXIS1", "5.5"),
        ("NAXIS3", "99999999999"),
        ("NAXIS", "999"),
        ("NAXIS", "1000000000"),
        ("NAXIS", "-1"),
        ("BITPIX", "17"),
        ("PCOUNT", "-5"),
        ("PCOUNT", "9223372036854775807"),
        ("GCOUNT", "0"),
        ("GCOUNT", "123456789012345"),
        ("TFIELDS", "1000000000"),
        ("TFORM3", "'9223372036854775807D'"),
        ("TFORM3", "'1d'"),
        ("TFORM7", "'999999999PD(2)'"),
        ("ZNAXIS1", "2305843009213693951"),
        ("ZNAXIS1", "-20"),
        ("ZNAXIS1", "4000000000"),
        ("ZBITPIX", "7"),
        ("ZTILE1", "0"),
        ("ZTILE1", "-5"),
    ] {
        let result = read_all(&with_card(&bytes, key, value));
        let error = result.err().unwrap_or_else(|| panic!("{key} = {value} reads"));
        assert!(error.to_string().starts_with("x.fits"), "{error}");
    }
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let bomb = gzip(&vec![b' '; 80 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert!(matches!(read_all(&bomb), Err(FitsError::TooLarge { .. })));
}

#[test]
fn a_descriptor_that_points_anywhere_is_an_error() {
    let bytes = sample();
    let file = FitsFile::from_bytes("x.fits", bytes.as_slice()).unwrap();
    let table = file.find("T").unwrap();
    // The descriptor of the second row, the last eight bytes of the row.
    let row_bytes = table.shape[1];
    let at = table.data_offset as usize + 2 * row_bytes - 8;
    for descriptor in [
        [0xff; 8],
        [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf0],
    ] {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].copy_from_slice(&descriptor);
        let error = FitsFile::from_bytes("x.fits", bytes)
            .unwrap()
            .table(table.index)
            .unwrap_err();
        assert!(error.to_string().contains("the descriptor of p in row 1"), "{error}");
    }
}

#[test]
fn what_is_no_fits_file_is_told() {
    for bytes in [
        &b""[..],
        b"hello",
        &[0; 5000],
        b"SIMPLE",
        &[0x1f, 0x8b, 8, 0, 0],
        &[0x1f, 0x9d, 0x90, 0, 1, 2],
    ] {
        assert!(FitsFile::from_bytes("x.fits", bytes).is_err());
    }
    assert!(matches!(FitsFile::open("/"), Err(FitsError::Io { .. })));
    let endless: Vec<u8> = format!("{:<80}", "SIMPLE  =                    T")
        .into_bytes()
        .repeat(2880);
    let error = FitsFile::from_bytes("x.fits", endless).unwrap_err();
    assert!(
        matches!(error, FitsError::Truncated { what: "the header", .. }),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_bytes_makes_it_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        packed in any::<bool>(),
    ) {
        let mut bytes = sample();
        if packed {
            bytes = gzip(&bytes);
        }
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read_all(&bytes);
    }

    #[test]
    fn no_change_of_a_header_makes_it_panic(
        card in any::<prop::sample::Index>(),
        text in "[ '/=0-9TFEDPQAXLJ().+-]{1,30}",
        column in 0_usize..30,
    ) {
        let mut bytes = sample();
        let is_header = |at: &usize| bytes[*at..*at + 80].is_ascii() && bytes[*at] > b' ';
        let cards: Vec<usize> = (0..bytes.len() - 80).step_by(80).filter(is_header).collect();
        let at = cards[card.index(cards.len())] + 8 + column;
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        let _ = read_all(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_magic_never_panic(magic in 0_usize..4, bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
        let starts: [&[u8]; 4] = [b"", &[0x1f, 0x8b, 8, 0], &[0x1f, 0x9d, 0x90], b"SIMPLE  =                    T"];
        let mut all = starts[magic].to_vec();
        all.extend(bytes);
        let _ = read_all(&all);
    }
}
