//! A simulated night in a folder, and recipes that are run on it one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use phoenix_core::header::Header;
use phoenix_io::fits::FitsFile;
use phoenix_sim::night::{Content, SimulatedNight};

use crate::support;

/// Tells whether the long chains are to run.
pub(crate) fn is_nightly() -> bool {
    std::env::var("PHOENIX_NIGHTLY").is_ok_and(|value| value == "1")
}

/// A night's files by what they are, and what the recipes made of them by tag.
pub(crate) struct Chain {
    esorex: PathBuf,
    folder: tempfile::TempDir,
    raw: BTreeMap<String, Vec<PathBuf>>,
    made: BTreeMap<String, PathBuf>,
}

impl Chain {
    /// Writes the night; static calibrations count as made.
    pub(crate) fn lay<T>(esorex: PathBuf, night: SimulatedNight<T>) -> (Self, T) {
        let mut chain = Self {
            esorex,
            folder: tempfile::tempdir().unwrap(),
            raw: BTreeMap::new(),
            made: BTreeMap::new(),
        };
        for file in night.files {
            let Content::Product(product) = file.content else {
                continue;
            };
            let path = chain.folder.path().join(&product.name);
            let header = product.header.clone();
            phoenix_io::write_product(&path, product).unwrap();
            if let Ok(tag) = header.str("PRO.CATG") {
                chain.made.insert(tag.to_owned(), path);
            } else {
                let kind = header.str("DPR.TYPE").unwrap().to_owned();
                chain.raw.entry(kind).or_default().push(path);
            }
        }
        (chain, night.truth)
    }

    /// Runs a recipe on up to `n` raw frames of a type, given a tag, and on what was made before; keeps its products.
    pub(crate) fn run(&mut self, recipe: &str, options: &[&str], (kind, tag, n): (&str, &str, usize), made: &[&str]) {
        let raw = self.raw[kind].iter().take(n).map(|path| (path.as_path(), tag));
        let calibrations = made.iter().map(|tag| (self.product(tag), *tag));
        let inputs: Vec<(&Path, &str)> = raw.chain(calibrations).collect();
        let out = support::run(&self.esorex, self.folder.path(), recipe, options, &inputs);
        for entry in std::fs::read_dir(out).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "fits") {
                continue;
            }
            let tag = header(&path).str("PRO.CATG").unwrap_or_default().to_owned();
            self.made.insert(tag, path);
        }
    }

    /// Returns a product or static calibration.
    pub(crate) fn product(&self, tag: &str) -> &Path {
        self.made.get(tag).unwrap_or_else(|| panic!("{tag} was not made"))
    }

    /// Returns the primary header of a product.
    pub(crate) fn header(&self, tag: &str) -> Header {
        header(self.product(tag))
    }

    /// Returns the pixels of a product's first image, in file order, with its shape.
    pub(crate) fn image(&self, tag: &str) -> (Vec<usize>, Vec<f64>) {
        let image = FitsFile::open(self.product(tag)).unwrap().image(0).unwrap();
        (image.shape, image.pixels.to_f64())
    }
}

fn header(path: &Path) -> Header {
    FitsFile::open(path).unwrap().primary().unwrap().header.clone()
}

/// Returns the median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
