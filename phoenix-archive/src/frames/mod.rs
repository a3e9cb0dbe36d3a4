//! The frames of a night or a span of nights, known by their headers.

use std::collections::BTreeSet;

use futures::StreamExt;
use phoenix_core::dataset::{LeftOut, Severity};
use phoenix_core::frame::Frame;
use phoenix_core::header::Header;
use phoenix_core::id::{FrameId, InstrumentId};
use phoenix_core::unit::{Mjd, Night};

use crate::store::{ObjectInfo, Store, StoreError};

/// What a decoder makes of the first bytes of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderState {
    /// The header is whole.
    Read(Header),
    /// More bytes are needed.
    NeedsMore,
    /// The bytes are no FITS header.
    Damaged {
        /// What is wrong.
        reason: String,
    },
}

/// Reads the primary header from the first bytes of a file; the FITS reader lives elsewhere and comes in here.
pub trait HeaderDecoder: Send + Sync {
    /// Reads a header. `name` tells the compression by its suffix; `is_whole` says that no more bytes will come.
    fn decode(&self, name: &str, bytes: &[u8], is_whole: bool) -> HeaderState;
}

impl<F: Fn(&str, &[u8], bool) -> HeaderState + Send + Sync> HeaderDecoder for F {
    fn decode(&self, name: &str, bytes: &[u8], is_whole: bool) -> HeaderState {
        self(name, bytes, is_whole)
    }
}

/// A span of nights, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    first: Night,
    last: Night,
}

impl Span {
    /// Returns the span of one night.
    pub fn night(night: Night) -> Self {
        Self {
            first: night,
            last: night,
        }
    }

    /// Returns the span between two nights, in either order.
    pub fn nights(a: Night, b: Night) -> Self {
        Self {
            first: a.min(b),
            last: a.max(b),
        }
    }

    /// Returns the nights.
    pub fn iter(self) -> impl Iterator<Item = Night> {
        std::iter::successors(Some(self.first), |night| Some(night.next())).take_while(move |night| *night <= self.last)
    }

    /// Tells whether a time lies in the span; noon at the start belongs to it, noon at the end does not.
    pub fn contains(self, time: Mjd) -> bool {
        let night = Night::of(time);
        self.first <= night && night <= self.last
    }
}

/// Which frames are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameQuery {
    /// When they were taken.
    pub span: Span,
    /// By which instrument; absent for all.
    pub instrument: Option<InstrumentId>,
    /// How many headers are read at once.
    pub parallel: usize,
    /// Whether masters and statics below `calib/` are listed too.
    pub takes_calib: bool,
}

impl FrameQuery {
    /// Asks for the frames of all instruments in a span.
    pub fn new(span: Span) -> Self {
        Self {
            span,
            instrument: None,
            parallel: 16,
            takes_calib: true,
        }
    }

    /// Asks for one instrument.
    #[must_use]
    pub fn with_instrument(mut self, instrument: InstrumentId) -> Self {
        self.instrument = Some(instrument);
        self
    }

    /// Asks for the frames of the nights alone.
    #[must_use]
    pub fn without_calib(mut self) -> Self {
        self.takes_calib = false;
        self
    }
}

/// The frames found, and what looked like a frame and was not taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The frames, in order of time, then name.
    pub frames: Vec<Frame>,
    /// Files that were left out, each with its reason.
    pub left_out: Vec<LeftOut>,
    /// The folders that were looked into, in order.
    pub looked: Vec<Looked>,
}

impl Listing {
    /// Tells whether no frame of the nights was found, good or bad.
    pub fn is_empty_night(&self) -> bool {
        self.left_out.is_empty() && self.looked.iter().all(|looked| looked.is_calib || looked.n_taken == 0)
    }
}

/// A folder that was looked into and what was seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The folder below the store's root; empty for the root itself.
    pub folder: String,
    /// Whether it holds masters and statics, which belong to no night.
    pub is_calib: bool,
    /// How many files it holds that are frames by their names.
    pub n_files: usize,
    /// How many of them were taken.
    pub n_taken: usize,
}

/// The suffixes of files that hold frames.
const SUFFIXES: [&str; 6] = [".fits", ".fits.gz", ".fits.fz", ".fits.Z", ".fit", ".fts"];

/// FITS files come in blocks of 2880 bytes; a raw MUSE header has about 40 of them.
const BLOCK_BYTES: u64 = 2880;
const FIRST_READ_BYTES: u64 = 40 * BLOCK_BYTES;
/// A header that does not end within 8 MiB is none.
const HEADER_LIMIT_BYTES: u64 = 8 << 20;

