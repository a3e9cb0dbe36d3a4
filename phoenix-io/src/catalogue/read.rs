//! Reading a catalogue.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use phoenix_core::header::Key;
use phoenix_core::id::Digest;
use phoenix_core::rule_instrument::{DraftFrames, Policy};
use phoenix_core::rules::eval::Operand;
use phoenix_core::rules::table::ColumnStore;

use super::error::CatalogueError;
use super::head::{DIGEST_BYTES, FALSE, Head, MAGIC, MAX_HEAD_BYTES, NUMBER, SECTIONS, Section, TEXT, TRUE, VERSION};
use crate::digest::content_of_bytes;

/// A catalogue being read from begin to end.
struct Reader<'p> {
    path: &'p Path,
    file: File,
    left: u64,
    sections: std::vec::IntoIter<Section>,
}

/// Reads the frames of an instrument for the rules of a policy.
///
/// # Contract
/// * Every byte is checked against its digest before it is used; no bytes make it panic or allocate more than the file
///   holds.
///
/// # Errors
/// See [`CatalogueError`].
pub fn read_catalogue(path: &Path, policy: Arc<Policy>) -> Result<DraftFrames, CatalogueError> {
    let (mut reader, head, _) = Reader::open(path)?;
    if head.instrument != policy.instrument().as_str() {
        return Err(CatalogueError::OtherInstrument {
            file: path.to_path_buf(),
            found: head.instrument,
            expected: policy.instrument().to_string(),
        });
    }
    let kinds = reader.bytes()?;
    let numbers = reader.longs()?;
    let texts = reader.text()?;
    let text_ends = reader.words()?;
    let values = values(&kinds, &numbers, &texts, &text_ends)
        .ok_or_else(|| CatalogueError::damaged(path, "the values do not fit each other"))?;
    let keys = |names: &[String]| names.iter().map(|name| Key::new(name)).collect();
    let profiles = reader.words()?;
    let rows = reader.words()?;
    let times_ms = reader.longs()?.into_iter().map(u64::cast_signed).collect();
    let names = reader.text()?;
    let ends = reader.words()?;
    let own = (0..head.own_keys.len()).map(|_| reader.words());
    let store = ColumnStore {
        shared_keys: keys(&head.shared_keys),
        own_keys: keys(&head.own_keys),
        values,
        profiles,
        rows,
        times_ms,
        own: own.collect::<Result<_, _>>()?,
    };
    DraftFrames::from_store(policy, store, names, ends).map_err(|source| CatalogueError::Unfit {
        file: path.to_path_buf(),
        source,
    })
}

/// Returns the digest that names the content, from the head alone.
///
/// # Errors
/// `Io`; `Damaged`; `Version`.
pub fn catalogue_digest(path: &Path) -> Result<Digest, CatalogueError> {
    Reader::open(path).map(|(_, _, digest)| digest)
}

impl<'p> Reader<'p> {
    fn open(path: &'p Path) -> Result<(Self, Head, Digest), CatalogueError> {
        let mut file = File::open(path).map_err(CatalogueError::io(path, "open"))?;
        let len = file.metadata().map_err(CatalogueError::io(path, "open"))?.len();
        let damaged = |reason: &str| CatalogueError::damaged(path, reason);
        let mut start = vec![0; 16];
        file.read_exact(&mut start).map_err(|_| damaged("it is cut short"))?;
        let (magic, numbers) = start.split_at(8);
        if magic != MAGIC {
            return Err(damaged("it is no catalogue"));
        }
        let number = |n: usize| numbers.as_chunks::<4>().0.get(n).copied().map_or(0, u32::from_le_bytes);
        let (found, head_bytes) = (number(0), number(1));
        if found != VERSION {
            return Err(CatalogueError::Version {
                file: path.to_path_buf(),
                found,
                expected: VERSION,
            });
        }
        let begin = u64::from(head_bytes) + 16 + DIGEST_BYTES as u64;
        if head_bytes > MAX_HEAD_BYTES || begin > len {
            return Err(damaged("it is cut short"));
        }
        start.resize(16 + head_bytes as usize, 0);
        let mut digest = [0; DIGEST_BYTES];
        file.read_exact(start.split_at_mut(16).1)
            .and_then(|()| file.read_exact(&mut digest))
            .map_err(CatalogueError::io(path, "read"))?;
        let own = content_of_bytes(&start);
        if own.as_str().as_bytes() != digest {
            return Err(damaged("the head is not what was written"));
        }
        let mut head: Head = serde_json::from_slice(start.split_at(16).1)
            .map_err(|error| CatalogueError::damaged(path, error.to_string()))?;
        let sections = std::mem::take(&mut head.sections);
        let expected = SECTIONS.iter().copied().chain(head.own_keys.iter().map(|_| "own"));
        if !sections.iter().map(|section| section.name.as_str()).eq(expected) {
            return Err(damaged("its sections are not those of this version"));
        }
        let reader = Self {
            path,
            file,
            left: len - begin,
            sections: sections.into_iter(),
        };
        Ok((reader, head, own))
    }

    fn damaged(&self, reason: impl Into<String>) -> CatalogueError {
        CatalogueError::damaged(self.path, reason)
    }

    /// Fills numbers from the next section.
    fn numbers<T: bytemuck::Pod>(&mut self) -> Result<Vec<T>, CatalogueError> {
        let section = self
            .sections
            .next()
            .ok_or_else(|| self.damaged("a section is missing"))?;
        if section.bytes > self.left || section.bytes % size_of::<T>() as u64 != 0 {
            return Err(self.damaged(format!("section {} does not fit the file", section.name)));
        }
        self.left -= section.bytes;
        let mut numbers: Vec<T> = vec![T::zeroed(); section.bytes as usize / size_of::<T>()];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut numbers);
        self.file
            .read_exact(bytes)
            .map_err(CatalogueError::io(self.path, "read"))?;
        if content_of_bytes(bytes).as_str() != section.digest {
            return Err(self.damaged(format!("section {} is not what was written", section.name)));
        }
        Ok(numbers)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, CatalogueError> {
        self.numbers()
    }

    fn words(&mut self) -> Result<Vec<u32>, CatalogueError> {
        let mut numbers: Vec<u32> = self.numbers()?;
        for number in &mut numbers {
            *number = u32::from_le(*number);
        }
        Ok(numbers)
    }

    fn longs(&mut self) -> Result<Vec<u64>, CatalogueError> {
        let mut numbers: Vec<u64> = self.numbers()?;
        for number in &mut numbers {
            *number = u64::from_le(*number);
        }
        Ok(numbers)
    }

    fn text(&mut self) -> Result<String, CatalogueError> {
        let bytes = self.bytes()?;
        String::from_utf8(bytes).map_err(|_| self.damaged("a text is none"))
    }
}

/// Puts the values together; `None` if the parts do not fit each other.
fn values<'t>(kinds: &[u8], numbers: &[u64], texts: &'t str, ends: &[u32]) -> Option<Vec<Operand<'t>>> {
    let (mut numbers, mut ends) = (numbers.iter(), ends.iter());
    let mut begin = 0;
    kinds
        .iter()
        .map(|kind| match *kind {
            FALSE => Some(Operand::Logical(false)),
            TRUE => Some(Operand::Logical(true)),
            NUMBER => Some(Operand::Number(f64::from_bits(*numbers.next()?))),
            TEXT => {
                let end = *ends.next()? as usize;
                let text = texts.get(begin..end)?;
                begin = end;
                Some(Operand::Text(text.into()))
            }
            _ => None,
        })
        .collect()
}
