//! A copy of a file with another primary header: every card and byte that is not edited stays as it is.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use phoenix_core::header::{Card, Edit};

use super::card::{CARD_BYTES, CardError, LongText, format_card, is_end, parse_card};
use super::error::{FitsError, Place};
use super::source::{FileSource, Source};
use super::{BLOCK_BYTES, FitsFile, OpenOptions, unpack};

/// How many bytes pass through memory at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Copies a file with its primary header edited; a packed file is unpacked on the way.
///
/// # Contract
/// * Cards that no edit names keep their bytes, and so do all data; `CHECKSUM` of the primary unit goes, as it is no longer true.
/// * A card that is set stands where it stood, a new one before `END`.
///
/// # Errors
/// If the file cannot be read or written, if an edit cannot be expressed as a card, and if the header of the first image lies
/// elsewhere than in the primary unit (`Unsupported`).
pub fn copy_edited(from: &Path, to: &Path, edits: &[Edit]) -> Result<(), FitsError> {
    let source = FileSource::open(from).map_err(FitsError::io(from, "open"))?;
    let limit = OpenOptions::default().max_unpacked_bytes;
    let source = unpack::unpack(Box::new(source), from, limit)?;
    let (cards, data_at) = cards(source.as_ref(), from)?;
    let header = edited(cards, edits).map_err(|source| FitsError::Card {
        file: from.to_path_buf(),
        hdu: 0,
        source,
    })?;
    let failed = || FitsError::io(to, "write");
    let mut out = BufWriter::new(File::create_new(to).map_err(failed())?);
    out.write_all(&header).map_err(failed())?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut at = data_at;
    while at < source.len() {
        let n = CHUNK_BYTES.min(usize::try_from(source.len() - at).unwrap_or(CHUNK_BYTES));
        let chunk = buffer.split_at_mut(n).0;
        source.read_exact_at(chunk, at).map_err(FitsError::io(from, "read"))?;
        out.write_all(chunk).map_err(failed())?;
        at += n as u64;
    }
    out.into_inner()
        .map_err(|error| failed()(error.into_error()))?
        .sync_all()
        .map_err(failed())?;
    check(to, edits)
}

/// Reads the cards of the primary header before `END`, and where its data begin.
fn cards(source: &dyn Source, file: &Path) -> Result<(Vec<[u8; CARD_BYTES]>, u64), FitsError> {
    let mut cards = Vec::new();
    let mut block = [0; BLOCK_BYTES as usize];
    let mut at = 0;
    while at + BLOCK_BYTES <= source.len() {
        source
            .read_exact_at(&mut block, at)
            .map_err(FitsError::io(file, "read"))?;
        at += BLOCK_BYTES;
        for raw in block.as_chunks::<CARD_BYTES>().0 {
            if is_end(raw) {
                return Ok((cards, at));
            }
            cards.push(*raw);
        }
    }
    Err(FitsError::malformed(
        Place::new(file, 0, at),
        "the primary header has no END",
    ))
}

/// Puts the edited header together, filled to whole blocks.
fn edited(cards: Vec<[u8; CARD_BYTES]>, edits: &[Edit]) -> Result<Vec<u8>, CardError> {
    // Of several edits of one key the last counts.
    let is_last = |place: usize, edit: &Edit| edits.iter().skip(place + 1).all(|later| later.key != edit.key);
    let mut open: Vec<&Edit> = (edits.iter().enumerate())
        .filter(|(place, edit)| is_last(*place, edit))
        .map(|(_, edit)| edit)
        .collect();
    let mut out = Vec::with_capacity((cards.len() + edits.len() + 1) * CARD_BYTES);
    let mut is_dropped = false;
    for raw in cards {
        let key = parse_card(&raw).key;
        // The rest of a long text goes with its first card.
        if key.as_str() == "CONTINUE" && is_dropped {
            continue;
        }
        is_dropped = key.as_str() == "CHECKSUM" || edits.iter().any(|edit| edit.key == key);
        if !is_dropped {
            out.extend_from_slice(&raw);
        } else if let Some(place) = open.iter().position(|edit| edit.key == key) {
            put(open.remove(place), &mut out)?;
        }
    }
    for edit in open {
        put(edit, &mut out)?;
    }
    let mut end = [b' '; CARD_BYTES];
    end.split_at_mut(3).0.copy_from_slice(b"END");
    out.extend_from_slice(&end);
    let block = BLOCK_BYTES as usize;
    out.resize(out.len().div_ceil(block) * block, b' ');
    Ok(out)
}

