//! Ports through which recipes read frames and put products; small, so that fakes are ten lines.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::columns::{ColumnLayout, ColumnWriter};
use super::scratch::{MemoryScratch, Scratch};
use crate::caveat::Caveat;
use crate::error::Status;
use crate::frame::FrameRef;
use crate::header::Header;
use crate::id::{Digest, JobId, Tag};
use crate::product::{PlaneSource, Product, StoredProduct, Table};
use crate::provenance::Record;

/// Data cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file is not there: fetch it.
    #[error("file {location} is not there")]
    NotFound {
        /// The file.
        location: String,
    },
    /// The file breaks its format: get it again or leave it out.
    #[error("file {location}: {place}: {reason}")]
    Damaged {
        /// The file.
        location: String,
        /// HDU and byte.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The file is sound and lacks something that is needed.
    #[error("file {location} has no {what}")]
    Lacks {
        /// The file.
        location: String,
        /// What is missing.
        what: String,
    },
    /// The window asked for is not there: mend the caller.
    #[error("planes {planes:?} do not fit the buffer or the {available} planes available")]
    Window {
        /// The planes asked for.
        planes: Range<usize>,
        /// How many there are.
        available: usize,
    },
    /// The system refuses: mend rights, disk, network.
    #[error("file {location} cannot be read")]
    System {
        /// The file.
        location: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl ReadError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::System { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}

/// A product cannot be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The system refuses: mend rights or space.
    #[error("product {name} cannot be written to {location}")]
    System {
        /// The product.
        name: String,
        /// Where.
        location: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The name is taken by an input or another product: choose another.
    #[error("product {name} would overwrite {location}")]
    Taken {
        /// The product.
        name: String,
        /// What is there.
        location: String,
    },
    /// The product cannot be expressed in its file format: mend the recipe.
    #[error("product {name}: {reason}")]
    Invalid {
        /// The product.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The product's own planes cannot be read.
    #[error("product {name} cannot be read")]
    Unreadable {
        /// The product.
        name: String,
        /// Why.
        #[source]
        source: ReadError,
    },
}

impl SinkError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::System { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}

/// What kind of HDU it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HduKind {
    /// An image, possibly without data.
    Image,
    /// A binary table.
    Table,
    /// Another extension.
    Other,
}

/// One HDU of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct HduInfo {
    /// 0 is the primary HDU.
    pub index: usize,
    /// `EXTNAME`; empty if there is none.
    pub name: String,
    /// What it is.
    pub kind: HduKind,
    /// Array order: for images slowest axis first, for tables `[rows]`.
    pub shape: Vec<usize>,
    /// Its cards.
    pub header: Header,
}

/// One column of numbers, read in windows: a table column or a flattened image.
pub trait ColumnSource: fmt::Debug + Send + Sync {
    /// Returns the number of values.
    fn len(&self) -> u64;

    /// Tells whether there is no value.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the unit (`TUNITn` or `BUNIT`).
    fn unit(&self) -> Option<&str>;

    /// Reads `out.len()` values from `first` on, converted to 32-bit reals.
    ///
    /// # Errors
    /// If the file is damaged or was cut short, or the range does not fit.
    fn read_f32(&self, first: u64, out: &mut [f32]) -> Result<(), ReadError>;

    /// Reads `out.len()` values from `first` on as 32-bit integers.
    ///
    /// # Errors
    /// If the column is not of integers, the file is damaged or was cut short, or the range does not fit.
    fn read_i32(&self, first: u64, out: &mut [i32]) -> Result<(), ReadError>;
}

/// Reads frames. `load` reads through it, so that no recipe names a file.
pub trait FrameReader: fmt::Debug + Send + Sync {
    /// Returns the HDUs of a frame, the primary first.
    ///
    /// # Errors
    /// If the frame is not there, damaged, or cannot be read.
    fn hdus(&self, frame: &FrameRef) -> Result<Vec<HduInfo>, ReadError>;

    /// Returns a column: of a table by name, or a whole image flattened if `name` is absent.
    ///
    /// # Errors
    /// If the frame is not there, damaged, or has no such column.
    fn column(&self, frame: &FrameRef, hdu: usize, name: Option<&str>) -> Result<Arc<dyn ColumnSource>, ReadError>;

    /// Returns the planes of an image, converted to 32-bit reals.
    ///
    /// # Errors
    /// If the frame is not there, damaged, or has no such image.
    fn planes(&self, frame: &FrameRef, hdu: usize) -> Result<Arc<dyn PlaneSource>, ReadError>;

    /// Returns a whole table.
    ///
    /// # Errors
    /// If the frame is not there, damaged, or has no such table.
    fn table(&self, frame: &FrameRef, hdu: usize) -> Result<Table, ReadError>;

    /// Returns the content digest of the whole frame as it is stored.
    ///
    /// # Errors
    /// If the frame is not there or cannot be read.
    fn digest(&self, frame: &FrameRef) -> Result<Digest, ReadError>;
}

/// One extension of a cube that is written in slabs.
#[derive(Debug, Clone, PartialEq)]
pub struct CubeHdu {
    /// `EXTNAME`.
    pub name: String,
    /// Shape `(wave, y, x)`.
    pub shape: [usize; 3],
    /// Cards beside the structural ones; they stand before the data and are final.
    pub header: Header,
}

/// A cube that is written in slabs.
#[derive(Debug, Clone, PartialEq)]
pub struct CubeLayout {
    /// What it is.
    pub tag: Tag,
    /// Its file name.
    pub name: String,
    /// The primary header as known now; `finish` gives the final one.
    pub header: Header,
    /// Cards that `finish` may add to the primary header.
    pub reserve_cards: usize,
    /// The extensions.
    pub hdus: Vec<CubeHdu>,
}

/// How far a cube has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Planes, from the first on, that are written in every extension.
    pub planes: usize,
    /// What the recipe needs to go on behind them, in a form of its own; a few kilobytes.
    pub note: serde_json::Value,
}

