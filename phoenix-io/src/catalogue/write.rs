//! Writing a catalogue.

use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use phoenix_core::id::Digest;
use phoenix_core::rule_instrument::DraftFrames;
use phoenix_core::rules::eval::Operand;

use super::error::CatalogueError;
use super::head::{FALSE, Head, MAGIC, NUMBER, SECTIONS, Section, TEXT, TRUE, VERSION};
use crate::digest::content_of_bytes;

/// Writes the frames of one instrument and returns the digest of the content.
///
/// # Contract
/// * The file appears whole under its name, or not at all.
/// * Frames that were replaced are left out; verdicts are not part of a catalogue.
///
/// # Errors
/// `Io`.
pub fn write_catalogue(path: &Path, frames: &DraftFrames) -> Result<Digest, CatalogueError> {
    let stored = frames.store();
    let columns = &stored.columns;
    let (mut kinds, mut numbers, mut texts, mut text_ends) = (Vec::new(), Vec::new(), String::new(), Vec::new());
    for value in &columns.values {
        kinds.push(match value {
            Operand::Logical(false) => FALSE,
            Operand::Logical(true) => TRUE,
            Operand::Number(number) => {
                numbers.push(number.to_bits());
                NUMBER
            }
            Operand::Text(text) => {
                texts.push_str(text);
                text_ends.push(texts.len() as u32);
                TEXT
            }
        });
    }
    let times: Vec<u64> = columns.times_ms.iter().map(|time| time.cast_unsigned()).collect();
    let mut parts: Vec<Cow<'_, [u8]>> = vec![
        kinds.into(),
        longs(&numbers),
        texts.as_bytes().into(),
        words(&text_ends),
        words(&columns.profiles),
        words(&columns.rows),
        longs(&times),
        stored.names.as_bytes().into(),
        words(&stored.ends),
    ];
    parts.extend(columns.own.iter().map(|column| words(column)));
    let names = SECTIONS.iter().copied().chain(std::iter::repeat("own"));
    let head = Head {
        instrument: frames.policy().instrument().to_string(),
        shared_keys: columns.shared_keys.iter().map(ToString::to_string).collect(),
        own_keys: columns.own_keys.iter().map(ToString::to_string).collect(),
        sections: names
            .zip(&parts)
            .map(|(name, bytes)| Section {
                name: name.to_owned(),
                bytes: bytes.len() as u64,
                digest: content_of_bytes(bytes).to_string(),
            })
            .collect(),
    };
    let head = serde_json::to_vec(&head).map_err(|error| CatalogueError::damaged(path, error.to_string()))?;
    let mut start = MAGIC.to_vec();
    start.extend(VERSION.to_le_bytes());
    start.extend((head.len() as u32).to_le_bytes());
    start.extend(head);
    let digest = content_of_bytes(&start);
    save(path, &start, digest.as_str(), &parts).map_err(CatalogueError::io(path, "write"))?;
    Ok(digest)
}

fn save(path: &Path, start: &[u8], digest: &str, parts: &[Cow<'_, [u8]>]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".catalogue-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    let mut writer = BufWriter::with_capacity(1 << 20, file.as_file());
    writer.write_all(start)?;
    writer.write_all(digest.as_bytes())?;
    for part in parts {
        writer.write_all(part)?;
    }
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Returns numbers as little-endian bytes.
fn words(numbers: &[u32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        return bytemuck::cast_slice(numbers).into();
    }
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn longs(numbers: &[u64]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        return bytemuck::cast_slice(numbers).into();
    }
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