/// Returns the name of a frame: its file name without the suffix; `None` if it is no frame by name.
pub fn frame_id(name: &str) -> Option<FrameId> {
    let mut suffixes = SUFFIXES;
    suffixes.sort_by_key(|suffix| std::cmp::Reverse(suffix.len()));
    suffixes
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .filter(|stem| !stem.is_empty() && !stem.starts_with('.'))
        .map(FrameId::from)
}

fn file_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Returns when a frame was taken: `MJD-OBS`, else `DATE-OBS`; `None` if neither can be read.
pub fn time_of(header: &Header) -> Option<Mjd> {
    header
        .f64("MJD-OBS")
        .ok()
        .filter(|value| value.is_finite())
        .map(Mjd)
        .or_else(|| Mjd::from_iso(header.str("DATE-OBS").ok()?).ok())
}

/// Longest time by which `MJD-OBS` and `DATE-OBS` of one frame may differ, seconds.
///
/// They state the same instant; in real headers they agree to the millisecond, in old ones to the second.
const CLOCK_TOLERANCE_S: f64 = 60.0;

/// Returns why the two times of a raw frame cannot both be right; `None` if they agree or one is absent.
pub fn clock_fault(header: &Header) -> Option<String> {
    let mjd = header.f64("MJD-OBS").ok().filter(|value| value.is_finite())?;
    let date = header.str("DATE-OBS").ok()?;
    let skew_s = (mjd - Mjd::from_iso(date).ok()?.0) * 86_400.0;
    (skew_s.abs() > CLOCK_TOLERANCE_S).then(|| {
        format!(
            "MJD-OBS {mjd} ({}) and DATE-OBS {date} differ by {skew_s:.0} s: one of the clocks is wrong",
            Mjd(mjd).to_iso()
        )
    })
}

/// Where a file was found; it decides whether its time must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The folder of a night: a frame of another time is in the wrong folder, which is told.
    Night,
    /// A folder of frames of all times: the header's time decides.
    Flat,
    /// Masters and statics: valid whenever they were taken.
    Calib,
}

/// Lists the frames of a store with their headers, read by range requests.
///
/// # Contract
/// * A night runs from noon to noon UTC and the time in the header decides, not the folder.
/// * Masters and statics below `calib/` are listed whatever their time.
/// * A damaged file is left out with its reason and never stops the night.
/// * A store without a `raw` folder is taken as a flat folder of FITS files.
///
/// # Errors
/// If the store cannot be listed, or stops answering.
pub async fn list_frames(
    store: &Store,
    decoder: &dyn HeaderDecoder,
    query: &FrameQuery,
) -> Result<Listing, StoreError> {
    let (candidates, mut looked) = candidates(store, query).await?;
    let read = futures::stream::iter(candidates.into_iter().map(|(folder, place, object)| async move {
        let header = read_header(store, decoder, &object).await;
        (folder, place, object, header)
    }))
    .buffered(query.parallel.max(1))
    .collect::<Vec<_>>()
    .await;
    let mut listing = Listing::default();
    for (folder, place, object, header) in read {
        let Some(id) = frame_id(file_name(&object.key)) else {
            continue;
        };
        let taken = match header {
            Ok(header) => accept(&header, place, query).map(|()| header),
            Err(StoreError::Damaged { reason, .. }) => Err(Some((Severity::Error, reason))),
            Err(StoreError::NotFound { .. }) => Err(Some((
                Severity::Warning,
                "it vanished while the store was listed".to_owned(),
            ))),
            Err(error) => return Err(error),
        };
        match taken {
            Ok(header) => {
                if let Some(looked) = looked.get_mut(folder) {
                    looked.n_taken += 1;
                }
                listing.frames.push(Frame {
                    id,
                    location: store
                        .local_path(&object.key)
                        .map_or_else(|| store.address(&object.key), |path| path.display().to_string()),
                    header,
                    size_bytes: Some(object.size_bytes),
                });
            }
            Err(Some((severity, reason))) => listing.left_out.push(LeftOut::new(id, reason, severity)),
            Err(None) => {}
        }
    }
    listing.frames.sort_by(|a, b| {
        let time = |frame: &Frame| time_of(&frame.header).map_or(f64::INFINITY, |mjd| mjd.0);
        time(a).total_cmp(&time(b)).then_with(|| a.id.cmp(&b.id))
    });
    listing.left_out.sort();
    listing.looked = looked;
    Ok(listing)
}

