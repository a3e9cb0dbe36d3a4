//! What fitsrs 0.4.1 does wrongly, pinned: a test that fails after an upgrade means a defect is gone, and the decoder
//! that works around it may be thought over. Beside each, our own reader is right.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like the tests themselves"
)]

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fitsio_pure::compress::{Dither, Quantize, TileCompression, compress_image_hdu};
use fitsrs::hdu::data::bintable::DataValue;
use fitsrs::hdu::data::bintable::data::BinaryTableData;
use fitsrs::hdu::data::bintable::tile_compressed::pixels::Pixels as TilePixels;
use fitsrs::hdu::data::image::Pixels as ImagePixels;
use fitsrs::{Fits, HDU};
use phoenix_core::header::{Header, Value};
use phoenix_io::fits::{
    Column, ColumnData, ElementType, FitsFile, FitsWriter, ImageSpec, Table, TableSpec, WriteOptions,
};

/// The bytes of a file with one table and an image behind it.
fn table_file(columns: Vec<Column>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.fits");
    let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
    file.append_image(ImageSpec::header_only(Header::new())).unwrap();
    file.append_table(TableSpec::new("T", Header::new()), &Table::new(columns))
        .unwrap();
    let image = ImageSpec::new(ElementType::I16, &[3], Header::new()).name("AFTER");
    let image = file.append_image(image).unwrap();
    file.write_pixels(image, 0, &[1_i16, 2, 3]).unwrap();
    file.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// The values that fitsrs reads from the table in unit 1.
fn fitsrs_values(bytes: &[u8]) -> Vec<DataValue> {
    let mut units = Fits::from_reader(Cursor::new(bytes));
    units.next().unwrap().unwrap();
    match units.next() {
        Some(Ok(HDU::XBinaryTable(table))) => units.get_data(&table).table_data().collect(),
        other => panic!("{other:?}"),
    }
}

fn ours(bytes: &[u8], column: &str) -> ColumnData {
    let file = FitsFile::from_bytes("test.fits", bytes).unwrap();
    file.column(1, column).unwrap().data
}

#[test]
fn logicals_all_read_true() {
    let truth = ColumnData::Logical(vec![Some(true), Some(false), None]);
    let bytes = table_file(vec![Column::new("flag", truth.clone())]);
    let values: Vec<bool> = fitsrs_values(&bytes)
        .iter()
        .map(|value| matches!(value, DataValue::Logical { value: true, .. }))
        .collect();
    assert_eq!(values, [true, true, false]);
    assert_eq!(ours(&bytes, "flag"), truth);
}

#[test]
fn a_bit_column_ends_the_iteration_and_hides_what_follows() {
    let truth = ColumnData::Bits((0..22).map(|bit| bit % 3 == 0).collect());
    let bytes = table_file(vec![Column::new("bits", truth.clone()).shape(&[11])]);
    let units: Vec<bool> = Fits::from_reader(Cursor::new(&bytes))
        .map(|unit| unit.is_ok())
        .collect();
    assert_eq!(units, [true, false]);
    let file = FitsFile::from_bytes("test.fits", bytes.as_slice()).unwrap();
    assert_eq!(file.hdus().len(), 3);
    assert!(file.hdus()[1].remarks[0].starts_with("fitsrs refuses this unit"));
    assert!(file.hdus()[2].remarks.is_empty());
    assert_eq!(ours(&bytes, "bits"), truth);
}

#[test]
fn variable_length_arrays_stop_at_the_first_empty_row() {
    let rows: Vec<ColumnData> = (0..100)
        .map(|row| (0..(row + 3) % 5).collect::<Vec<i32>>().into())
        .collect();
    let bytes = table_file(vec![Column::new("ragged", ColumnData::Variable(rows.clone()))]);
    // It stops without a word, or its arithmetic overflows, as the build has it; never are all 200 values there.
    let n_values = catch_unwind(|| fitsrs_values(&bytes).len()).ok();
    assert_ne!(n_values, Some(200));
    assert_eq!(ours(&bytes, "ragged"), ColumnData::Variable(rows));
}

#[test]
fn texts_come_as_single_characters() {
    let truth: ColumnData = vec!["ab", "c"].into();
    let bytes = table_file(vec![Column::new("text", truth.clone()).text_width(4)]);
    assert_eq!(fitsrs_values(&bytes).len(), 8);
    assert_eq!(ours(&bytes, "text"), truth);
}

#[test]
fn the_offset_of_unsigned_columns_is_not_applied() {
    let truth: ColumnData = vec![60_000_u16].into();
    let bytes = table_file(vec![Column::new("counts", truth.clone())]);
    assert!(matches!(
        fitsrs_values(&bytes)[..],
        [DataValue::Short { value: 27_232, .. }]
    ));
    assert_eq!(ours(&bytes, "counts"), truth);
}

#[test]
fn a_complex_card_is_lost() {
    let mut header = Header::new();
    header.set("COMPL", Value::Complex(1.5, -2.0), "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("header.fits");
    let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
    file.append_image(ImageSpec::header_only(header)).unwrap();
    file.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let Some(Ok(HDU::Primary(unit))) = Fits::from_reader(Cursor::new(&bytes)).next() else {
        panic!("no primary")
    };
    assert!(unit.get_header().get("COMPL").is_none());
    let ours = FitsFile::open(&path).unwrap();
    assert_eq!(ours.hdus()[0].header.get("COMPL"), Some(&Value::Complex(1.5, -2.0)));
}

#[test]
fn a_truncated_image_reads_short_without_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.fits");
    let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
    file.append_image(ImageSpec::new(ElementType::I16, &[200, 300], Header::new()))
        .unwrap();
    file.write_pixels(0, 0, &vec![7_i16; 60_000]).unwrap();
    file.finish().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(2880 + 50_000);
    let mut units = Fits::from_reader(Cursor::new(&bytes));
    let Some(Ok(HDU::Primary(unit))) = units.next() else {
        panic!("no primary")
    };
    let ImagePixels::I16(pixels) = units.get_data(&unit).pixels() else {
        panic!("no i16")
    };
    assert_eq!(pixels.count(), 25_000);
    let error = FitsFile::from_bytes("image.fits", bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "image.fits, hdu 0, byte 2880: the file ends after 50000 of the 120000 bytes that the data needs"
    );
}

/// A file with one tile-compressed image.
fn packed(unit: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for card in [
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "END",
    ] {
        bytes.extend_from_slice(format!("{card:<80}").as_bytes());
    }
    bytes.resize(2880, b' ');
    bytes.extend_from_slice(unit);
    bytes
}

/// The pixels that fitsrs decompresses, or `None` where it panics.
fn fitsrs_tiles(bytes: &[u8]) -> Option<Vec<f64>> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut units = Fits::from_reader(Cursor::new(bytes));
        units.next().unwrap().unwrap();
        let Some(Ok(HDU::XBinaryTable(table))) = units.next() else {
            panic!("no table")
        };
        match units.get_data(&table) {
            BinaryTableData::TileCompressed(TilePixels::I16(pixels)) => pixels.map(f64::from).collect(),
            BinaryTableData::TileCompressed(TilePixels::I32(pixels)) => pixels.map(f64::from).collect(),
            BinaryTableData::TileCompressed(TilePixels::F32(pixels)) => pixels.map(f64::from).collect(),
            BinaryTableData::Table(_) => Vec::new(),
            BinaryTableData::TileCompressed(other) => panic!("{other:?}"),
        }
    }))
    .ok()
}

