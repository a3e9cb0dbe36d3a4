//! Reading images; every fault names frame and key.

use ndarray::Array2;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::traits::{FrameReader, HduInfo, HduKind, InputSet, RecipeError};
use phoenix_core::unit::Mjd;
use phoenix_kernels::align::SkyImage;
use phoenix_kernels::ifu::celestial::Gnomonic;
use phoenix_kit::wcs;

use crate::exposure::{DATE_LENGTH, in_file, in_header};

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
}

/// Opens all images.
///
/// # Errors
/// `Frame`, `Header` or `Read`, naming frame and key; `Frame` if two exposures have the same `DATE-OBS`.
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
    Ok(Fovs { fovs })
}

fn open(frame: &FrameRef, reader: &dyn FrameReader) -> Result<Fov, RecipeError> {
    let hdus = reader.hdus(frame).map_err(in_file(frame))?;
    let fault = |reason: String| RecipeError::Frame {
        frame: frame.id.clone(),
        reason,
    };
    let header = hdus.first().map(|hdu| hdu.header.clone()).unwrap_or_default();
    let is_image = |hdu: &&HduInfo| hdu.kind == HduKind::Image && hdu.shape.len() == 2;
    let hdu = hdus
        .iter()
        .filter(is_image)
        .find(|hdu| hdu.name == "DATA")
        .or_else(|| hdus.iter().find(is_image))
        .ok_or_else(|| fault("there is no image of two axes".into()))?;
    let date_obs = header.str("DATE-OBS").map_err(in_header(frame))?;
    let exptime_s = header.f64("EXPTIME").unwrap_or(1.0);
    if !(exptime_s > 0.0 && exptime_s.is_finite()) {
        return Err(fault(format!(
            "key EXPTIME is {exptime_s}, not a positive number of seconds"
        )));
    }
    let [n_y, n_x] = [hdu.shape[0], hdu.shape[1]];
    let mut pixels = vec![0.0f32; n_y * n_x];
    let planes = reader.planes(frame, hdu.index).map_err(in_file(frame))?;
    planes.read(0..1, &mut pixels).map_err(in_file(frame))?;
    let pixels = Array2::from_shape_vec((n_y, n_x), pixels).map_err(|error| fault(error.to_string()))?;
    let image = SkyImage::new(pixels, coordinates(frame, &hdu.header)?)
        .map_err(|error| fault(format!("keys CRVALi, CRPIXi, CDi_j: {error}")))?;
    let mjd = header
        .f64("MJD-OBS")
        .ok()
        .or_else(|| Mjd::from_iso(date_obs).ok().map(|t| t.0));
    Ok(Fov {
        frame: frame.clone(),
        image,
        unit: hdu.header.str("BUNIT").unwrap_or_default().to_owned(),
        date_obs: date_obs.chars().take(DATE_LENGTH).collect(),
        mjd: mjd.unwrap_or(f64::NAN),
        exptime_s,
        header,
    })
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