/// Takes a frame, passes it over silently (it belongs to another instrument or time), or says why it is left out.
fn accept(header: &Header, place: Place, query: &FrameQuery) -> Result<(), Option<(Severity, String)>> {
    if let (Some(wanted), Ok(found)) = (&query.instrument, header.str("INSTRUME"))
        && wanted.as_str() != found
    {
        return Err(None);
    }
    if place == Place::Calib {
        return Ok(());
    }
    let date = header.str("DATE-OBS").ok().and_then(|date| Mjd::from_iso(date).ok());
    let concerns = |time: &Mjd| place == Place::Night || query.span.contains(*time);
    if let Some(fault) = clock_fault(header)
        && (time_of(header).iter().any(concerns) || date.iter().any(concerns))
    {
        return Err(Some((Severity::Error, fault)));
    }
    match time_of(header) {
        Some(time) if query.span.contains(time) => Ok(()),
        Some(time) if place == Place::Night => Err(Some((
            Severity::Warning,
            format!("it was taken at {}, outside the night of its folder", time.to_iso()),
        ))),
        Some(_) => Err(None),
        None => Err(Some((
            Severity::Error,
            "it has neither MJD-OBS nor a readable DATE-OBS".to_owned(),
        ))),
    }
}

/// Names the nights that a store holds raw folders of, in order; none for a flat store.
///
/// # Errors
/// If the store cannot be listed.
pub async fn nights(store: &Store, instrument: &InstrumentId) -> Result<Vec<String>, StoreError> {
    // Any night will do: the folder above is the same for all.
    let folder = store.layout().raw(instrument, Night::of(Mjd(0.0)));
    let Some((above, _)) = folder.rsplit_once('/') else {
        return Ok(Vec::new());
    };
    let (_, mut names) = store.list_folder(above).await?;
    names.sort();
    Ok(names)
}

/// A candidate with the number of the folder that it was found in.
type Candidate = (usize, Place, ObjectInfo);

async fn candidates(store: &Store, query: &FrameQuery) -> Result<(Vec<Candidate>, Vec<Looked>), StoreError> {
    let layout = store.layout();
    let (top, folders) = store.list_folder("").await?;
    let is_laid_out = folders.iter().any(|folder| folder == layout.raw_root());
    let (mut found, mut looked) = (Vec::new(), Vec::new());
    let mut keep = |folder: String, place: Place, mut objects: Vec<ObjectInfo>| {
        objects.retain(|object| frame_id(file_name(&object.key)).is_some());
        let number = looked.len();
        looked.push(Looked {
            folder,
            is_calib: place == Place::Calib,
            n_files: objects.len(),
            n_taken: 0,
        });
        found.extend(objects.into_iter().map(|object| (number, place, object)));
    };
    if is_laid_out {
        let instruments: BTreeSet<InstrumentId> = if let Some(instrument) = &query.instrument {
            BTreeSet::from([instrument.clone()])
        } else {
            let (_, names) = store.list_folder(layout.raw_root()).await?;
            names.into_iter().map(InstrumentId::from).collect()
        };
        for instrument in &instruments {
            for night in query.span.iter() {
                let folder = layout.raw(instrument, night);
                let objects = store.list(&folder).await?;
                keep(folder, Place::Night, objects);
            }
            if query.takes_calib {
                let folder = layout.calib(instrument);
                let objects = store.list(&folder).await?;
                keep(folder, Place::Calib, objects);
            }
        }
    } else {
        keep(String::new(), Place::Flat, top);
    }
    Ok((found, looked))
}

/// Reads the primary header of one object, growing the window until the header ends.
pub(crate) async fn read_header(
    store: &Store,
    decoder: &dyn HeaderDecoder,
    object: &ObjectInfo,
) -> Result<Header, StoreError> {
    let damaged = |reason: String| StoreError::Damaged {
        address: store.address(&object.key),
        reason,
    };
    if object.size_bytes == 0 {
        return Err(damaged("it is empty".to_owned()));
    }
    let name = file_name(&object.key);
    let mut bytes = Vec::new();
    let mut wanted = FIRST_READ_BYTES.min(object.size_bytes);
    loop {
        let chunk = store.read_range(&object.key, bytes.len() as u64..wanted).await?;
        bytes.extend_from_slice(&chunk);
        let is_whole = bytes.len() as u64 >= object.size_bytes;
        match decoder.decode(name, &bytes, is_whole) {
            HeaderState::Read(header) => return Ok(header),
            HeaderState::Damaged { reason } => return Err(damaged(reason)),
            HeaderState::NeedsMore if is_whole => return Err(damaged("its header has no end".to_owned())),
            HeaderState::NeedsMore if bytes.len() as u64 >= HEADER_LIMIT_BYTES => {
                return Err(damaged("its header does not end within 8 MiB".to_owned()));
            }
            HeaderState::NeedsMore if chunk.is_empty() => {
                return Err(damaged("it is shorter than the store says".to_owned()));
            }
            HeaderState::NeedsMore => wanted = (wanted * 4).min(object.size_bytes),
        }
    }
}

#[cfg(test)]
mod tests;
