//! Sinks and a reader without files, for programs that embed the engine: products stay typed and in memory.
//!
//! `reader` lets later jobs of the same run read them.

mod reader;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ndarray::Array3;
use phoenix_core::header::Header;
use phoenix_core::id::{Digest, JobId, Tag};
use phoenix_core::product::{Hdu, HduData, Pixels, Product, StoredProduct};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{
    ColumnLayout, ColumnWriter, Committed, CubeHdu, CubeLayout, JobSink, MemoryColumns, ProductSink, ReadError,
    SinkError, SinkFactory, SlabWriter,
};

use crate::digest::ContentStream;
use crate::sink::stamp;

pub use reader::MemoryReader;

type Store = Arc<Mutex<BTreeMap<JobId, Vec<Product>>>>;

/// Keeps the products of committed jobs, typed and in memory.
///
/// # Contract
/// * The products of a job appear together when it commits.
/// * Clones share their products.
#[derive(Debug, Clone, Default)]
pub struct MemorySinks {
    store: Store,
}

impl MemorySinks {
    /// Returns sinks without products.
    pub fn new() -> Self {
        Self::default()
    }

    fn store(&self) -> MutexGuard<'_, BTreeMap<JobId, Vec<Product>>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the products of a job; planes are shared, not copied.
    pub fn products(&self, job: &JobId) -> Vec<Product> {
        self.store().get(job).cloned().unwrap_or_default()
    }

    /// Returns the first product of a kind.
    pub fn product(&self, job: &JobId, tag: &str) -> Option<Product> {
        let tag = Tag::from(tag);
        self.store()
            .get(job)?
            .iter()
            .find(|product| product.tag == tag)
            .cloned()
    }

    /// Takes the products of a job out, so that their memory goes with them.
    pub fn take(&self, job: &JobId) -> Vec<Product> {
        self.store().remove(job).unwrap_or_default()
    }

    fn at(&self, location: &str) -> Option<Product> {
        let store = self.store();
        store.iter().find_map(|(job, products)| {
            products
                .iter()
                .find(|product| location_of(job, &product.name) == location)
                .cloned()
        })
    }
}

fn location_of(job: &JobId, name: &str) -> String {
    format!("memory:{job}/{name}")
}

impl SinkFactory for MemorySinks {
    fn open(&self, job: &JobId) -> Result<Box<dyn JobSink>, SinkError> {
        self.store().remove(job);
        Ok(Box::new(MemorySink {
            job: job.clone(),
            entries: Entries::default(),
            sinks: self.clone(),
        }))
    }

    fn committed(&self, _record: &Record) -> Result<Option<Committed>, SinkError> {
        Ok(None)
    }
}

#[derive(Debug)]
struct Entry {
    name: String,
    /// Absent while slabs are being written.
    product: Option<Product>,
}

type Entries = Arc<Mutex<Vec<Entry>>>;

struct MemorySink {
    job: JobId,
    entries: Entries,
    sinks: MemorySinks,
}

fn locked(entries: &Entries) -> MutexGuard<'_, Vec<Entry>> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemorySink {
    fn reserve(&self, name: &str, product: Option<Product>) -> Result<usize, SinkError> {
        let mut entries = locked(&self.entries);
        if entries.iter().any(|entry| entry.name == name) {
            return Err(SinkError::Taken {
                name: name.to_owned(),
                location: format!("{name}, a product of the same job"),
            });
        }
        entries.push(Entry {
            name: name.to_owned(),
            product,
        });
        Ok(entries.len() - 1)
    }
}

impl ProductSink for MemorySink {
    fn put(&mut self, product: Product) -> Result<(), SinkError> {
        let name = product.name.clone();
        self.reserve(&name, Some(product)).map(|_| ())
    }

    fn begin(&mut self, layout: CubeLayout) -> Result<Box<dyn SlabWriter>, SinkError> {
        let place = self.reserve(&layout.name, None)?;
        let cubes = layout
            .hdus
            .into_iter()
            .map(|hdu| Cube {
                planes: Array3::from_elem(hdu.shape, f32::NAN),
                is_written: vec![false; hdu.shape[0]],
                hdu,
            })
            .collect();
        Ok(Box::new(MemorySlabs {
            tag: layout.tag,
            name: layout.name,
            cubes,
            place,
            entries: self.entries.clone(),
        }))
    }

    fn begin_columns(&mut self, layout: ColumnLayout) -> Result<Box<dyn ColumnWriter>, SinkError> {
        let place = self.reserve(&layout.name, None)?;
        let entries = self.entries.clone();
        Ok(Box::new(MemoryColumns::new(layout, move |product| {
            if let Some(entry) = locked(&entries).get_mut(place) {
                entry.product = Some(product);
            }
        })))
    }
}

impl JobSink for MemorySink {
    fn as_product_sink(&mut self) -> &mut dyn ProductSink {
        self
    }