const SHAPE: [usize; 2] = [300, 200];

fn counts() -> Vec<i16> {
    (0..60_000_i32)
        .map(|at| (1000.0 + 300.0 * (f64::from(at) / 77.0).sin()) as i16 + (at % 7) as i16)
        .collect()
}

fn reals() -> Vec<f32> {
    counts().iter().map(|count| f32::from(*count) + 0.3).collect()
}

#[track_caller]
fn ours_tiles(bytes: &[u8]) -> Vec<f64> {
    FitsFile::from_bytes("test.fits.fz", bytes)
        .unwrap()
        .image(1)
        .unwrap()
        .pixels
        .to_f64()
}

fn widened<T: Copy + Into<f64>>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| (*value).into()).collect()
}

#[test]
fn rice_with_16_bits_gives_wrong_pixels() {
    let truth = widened(&counts());
    let bytes = packed(&compress_image_hdu(&SHAPE, &counts(), &TileCompression::rice(), &[]).unwrap());
    let theirs = fitsrs_tiles(&bytes).unwrap_or_default();
    assert_ne!(theirs, truth);
    assert_eq!(ours_tiles(&bytes), truth);
}

#[test]
fn gzip_with_16_bits_gives_no_pixels() {
    let truth = widened(&counts());
    for codec in [TileCompression::gzip(), TileCompression::gzip2()] {
        let bytes = packed(&compress_image_hdu(&SHAPE, &counts(), &codec, &[]).unwrap());
        assert_eq!(fitsrs_tiles(&bytes).unwrap_or_default().len(), 0);
        assert_eq!(ours_tiles(&bytes), truth);
    }
}

#[test]
fn two_dimensional_tiles_give_too_many_pixels() {
    let values: Vec<i32> = counts().into_iter().map(i32::from).collect();
    let codec = TileCompression::rice().tile_dims(&[70, 60]);
    let bytes = packed(&compress_image_hdu(&SHAPE, &values, &codec, &[]).unwrap());
    let n_theirs = fitsrs_tiles(&bytes).map_or(0, |pixels| pixels.len());
    assert_ne!(n_theirs, values.len());
    assert_eq!(ours_tiles(&bytes), widened(&values));
}

#[test]
fn dithered_reals_come_out_wrong() {
    let quantize = Quantize::new().step(0.5).dither(Dither::Subtractive);
    let codec = TileCompression::rice().quantize(quantize);
    let bytes = packed(&compress_image_hdu(&SHAPE, &reals(), &codec, &[]).unwrap());
    let far = |pixels: &[f64]| {
        pixels
            .iter()
            .zip(reals())
            .filter(|(a, b)| (*a - f64::from(*b)).abs() > 0.2501)
            .count()
    };
    assert!(far(&fitsrs_tiles(&bytes).unwrap()) > 1000);
    assert_eq!(far(&ours_tiles(&bytes)), 0);
}

#[test]
fn lossless_reals_panic() {
    let bytes = packed(&compress_image_hdu(&SHAPE, &reals(), &TileCompression::gzip2().lossless(), &[]).unwrap());
    assert_eq!(fitsrs_tiles(&bytes), None);
    assert_eq!(ours_tiles(&bytes), widened(&reals()));
}
