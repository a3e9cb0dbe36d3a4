//! A file that outlives its writer: another attempt goes on in it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout::Body;
use super::running::RunningMd5;
use super::spec::WriteOptions;
use super::writer::{FitsWriter, Target};
use crate::fits::checksum::WordSum;
use crate::fits::error::FitsError;

/// What is read back at once: it stays in the level 2 cache.
const PIECE_BYTES: usize = 256 << 10;

/// The beginning of the data of one unit, as it is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptUnit {
    /// Where in the file the data start.
    pub start: u64,
    /// Bytes from there on that are written.
    pub bytes: u64,
    /// Their sum, as for `DATASUM`.
    pub sum: u32,
}

impl FitsWriter {
    /// Opens or creates the file at `place`; it stays there, also when it is dropped, until `finish` gives it its name.
    /// What is in it counts for nothing until [`FitsWriter::take_back`].
    pub(crate) fn keep(path: &Path, place: &Path, options: WriteOptions) -> Result<Self, FitsError> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(place)
            .map_err(FitsError::io(path, "create"))?;
        Ok(Self {
            path: path.to_path_buf(),
            target: Target::Kept(file, place.to_path_buf()),
            options,
            units: Vec::new(),
            piece: Vec::new(),
            md5: RunningMd5::default(),
        })
    }

    /// Empties the file.
    pub(crate) fn clear(&self) -> Result<(), FitsError> {
        self.file().set_len(0).map_err(FitsError::io(&self.path, "write"))
    }

    /// Returns a second handle of the file, to flush it while it is written.
    pub(crate) fn handle(&self) -> Result<File, FitsError> {
        self.file().try_clone().map_err(FitsError::io(&self.path, "write"))
    }

    /// Describes the data of a unit if they are written from the first byte to some other without a gap.
    pub(crate) fn kept(&self, hdu: usize) -> Result<Option<KeptUnit>, FitsError> {
        let unit = self.unit(hdu)?;
        Ok(unit.written.beginning().map(|bytes| KeptUnit {
            start: unit.data_start(),
            bytes,
            sum: unit.sum.value(),
        }))
    }

    /// Takes data for written that an earlier writer left, if all of them are there and have their sums; else nothing
    /// changes.
    ///
    /// # Errors
    /// `Missing` if there is no such unit; `Io` if the system refuses.
    pub(crate) fn take_back(&mut self, units: &[(usize, KeptUnit)]) -> Result<bool, FitsError> {
        let mut sums = Vec::with_capacity(units.len());
        for (hdu, kept) in units {
            let unit = self.unit(*hdu)?;
            if unit.data_start() != kept.start || unit.data_len < kept.bytes {
                return Ok(false);
            }
            match self.sum_of(kept).map_err(FitsError::io(&self.path, "read"))? {
                Some(sum) if sum.value() == kept.sum => sums.push(sum),
                _ => return Ok(false),
            }
        }
        for ((hdu, kept), sum) in units.iter().zip(sums) {
            if let Some(unit) = self.units.get_mut(*hdu) {
                unit.written.add(0, kept.bytes);
                unit.sum = sum;
            }
        }
        Ok(true)
    }

    /// Sums data in the file; `None` if it is too short.
    fn sum_of(&self, kept: &KeptUnit) -> io::Result<Option<WordSum>> {
        let mut sum = WordSum::default();
        let mut buffer = vec![0; PIECE_BYTES];
        let mut at = 0;
        while at < kept.bytes {
            let n = (kept.bytes - at).min(PIECE_BYTES as u64);
            let part = buffer.split_at_mut(n as usize).0;
            match self.file().read_exact_at(part, kept.start + at) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                read => read?,
            }
            sum.add(part, at);
            at += n;
        }
        Ok(Some(sum))
    }

    /// Returns the bytes of a plane of an image, 0 if there is none.
    pub(crate) fn plane_bytes(&self, hdu: usize) -> usize {
        match self.unit(hdu).map(|unit| &unit.body) {
            Ok(Body::Image { element, shape, .. }) => shape.iter().skip(1).product::<usize>() * element.size(),
            _ => 0,
        }
    }

    /// Reads planes of 32-bit reals back that are written.
    ///
    /// # Errors
    /// `Missing` if there is no such unit; `Shape` if they are not written; `Io`.
    pub(crate) fn read_planes(&self, hdu: usize, first: usize, values: &mut [f32]) -> Result<(), FitsError> {
        let unit = self.unit(hdu)?;
        let (start, bytes) = ((first * self.plane_bytes(hdu)) as u64, size_of_val(values) as u64);
        if unit.written.beginning().is_none_or(|written| start + bytes > written) {
            return Err(FitsError::Shape {
                file: self.path.clone(),
                hdu,
                what: format!("planes from {first} on are not written"),
            });
        }
        let raw: &mut [u8] = bytemuck::cast_slice_mut(values);
        self.file()
            .read_exact_at(raw, unit.data_start() + start)
            .map_err(FitsError::io(&self.path, "read"))?;
        for bits in bytemuck::cast_slice_mut::<f32, u32>(values) {
            *bits = u32::from_be(*bits);
        }
        Ok(())
    }
}
