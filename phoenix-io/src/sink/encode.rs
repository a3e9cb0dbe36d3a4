//! Products as FITS files.

use std::path::Path;

use ndarray::ArrayD;
use phoenix_core::header::Header;
use phoenix_core::product::{ColumnData, Hdu, HduData, Pixels, PlaneSource, Product, Table};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{ColumnKind, ColumnLayout, ColumnRun, CubeLayout, SinkError};

use crate::fits::{self, ElementType, FitsError, FitsWriter, ImageSpec, Pixel, TableSpec};

/// Cards that the sink adds to a primary header: provenance, `PIPEFILE`, `DATAMD5`.
const OWN_CARDS: usize = 64;
/// The name of a first HDU whose pixels stand in the primary HDU.
const PRIMARY: &str = "PRIMARY";
/// How many bytes of planes pass through memory at once.
const SLAB_BYTES: usize = 4 << 20;

/// Writes all of a product but its final primary header.
pub(super) fn product(mut writer: FitsWriter, product: Product) -> Result<FitsWriter, SinkError> {
    let Product { name, header, hdus, .. } = product;
    let faulty = |error: FitsError| fault(&name, Path::new(&name), error);
    let mut hdus = hdus.into_iter().peekable();
    let is_data = |hdu: &Hdu| hdu.name == PRIMARY && matches!(hdu.data, HduData::Image(_));
    match hdus.next_if(is_data) {
        Some(hdu) => primary(&mut writer, &name, header, hdu)?,
        None => {
            writer
                .append_image(ImageSpec::header_only(header).reserve_cards(OWN_CARDS))
                .map_err(faulty)?;
        }
    }
    for hdu in hdus {
        extension(&mut writer, &name, hdu)?;
    }
    Ok(writer)
}

/// Writes a primary HDU that has pixels.
fn primary(writer: &mut FitsWriter, name: &str, mut header: Header, hdu: Hdu) -> Result<(), SinkError> {
    header.merge(&hdu.header);
    let data = Hdu {
        name: String::new(),
        header,
        data: hdu.data,
    };
    extension(writer, name, data)
}

/// Declares the extensions of a cube and returns their units.
pub(super) fn declare(writer: &mut FitsWriter, layout: CubeLayout) -> Result<Vec<usize>, SinkError> {
    let name = layout.name;
    let faulty = |error: FitsError| fault(&name, Path::new(&name), error);
    let primary = ImageSpec::header_only(layout.header).reserve_cards(layout.reserve_cards + OWN_CARDS);
    writer.append_image(primary).map_err(faulty)?;
    layout
        .hdus
        .into_iter()
        .map(|hdu| {
            let shape = file_shape(hdu.shape, &hdu.header);
            let spec = ImageSpec::new(ElementType::F32, &shape, hdu.header);
            writer.append_image(named(spec, &hdu.name)).map_err(faulty)
        })
        .collect()
}

/// Declares the columns of a table and returns their units.
pub(super) fn declare_columns(writer: &mut FitsWriter, layout: ColumnLayout) -> Result<Vec<usize>, SinkError> {
    let ColumnLayout {
        name,
        header,
        reserve_cards,
        n_rows,
        columns,
        ..
    } = layout;
    let faulty = |error: FitsError| fault(&name, Path::new(&name), error);
    let n_rows = usize::try_from(n_rows).map_err(|_| SinkError::Invalid {
        name: name.clone(),
        reason: format!("{n_rows} rows are more than this machine can count"),
    })?;
    let primary = ImageSpec::header_only(header).reserve_cards(reserve_cards + OWN_CARDS);
    writer.append_image(primary).map_err(faulty)?;
    columns
        .into_iter()
        .map(|column| {
            let element = match column.kind {
                ColumnKind::F32 => ElementType::F32,
                ColumnKind::I32 => ElementType::I32,
                other => {
                    return Err(SinkError::Invalid {
                        name: name.clone(),
                        reason: format!("column {} has numbers that no file can hold: {other:?}", column.name),
                    });
                }
            };
            let spec = ImageSpec::new(element, &[n_rows, 1], column.header);
            writer.append_image(named(spec, &column.name)).map_err(faulty)
        })
        .collect()
}

/// Writes a run of rows of a column.
pub(super) fn run(writer: &mut FitsWriter, unit: usize, first: u64, run: ColumnRun<'_>) -> Result<(), FitsError> {
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    match run {
        ColumnRun::F32(values) => writer.write_pixels(unit, first, values),
        ColumnRun::I32(values) => writer.write_pixels(unit, first, values),
        _ => Ok(()),
    }
}

/// Writes whole planes.
pub(super) fn planes(
    writer: &mut FitsWriter,
    unit: usize,
    first_plane: usize,
    values: &[f32],
) -> Result<(), FitsError> {
    writer.write_planes(unit, first_plane, values)
}

/// Enters what only the sink and the engine know: the file name, and the provenance with every reservation.
pub(crate) fn stamp(header: &mut Header, name: &str, record: &Record) {
    if header.contains("PRO.REC1.ID") {
        // The recipe has stamped its place in the header; it could not know the reservations yet.
        for (n, caveat) in (1..).zip(&record.caveats) {
            header.set(
                format!("PRO.REC1.CAVEAT{n}"),
                caveat.code(),
                "Reservation, see provenance record",
            );
        }
    } else {
        record.stamp(header);
    }
    header.set("PIPEFILE", name, "Filename of data product");
}