/// Work on a product that may be done beside other work, from any thread.
pub type Deferred = std::sync::Arc<dyn Fn() + Send + Sync>;

/// Takes a cube slab by slab; dropping it unfinished leaves nothing visible.
pub trait SlabWriter: Send {
    /// Writes whole planes of one extension; planes may come in any order, each once.
    ///
    /// # Errors
    /// If the system refuses or the planes do not fit.
    fn write(&mut self, hdu: usize, first_plane: usize, planes: &[f32]) -> Result<(), SinkError>;

    /// Hands the sums over what is written to the caller, to be formed whenever a thread has time; whatever is left is
    /// formed in the end. `None` if there are none to be formed later.
    fn defer(&mut self) -> Option<Deferred> {
        None
    }

    /// Ends the product with its final primary header.
    ///
    /// # Errors
    /// If the system refuses, planes are missing, or the header outgrew its reserve.
    fn finish(self: Box<Self>, header: Header) -> Result<(), SinkError>;

    /// Returns what an interrupted attempt at this cube finished; those planes are written already.
    fn finished(&self) -> Option<&Finished> {
        None
    }

    /// Reads planes back that an interrupted attempt finished, bit for bit.
    ///
    /// # Errors
    /// If the system refuses or the planes are not there.
    fn read(&self, _hdu: usize, first_plane: usize, _planes: &mut [f32]) -> Result<(), SinkError> {
        Err(SinkError::Invalid {
            name: "cube".to_owned(),
            reason: format!("plane {first_plane} was not finished by an earlier attempt"),
        })
    }

    /// Tells how far the cube has come, so that another attempt may go on there; a sink decides how often it makes this
    /// safe.
    ///
    /// # Contract
    /// Exactly the planes from the first to the last finished one are written, in every extension.
    ///
    /// # Errors
    /// If the system refuses, or other planes are written.
    fn mark(&mut self, _finished: Finished) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Takes products of one job; nothing is visible before the engine commits.
pub trait ProductSink: Send {
    /// Takes a whole product.
    ///
    /// # Errors
    /// If the name is taken or the system refuses.
    fn put(&mut self, product: Product) -> Result<(), SinkError>;

