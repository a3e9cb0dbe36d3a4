//! The survey of a cube: what all other measurements need, in two passes over the planes.

use ndarray::Array2;
use phoenix_core::product::{PlaneSource, Product};
use phoenix_core::traits::{Measured, QcError};

use super::flux::{FluxUnit, pivot_nm};
use super::sky::{self, Background};
use super::source::{self, Detection, Sharpness, Source};
use super::wave::{self, WaveOptions};
use super::window::for_each_plane;
use super::{SpectralAxis, absent, depth, measured, noise, residual, snr, stat, value};
use crate::celestial::SkyWcs;

/// How many background pixels stand for the sky of a plane.
const N_SKY_PIXELS: usize = 4096;

/// What a survey reads.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SurveyOptions {
    /// The white-light band in nm.
    pub band_nm: (f64, f64),
    /// How much of the cube is held in memory at a time; at least one plane.
    pub window_bytes: usize,
    /// The extension with the data.
    pub data_ext: String,
    /// The extension with the variance; the survey does without it.
    pub variance_ext: String,
    /// Wider sources are extended.
    pub widest_fwhm_arcsec: f64,
    /// How sky lines are fitted.
    pub wave: WaveOptions,
}

impl Default for SurveyOptions {
    fn default() -> Self {
        Self {
            band_nm: (465.0, 930.0),
            window_bytes: 64 << 20,
            data_ext: "DATA".into(),
            variance_ext: "STAT".into(),
            widest_fwhm_arcsec: 2.5,
            wave: WaveOptions::default(),
        }
    }
}

/// What one look at a cube tells; all further measurements read from it.
///
/// # Shapes
/// `white` is `(y, x)`; `sky`, `scatter`, `noise` and `object` have one value per plane.
///
/// # Numerics
/// The first pass sums each spaxel in 64 bits in the order of the planes; the second reads the background and the brightest
/// source, and the variance once. At most `window_bytes` of the cube are held at a time.
#[derive(Debug)]
pub struct CubeSurvey {
    /// The product.
    pub product: String,
    /// `(wave, y, x)`.
    pub shape: [usize; 3],
    /// The spectral axis, if the third axis is a wavelength.
    pub axis: Option<SpectralAxis>,
    /// The celestial axes.
    pub wcs: Option<SkyWcs>,
    /// `BUNIT` as it stands.
    pub unit: String,
    /// The flux unit, or why `BUNIT` is none.
    pub flux: Result<FluxUnit, String>,
    /// The mean over the finite voxels of the band; NaN where there is none.
    pub white: Array2<f32>,
    /// The wavelengths that the white-light image covers.
    pub white_band_nm: Option<(f64, f64)>,
    /// The share of voxels that are not finite.
    pub nan_share: f64,
    /// First and last plane with useful data: at least half as filled as the fullest plane.
    pub useful: Option<(usize, usize)>,
    /// The background of the white-light image.
    pub background: Option<Background>,
    /// Median over background spaxels.
    pub sky: Vec<f32>,
    /// Scatter of background voxels about their median.
    pub scatter: Vec<f32>,
    /// Noise of a background voxel: from the variance, else the scatter over background spaxels.
    pub noise: Vec<f32>,
    /// Sum over the brightest source less its background; empty without a source.
    pub object: Vec<f32>,
    detection: Detection,
    widest_pix: f64,
    wave: WaveOptions,
}

/// What the first pass gathers.
struct FirstPass {
    white: Array2<f32>,
    band: (usize, usize),
    n_finite: Vec<u64>,
}

