//! The arrays of a spectrum, gathered from the files that the recipes of ESO's pipelines write.
//!
//! Three forms are known: an image of one axis with errors in another file (UVES); flux, `ERRS` and `QUAL` as images of
//! one axis in one file (XSHOOTER); a table of one row (GIRAFFE, XSHOOTER).

use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Pixels, Product, Table};
use phoenix_core::traits::DeliverySpec;

use super::super::primary::is_calibrated;
use super::super::{Faults, to_dicd};
use super::axis::{Axis, nm_per, unit_of};

/// Extensions of XSHOOTER's files that belong to the flux, and the columns they become.
const BESIDE: [(&str, &str); 2] = [("ERRS", "ERR"), ("QUAL", "QUAL")];

/// A spectrum before it is a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spectrum {
    pub wave: Column,
    pub is_air: bool,
    pub flux: Column,
    pub error: Column,
    /// Further columns, `QUAL` always among them.
    pub rest: Vec<Column>,
}

impl Spectrum {
    pub(super) fn len(&self) -> usize {
        self.wave.repeat
    }

    pub(super) fn wave_unit(&self) -> &str {
        self.wave.unit.as_deref().unwrap_or_default()
    }

    pub(super) fn wave_nm(&self) -> Vec<f64> {
        let scale = nm_per(self.wave_unit());
        let wave = self.wave.data.to_f64().unwrap_or_default();
        wave.into_iter().map(|value| value * scale).collect()
    }

    /// Tells of every element whether it holds a measurement and no quality bit is set.
    ///
    /// Where every element has a bit, bits are remarks and not refusals: then the measurement alone counts.
    pub(super) fn good(&self) -> Vec<bool> {
        let is_measured = measured(&self.flux.data, &self.error.data);
        let quality = self.rest.iter().find(|column| column.name == "QUAL");
        let bits = quality.and_then(|column| column.data.to_f64()).unwrap_or_default();
        let is_clean = |i: usize| bits.get(i).is_none_or(|bits| bits.abs() < 0.5);
        let good: Vec<bool> = (0..)
            .zip(&is_measured)
            .map(|(i, there)| *there && is_clean(i))
            .collect();
        if good.iter().any(|good| *good) {
            good
        } else {
            is_measured
        }
    }

    /// All columns in the standard's order.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        [&self.wave, &self.flux, &self.error].into_iter().chain(&self.rest)
    }

    pub(super) fn into_columns(self) -> Vec<Column> {
        let mut columns = vec![self.wave, self.flux, self.error];
        columns.extend(self.rest);
        columns
    }
}

/// Tells of every element whether flux and error are numbers and the error is above zero.
fn measured(flux: &ColumnData, error: &ColumnData) -> Vec<bool> {
    let (flux, error) = (flux.to_f64().unwrap_or_default(), error.to_f64().unwrap_or_default());
    let pairs = flux.iter().zip(&error);
    pairs
        .map(|(flux, error)| flux.is_finite() && error.is_finite() && *error > 0.0)
        .collect()
}

/// Gathers the arrays; says what is missing.
pub(super) fn read(
    product: &Product,
    others: &[Product],
    delivery: &DeliverySpec,
    faults: &mut Faults,
) -> Option<Spectrum> {
    let before = faults.0.len();
    let table = product.hdus.iter().find_map(|hdu| match &hdu.data {
        HduData::Table(table) if table.column("WAVE").is_some() => Some((hdu, table)),
        _ => None,
    });
    let (wave, is_air, mut columns) = match table {
        Some((hdu, table)) => from_table(product, hdu, table, faults)?,
        None => from_images(product, delivery, faults)?,
    };
    let n = wave.repeat;
    for spec in &delivery.columns {
        match others.iter().find(|other| other.tag == spec.tag) {
            Some(other) => columns.extend(from_other(product, other, &spec.name, n, faults)),
            None if spec.is_required => faults.add(format!("product {} for column {} is missing", spec.tag, spec.name)),
            None => {}
        }
    }
    for column in &mut columns {
        clean(column);
    }
    let mut take = |start: &str| {
        let found = columns.iter().position(|column| column.name.starts_with(start));
        found.map(|at| columns.remove(at))
    };
    let (Some(flux), Some(error)) = (take("FLUX"), take("ERR")) else {
        if faults.0.len() == before {
            faults.add(format!("{} has no flux with an error", product.name));
        }
        return None;
    };
    if flux.unit != error.unit {
        let show = |column: &Column| column.unit.clone().unwrap_or_default();
        faults.add(format!(
            "the error is in {:?}, the flux in {:?}",
            show(&error),
            show(&flux)
        ));
    }
    if !columns.iter().any(|column| column.name == "QUAL") {
        columns.push(quality(&flux, &error, n));
    }
    Some(Spectrum {
        wave,
        is_air,
        flux,
        error,
        rest: columns,
    })
}

