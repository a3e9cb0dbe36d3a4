//! Step 9: name and convert to the archive's standard, check, and put whole files under their archive names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use phoenix_archive::info::{BlockInfo, NightInfo};
use phoenix_archive::sdp::check::{Profile, SdpFile, Severity, SpectrumFacts, check};
use phoenix_archive::sdp::convert::{Attachment, ConvertError, ConvertInput, InputHeader, convert};
use phoenix_archive::sdp::names::{master_name, preview_name};
use phoenix_archive::transport::PROVENANCE_CATEGORY;
use phoenix_core::caveat::Caveat;
use phoenix_core::error::Status;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::id::{FrameId, Tag};
use phoenix_core::product::{Product, StoredProduct};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{DeliveryForm, DeliverySpec, FrameReader, JobRecord, MASTER_CATEGORY, ReadError, Stage};
use phoenix_io::fits::FitsFile;
use phoenix_io::sink::provenance_name;
use phoenix_io::{FitsReader, read_product};

use super::config::Step;
use super::fault::Fault;
use super::folder::{part_of, publish, read_json, write_whole};
use super::{Line, LineError};

const PREVIEW: &str = "ANCILLARY.PREVIEW";

/// A product in the archive's standard, before it is written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Conversion {
    /// The product; its name is the one in the archive.
    pub product: Product,
    /// Its companions with FITS headers, under their names in the archive.
    pub companions: Vec<Product>,
    /// The preview: its name in the archive and its bytes.
    pub preview: Option<(String, Vec<u8>)>,
}

/// What a conversion needs beside the product.
#[derive(Debug)]
pub struct ConvertSource<'a> {
    /// The product as the recipe made it.
    pub product: &'a Product,
    /// Products of the same job, among which companions are found.
    pub others: &'a [Product],
    /// The provenance.
    pub record: &'a Record,
    /// The primary headers of the science inputs.
    pub inputs: &'a [InputHeader],
    /// What the standard wants to know of the pixels.
    pub facts: &'a BTreeMap<String, f64>,
    /// How the instrument delivers it.
    pub delivery: &'a DeliverySpec,
    /// What is known of the observing block.
    pub block: Option<&'a BlockInfo>,
    /// `DATE`.
    pub date: &'a str,
    /// The preview as PNG.
    pub preview: Option<Vec<u8>>,
}

/// Converts one product; pure.
///
/// # Errors
/// Every fault that keeps it from the archive's standard, at once.
pub fn convert_product(source: ConvertSource<'_>) -> Result<Conversion, ConvertError> {
    let mut input = ConvertInput {
        product: source.product,
        others: source.others,
        record: source.record,
        inputs: source.inputs,
        facts: source.facts,
        delivery: source.delivery,
        block: source.block,
        date: source.date,
        attachments: &[],
    };
    let mut converted = convert(&input)?;
    let mut preview = None;
    if let Some(png) = source.preview {
        // The preview is named after the product, whose name the first pass found.
        let name = preview_name(&converted.product.name);
        let attachment = Attachment {
            name: name.clone(),
            category: PREVIEW.to_owned(),
            md5: phoenix_io::digest::md5_of_bytes(&png),
        };
        input.attachments = std::slice::from_ref(&attachment);
        converted = convert(&input)?;
        preview = Some((name, png));
    }
    Ok(Conversion {
        product: converted.product,
        companions: converted.companions,
        preview,
    })
}

impl Line {
    /// Converts what was accepted, checks it against the standard and puts it under its archive name.
    ///
    /// # Errors
    /// `Stopped`, or if the state of the jobs cannot be kept.
    pub fn convert(&self) -> Result<(), LineError> {
        let plan = self.plan()?;
        let waiting = self.jobs_at(&plan, Stage::Reviewed)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let nights = self.blocks()?;
        self.for_each(Step::Convert, waiting, |record| {
            record.outputs.retain(|output| !output.tag.as_str().contains('.'));
            for stored in record.products.clone() {
                let header = primary_header(&frame_of(&stored))?;
                let delivery = self.instrument.delivery(&stored.tag, &header);
                let is_made = |tag: &Tag| record.products.iter().any(|product| product.tag == *tag);
                match delivery.filter(|delivery| !delivery.unless.as_ref().is_some_and(is_made)) {
                    None => {}
                    Some(delivery) if delivery.form == DeliveryForm::Master => name_master(record, &stored, &header)?,
                    Some(delivery) => self.convert_one(record, &stored, &delivery, &nights)?,
                }
            }
            record.stage = Stage::Converted;
            Ok(())
        })
    }