impl CubeSurvey {
    /// Surveys a cube or an image.
    ///
    /// # Errors
    /// If the product has no planes under the name of the data, or they cannot be read.
    pub fn of(product: &Product, options: &SurveyOptions) -> Result<Self, QcError> {
        let lacks = |what: String| QcError::WrongProduct {
            product: product.name.clone(),
            what,
        };
        let data = product
            .planes(&options.data_ext)
            .ok_or_else(|| lacks(format!("extension {} with 32-bit planes", options.data_ext)))?;
        let header = &product
            .hdu(&options.data_ext)
            .ok_or_else(|| lacks(options.data_ext.clone()))?
            .header;
        let [n_wave, n_y, n_x] = data.shape();
        if n_wave * n_y * n_x == 0 {
            return Err(lacks("pixels".into()));
        }
        let axis = SpectralAxis::from_header(header).filter(|_| n_wave > 1);
        let wcs = SkyWcs::from_header(header, n_x, n_y);
        let unit = header
            .str("BUNIT")
            .or_else(|_| product.header.str("BUNIT"))
            .unwrap_or_default();
        let first = first_pass(&product.name, data.as_ref(), axis.as_ref(), options)?;
        let background = sky::background(&first.white);
        let widest_pix = wcs
            .as_ref()
            .map_or(12.0, |wcs| options.widest_fwhm_arcsec / wcs.scale_arcsec());
        let detection = background.map_or_else(
            || Detection::empty(n_y, n_x),
            |sky| source::detect(&first.white, &sky, widest_pix),
        );
        let n_total = (n_wave * n_y * n_x) as f64;
        let mut survey = Self {
            product: product.name.clone(),
            shape: [n_wave, n_y, n_x],
            wcs,
            flux: FluxUnit::parse(unit),
            unit: unit.to_owned(),
            white_band_nm: axis.map(|axis| {
                (
                    axis.lambda_nm(first.band.0 as f64 - 0.5),
                    axis.lambda_nm(first.band.1 as f64 + 0.5),
                )
            }),
            axis,
            white: first.white,
            nan_share: 1.0 - first.n_finite.iter().sum::<u64>() as f64 / n_total,
            useful: useful(&first.n_finite),
            background,
            sky: Vec::new(),
            scatter: Vec::new(),
            noise: Vec::new(),
            object: Vec::new(),
            detection,
            widest_pix,
            wave: options.wave,
        };
        survey.second_pass(product, data.as_ref(), options)?;
        Ok(survey)
    }

    fn second_pass(
        &mut self,
        product: &Product,
        data: &dyn PlaneSource,
        options: &SurveyOptions,
    ) -> Result<(), QcError> {
        let Some(background) = self.background else {
            return Ok(());
        };
        let pixels = sky::background_pixels(&self.white, &background, N_SKY_PIXELS);
        let aperture = self.brightest_aperture();
        let n_wave = self.shape[0];
        let mut sample: Vec<f32> = Vec::with_capacity(pixels.len());
        for_each_plane(&self.product, data, 0..n_wave, options.window_bytes, |_, plane| {
            sample.clear();
            sample.extend(
                pixels
                    .iter()
                    .map(|index| plane[*index])
                    .filter(|value| value.is_finite()),
            );
            let level = stat::median_f32(&mut sample);
            self.sky.push(level);
            for value in &mut sample {
                *value = (*value - level).abs();
            }
            self.scatter
                .push(stat::MAD_SCALE as f32 * stat::median_f32(&mut sample));
            if !aperture.is_empty() {
                self.object
                    .push(aperture.iter().map(|index| plane[*index] - level).sum());
            }
        })?;
        self.noise.clone_from(&self.scatter);
        // The claimed variance is preferred: the scatter misses what neighbours share after resampling.
        let variance = product
            .planes(&options.variance_ext)
            .filter(|planes| planes.shape() == self.shape);
        if let Some(variance) = variance {
            let mut claimed = Vec::with_capacity(n_wave);
            for_each_plane(
                &self.product,
                variance.as_ref(),
                0..n_wave,
                options.window_bytes,
                |_, plane| {
                    sample.clear();
                    sample.extend(pixels.iter().map(|index| plane[*index]));
                    claimed.push(noise::claimed_noise(&mut sample).map_or(f32::NAN, |sigma| sigma as f32));
                },
            )?;
            self.noise = claimed;
        }
        Ok(())
    }

    /// Flat indices within one half width of the brightest source.
    fn brightest_aperture(&self) -> Vec<usize> {
        let Some(brightest) = self.detection.sources.first() else {
            return Vec::new();
        };
        let radius = brightest.fwhm_pix.unwrap_or(4.0).min(self.widest_pix).max(2.0) / 2.0;
        let inside = |((iy, ix), _): &((usize, usize), &f32)| {
            (*ix as f64 - brightest.x).hypot(*iy as f64 - brightest.y) <= radius
        };
        let n_x = self.shape[2];
        self.white
            .indexed_iter()
            .filter(inside)
            .map(|((iy, ix), _)| iy * n_x + ix)
            .collect()
    }

