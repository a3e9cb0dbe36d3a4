//! One exposure as the recipes see it: its table, and the header values that place and weigh it.

use phoenix_core::frame::FrameRef;
use phoenix_core::header::{Header, HeaderError};
use phoenix_core::traits::{FrameReader, ReadError, RecipeError};
use phoenix_kernels::Numerics;
use phoenix_kernels::ifu::{CoordinateState, CubeGrid, InstrumentMode, SliceDirection};

use crate::table::PixelTableFile;

/// Characters of `DATE-OBS` that identify an exposure.
pub const DATE_LENGTH: usize = 23;

/// An exposure: frame, header, open table.
#[derive(Debug)]
pub struct ExposureFile {
    /// The frame.
    pub frame: FrameRef,
    /// Its primary header.
    pub header: Header,
    /// Its rows.
    pub table: PixelTableFile,
    /// `DATE-OBS` as it stands in the header.
    pub date_obs: String,
}

/// Wraps a header error.
pub fn in_header(frame: &FrameRef) -> impl Fn(HeaderError) -> RecipeError + '_ {
    |source| RecipeError::Header {
        frame: frame.id.clone(),
        source,
    }
}

/// Wraps a read error.
pub fn in_file(frame: &FrameRef) -> impl Fn(ReadError) -> RecipeError + '_ {
    |source| RecipeError::Read {
        frame: frame.id.clone(),
        source,
    }
}

impl ExposureFile {
    /// Opens a pixel table.
    ///
    /// # Errors
    /// `Frame`, `Header` or `Read`, naming frame and key or column.
    pub fn open(frame: &FrameRef, reader: &dyn FrameReader) -> Result<Self, RecipeError> {
        let hdus = reader.hdus(frame).map_err(in_file(frame))?;
        let header = hdus.first().map(|hdu| hdu.header.clone()).unwrap_or_default();
        let fault = |reason: String| RecipeError::Frame {
            frame: frame.id.clone(),
            reason,
        };
        match header.str("DRS.MUSE.PIXTABLE.TYPE") {
            Ok("GEOFULL") => {}
            Ok(other) => {
                return Err(fault(format!(
                    "key ESO.DRS.MUSE.PIXTABLE.TYPE is {other}, expected GEOFULL"
                )));
            }
            Err(source) => return Err(in_header(frame)(source)),
        }
        if let Ok(name) = header.str("EXTNAME") {
            return Err(fault(format!(
                "key EXTNAME is {name}: the table is of a single IFU and must be merged first"
            )));
        }
        if let Ok(medium) = header.str("DRS.MUSE.PIXTABLE.SPECTYPE")
            && !medium.starts_with("AWAV")
        {
            let reason = "key ESO.DRS.MUSE.PIXTABLE.SPECTYPE is";
            return Err(fault(format!(
                "{reason} {medium}: wavelengths are expected in air (AWAV)"
            )));
        }
        let date_obs = header.str("DATE-OBS").map_err(in_header(frame))?.to_owned();
        let table = PixelTableFile::open(frame, &hdus, reader)?;
        Ok(Self {
            frame: frame.clone(),
            header,
            table,
            date_obs,
        })
    }

    /// Returns the part of `DATE-OBS` that identifies the exposure.
    pub fn identity(&self) -> &str {
        self.date_obs.get(..DATE_LENGTH).unwrap_or(&self.date_obs)
    }

    /// Returns the exposure time.
    ///
    /// # Errors
    /// `Header` if the key is missing, `Frame` if it is no positive number.
    pub fn exptime_s(&self) -> Result<f64, RecipeError> {
        let seconds = self.header.f64("EXPTIME").map_err(in_header(&self.frame))?;
        if seconds > 0.0 && seconds.is_finite() {
            Ok(seconds)
        } else {
            Err(RecipeError::Frame {
                frame: self.frame.id.clone(),
                reason: format!("key EXPTIME is {seconds}, not a positive number of seconds"),
            })
        }
    }

