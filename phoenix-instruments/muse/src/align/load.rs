//! Reading images; every fault names frame and key.

use ndarray::Array2;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::traits::{FrameReader, HduInfo, HduKind, InputSet, RecipeError};
use phoenix_core::unit::Mjd;
use phoenix_kernels::align::{Anchor, CatalogueStar, SkyImage};
use phoenix_kernels::ifu::celestial::Gnomonic;
use phoenix_kit::wcs;

use crate::exposure::{DATE_LENGTH, in_file, in_header};

/// Tag of a table of stars with known places: columns `RA`, `DEC` in degrees at the epoch of the exposures, and where known
/// `MAG`, `RA_ERR`, `DEC_ERR` in arcsec on the sky.
pub(super) const CATALOGUE: &str = "REFERENCE_CATALOG";
/// Tag of an image whose world coordinates are right.
pub(super) const IMAGE: &str = "REFERENCE_IMAGE";
/// Error of a place in a catalogue that tells none, arcsec: bright stars of Gaia some years from their epoch.
const DEFAULT_ERROR_ARCSEC: f64 = 0.01;

/// The image of one exposure.
#[derive(Debug)]
pub struct Fov {
    /// The frame.
    pub frame: FrameRef,
    /// Its primary header.
    pub header: Header,
    /// Pixels and world coordinates.
    pub image: SkyImage,
    /// Unit of the pixels.
    pub unit: String,
    /// First 23 characters of `DATE-OBS`.
    pub date_obs: String,
    /// Start of the exposure.
    pub mjd: f64,
    /// Exposure time; 1 where no key tells.
    pub exptime_s: f64,
}

/// The images of all exposures, in order of `DATE-OBS`.
#[derive(Debug)]
pub struct Fovs {
    /// At least two.
    pub fovs: Vec<Fov>,
    /// What ties them to the sky.
    pub anchor: Option<AnchorFile>,
}

/// A catalogue or an image of reference.
#[derive(Debug)]
pub struct AnchorFile {
    /// The frame.
    pub frame: FrameRef,
    /// What it holds.
    pub content: AnchorContent,
}

/// What a file of reference holds.
#[derive(Debug)]
pub enum AnchorContent {
    /// Stars with known places.
    Stars(Vec<CatalogueStar>),
    /// An image whose world coordinates are right.
    Image(SkyImage),
}

impl AnchorFile {
    /// Returns what the kernel takes.
    pub fn anchor(&self) -> Anchor<'_> {
        match &self.content {
            AnchorContent::Stars(stars) => Anchor::Catalogue(stars),
            AnchorContent::Image(image) => Anchor::Image(image),
        }
    }
}

