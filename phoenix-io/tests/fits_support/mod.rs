//! What the FITS tests share: the same digest lines as `fits_peer/digests.py` prints, and running Python.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use phoenix_io::digest::md5_of_bytes;
use phoenix_io::fits::{Column, ColumnData, FitsError, FitsFile, HduKind, Pixels};

/// Returns the folder of the Python scripts.
pub(crate) fn peer_script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fits_peer").join(name)
}

/// Runs a script and returns its lines.
pub(crate) fn run_python(python: &Path, script: &Path, arguments: &[&Path]) -> Vec<String> {
    let output = Command::new(python)
        .arg("-W")
        .arg("ignore")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn little(pixels: &Pixels) -> (&'static str, Vec<u8>) {
    macro_rules! bytes {
        ($values:expr) => {
            $values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
    }
    let bytes = match pixels {
        Pixels::U8(values) => bytes!(values),
        Pixels::I8(values) => bytes!(values),
        Pixels::I16(values) => bytes!(values),
        Pixels::U16(values) => bytes!(values),
        Pixels::I32(values) => bytes!(values),
        Pixels::U32(values) => bytes!(values),
        Pixels::I64(values) => bytes!(values),
        Pixels::U64(values) => bytes!(values),
        Pixels::F32(values) => bytes!(values),
        Pixels::F64(values) => bytes!(values),
        _ => unreachable!(),
    };
    (pixels.element().name(), bytes)
}

fn column(column: &Column) -> (&'static str, Vec<u8>) {
    match &column.data {
        ColumnData::Number(pixels) => little(pixels),
        ColumnData::Logical(values) => (
            "bool",
            values.iter().map(|value| u8::from(*value == Some(true))).collect(),
        ),
        ColumnData::Bits(values) => ("bool", values.iter().map(|value| u8::from(*value)).collect()),
        ColumnData::Text(texts) => ("text", texts.join("\n").into_bytes()),
        ColumnData::Complex32(values) => (
            "complex",
            values
                .as_flattened()
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        ColumnData::Complex64(values) => (
            "complex",
            values
                .as_flattened()
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        ColumnData::Variable(rows) => {
            let parts: Vec<Vec<u8>> = rows
                .iter()
                .map(|row| match row {
                    ColumnData::Text(texts) => texts.concat().into_bytes(),
                    other => {
                        let whole = Column::new("row", other.clone());
                        let mut part = (other.len() as u32).to_le_bytes().to_vec();
                        part.extend(self::column(&whole).1);
                        part
                    }
                })
                .collect();
            ("variable", parts.join(&b'\n'))
        }
        _ => unreachable!(),
    }
}

/// Describes all data of a file as the Python script does.
pub(crate) fn digests(path: &Path) -> Result<Vec<String>, FitsError> {
    let file = FitsFile::open(path)?;
    let mut lines = Vec::new();
    // The null primary that fpack adds is left out here and counted by astropy.
    let shift = usize::from(file.hdus()[0].kind == HduKind::CompressedImage);
    for unit in file.hdus() {
        let place = format!("{} {}", path.display(), unit.index + shift);
        match unit.kind {
            HduKind::Image | HduKind::CompressedImage if !unit.shape.is_empty() => {
                let image = file.image(unit.index)?;
                let (kind, bytes) = little(&image.pixels);
                let shape: Vec<String> = image.shape.iter().map(ToString::to_string).collect();
                lines.push(format!(
                    "{place} image {kind} {} {}",
                    shape.join("x"),
                    md5_of_bytes(&bytes)
                ));
            }
            HduKind::BinTable | HduKind::AsciiTable => {
                for column in &file.table(unit.index)?.columns {
                    let (kind, bytes) = self::column(column);
                    lines.push(format!(
                        "{place} column {} {kind} {}",
                        column.name,
                        md5_of_bytes(&bytes)
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(lines)
}

/// Returns all files below a folder whose names end in one of the endings.
pub(crate) fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, endings));
        } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}