    fn convert_one(
        &self,
        record: &mut JobRecord,
        stored: &StoredProduct,
        delivery: &DeliverySpec,
        nights: &[NightInfo],
    ) -> Result<(), Fault> {
        let product = read_product(&stored.location)?;
        let others = named_by(record, delivery)?;
        let provenance = self.provenance_of(stored)?;
        let report = self.folder.job_report(&record.job);
        let stem = stored.name.trim_end_matches(".fits");
        let facts_path = report.join(format!("{stem}.facts.json"));
        let facts = if facts_path.is_file() {
            read_json(&facts_path)?
        } else {
            BTreeMap::new()
        };
        let ob_id = product.header.i64("OBS.ID").unwrap_or_default();
        let conversion = convert_product(ConvertSource {
            product: &product,
            others: &others,
            record: &provenance,
            inputs: &input_headers(&provenance)?,
            facts: &facts,
            delivery,
            block: nights.iter().find_map(|night| night.block(ob_id)),
            date: &self.settings.date,
            preview: std::fs::read(report.join(format!("{stem}.preview.png"))).ok(),
        })
        .map_err(|error| Fault::job(&error, Status::Permanent))?;
        let category = |tag: &Tag| {
            let companion = delivery.companions.iter().find(|companion| companion.tag == *tag);
            companion.map_or_else(|| delivery.category.clone(), |companion| companion.category.clone())
        };
        let main = self.put_product(&conversion.product, &delivery.category)?;
        record.outputs.push(main);
        for companion in &conversion.companions {
            let known = (record.outputs.iter())
                .find(|output| output.name == companion.name)
                .cloned();
            let output = match known {
                // A companion that several products share is written once and goes with each of them.
                Some(output) => output,
                None => self.put_product(companion, &category(&companion.tag))?,
            };
            record.outputs.push(output);
        }
        if let Some((name, png)) = &conversion.preview {
            let path = self.folder.products().join(name);
            write_whole(&path, png)?;
            record.outputs.push(self::stored(PREVIEW, &path)?);
        }
        Ok(())
    }

    /// Writes a product, checks the written file, and only then shows it.
    fn put_product(&self, product: &Product, category: &str) -> Result<StoredProduct, Fault> {
        let path = self.folder.products().join(&product.name);
        let part = part_of(&path);
        let checked = phoenix_io::write_product(&part, product.clone())
            .map_err(|error| Fault::job(&error, error.status()))
            .and_then(|()| check_file(&part, &product.name));
        if let Err(fault) = checked {
            let _ = std::fs::remove_file(&part);
            return Err(fault);
        }
        publish(&part, &path)?;
        Ok(stored(category, &path)?)
    }
}

/// Reads those products of a job that a delivery names as columns.
#[cfg(feature = "plot")]
pub(super) fn columns_of(record: &JobRecord, delivery: &DeliverySpec) -> Result<Vec<Product>, ReadError> {
    let is_named = |tag: &Tag| delivery.columns.iter().any(|column| column.tag == *tag);
    read_named(record, is_named)
}

/// Reads those products of a job that a delivery names as columns or companions.
fn named_by(record: &JobRecord, delivery: &DeliverySpec) -> Result<Vec<Product>, ReadError> {
    let is_companion = |tag: &Tag| delivery.companions.iter().any(|companion| companion.tag == *tag);
    let is_column = |tag: &Tag| delivery.columns.iter().any(|column| column.tag == *tag);
    read_named(record, |tag| is_companion(tag) || is_column(tag))
}

fn read_named(record: &JobRecord, is_named: impl Fn(&Tag) -> bool) -> Result<Vec<Product>, ReadError> {
    let named = record.products.iter().filter(|product| is_named(&product.tag));
    named.map(|product| read_product(&product.location)).collect()
}

