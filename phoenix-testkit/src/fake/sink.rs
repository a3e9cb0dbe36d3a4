//! A `ProductSink` that keeps products in memory.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::Array3;
use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::traits::{ColumnLayout, ColumnWriter, CubeLayout, MemoryColumns, ProductSink, SinkError, SlabWriter};

/// Keeps what a recipe puts.
#[derive(Debug, Default)]
pub struct FakeSink {
    products: Arc<Mutex<Vec<Product>>>,
}

impl FakeSink {
    /// Returns the finished products in the order of their completion.
    pub fn into_products(self) -> Vec<Product> {
        std::mem::take(&mut *self.products.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ProductSink for FakeSink {
    fn put(&mut self, product: Product) -> Result<(), SinkError> {
        let mut products = self.products.lock().unwrap_or_else(PoisonError::into_inner);
        if products.iter().any(|other| other.name == product.name) {
            return Err(SinkError::Taken {
                name: product.name.clone(),
                location: product.name,
            });
        }
        products.push(product);
        Ok(())
    }

    fn begin(&mut self, layout: CubeLayout) -> Result<Box<dyn SlabWriter>, SinkError> {
        let planes = layout.hdus.iter().map(|hdu| Array3::zeros(hdu.shape)).collect();
        let written = layout.hdus.iter().map(|hdu| vec![false; hdu.shape[0]]).collect();
        Ok(Box::new(FakeSlabs {
            layout,
            planes,
            written,
            products: Arc::clone(&self.products),
        }))
    }

    fn begin_columns(&mut self, layout: ColumnLayout) -> Result<Box<dyn ColumnWriter>, SinkError> {
        let products = Arc::clone(&self.products);
        Ok(Box::new(MemoryColumns::new(layout, move |product| {
            products.lock().unwrap_or_else(PoisonError::into_inner).push(product);
        })))
    }
}

struct FakeSlabs {
    layout: CubeLayout,
    planes: Vec<Array3<f32>>,
    written: Vec<Vec<bool>>,
    products: Arc<Mutex<Vec<Product>>>,
}

impl FakeSlabs {
    fn invalid(&self, reason: &str) -> SinkError {
        SinkError::Invalid {
            name: self.layout.name.clone(),
            reason: reason.to_owned(),
        }
    }
}

impl SlabWriter for FakeSlabs {
    fn write(&mut self, hdu: usize, first_plane: usize, planes: &[f32]) -> Result<(), SinkError> {
        let plane_len = self.layout.hdus.get(hdu).map_or(0, |it| it.shape[1] * it.shape[2]);
        let n = planes.len().checked_div(plane_len).unwrap_or(0);
        let range = first_plane * plane_len..first_plane * plane_len + planes.len();
        let fits = n * plane_len == planes.len();
        let repeated = self
            .written
            .get(hdu)
            .is_some_and(|it| it.iter().skip(first_plane).take(n).any(|done| *done));
        if repeated {
            return Err(self.invalid("a plane was written twice"));
        }
        match self
            .planes
            .get_mut(hdu)
            .and_then(|cube| cube.as_slice_mut()?.get_mut(range))
        {
            Some(target) if fits => target.copy_from_slice(planes),
            _ => return Err(self.invalid("planes do not fit the layout")),
        }
        if let Some(done) = self.written.get_mut(hdu) {
            done.iter_mut().skip(first_plane).take(n).for_each(|done| *done = true);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, header: Header) -> Result<(), SinkError> {
        if self.written.iter().flatten().any(|done| !done) {
            return Err(self.invalid("planes are missing"));
        }
        if header.len() > self.layout.header.len() + self.layout.reserve_cards {
            return Err(self.invalid("the header outgrew its reserve"));
        }
        let hdus = self
            .layout
            .hdus
            .into_iter()
            .zip(self.planes)
            .map(|(hdu, cube)| Hdu {
                name: hdu.name,
                header: hdu.header,
                data: HduData::Image(Pixels::F32(Arc::new(cube))),
            })
            .collect();
        let product = Product {
            tag: self.layout.tag,
            name: self.layout.name,
            header,
            hdus,
        };
        self.products
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(product);
        Ok(())
    }
}
