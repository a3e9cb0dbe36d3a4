//! Checking `CHECKSUM` and `DATASUM` of every unit.

use phoenix_core::header::{Header, Value};

use super::BLOCK_BYTES;
use super::checksum::{SumState, UnitSums, WordSum};
use super::error::FitsError;
use super::read::FitsFile;

const PIECE_BYTES: u64 = 256 << 10;

impl FitsFile {
    /// Checks the sums of all units.
    ///
    /// # Contract
    /// The sums are those of the bytes in the (unpacked) file; for a tile-compressed image those of the compressed
    /// form.
    ///
    /// # Errors
    /// `Truncated`; `Io`. A stale sum is a finding, not an error.
    pub fn checksums(&self) -> Result<Vec<UnitSums>, FitsError> {
        let mut buffer = vec![0; PIECE_BYTES as usize];
        let mut found = Vec::with_capacity(self.hdus().len());
        for unit in self.hdus() {
            let padded = unit.padded_len().min(self.source().len() - unit.data_offset);
            let mut data = WordSum::default();
            self.pieces(unit.index, unit.data_offset, padded, &mut buffer, |at, piece| {
                data.add(piece, at);
            })?;
            let mut total = data;
            let header_len = unit.data_offset - unit.header_offset;
            self.pieces(unit.index, unit.header_offset, header_len, &mut buffer, |at, piece| {
                total.add(piece, at);
            })?;
            let header = self.stored_header(unit.index)?;
            found.push(UnitSums {
                hdu: unit.index,
                name: unit.name.clone(),
                datasum: compare(
                    &header,
                    "DATASUM",
                    |stated| stated == data.value().to_string(),
                    data.value(),
                ),
                checksum: compare(
                    &header,
                    "CHECKSUM",
                    |_| matches!(total.value(), 0 | u32::MAX),
                    total.value(),
                ),
            });
        }
        Ok(found)
    }

    /// Returns the header as it stands in the file: for a tile-compressed image that of the binary table.
    ///
    /// # Errors
    /// `Truncated`; `Io`.
    pub fn stored_header(&self, hdu: usize) -> Result<Header, FitsError> {
        let unit = self.hdu(hdu)?;
        let bytes = self.header_bytes(hdu)?;
        super::card::parse_header(&bytes).ok_or_else(|| {
            let place = super::Place::new(self.path(), hdu, unit.header_offset);
            FitsError::malformed(place, "the header has no END")
        })
    }

    pub(super) fn header_bytes(&self, hdu: usize) -> Result<Vec<u8>, FitsError> {
        let unit = self.hdu(hdu)?;
        let mut bytes = vec![0; (unit.data_offset - unit.header_offset) as usize];
        self.read_at(hdu, unit.header_offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Hands up to `len` bytes of the data of a unit, padding included, to `take` in file order.
    pub(crate) fn data_piece(
        &self,
        hdu: usize,
        at: u64,
        len: u64,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), FitsError> {
        let unit = self.hdu(hdu)?;
        let padded = unit.padded_len().min(self.source().len() - unit.data_offset);
        let start = at.min(padded);
        let mut buffer = vec![0; PIECE_BYTES as usize];
        self.pieces(
            hdu,
            unit.data_offset + start,
            len.min(padded - start),
            &mut buffer,
            |_, piece| take(piece),
        )
    }

    fn pieces(
        &self,
        hdu: usize,
        start: u64,
        len: u64,
        buffer: &mut [u8],
        mut take: impl FnMut(u64, &[u8]),
    ) -> Result<(), FitsError> {
        let mut at = 0;
        while at < len {
            let n = (len - at).min(PIECE_BYTES - PIECE_BYTES % BLOCK_BYTES) as usize;
            let piece = buffer.split_at_mut(n).0;
            self.read_at(hdu, start + at, piece)?;
            take(at, piece);
            at += n as u64;
        }
        Ok(())
    }
}

fn compare(header: &Header, key: &str, is_right: impl Fn(&str) -> bool, computed: u32) -> SumState {
    let stated = match header.get(key) {
        None => return SumState::Absent,
        Some(Value::Text(text)) => text.trim().to_owned(),
        Some(value) => value.display(),
    };
    // The standard lets a writer leave the value empty: "not yet computed".
    if stated.is_empty() {
        SumState::Absent
    } else if is_right(&stated) {
        SumState::Ok
    } else {
        SumState::Stale {
            stated,
            computed: computed.to_string(),
        }
    }
}