    fn commit(self: Box<Self>, record: &Record) -> Result<Vec<StoredProduct>, SinkError> {
        let entries = std::mem::take(&mut *locked(&self.entries));
        let mut products = Vec::with_capacity(entries.len());
        let mut stored = Vec::with_capacity(entries.len());
        for entry in entries {
            let Entry { name, product } = entry;
            let mut product = product.ok_or_else(|| SinkError::Invalid {
                name: name.clone(),
                reason: "it was begun and not finished".to_owned(),
            })?;
            stamp(&mut product.header, &name, record);
            let (digest, size_bytes) = digest(&product).map_err(|source| SinkError::Unreadable {
                name: name.clone(),
                source,
            })?;
            stored.push(StoredProduct {
                tag: product.tag.clone(),
                location: location_of(&self.job, &name),
                name,
                digest,
                size_bytes,
            });
            products.push(product);
        }
        self.sinks.store().insert(self.job.clone(), products);
        Ok(stored)
    }
}

struct Cube {
    hdu: CubeHdu,
    planes: Array3<f32>,
    is_written: Vec<bool>,
}

struct MemorySlabs {
    tag: Tag,
    name: String,
    cubes: Vec<Cube>,
    place: usize,
    entries: Entries,
}

impl MemorySlabs {
    fn invalid(&self, reason: impl Into<String>) -> SinkError {
        SinkError::Invalid {
            name: self.name.clone(),
            reason: reason.into(),
        }
    }
}

impl SlabWriter for MemorySlabs {
    fn write(&mut self, hdu: usize, first_plane: usize, planes: &[f32]) -> Result<(), SinkError> {
        let refused = self.invalid(format!(
            "planes from {first_plane} on do not fit extension {hdu}, or came twice"
        ));
        let Some(cube) = self.cubes.get_mut(hdu) else {
            return Err(refused);
        };
        let [_, ny, nx] = cube.hdu.shape;
        let plane = ny * nx;
        if plane == 0 || !planes.len().is_multiple_of(plane) {
            return Err(refused);
        }
        let range: Range<usize> = first_plane..first_plane.saturating_add(planes.len() / plane);
        let (Some(is_written), Some(values)) = (cube.is_written.get_mut(range.clone()), cube.planes.as_slice_mut())
        else {
            return Err(refused);
        };
        let window = values.get_mut(range.start * plane..range.end * plane);
        let (Some(window), false) = (window, is_written.contains(&true)) else {
            return Err(refused);
        };
        window.copy_from_slice(planes);
        is_written.fill(true);
        Ok(())
    }

    fn finish(self: Box<Self>, header: Header) -> Result<(), SinkError> {
        if let Some(cube) = self.cubes.iter().find(|cube| cube.is_written.contains(&false)) {
            return Err(self.invalid(format!("planes of extension {} are missing", cube.hdu.name)));
        }
        let hdus = self
            .cubes
            .into_iter()
            .map(|cube| Hdu {
                name: cube.hdu.name,
                header: cube.hdu.header,
                data: HduData::Image(Pixels::F32(Arc::new(cube.planes))),
            })
            .collect();
        if let Some(entry) = locked(&self.entries).get_mut(self.place) {
            entry.product = Some(Product {
                tag: self.tag,
                name: self.name,
                header,
                hdus,
            });
        }
        Ok(())
    }
}

/// Returns the digest of a product's cards and values, and the bytes of its values.
///
/// It names a content in memory and is not that of the file that a sink on a folder would write.
fn digest(product: &Product) -> Result<(Digest, u64), ReadError> {
    let mut stream = ContentStream::default();
    let mut size_bytes = 0;
    let mut add = |bytes: &[u8]| {
        stream.update(bytes);
        size_bytes += bytes.len() as u64;
    };
    cards(&product.header, &mut add);
    for hdu in &product.hdus {
        add(hdu.name.as_bytes());
        cards(&hdu.header, &mut add);
        match &hdu.data {
            HduData::Image(Pixels::F32(planes)) => {
                let [n_planes, ny, nx] = planes.shape();
                let mut plane = vec![0.0_f32; ny * nx];
                for iw in 0..n_planes {
                    planes.read(iw..iw + 1, &mut plane)?;
                    add(bytemuck::cast_slice(&plane));
                }
            }
            HduData::Image(Pixels::F64(array)) => array.iter().for_each(|value| add(&value.to_le_bytes())),
            HduData::Image(Pixels::I32(array)) => array.iter().for_each(|value| add(&value.to_le_bytes())),
            HduData::Image(Pixels::I16(array)) => array.iter().for_each(|value| add(&value.to_le_bytes())),
            HduData::Image(Pixels::U16(array)) => array.iter().for_each(|value| add(&value.to_le_bytes())),
            HduData::Image(Pixels::U8(array)) => array.iter().for_each(|value| add(&[*value])),
            // The debug text of a vector spells every value exactly.
            HduData::Table(table) => add(format!("{table:?}").as_bytes()),
            _ => {}
        }
    }
    Ok((stream.finish(), size_bytes))
}

fn cards(header: &Header, add: &mut impl FnMut(&[u8])) {
    for card in header.cards() {
        add(card.key.as_str().as_bytes());
        add(card.value.display().as_bytes());
    }
}