/// Marks what is no measurement, where the recipe says nothing: merged spectra are padded with zeros.
fn quality(flux: &Column, error: &Column, n: usize) -> Column {
    let bits = measured(&flux.data, &error.data)
        .into_iter()
        .map(|there| i32::from(!there));
    Column {
        name: "QUAL".to_owned(),
        unit: Some(String::new()),
        repeat: n,
        data: ColumnData::I32(bits.collect()),
    }
}

/// The standard allows no infinite value.
fn clean(column: &mut Column) {
    match &mut column.data {
        ColumnData::F32(values) => values
            .iter_mut()
            .filter(|v| v.is_infinite())
            .for_each(|v| *v = f32::NAN),
        ColumnData::F64(values) => values
            .iter_mut()
            .filter(|v| v.is_infinite())
            .for_each(|v| *v = f64::NAN),
        _ => {}
    }
}

fn unit(product: &Product, text: &str, faults: &mut Faults) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return Some(String::new());
    }
    let unit = to_dicd(text);
    if unit.is_none() {
        faults.add(format!("{}: {text} is no unit", product.name));
    }
    unit
}

type Arrays = (Column, bool, Vec<Column>);

fn from_table(product: &Product, hdu: &Hdu, table: &Table, faults: &mut Faults) -> Option<Arrays> {
    let wave = table.column("WAVE")?;
    if table.n_rows() != 1 {
        faults.add(format!(
            "{}: table {} has {} rows, expected one",
            product.name,
            hdu.name,
            table.n_rows()
        ));
        return None;
    }
    let stated = wave.unit.as_deref().unwrap_or_default();
    let Some(wave_unit) = unit_of(stated) else {
        faults.add(format!("{}: {stated} is no unit of wavelength", product.name));
        return None;
    };
    let mut columns = Vec::new();
    for column in table
        .columns
        .iter()
        .filter(|column| !column.name.eq_ignore_ascii_case("WAVE"))
    {
        if column.repeat != wave.repeat {
            faults.add(format!(
                "{}: column {} has {} elements, WAVE has {}",
                product.name, column.name, column.repeat, wave.repeat
            ));
        }
        let unit = unit(product, column.unit.as_deref().unwrap_or_default(), faults);
        columns.push(Column {
            name: column.name.to_ascii_uppercase(),
            unit,
            ..column.clone()
        });
    }
    // A recipe that writes the archive's layout says by the column's UCD whether wavelengths are those in air.
    let is_air = hdu.header.str("TUCD1").is_ok_and(|ucd| ucd.contains("obs.atmos"));
    let wave = Column {
        name: "WAVE".to_owned(),
        unit: Some(wave_unit.to_owned()),
        ..wave.clone()
    };
    Some((wave, is_air, columns))
}

/// The first image of a product, if it has one axis.
fn line<'a>(product: &'a Product, faults: &mut Faults) -> Option<(&'a Hdu, ColumnData)> {
    let hdu = product.hdus.iter().find(|hdu| matches!(hdu.data, HduData::Image(_)));
    let Some(hdu) = hdu else {
        faults.add(format!(
            "{} has neither an image nor a table of a spectrum",
            product.name
        ));
        return None;
    };
    let values = values(hdu);
    if values.is_none() {
        faults.add(format!(
            "{}: image {} does not have one axis of numbers",
            product.name, hdu.name
        ));
    }
    Some((hdu, values?))
}