/// Appends the card that an edit sets; one that removes a key has none.
fn put(edit: &Edit, out: &mut Vec<u8>) -> Result<(), CardError> {
    let Some(value) = &edit.value else { return Ok(()) };
    let card = Card {
        key: edit.key.clone(),
        value: value.clone(),
        comment: "".into(),
    };
    format_card(&card, LongText::Continue, out)
}

/// Makes sure that a reader finds the edits: `fpack` keeps the header of a packed primary image in an extension.
fn check(file: &Path, edits: &[Edit]) -> Result<(), FitsError> {
    let copy = FitsFile::open(file)?;
    let found = copy.hdus().first().map(|hdu| &hdu.header);
    let is_made = |(place, edit): (usize, &Edit)| {
        let is_last = edits.iter().skip(place + 1).all(|later| later.key != edit.key);
        !is_last || found.is_some_and(|header| header.contains(edit.key.clone()) == edit.value.is_some())
    };
    if edits.iter().enumerate().all(is_made) {
        return Ok(());
    }
    Err(FitsError::Unsupported {
        place: Place::new(file, 0, 0),
        what: "editing the header of a tile-compressed primary image".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use phoenix_core::header::{Edit, Header, Key, Value};

    use super::copy_edited;
    use crate::fits::{ElementType, FitsFile, FitsWriter, ImageSpec, WriteOptions};

    fn edit(key: &str, value: Option<Value>) -> Edit {
        Edit {
            key: Key::new(key),
            value,
            author: "operator".into(),
            reason: "a test".into(),
            source: String::new(),
            is_note: false,
        }
    }

    #[test]
    fn what_is_not_edited_keeps_its_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("raw.fits"), folder.path().join("copy.fits"));
        let mut header = Header::new();
        header.set("OBJECT", "HD 1", "target");
        header.set("ESO INS PATH", "RED", "arm");
        header.set("ESO OBS NAME", "x".repeat(150), "a long text");
        header.set("ESO DET WIN1 BINX", 2_i64, "binning");
        let mut writer = FitsWriter::create(&from, &WriteOptions::default()).expect("a file");
        writer.append_image(ImageSpec::header_only(header)).expect("a unit");
        let spec = ImageSpec::new(ElementType::F32, &[2, 3], Header::new()).name("DATA");
        let unit = writer.append_image(spec).expect("a unit");
        writer
            .write_pixels(unit, 0, &[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])
            .expect("pixels");
        writer.finish().expect("whole");

        let edits = [
            edit("INS.PATH", Some("BLUE".into())),
            edit("OBS.NAME", None),
            edit("OBJECT", Some("HD 2".into())),
            edit("OBJECT", Some("HD 3".into())),
            edit("OBS.TARG.NAME", Some("new".into())),
        ];
        copy_edited(&from, &to, &edits).expect("copied");
        let (before, after) = (
            FitsFile::open(&from).expect("opens"),
            FitsFile::open(&to).expect("opens"),
        );
        let header = &after.hdus()[0].header;
        assert_eq!((header.str("INS.PATH"), header.str("OBJECT")), (Ok("BLUE"), Ok("HD 3")));
        assert_eq!(
            (header.str("OBS.TARG.NAME"), header.i64("DET.WIN1.BINX")),
            (Ok("new"), Ok(2))
        );
        assert!(!header.contains("OBS.NAME") && !header.contains("CHECKSUM"));
        let bytes = |path| std::fs::read(path).expect("read");
        let data = |file: &FitsFile, path| bytes(path).split_off(file.hdus()[1].data_offset as usize);
        assert_eq!(data(&before, &from), data(&after, &to));
        assert_eq!(
            after.image(1).expect("an image").pixels.to_f32(),
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
    }
}
