//! Files and ESO's recipes for the tests of the simulator.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use phoenix_core::product::{ColumnData, HduData, Pixels, Product, Table};
use phoenix_io::fits::{self, ElementType, FitsError, FitsFile, FitsWriter, ImageSpec, TableSpec, WriteOptions};

/// Writes a product as it is, without the stamps that a sink adds.
pub(crate) fn write(folder: &Path, product: Product) -> Result<PathBuf, FitsError> {
    let path = folder.join(&product.name);
    let mut writer = FitsWriter::create(&path, &WriteOptions::default().sync(false))?;
    writer.append_image(ImageSpec::header_only(product.header))?;
    for hdu in product.hdus {
        let image = |element, n| ImageSpec::new(element, &[n, 1], hdu.header.clone()).name(&hdu.name);
        match hdu.data {
            HduData::Image(Pixels::F32(planes)) => {
                let mut values = vec![0.0_f32; planes.shape().iter().product()];
                planes.read(0..planes.shape()[0], &mut values).unwrap();
                let unit = writer.append_image(image(ElementType::F32, values.len()))?;
                writer.write_pixels(unit, 0, &values)?;
            }
            HduData::Image(Pixels::I32(array)) => {
                let unit = writer.append_image(image(ElementType::I32, array.len()))?;
                writer.write_pixels(unit, 0, array.as_slice().unwrap())?;
            }
            HduData::Table(table) => {
                writer.append_table(TableSpec::new(&hdu.name, hdu.header), &file_table(table))?;
            }
            other => panic!("the simulator makes no {other:?}"),
        }
    }
    writer.finish()?;
    Ok(path)
}

fn file_table(table: Table) -> fits::Table {
    let column = |column: phoenix_core::product::Column| {
        let data: fits::ColumnData = match column.data {
            ColumnData::F32(values) => values.into(),
            ColumnData::F64(values) => values.into(),
            ColumnData::I32(values) => values.into(),
            ColumnData::Text(values) => fits::ColumnData::Text(values),
            other => panic!("the simulator makes no {other:?}"),
        };
        let made = fits::Column::new(&column.name, data);
        match &column.unit {
            Some(unit) => made.unit(unit),
            None => made,
        }
    };
    fits::Table::new(table.columns.into_iter().map(column).collect())
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