/// Opens all images and what ties them to the sky.
///
/// # Errors
/// `Frame`, `Header` or `Read`, naming frame and key or column; `Frame` if two exposures have the same `DATE-OBS`; `Inputs` if
/// there are both a catalogue and an image of reference.
pub(super) fn load(inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Fovs, RecipeError> {
    let mut fovs: Vec<Fov> = inputs
        .tagged("IMAGE_FOV")
        .map(|frame| open(frame, reader))
        .collect::<Result<_, _>>()?;
    fovs.sort_by(|a, b| a.date_obs.cmp(&b.date_obs).then(a.frame.id.cmp(&b.frame.id)));
    for pair in fovs.windows(2) {
        if let [before, after] = pair
            && before.date_obs == after.date_obs
        {
            return Err(RecipeError::Frame {
                frame: after.frame.id.clone(),
                reason: format!("key DATE-OBS is {} as in frame {}", after.date_obs, before.frame.id),
            });
        }
    }
    Ok(Fovs {
        fovs,
        anchor: anchor(inputs, reader)?,
    })
}

fn anchor(inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Option<AnchorFile>, RecipeError> {
    let one = |tag: &str| inputs.tagged(tag).next();
    let (frame, content) = match (one(CATALOGUE), one(IMAGE)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let reason = format!("there are both {CATALOGUE} and {IMAGE}; offsets can be relative to one of them");
            return Err(RecipeError::Inputs { reason });
        }
        (Some(frame), None) => (frame, AnchorContent::Stars(stars(frame, reader)?)),
        (None, Some(frame)) => {
            let hdus = reader.hdus(frame).map_err(in_file(frame))?;
            (frame, AnchorContent::Image(sky_image(frame, &hdus, reader)?.0))
        }
    };
    Ok(Some(AnchorFile {
        frame: frame.clone(),
        content,
    }))
}

/// Reads the stars of a catalogue.
fn stars(frame: &FrameRef, reader: &dyn FrameReader) -> Result<Vec<CatalogueStar>, RecipeError> {
    let fault = |reason: String| RecipeError::Frame {
        frame: frame.id.clone(),
        reason,
    };
    let hdus = reader.hdus(frame).map_err(in_file(frame))?;
    let hdu = hdus
        .iter()
        .find(|hdu| hdu.kind == HduKind::Table)
        .ok_or_else(|| fault("there is no table".into()))?;
    let table = reader.table(frame, hdu.index).map_err(in_file(frame))?;
    let known = |name: &str| table.column(name).and_then(|column| column.data.to_f64());
    let needed = |name: &str| known(name).ok_or_else(|| fault(format!("column {name} is missing or holds no numbers")));
    let (ra, dec) = (needed("RA")?, needed("DEC")?);
    let (ra_err, dec_err, mag) = (known("RA_ERR"), known("DEC_ERR"), known("MAG"));
    let error =
        |column: &Option<Vec<f64>>, row: usize| column.as_ref().map_or(DEFAULT_ERROR_ARCSEC, |errors| errors[row]);
    let mut stars = Vec::with_capacity(ra.len());
    for (row, (ra_deg, dec_deg)) in ra.into_iter().zip(dec).enumerate() {
        let star = CatalogueStar {
            ra_deg,
            dec_deg,
            error_arcsec: [error(&ra_err, row), error(&dec_err, row)],
            magnitude: mag.as_ref().map(|mag| mag[row]).filter(|mag| mag.is_finite()),
        };
        let is_good = ra_deg.is_finite()
            && (-90.0..=90.0).contains(&dec_deg)
            && star.error_arcsec.iter().all(|error| *error > 0.0 && error.is_finite());
        if !is_good {
            return Err(fault(format!(
                "columns RA, DEC, RA_ERR, DEC_ERR: row {} has no place or no error above 0",
                row + 1
            )));
        }
        stars.push(star);
    }
    Ok(stars)
}

fn open(frame: &FrameRef, reader: &dyn FrameReader) -> Result<Fov, RecipeError> {
    let hdus = reader.hdus(frame).map_err(in_file(frame))?;
    let fault = |reason: String| RecipeError::Frame {
        frame: frame.id.clone(),
        reason,
    };
    let header = hdus.first().map(|hdu| hdu.header.clone()).unwrap_or_default();
    let date_obs = header.str("DATE-OBS").map_err(in_header(frame))?;
    let exptime_s = header.f64("EXPTIME").unwrap_or(1.0);
    if !(exptime_s > 0.0 && exptime_s.is_finite()) {
        return Err(fault(format!(
            "key EXPTIME is {exptime_s}, not a positive number of seconds"
        )));
    }
    let (image, unit) = sky_image(frame, &hdus, reader)?;
    let mjd = header
        .f64("MJD-OBS")
        .ok()
        .or_else(|| Mjd::from_iso(date_obs).ok().map(|t| t.0));
    Ok(Fov {
        frame: frame.clone(),
        image,
        unit,
        date_obs: date_obs.chars().take(DATE_LENGTH).collect(),
        mjd: mjd.unwrap_or(f64::NAN),
        exptime_s,
        header,
    })
}

/// Reads the image of a file and its unit: extension `DATA`, else the first with two axes.
fn sky_image(frame: &FrameRef, hdus: &[HduInfo], reader: &dyn FrameReader) -> Result<(SkyImage, String), RecipeError> {
    let fault = |reason: String| RecipeError::Frame {
        frame: frame.id.clone(),
        reason,
    };
    let is_image = |hdu: &&HduInfo| hdu.kind == HduKind::Image && hdu.shape.len() == 2;
    let hdu = hdus
        .iter()
        .filter(is_image)
        .find(|hdu| hdu.name == "DATA")
        .or_else(|| hdus.iter().find(is_image))
        .ok_or_else(|| fault("there is no image of two axes".into()))?;
    let [n_y, n_x] = [hdu.shape[0], hdu.shape[1]];
    let mut pixels = vec![0.0f32; n_y * n_x];
    let planes = reader.planes(frame, hdu.index).map_err(in_file(frame))?;
    planes.read(0..1, &mut pixels).map_err(in_file(frame))?;
    let pixels = Array2::from_shape_vec((n_y, n_x), pixels).map_err(|error| fault(error.to_string()))?;
    let image = SkyImage::new(pixels, coordinates(frame, &hdu.header)?)
        .map_err(|error| fault(format!("keys CRVALi, CRPIXi, CDi_j: {error}")))?;
    Ok((image, hdu.header.str("BUNIT").unwrap_or_default().to_owned()))
}

fn coordinates(frame: &FrameRef, header: &Header) -> Result<Gnomonic, RecipeError> {
    for (key, wanted) in [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN")] {
        let found = header.str(key).map_err(in_header(frame))?;
        if found != wanted {
            return Err(RecipeError::Frame {
                frame: frame.id.clone(),
                reason: format!("key {key} is {found}, expected {wanted}"),
            });
        }
    }
    let real = |key: &str| header.f64(key).map_err(in_header(frame));
    let Some(cd) = wcs::linear_part(header) else {
        // The keys are there or the second reading names the one that is not.
        real("CD1_1")?;
        real("CD2_2")?;
        return Err(RecipeError::Frame {
            frame: frame.id.clone(),
            reason: "keys CDi_j are missing".into(),
        });
    };
    Ok(Gnomonic {
        crval: [real("CRVAL1")?, real("CRVAL2")?],
        crpix: [real("CRPIX1")?, real("CRPIX2")?],
        cd,
    })
}