/// The values of an image of one axis.
fn values(hdu: &Hdu) -> Option<ColumnData> {
    let HduData::Image(pixels) = &hdu.data else { return None };
    let is_line = |shape: &[usize]| shape.iter().rev().skip(1).all(|n| *n == 1);
    match pixels {
        Pixels::F32(planes) if is_line(&planes.shape()) => {
            let mut values = vec![0.0; planes.shape()[2]];
            planes.read(0..1, &mut values).ok()?;
            Some(ColumnData::F32(values))
        }
        Pixels::F64(array) if is_line(array.shape()) => Some(ColumnData::F64(array.iter().copied().collect())),
        Pixels::I32(array) if is_line(array.shape()) => Some(ColumnData::I32(array.iter().copied().collect())),
        Pixels::I16(array) if is_line(array.shape()) => Some(ColumnData::I16(array.iter().copied().collect())),
        Pixels::U8(array) if is_line(array.shape()) => Some(ColumnData::U8(array.iter().copied().collect())),
        _ => None,
    }
}

/// A keyword of an image, which may stand in the primary header where the image is the primary one.
fn axis_of(product: &Product, hdu: &Hdu) -> Result<Axis, String> {
    if hdu.header.contains("CRVAL1") {
        Axis::from_header(&hdu.header)
    } else {
        Axis::from_header(&product.header)
    }
}

fn unit_in<'a>(own: &'a Header, primary: &'a Header) -> &'a str {
    own.str("BUNIT").or_else(|_| primary.str("BUNIT")).unwrap_or_default()
}

fn from_images(product: &Product, delivery: &DeliverySpec, faults: &mut Faults) -> Option<Arrays> {
    let (hdu, flux) = line(product, faults)?;
    let axis = axis_of(product, hdu)
        .map_err(|reason| faults.add(format!("{}: {reason}", product.name)))
        .ok()?;
    let Some(is_air) = axis
        .is_air
        .or_else(|| Some(delivery.keywords.get("TUCD1")?.as_str()?.contains("obs.atmos")))
    else {
        faults.add(format!(
            "{}: CTYPE1 does not tell wavelengths in air from those in vacuum",
            product.name
        ));
        return None;
    };
    let n = flux.len();
    let ending = if is_calibrated(delivery, &product.header) {
        ""
    } else {
        "_REDUCED"
    };
    let flux_unit = unit(product, unit_in(&hdu.header, &product.header), faults);
    let wave = Column {
        name: "WAVE".to_owned(),
        unit: Some(axis.unit.to_owned()),
        repeat: n,
        data: ColumnData::F64((0..n).map(|element| axis.at(element)).collect()),
    };
    let mut columns = vec![Column {
        name: format!("FLUX{ending}"),
        unit: flux_unit.clone(),
        repeat: n,
        data: flux,
    }];
    for (extension, name) in BESIDE {
        let Some(hdu) = product.hdu(extension) else { continue };
        let Some(data) = values(hdu).filter(|data| data.len() == n) else {
            faults.add(format!(
                "{}: extension {extension} does not have the {n} elements of the flux",
                product.name
            ));
            continue;
        };
        let is_error = name == "ERR";
        columns.push(Column {
            name: if is_error {
                format!("{name}{ending}")
            } else {
                name.to_owned()
            },
            unit: if is_error {
                flux_unit.clone()
            } else {
                Some(String::new())
            },
            repeat: n,
            data,
        });
    }
    Some((wave, is_air, columns))
}

/// A column from another product of the same job, on the same axis.
fn from_other(product: &Product, other: &Product, name: &str, n: usize, faults: &mut Faults) -> Option<Column> {
    let (hdu, data) = line(other, faults)?;
    let own = product.hdus.iter().find(|hdu| matches!(hdu.data, HduData::Image(_)))?;
    let agrees = match (axis_of(product, own), axis_of(other, hdu)) {
        (Ok(ours), Ok(theirs)) => ours.agrees(&theirs, n),
        _ => false,
    };
    if data.len() != n || !agrees {
        faults.add(format!(
            "{} does not have the wavelengths of {}",
            other.name, product.name
        ));
        return None;
    }
    Some(Column {
        name: name.to_owned(),
        unit: unit(other, unit_in(&hdu.header, &other.header), faults),
        repeat: n,
        data,
    })
}