    /// Begins a cube that comes in slabs.
    ///
    /// # Errors
    /// If the name is taken or the system refuses.
    fn begin(&mut self, layout: CubeLayout) -> Result<Box<dyn SlabWriter>, SinkError>;

    /// Begins a cube that comes in slabs, or goes on behind what an interrupted attempt at the same cube finished.
    ///
    /// # Contract
    /// It is the same cube if the layout and the record are equal, wherever the inputs lie. What is not whole or not
    /// intact is begun anew. A sink that does not outlive the process always begins.
    ///
    /// # Errors
    /// If the name is taken or the system refuses.
    fn resume(&mut self, layout: CubeLayout, _record: &Record) -> Result<Box<dyn SlabWriter>, SinkError> {
        self.begin(layout)
    }

    /// Begins a table that comes in runs of rows.
    ///
    /// # Errors
    /// If the name is taken, the system refuses, or the sink takes no such tables.
    fn begin_columns(&mut self, layout: ColumnLayout) -> Result<Box<dyn ColumnWriter>, SinkError> {
        Err(SinkError::Invalid {
            name: layout.name,
            reason: "this sink takes no tables in runs of rows".to_owned(),
        })
    }

    /// Returns space for what the job needs meanwhile: where the products go, on a disk if they go to one.
    ///
    /// # Errors
    /// If the system refuses.
    fn scratch(&self, bytes: u64) -> Result<Box<dyn Scratch>, SinkError> {
        Ok(Box::new(MemoryScratch::new(
            usize::try_from(bytes).unwrap_or(usize::MAX),
        )))
    }

    /// Returns a folder in which a program may work whose files `adopt` takes without copying.
    ///
    /// What is left in it vanishes with the sink. `None` if the sink takes no files.
    fn workshop(&self) -> Option<String> {
        None
    }

    /// Takes a finished file as a product, as it is: no byte of it is changed, and it is moved, not copied, if it lies
    /// in the `workshop`.
    ///
    /// # Errors
    /// If the name is taken, the system refuses, or the sink takes no files.
    fn adopt(&mut self, _tag: &Tag, name: &str, _location: &str) -> Result<(), SinkError> {
        Err(SinkError::Invalid {
            name: name.to_owned(),
            reason: "this sink takes no finished files".to_owned(),
        })
    }
}

/// A sink that the engine can commit; dropping it uncommitted leaves nothing.
pub trait JobSink: ProductSink {
    /// Lends the recipe's side of the sink.
    fn as_product_sink(&mut self) -> &mut dyn ProductSink;

    /// Makes all products visible at once, each with its provenance record beside it.
    ///
    /// # Errors
    /// If the system refuses; then no product is visible.
    fn commit(self: Box<Self>, record: &Record) -> Result<Vec<StoredProduct>, SinkError>;
}

/// What an earlier attempt at a job committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// The products, in the order in which they were put.
    pub products: Vec<StoredProduct>,
    /// The reservations that were known when they were committed.
    pub caveats: Vec<Caveat>,
}

/// Opens a sink for each job.
pub trait SinkFactory: fmt::Debug + Send + Sync {
    /// Opens the sink of a job; leavings of an earlier, interrupted attempt are removed.
    ///
    /// # Errors
    /// If the system refuses.
    fn open(&self, job: &JobId) -> Result<Box<dyn JobSink>, SinkError>;

    /// Returns what an attempt committed that ended before its result was recorded.
    ///
    /// Only products count that are intact and whose provenance is `record`, reservations aside; a sink that does not
    /// outlive the process has none.
    ///
    /// # Errors
    /// If the system refuses.
    fn committed(&self, record: &Record) -> Result<Option<Committed>, SinkError>;

    /// Takes over what another run made of the same content, in the same way, by the same software.
    ///
    /// It is asked for a job that was never begun; a sink that knows of no other run has nothing.
    ///
    /// # Errors
    /// If the system refuses.
    fn inherit(&self, _record: &Record) -> Result<Option<Committed>, SinkError> {
        Ok(None)
    }
}