    /// Returns the sources of the white-light image, brightest first.
    pub fn sources(&self) -> &[Source] {
        &self.detection.sources
    }

    /// Returns the sharpness of the point sources.
    pub fn sharpness(&self) -> Option<Sharpness> {
        source::sharpness(&self.detection.sources)
    }

    /// Returns the length of FITS axis 1, 2 or 3.
    pub fn naxis(&self, axis: usize) -> Measured {
        let length = 3_usize.checked_sub(axis).and_then(|index| self.shape.get(index));
        length.map_or_else(
            || absent(format!("there is no axis {axis}")),
            |length| value(*length as f64),
        )
    }

    /// Returns the share of voxels that are not finite.
    pub fn nan_share(&self) -> Measured {
        value(self.nan_share)
    }

    fn useful_nm(&self) -> Result<(f64, f64), String> {
        let axis = self.axis.ok_or("the third axis is no wavelength")?;
        let (first, last) = self.useful.ok_or("no plane holds data")?;
        Ok((axis.lambda_nm(first as f64), axis.lambda_nm(last as f64)))
    }

    /// Returns the wavelength of the first plane with useful data in nm.
    pub fn wavelmin_nm(&self) -> Measured {
        measured(self.useful_nm().map(|range| range.0))
    }

    /// Returns the wavelength of the last plane with useful data in nm.
    pub fn wavelmax_nm(&self) -> Measured {
        measured(self.useful_nm().map(|range| range.1))
    }

    /// Returns the median noise of a background voxel over the useful planes, in erg/s/cm^2/Angstrom.
    pub fn pixnoise(&self) -> Measured {
        measured(self.flux.clone().and_then(|unit| {
            let (first, last) = self.useful.ok_or("no plane holds data")?;
            let planes = self.noise.get(first..=last).unwrap_or_default();
            let mut finite: Vec<f64> = planes
                .iter()
                .map(|sigma| f64::from(*sigma))
                .filter(|s| s.is_finite())
                .collect();
            if finite.is_empty() {
                return Err("no background pixel has a noise".into());
            }
            Ok(stat::median(&mut finite) * unit.erg_s_cm2_angstrom)
        }))
    }

    /// Returns the AB magnitude of a point source of five sigma in the white-light image, of the width measured there.
    pub fn abmaglim(&self) -> Measured {
        match self.sharpness() {
            Some(sharp) => self.abmaglim_for(sharp.fwhm_pix, sharp.beta),
            None => absent(NO_POINT_SOURCE),
        }
    }

    /// Returns the same for a given width in pixels and exponent of the profile.
    pub fn abmaglim_for(&self, fwhm_pix: f64, beta: f64) -> Measured {
        measured(self.flux.clone().and_then(|unit| {
            let band = self.white_band_nm.ok_or("the third axis is no wavelength")?;
            let background = self.background.ok_or("the white-light image has no background")?;
            let noise = depth::point_source_noise(&self.white, &background, &self.detection, fwhm_pix, beta)
                .ok_or("too little background for the noise of a point source")?;
            Ok(unit.ab_magnitude(5.0 * noise, pivot_nm(band)))
        }))
    }

    /// Returns the full width at half maximum of point sources in the white-light image in arcsec.
    pub fn sky_res_arcsec(&self) -> Measured {
        measured(self.sharp_arcsec(|sharp| sharp.fwhm_pix))
    }

    /// Returns the error of that width in arcsec.
    pub fn sky_rerr_arcsec(&self) -> Measured {
        measured(self.sharp_arcsec(|sharp| sharp.error_pix))
    }

    fn sharp_arcsec(&self, of: impl Fn(&Sharpness) -> f64) -> Result<f64, String> {
        let wcs = self.wcs.as_ref().ok_or("the image has no celestial axes")?;
        let sharp = self.sharpness().ok_or(NO_POINT_SOURCE)?;
        Ok(of(&sharp) * wcs.scale_arcsec())
    }