/// Names a certified master for the archive; its file stays as the recipe wrote it.
fn name_master(record: &mut JobRecord, stored: &StoredProduct, header: &Header) -> Result<(), Fault> {
    let name = master_name(header, &stored.digest).map_err(|error| Fault::job(&error, Status::Permanent))?;
    record.outputs.push(StoredProduct {
        tag: MASTER_CATEGORY.into(),
        name,
        ..stored.clone()
    });
    let beside = Path::new(&stored.location).with_file_name(provenance_name(&stored.name));
    record.outputs.push(self::stored(PROVENANCE_CATEGORY, &beside)?);
    Ok(())
}

/// Checks a file against the standard; all faults are told at once.
fn check_file(path: &Path, name: &str) -> Result<(), Fault> {
    let file = sdp_file(path, name)?;
    let faults: Vec<String> = (check(&file, Profile::Strict).iter())
        .filter(|finding| finding.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Fault::sentence(format!(
            "{name} breaks the archive's standard: {}",
            faults.join("; ")
        )))
    }
}

/// Reads what the check of the standard looks at.
///
/// # Errors
/// If the file is not there or is no FITS file.
pub fn sdp_file(path: &Path, name: &str) -> Result<SdpFile, ReadError> {
    let hdus = FitsReader::new().hdus(&frame_at(path, "PRODUCT"))?;
    let mut file = SdpFile::new(name, hdus);
    let sums = FitsFile::open(path)
        .and_then(|fits| fits.checksums())
        .map_err(|error| ReadError::Damaged {
            location: path.display().to_string(),
            place: "checksums".to_owned(),
            reason: error.to_string(),
        })?;
    let stale = sums.iter().enumerate().filter(|(_, sums)| sums.is_stale());
    if file.category() == Some("SCIENCE.SPECTRUM") {
        let table = FitsReader::new().table(&frame_at(path, "PRODUCT"), 1);
        file.spectrum = table.ok().as_ref().and_then(SpectrumFacts::of);
    }
    file.checksum_faults = stale
        .map(|(hdu, _)| (hdu, "its checksum does not fit its content".to_owned()))
        .collect();
    Ok(file)
}

/// Reads the headers of the inputs that went in; what the recipe left out is no part of the product.
fn input_headers(record: &Record) -> Result<Vec<InputHeader>, Fault> {
    let left_out: BTreeSet<&FrameId> = (record.caveats.iter())
        .filter_map(|caveat| match caveat {
            Caveat::InputLeftOut { frame, .. } => Some(frame),
            _ => None,
        })
        .collect();
    let header = |frame: &FrameRef| -> Result<InputHeader, Fault> {
        let mut header = primary_header(frame)?;
        for overlaid in record.overlays.iter().filter(|overlaid| overlaid.frame == frame.id) {
            overlaid.apply(&mut header);
        }
        Ok(InputHeader {
            id: frame.id.clone(),
            header,
        })
    };
    let went_in = record.raw.iter().filter(|frame| !left_out.contains(&frame.id));
    went_in.map(header).collect()
}

/// Reads the primary header of a file.
pub(super) fn primary_header(frame: &FrameRef) -> Result<Header, ReadError> {
    let primary = FitsReader::new().hdus(frame)?.into_iter().next();
    Ok(primary.map_or_else(Header::new, |hdu| hdu.header))
}

/// Describes a file of the run as an output.
pub(super) fn stored(tag: &str, path: &Path) -> Result<StoredProduct, LineError> {
    let digest = FitsReader::new()
        .digest(&frame_at(path, tag))
        .map_err(|error| LineError::Folder {
            path: path.to_owned(),
            verb: "read back",
            source: std::io::Error::other(error),
        })?;
    let metadata = std::fs::metadata(path).map_err(LineError::folder(path, "read back"))?;
    Ok(StoredProduct {
        tag: tag.into(),
        name: path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        location: path.display().to_string(),
        digest,
        size_bytes: metadata.len(),
    })
}

fn frame_at(path: &Path, tag: &str) -> FrameRef {
    FrameRef {
        id: path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default()
            .into(),
        tag: tag.into(),
        location: path.display().to_string(),
        size_bytes: None,
        digest: None,
    }
}

/// Names an output as a frame.
pub(super) fn frame_of(output: &StoredProduct) -> FrameRef {
    frame_at(Path::new(&output.location), output.tag.as_str())
}
