//! Images of a cube through filters, collapsed while its planes appear.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Images".

use super::slab::Slab;
use crate::KernelError;
use ndarray::{Array2, ArrayView3};

/// Limits of the white-light filter, Angstrom (ESO MUSE pipeline 2.8.7, as measured).
const WHITE: [f64; 2] = [4650.0, 9300.0];

/// A filter curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    lambda: Vec<f64>,
    throughput: Vec<f64>,
}

impl Filter {
    /// Returns the white-light filter: 1 from 4650 to 9300 Angstrom.
    pub fn white() -> Self {
        Self {
            lambda: WHITE.to_vec(),
            throughput: vec![1.0; 2],
        }
    }

    /// Takes a table of throughput at ascending wavelengths in Angstrom.
    ///
    /// # Errors
    /// `Shape` if the columns differ in length, `Parameter` if there are fewer than two rows, a wavelength does not
    /// ascend or a value is not finite.
    pub fn table(lambda: Vec<f64>, throughput: Vec<f64>) -> Result<Self, KernelError> {
        if lambda.len() != throughput.len() {
            return Err(KernelError::Shape {
                what: "filter throughput",
                found: throughput.len(),
                expected: lambda.len(),
            });
        }
        let allowed = "two or more rows of ascending wavelength and finite throughput";
        let refuse = |value| {
            Err(KernelError::Parameter {
                name: "filter table",
                value,
                allowed,
            })
        };
        if lambda.len() < 2 {
            return refuse(lambda.len() as f64);
        }
        if let Some(row) = (1..lambda.len()).find(|&k| lambda[k - 1] >= lambda[k]) {
            return refuse(lambda[row]);
        }
        if let Some(value) = lambda.iter().chain(&throughput).find(|v| !v.is_finite()) {
            return refuse(*value);
        }
        Ok(Self { lambda, throughput })
    }

    /// Returns the throughput at a wavelength: linear between rows, 0 outside.
    pub fn at(&self, lambda: f64) -> f64 {
        let above = self.lambda.partition_point(|l| *l < lambda);
        match above.checked_sub(1) {
            _ if above == self.lambda.len() => 0.0,
            None if self.lambda[0] > lambda => 0.0,
            None => self.throughput[0],
            Some(k) => {
                let (l, t) = (&self.lambda, &self.throughput);
                t[k] + (t[k + 1] - t[k]) / (l[k + 1] - l[k]) * (lambda - l[k])
            }
        }
    }

    /// Returns the share of the filter's area that planes from `first` to `last` (Angstrom, their outer edges) cover.
    pub fn coverage(&self, first: f64, last: f64) -> f64 {
        let area = |low: f64, high: f64| -> f64 {
            let inside = self.lambda.iter().copied().filter(|l| *l > low && *l < high);
            let knots: Vec<f64> = std::iter::once(low)
                .chain(inside)
                .chain(std::iter::once(high))
                .collect();
            knots
                .windows(2)
                .map(|k| (k[1] - k[0]) * (self.at(k[0]) + self.at(k[1])) / 2.0)
                .sum()
        };
        let (low, high) = (self.lambda[0], self.lambda[self.lambda.len() - 1]);
        let (from, to) = (first.max(low), last.min(high));
        if from >= to {
            0.0
        } else {
            area(from, to) / area(low, high)
        }
    }
}

/// Collapses planes into one image for each filter: sum of throughput times value over sum of throughput, finite
/// voxels only.
#[derive(Clone, Debug)]
pub struct ImageAccumulator {
    shape: [usize; 2],
    /// For each filter and plane, the throughput.
    throughput: Vec<Vec<f64>>,
    sums: Vec<Vec<[f64; 2]>>,
}

impl ImageAccumulator {
    /// Starts empty images of `ny` rows and `nx` columns for a cube with these plane wavelengths.
    pub fn new(filters: &[Filter], lambda: &[f64], ny: usize, nx: usize) -> Self {
        Self {
            shape: [ny, nx],
            throughput: filters
                .iter()
                .map(|f| lambda.iter().map(|l| f.at(*l)).collect())
                .collect(),
            sums: vec![vec![[0.0; 2]; ny * nx]; filters.len()],
        }
    }

    /// Adds the planes of a slab; slabs come in ascending order.
    ///
    /// # Errors
    /// `Shape` if the slab's planes have another size than the images or lie outside the cube.
    pub fn add(&mut self, slab: &Slab<'_>) -> Result<(), KernelError> {
        self.add_planes(slab.first_plane, &slab.data)
    }

    /// Adds planes, (wave, y, x), from `first_plane` on; planes come in ascending order.
    ///
    /// # Errors
    /// `Shape` if the planes have another size than the images or lie outside the cube.
    pub fn add_planes(&mut self, first_plane: usize, data: &ArrayView3<'_, f32>) -> Result<(), KernelError> {
        let (planes, ny, nx) = data.dim();
        let expected = self.shape[0] * self.shape[1];
        if [ny, nx] != self.shape {
            return Err(KernelError::Shape {
                what: "slab plane",
                found: ny * nx,
                expected,
            });
        }
        for (throughput, sums) in self.throughput.iter().zip(&mut self.sums) {
            let here = throughput
                .get(first_plane..first_plane + planes)
                .ok_or(KernelError::Shape {
                    what: "slab",
                    found: first_plane + planes,
                    expected: throughput.len(),
                })?;
            for (plane, &f) in data.outer_iter().zip(here) {
                if f == 0.0 {
                    continue;
                }
                for (value, sum) in plane.iter().zip(sums.iter_mut()) {
                    if value.is_finite() {
                        sum[0] += f * f64::from(*value);
                        sum[1] += f;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the images, NaN where no finite voxel was seen.
    pub fn finish(self) -> Vec<Array2<f32>> {
        let [ny, nx] = self.shape;
        self.sums
            .into_iter()
            .map(|sums| {
                Array2::from_shape_fn((ny, nx), |(j, i)| {
                    let [sum, weight] = sums[j * nx + i];
                    (sum / weight) as f32
                })
            })
            .collect()
    }
}