    /// Returns the mode of the background in the unit of the product: negative if too much sky was taken off.
    pub fn histo_bkg(&self) -> Measured {
        self.background.map_or_else(
            || absent("the white-light image has no background"),
            |sky| value(sky.mode),
        )
    }

    /// Returns the number of sources in the white-light image.
    pub fn num_src(&self) -> Measured {
        if self.background.is_none() {
            return absent("the white-light image has no background");
        }
        value(self.detection.sources.len() as f64)
    }

    /// Returns the largest residual wavelength shift of bright sky lines in the background in Angstrom.
    ///
    /// `velocity_m_s` is the velocity by which the data were moved from the observatory's frame (0 if they were not); if
    /// that is not known, neither is the shift.
    pub fn lshift_max_angstrom(&self, velocity_m_s: Option<f64>) -> Measured {
        let largest = || {
            let axis = self.axis.ok_or("the third axis is no wavelength")?;
            let velocity = velocity_m_s.ok_or("the velocity by which the data were moved is not known")?;
            let shifts = wave::line_shifts(&self.sky, &axis, velocity, &self.wave);
            wave::largest_shift_angstrom(&shifts, &self.wave)
        };
        measured(largest())
    }

    /// Returns the rms of background voxels at strong lines of the sky in units of the noise, over that of neighbouring
    /// planes: 1 if nothing but noise is left.
    pub fn sky_residual(&self) -> Measured {
        let residual = || {
            let axis = self.axis.ok_or("the third axis is no wavelength")?;
            residual::sky_residual(&axis, &self.sky, &self.scatter, &self.noise)
        };
        measured(residual())
    }

    /// Returns the signal to noise of the brightest source.
    pub fn snr(&self) -> Measured {
        let spectrum: Vec<f64> = self.object.iter().map(|flux| f64::from(*flux)).collect();
        snr::der_snr(&spectrum).map_or_else(|| absent("there is no source with a usable spectrum"), value)
    }
}

const NO_POINT_SOURCE: &str = "no point source is bright enough for a width";

fn first_pass(
    product: &str,
    data: &dyn PlaneSource,
    axis: Option<&SpectralAxis>,
    options: &SurveyOptions,
) -> Result<FirstPass, QcError> {
    let [n_wave, n_y, n_x] = data.shape();
    let inside = |iw: usize| {
        axis.is_none_or(|axis| (options.band_nm.0..=options.band_nm.1).contains(&axis.lambda_nm(iw as f64)))
    };
    // A cube of another range has no plane in the band; its white light is all it has.
    let band = match (
        (0..n_wave).find(|iw| inside(*iw)),
        (0..n_wave).rev().find(|iw| inside(*iw)),
    ) {
        (Some(first), Some(last)) => (first, last),
        _ => (0, n_wave - 1),
    };
    let mut sum = vec![0.0_f64; n_y * n_x];
    let mut n_used = vec![0_u32; n_y * n_x];
    let mut n_finite = Vec::with_capacity(n_wave);
    for_each_plane(product, data, 0..n_wave, options.window_bytes, |iw, plane| {
        n_finite.push(plane.iter().filter(|value| value.is_finite()).count() as u64);
        if (band.0..=band.1).contains(&iw) {
            for ((sum, n_used), value) in sum.iter_mut().zip(&mut n_used).zip(plane) {
                if value.is_finite() {
                    *sum += f64::from(*value);
                    *n_used += 1;
                }
            }
        }
    })?;
    let mean = |index: usize| {
        if n_used[index] > 0 {
            (sum[index] / f64::from(n_used[index])) as f32
        } else {
            f32::NAN
        }
    };
    Ok(FirstPass {
        white: Array2::from_shape_fn((n_y, n_x), |(iy, ix)| mean(iy * n_x + ix)),
        band,
        n_finite,
    })
}

/// First and last plane that are at least half as filled as the fullest.
fn useful(n_finite: &[u64]) -> Option<(usize, usize)> {
    let fullest = n_finite.iter().copied().max().filter(|most| *most > 0)?;
    let is_useful = |n: &u64| 2 * n >= fullest;
    Some((
        n_finite.iter().position(is_useful)?,
        n_finite.iter().rposition(is_useful)?,
    ))
}

#[cfg(test)]
mod tests;