/// Turns an error of the FITS layer into the port's.
pub(super) fn fault(name: &str, place: &Path, error: FitsError) -> SinkError {
    let name = name.to_owned();
    match error {
        FitsError::Io { source, file, .. } => SinkError::System {
            name,
            location: file.display().to_string(),
            source,
        },
        FitsError::Exists { file } => SinkError::Taken {
            name,
            location: file.display().to_string(),
        },
        FitsError::Card { hdu, source, .. } => SinkError::Invalid {
            name,
            reason: format!("hdu {hdu}: {source}"),
        },
        FitsError::Shape { hdu, what, .. } => SinkError::Invalid {
            name,
            reason: format!("hdu {hdu}: {what}"),
        },
        FitsError::Incomplete { hdu, missing, .. } => SinkError::Invalid {
            name,
            reason: format!("hdu {hdu}: {missing} bytes of the data were never written"),
        },
        error => SinkError::Invalid {
            reason: format!("{}: {error}", place.display()),
            name,
        },
    }
}

fn extension(writer: &mut FitsWriter, name: &str, hdu: Hdu) -> Result<(), SinkError> {
    let faulty = |error: FitsError| fault(name, Path::new(name), error);
    let Hdu {
        name: extension,
        header,
        data,
    } = hdu;
    match data {
        HduData::Empty => {
            let spec = named(ImageSpec::header_only(header), &extension);
            writer.append_image(spec).map(|_| ()).map_err(faulty)
        }
        HduData::Image(Pixels::F32(source)) => {
            let shape = file_shape(source.shape(), &header);
            let spec = named(ImageSpec::new(ElementType::F32, &shape, header), &extension);
            let unit = writer.append_image(spec).map_err(faulty)?;
            copy_planes(writer, unit, name, source.as_ref())
        }
        HduData::Image(Pixels::F64(array)) => image(writer, header, &extension, &array).map_err(faulty),
        HduData::Image(Pixels::I32(array)) => image(writer, header, &extension, &array).map_err(faulty),
        HduData::Image(Pixels::I16(array)) => image(writer, header, &extension, &array).map_err(faulty),
        HduData::Image(Pixels::U16(array)) => image(writer, header, &extension, &array).map_err(faulty),
        HduData::Image(Pixels::U8(array)) => image(writer, header, &extension, &array).map_err(faulty),
        HduData::Table(table) => {
            let spec = TableSpec::new(&extension, header);
            let table = file_table(table, name)?;
            writer.append_table(spec, &table).map(|_| ()).map_err(faulty)
        }
        other => Err(SinkError::Invalid {
            name: name.to_owned(),
            reason: format!("extension {extension} has data that no file can hold: {other:?}"),
        }),
    }
}

fn named(spec: ImageSpec, name: &str) -> ImageSpec {
    if name.is_empty() { spec } else { spec.name(name) }
}

/// Returns the shape in the file: one plane is an image unless the header describes a third axis.
fn file_shape(shape: [usize; 3], header: &Header) -> Vec<usize> {
    let has_third_axis = ["CTYPE3", "CRPIX3", "CRVAL3", "CDELT3", "CD3_3"]
        .iter()
        .any(|key| header.contains(*key));
    match shape {
        [1, y, x] if !has_third_axis => vec![y, x],
        shape => shape.to_vec(),
    }
}

/// Passes planes from wherever they are into the file, a few megabytes at a time.
fn copy_planes(writer: &mut FitsWriter, unit: usize, name: &str, source: &dyn PlaneSource) -> Result<(), SinkError> {
    let [n_planes, ny, nx] = source.shape();
    let plane = ny * nx;
    if plane == 0 || n_planes == 0 {
        return Ok(());
    }
    let at_once = (SLAB_BYTES / (plane * size_of::<f32>())).clamp(1, n_planes);
    let mut buffer = vec![0.0_f32; at_once * plane];
    let mut first = 0;
    while first < n_planes {
        let n = at_once.min(n_planes - first);
        let slab = buffer.split_at_mut(n * plane).0;
        source
            .read(first..first + n, slab)
            .map_err(|source| SinkError::Unreadable {
                name: name.to_owned(),
                source,
            })?;
        writer
            .write_pixels(unit, first * plane, slab)
            .map_err(|error| fault(name, Path::new(name), error))?;
        first += n;
    }
    Ok(())
}

fn image<T: Pixel + Clone>(
    writer: &mut FitsWriter,
    header: Header,
    name: &str,
    array: &ArrayD<T>,
) -> Result<(), FitsError> {
    let unit = writer.append_image(named(ImageSpec::new(T::ELEMENT, array.shape(), header), name))?;
    let in_order = array.as_standard_layout();
    match in_order.as_slice() {
        Some(values) => writer.write_pixels(unit, 0, values),
        None => Ok(()),
    }
}

fn file_table(table: Table, product: &str) -> Result<fits::Table, SinkError> {
    let columns = table
        .columns
        .into_iter()
        .map(|column| {
            let data: fits::ColumnData = match column.data {
                ColumnData::Bool(values) => values.into(),
                ColumnData::U8(values) => values.into(),
                ColumnData::I16(values) => values.into(),
                ColumnData::I32(values) => values.into(),
                ColumnData::I64(values) => values.into(),
                ColumnData::F32(values) => values.into(),
                ColumnData::F64(values) => values.into(),
                ColumnData::Text(values) => values.into(),
                other => {
                    return Err(SinkError::Invalid {
                        name: product.to_owned(),
                        reason: format!("column {} has data that no file can hold: {other:?}", column.name),
                    });
                }
            };
            let mut converted = fits::Column::new(&column.name, data).shape(&[column.repeat]);
            if let Some(unit) = &column.unit {
                converted = converted.unit(unit);
            }
            Ok(converted)
        })
        .collect::<Result<_, _>>()?;
    Ok(fits::Table::new(columns))
}