    /// Returns right ascension and declination of the reference position; a table in pixels needs none.
    ///
    /// Positions in degrees are relative to `CRVAL1` and `CRVAL2` where the header has them: an offset may have moved
    /// them away from `RA` and `DEC`.
    ///
    /// # Errors
    /// `Header` if a key is missing.
    pub fn pointing_deg(&self) -> Result<[f64; 2], RecipeError> {
        if self.table.state == CoordinateState::Pixel {
            return Ok([0.0; 2]);
        }
        let real = |key: &str| self.header.f64(key).map_err(in_header(&self.frame));
        if self.table.state == CoordinateState::Celestial
            && let (Ok(ra), Ok(dec)) = (real("CRVAL1"), real("CRVAL2"))
        {
            return Ok([ra, dec]);
        }
        Ok([real("RA")?, real("DEC")?])
    }

    /// Returns the field that sets the size of a voxel.
    pub fn mode(&self) -> InstrumentMode {
        if self.header.str("INS.MODE").is_ok_and(|mode| mode.starts_with("NFM")) {
            InstrumentMode::NarrowField
        } else {
            InstrumentMode::WideField
        }
    }

    /// Returns the direction of the slices on the output grid.
    ///
    /// # Numerics
    /// `Eso` takes the position angle as it stands, 0 where the key is missing; `Phoenix` subtracts the angle of the
    /// grid, and takes a missing key as "not known".
    pub fn slice_direction(&self, fixed: Option<&CubeGrid>, numerics: Numerics) -> SliceDirection {
        let posang = self.header.f64("INS.DROT.POSANG").ok();
        match (numerics, posang) {
            (Numerics::Eso, _) => SliceDirection::from_position_angle(posang.unwrap_or(0.0)),
            (Numerics::Phoenix, None) => SliceDirection::None,
            (Numerics::Phoenix, Some(posang)) => {
                let is_sky = self.header.str("INS.DROT.MODE").is_ok_and(|mode| mode == "SKY");
                let slices = if is_sky { -posang } else { posang };
                let turn = fixed.map_or(0.0, |grid| (-grid.cd[1][0]).atan2(grid.cd[1][1]).to_degrees());
                SliceDirection::from_position_angle(slices - turn)
            }
        }
    }
}

/// Sources of seeing in a header.
const SEEING_SOURCES: usize = 3;

/// Returns the seeing from one source, 0: auto-guider, 1: image analysis, 2: site monitor.
/// Source: ESO MUSE pipeline 2.8.7, help of `--weight` and docs/muse.md.
fn fwhm_arcsec(header: &Header, source: usize) -> Option<f64> {
    let mean = |a: &str, b: &str| {
        let (a, b) = (header.f64(a).ok()?, header.f64(b).ok()?);
        Some(a.midpoint(b))
    };
    let fwhm = match source {
        0 => mean("OCS.SGS.AG.FWHMX.AVG", "OCS.SGS.AG.FWHMY.AVG"),
        1 => header.f64("TEL.IA.FWHM").ok(),
        _ => mean("TEL.AMBI.FWHM.START", "TEL.AMBI.FWHM.END"),
    };
    fwhm.filter(|fwhm| *fwhm > 0.0 && fwhm.is_finite())
}

/// Returns the seeing of one exposure from the best source that its header has.
pub fn seeing_arcsec(header: &Header) -> Option<f64> {
    (0..SEEING_SOURCES).find_map(|source| fwhm_arcsec(header, source))
}

/// Returns the seeing behind each header from the first source that all of them have.
pub fn common_seeing(headers: &[&Header]) -> Option<Vec<f64>> {
    (0..SEEING_SOURCES).find_map(|source| headers.iter().map(|header| fwhm_arcsec(header, source)).collect())
}

/// Returns the seeing of every exposure from the first source that all of them have.
pub fn common_fwhm(exposures: &[ExposureFile]) -> Option<Vec<f64>> {
    let headers: Vec<&Header> = exposures.iter().map(|exposure| &exposure.header).collect();
    common_seeing(&headers)
}
