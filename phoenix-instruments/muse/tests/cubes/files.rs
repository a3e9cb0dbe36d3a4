//! Small cubes in files.

use std::path::{Path, PathBuf};

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_io::fits::{ElementType, FitsWriter, ImageSpec, WriteOptions};

use crate::support;

/// What a cube file holds.
pub(crate) struct Cube {
    pub shape: [usize; 3],
    pub primary: Header,
    pub grid: Header,
    pub data: Vec<f32>,
    pub stat: Option<Vec<f32>>,
}

impl Cube {
    /// Values and variances from a function of (cube, voxel), on MUSE's usual grid.
    pub(crate) fn new(n: usize, shape: [usize; 3], value: impl Fn(usize, usize) -> [f32; 2]) -> Self {
        let mut primary = Header::new();
        primary.set("INSTRUME", "MUSE", "");
        primary.set("OBJECT", "field", "");
        primary.set("EXPTIME", 600.0 + n as f64, "");
        primary.set(
            "DATE-OBS",
            format!("2016-05-01T{:02}:{:02}:00.000", n / 60 % 24, n % 60),
            "",
        );
        let mut grid = Header::new();
        for (key, text) in [
            ("CTYPE1", "RA---TAN"),
            ("CTYPE2", "DEC--TAN"),
            ("CUNIT1", "deg"),
            ("CUNIT2", "deg"),
            ("CTYPE3", "AWAV"),
            ("CUNIT3", "Angstrom"),
            ("BUNIT", "10**(-20)*erg/s/cm**2/Angstrom"),
        ] {
            grid.set(key, text, "");
        }
        for (key, number) in [
            ("CRPIX1", 1.5),
            ("CRPIX2", 2.5),
            ("CRPIX3", 1.0),
            ("CRVAL1", 150.1),
            ("CRVAL2", -27.5),
            ("CRVAL3", 4750.0),
            ("CD1_1", -5.5e-5),
            ("CD1_2", 0.0),
            ("CD2_1", 0.0),
            ("CD2_2", 5.5e-5),
            ("CD3_3", 1.25),
            ("CD1_3", 0.0),
            ("CD2_3", 0.0),
            ("CD3_1", 0.0),
            ("CD3_2", 0.0),
        ] {
            grid.set(key, number, "");
        }
        let numbers: Vec<[f32; 2]> = (0..shape.iter().product()).map(|voxel| value(n, voxel)).collect();
        Self {
            shape,
            primary,
            grid,
            data: numbers.iter().map(|[x, _]| *x).collect(),
            stat: Some(numbers.iter().map(|[_, v]| *v).collect()),
        }
    }

    pub(crate) fn write(self, path: &Path) {
        let mut file = FitsWriter::create(path, &WriteOptions::default()).unwrap();
        file.append_image(ImageSpec::header_only(self.primary)).unwrap();
        for (name, numbers) in [("DATA", Some(self.data)), ("STAT", self.stat)] {
            let Some(numbers) = numbers else { continue };
            let spec = ImageSpec::new(ElementType::F32, &self.shape, self.grid.clone()).name(name);
            let hdu = file.append_image(spec).unwrap();
            file.write_planes(hdu, 0, &numbers).unwrap();
        }
        file.finish().unwrap();
    }
}

/// Writes cubes and returns their frames.
pub(crate) fn written(
    folder: &Path,
    n_cubes: usize,
    shape: [usize; 3],
    value: impl Fn(usize, usize) -> [f32; 2],
) -> Vec<FrameRef> {
    let path = |n: usize| -> PathBuf { folder.join(format!("cube_{n:04}.fits")) };
    (0..n_cubes)
        .map(|n| {
            Cube::new(n, shape, &value).write(&path(n));
            support::frame(&path(n), "DATACUBE_FINAL")
        })
        .collect()
}

/// A number between 0 and 1 that only depends on its arguments.
pub(crate) fn uniform(seed: usize, cube: usize, voxel: usize) -> f64 {
    let mut z = (seed as u64) << 48 ^ (cube as u64) << 32 ^ voxel as u64;
    z = (z.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z = (z ^ (z >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((z ^ (z >> 29)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Noise about 10 with missing values and outliers, and its variance.
pub(crate) fn noisy(cube: usize, voxel: usize) -> [f32; 2] {
    let noise: f64 = (0..12).map(|seed| uniform(seed, cube, voxel)).sum::<f64>() - 6.0;
    let chance = uniform(20, cube, voxel);
    let value = if chance < 0.1 || voxel.is_multiple_of(97) {
        f32::NAN
    } else if chance < 0.15 {
        300.0
    } else {
        (10.0 + 2.0 * noise) as f32
    };
    [value, (4.0 + uniform(21, cube, voxel)) as f32]
}
