//! Files and ESO's recipes for the tests of the simulator.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use phoenix_core::product::Product;
use phoenix_core::traits::SinkError;
use phoenix_io::fits::{FitsError, FitsFile};

/// Writes a product under its own name.
pub(crate) fn write(folder: &Path, product: Product) -> Result<PathBuf, SinkError> {
    let path = folder.join(&product.name);
    phoenix_io::sink::write_product(&path, product)?;
    Ok(path)
}

/// Runs a recipe of ESO's on files with their tags; returns the folder of its products.
pub(crate) fn run(esorex: &Path, folder: &Path, recipe: &str, options: &[&str], inputs: &[(&Path, &str)]) -> PathBuf {
    let work = folder.join(format!("{recipe}_out"));
    std::fs::create_dir_all(&work).unwrap();
    let sof = work.join("input.sof");
    let lines: Vec<String> = inputs
        .iter()
        .map(|(path, tag)| format!("{} {tag}", path.display()))
        .collect();
    std::fs::write(&sof, lines.join("\n") + "\n").unwrap();
    let here = work.display();
    let output = Command::new(esorex)
        .current_dir(&work)
        .stdin(Stdio::null())
        .env("OMP_NUM_THREADS", "1")
        .args([&format!("--output-dir={here}"), &format!("--log-dir={here}")])
        .args(["--suppress-prefix=TRUE", "--no-checksum"])
        .arg(recipe)
        .args(options)
        .arg(&sof)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{recipe} ended with {}:\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    work
}

/// A cube in memory: the header of its data, and both arrays.
pub(crate) struct Cube {
    pub(crate) header: phoenix_core::header::Header,
    pub(crate) data: ndarray::Array3<f32>,
    pub(crate) stat: ndarray::Array3<f32>,
}

/// Reads a cube that a recipe has written.
pub(crate) fn cube(path: &Path) -> Result<Cube, FitsError> {
    let file = FitsFile::open(path)?;
    let read = |name: &str| -> Result<ndarray::Array3<f32>, FitsError> {
        let image = file.image(file.find(name)?.index)?;
        let shape = (image.shape[0], image.shape[1], image.shape[2]);
        Ok(ndarray::Array3::from_shape_vec(shape, image.pixels.to_f32()).unwrap())
    };
    Ok(Cube {
        header: file.find("DATA")?.header.clone(),
        data: read("DATA")?,
        stat: read("STAT")?,
    })
}
