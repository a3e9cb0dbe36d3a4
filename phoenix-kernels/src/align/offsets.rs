//! From images to offsets.
//!
//! # References
//! docs/algorithms/alignment.md.

use std::borrow::Cow;

use rayon::prelude::*;

use super::anchor::{Anchor, catalogue};
use super::background::{Clean, clean};
use super::centroid::{FWHM, Source, measure, photometry, width};
use super::detect::{Filtered, Peak};
use super::flux;
use super::guess::{Guess, reference};
use super::image::{ARCSEC, Plane, SkyImage};
use super::solve::{Solution, solve};
use super::tracks::{Sighting, follow};
use super::votes::{Link, Tree};
use crate::{Hooks, KernelError};

/// Radius of the aperture of fluxes, in full widths of the worst exposure.
const APERTURE: f64 = 2.5;

/// How exposures are aligned.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AlignOptions {
    /// Search radii, arcsec: the first of the first guess, the others of the matching, descending.
    pub radii_arcsec: Vec<f64>,
    /// Full width at half maximum of the detection filter, pixels.
    pub fwhm_pixels: f64,
    /// Least significance of a source, sigma of the filtered image.
    pub threshold_sigma: f64,
    /// Most sources of an exposure, the most significant ones.
    pub most_sources: usize,
    /// Least and greatest roundness of a source.
    pub roundness: [f64; 2],
    /// Least and greatest sharpness of a source.
    pub sharpness: [f64; 2],
}

impl Default for AlignOptions {
    fn default() -> Self {
        Self {
            radii_arcsec: vec![30.0, 4.0, 2.0, 0.8],
            fwhm_pixels: 5.0,
            threshold_sigma: 6.0,
            most_sources: 200,
            roundness: [-1.0, 1.0],
            sharpness: [0.02, 1.2],
        }
    }
}

impl AlignOptions {
    fn check(&self) -> Result<(), KernelError> {
        let refuse = |name, value, allowed| Err(KernelError::Parameter { name, value, allowed });
        if let Some(radius) = self
            .radii_arcsec
            .iter()
            .find(|r| r.is_nan() || **r <= 0.0 || **r > 600.0)
        {
            return refuse("search radius", *radius, "above 0 to 600 arcsec");
        }
        if self.radii_arcsec.is_empty() {
            return refuse("number of search radii", 0.0, "1 or more");
        }
        if !(1.0..=30.0).contains(&self.fwhm_pixels) {
            return refuse("width of the detection filter", self.fwhm_pixels, "1 to 30 pixels");
        }
        if self.threshold_sigma.is_nan() || self.threshold_sigma < 3.0 {
            return refuse("detection threshold", self.threshold_sigma, "3 sigma or above");
        }
        Ok(())
    }
}

/// How an exposure got its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// It is the reference: its offset is 0.
    Reference,
    /// Sources that it shares with other exposures.
    Sources,
    /// Phase correlation with another exposure.
    Correlation,
    /// Nothing ties it to the reference; its offset stays 0 and means nothing.
    None,
}

/// The offset of one exposure: header minus truth, relative to the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureOffset {
    /// Offset on the sky to the east and to the north, arcsec.
    pub offset_arcsec: [f64; 2],
    /// Offset in coordinates, degrees: right ascension without cosine, and declination; to be subtracted.
    pub offset_deg: [f64; 2],
    /// Standard deviations of `offset_arcsec`; NaN where there is no offset.
    pub error_arcsec: [f64; 2],
    /// Factor on the data that brings the exposure to the reference's scale, and its standard deviation.
    pub flux_scale: Option<[f64; 2]>,
    /// Where the offset comes from.
    pub method: Method,
    /// Sources shared with each other exposure.
    pub matches: Vec<usize>,
    /// Sources shared with the catalogue or image of reference.
    pub anchor_matches: usize,
    /// Full width at half maximum of stars, arcsec.
    pub fwhm_arcsec: f64,
    /// Whether that is measured; else it is the width of the detection filter.
    pub is_fwhm_measured: bool,
}

/// All offsets and what they rest on.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// One per image, in their order.
    pub exposures: Vec<ExposureOffset>,
    /// Whether offsets are relative to the catalogue or image of reference, not to an exposure.
    pub is_anchored: bool,
    /// Sources of each image.
    pub sources: Vec<Vec<Source>>,
    /// Standard deviation of a position beyond that of its centroid, arcsec, as the residuals have it.
    pub excess_arcsec: f64,
}

/// What is known of one image.
pub(super) struct Measured {
    pub(super) clean: Clean,
    sources: Vec<Source>,
    /// Standard deviation of stars, pixels.
    pub(super) sigma: f64,
    /// Whether that is measured.
    has_width: bool,
    correlation: f64,
}

fn detect(image: &SkyImage, options: &AlignOptions) -> Measured {
    let clean = clean(image.pixels());
    let expected = options.fwhm_pixels / FWHM;
    let filtered = Filtered::new(&clean, expected);
    let peaks: Vec<Peak> = if clean.is_good.iter().any(|good| *good) {
        filtered.peaks(options.threshold_sigma, options.most_sources)
    } else {
        Vec::new()
    };
    let found = width(&clean, &peaks, expected);
    let sigma = found.unwrap_or(expected);
    let correlation = Filtered::new(&clean, sigma).correlation;
    let mut sources: Vec<Source> = Vec::new();
    for source in peaks
        .iter()
        .filter_map(|peak| measure(&clean, peak, sigma, correlation))
    {
        let is_shaped = (options.sharpness[0]..=options.sharpness[1]).contains(&source.sharpness)
            && (options.roundness[0]..=options.roundness[1]).contains(&source.roundness);
        // Two peaks may lead to the same source.
        let is_new = sources
            .iter()
            .all(|other| (other.x - source.x).powi(2) + (other.y - source.y).powi(2) > sigma * sigma);
        if is_shaped && is_new {
            sources.push(source);
        }
    }
    Measured {
        clean,
        sources,
        sigma,
        has_width: found.is_some(),
        correlation,
    }
}

/// Positions and variances of an image's sources in the plane.
fn sightings(exposure: usize, image: &SkyImage, sources: &[Source], plane: &Plane, offset: [f64; 2]) -> Vec<Sighting> {
    let cd = &image.wcs().cd;
    let place = |(source, found): (usize, &Source)| {
        let along = |[xx, xy, yy]: [f64; 3]| {
            cd.map(|row| {
                let [p, q] = row.map(|v| v * ARCSEC);
                p * p * xx + 2.0 * p * q * xy + q * q * yy
            })
        };
        Sighting {
            exposure,
            source,
            position: plane.position(image.wcs(), [found.x, found.y], offset),
            variance: along(found.covariance),
            photon: along(found.photon_covariance),
            significance: found.significance,
        }
    };
    sources.iter().enumerate().map(place).collect()
}

/// Aligns exposures of the same or overlapping fields.
///
/// # Contract
/// The reference is the earliest exposure of the largest group that can be aligned; exposures outside the group have
/// [`Method::None`]. An image without any pixel or source is no error. The result depends on nothing but the arguments.
///
/// # Errors
/// `NoExposures`, `Parameter` or `Stopped`.
///
/// # References
/// docs/algorithms/alignment.md.
pub fn align(images: &[SkyImage], options: &AlignOptions, hooks: &Hooks<'_>) -> Result<Alignment, KernelError> {
    align_to(images, None, options, hooks)
}

/// Aligns exposures with each other and with the sky as a catalogue or an image of reference has it.
///
/// # Contract
/// As [`align`], but that offsets are relative to `anchor` if at least as many exposures are tied to it as to one another
/// without it: [`Alignment::is_anchored`] tells, no exposure is [`Method::Reference`] then, and errors hold those of the
/// anchor. Otherwise it is left aside. Flux scales are relative to the first exposure in any case.
///
/// # Errors
/// Those of [`align`]; `Parameter` also for a star of the catalogue that is no place on the sky or has no error above 0.
///
/// # References
/// docs/algorithms/alignment.md, "Absolute astrometry".
pub fn align_to(
    exposures: &[SkyImage],
    anchor: Option<Anchor<'_>>,
    options: &AlignOptions,
    hooks: &Hooks<'_>,
) -> Result<Alignment, KernelError> {
    options.check()?;
    let first = exposures.first().ok_or(KernelError::NoExposures)?;
    let n_exposures = exposures.len();
    let plane = Plane::about(first.wcs().crval);
    // An image of reference is one more image; a catalogue is a list of sightings behind them.
    let images: Cow<'_, [SkyImage]> = match anchor {
        Some(Anchor::Image(image)) => exposures.iter().chain([image]).cloned().collect(),
        _ => Cow::Borrowed(exposures),
    };
    let images = &*images;
    let n = n_exposures + usize::from(anchor.is_some());
    let stars = match anchor {
        Some(Anchor::Catalogue(stars)) => catalogue(n - 1, stars, images, &plane, options.radii_arcsec[0])?,
        _ => Vec::new(),
    };
    let mut measured: Vec<Measured> = images.par_iter().map(|image| detect(image, options)).collect();
    hooks.check()?;
    set_fluxes(images, &mut measured);

    let all = |offsets: &[[f64; 2]], chosen: &dyn Fn(usize) -> bool| -> Vec<Sighting> {
        let of = |k: usize| match images.get(k) {
            Some(image) => sightings(k, image, &measured[k].sources, &plane, offsets[k]),
            None => stars.clone(),
        };
        (0..n).filter(|k| chosen(*k)).flat_map(of).collect()
    };
    let nominal = all(&vec![[0.0; 2]; n], &|_| true);
    let guess = Guess {
        images,
        measured: &measured,
        plane: &plane,
        radii_arcsec: &options.radii_arcsec,
    };
    let tree = guess.tree(n, &nominal, hooks)?;
    let reference = reference(&tree, anchor.map(|_| n - 1));
    let is_anchored = reference >= n_exposures;
    let is_member = |k: usize| tree.group[k] == tree.group[reference];
    let mut offsets = tree.offset.clone();
    shift(&mut offsets, reference);

    let light = light(&measured);
    let mut solved: Option<(Solution, Vec<Vec<Sighting>>)> = None;
    let radii = options.radii_arcsec.iter().skip(1).chain(options.radii_arcsec.last());
    for &radius in radii {
        hooks.check()?;
        let mut tracks = follow(&all(&offsets, &is_member), n, radius);
        let Some(solution) = solve_with(n, reference, &mut tracks, &tree, &offsets, light) else {
            continue;
        };
        // Positions are taken at the offsets of the last pass, so a solution is a correction to them.
        for (offset, correction) in offsets.iter_mut().zip(&solution.offset) {
            *offset = [offset[0] + correction[0], offset[1] + correction[1]];
        }
        solved = Some((solution, tracks));
    }
    let scales = solved
        .as_ref()
        .and_then(|(_, tracks)| flux_scales(&sources_of(&measured[..n_exposures]), tracks, reference));
    let tracks = solved.as_ref().map(|(_, tracks)| tracks.as_slice()).unwrap_or_default();
    let found = (0..n_exposures)
        .map(|k| {
            let is_seen = |tracks: &[Vec<Sighting>]| tracks.iter().flatten().any(|s| s.exposure == k);
            let (method, variance) = match &solved {
                _ if k == reference => (Method::Reference, [0.0; 2]),
                Some((solution, tracks)) if solution.is_tied[k] && is_seen(tracks) => {
                    (Method::Sources, solution.variance[k])
                }
                Some((solution, _)) if solution.is_tied[k] => (Method::Correlation, solution.variance[k]),
                _ => (Method::None, [f64::NAN; 2]),
            };
            let offset = if method == Method::None { [0.0; 2] } else { offsets[k] };
            ExposureOffset {
                offset_arcsec: offset,
                offset_deg: plane.degrees(offset),
                error_arcsec: variance.map(f64::sqrt),
                flux_scale: scales
                    .as_ref()
                    .and_then(|scales| scales[k])
                    .filter(|_| matches!(method, Method::Reference | Method::Sources)),
                method,
                matches: shared(n, k, tracks)[..n_exposures].to_vec(),
                anchor_matches: if is_anchored {
                    shared(n, k, tracks)[reference]
                } else {
                    0
                },
                fwhm_arcsec: measured[k].sigma * FWHM * images[k].pixel_arcsec(),
                is_fwhm_measured: measured[k].has_width,
            }
        })
        .collect();
    measured.truncate(n_exposures);
    Ok(Alignment {
        exposures: found,
        is_anchored,
        excess_arcsec: solved.map_or(0.0, |(solution, _)| solution.excess.sqrt()),
        sources: measured.into_iter().map(|m| m.sources).collect(),
    })
}

/// One over the gain as the residuals of the sources have it, or 0 if they are as small as the noise of the background.
fn light(measured: &[Measured]) -> f64 {
    let sources = || measured.iter().flat_map(|m| &m.sources);
    let sum = |k: usize| sources().map(|source| source.light[k]).sum::<f64>();
    let ratio = sum(0) / sum(1);
    if ratio.is_finite() { ratio.max(0.0) } else { 0.0 }
}

/// Flux scales relative to the first exposure with sources; an anchor has no flux to compare with.
fn flux_scales(sources: &[Vec<Source>], tracks: &[Vec<Sighting>], reference: usize) -> Option<Vec<Option<[f64; 2]>>> {
    let n = sources.len();
    let seen: Vec<Vec<Sighting>> = tracks
        .iter()
        .map(|track| track.iter().filter(|s| s.exposure < n).copied().collect())
        .collect();
    let first = seen.iter().flatten().map(|s| s.exposure).min()?;
    let reference = if reference < n { reference } else { first };
    Some(flux::scales(sources, &seen, reference))
}

fn sources_of(measured: &[Measured]) -> Vec<Vec<Source>> {
    measured.iter().map(|m| m.sources.clone()).collect()
}

/// Measures fluxes in an aperture of the same size on the sky.
fn set_fluxes(images: &[SkyImage], measured: &mut [Measured]) {
    let widest = images
        .iter()
        .zip(&*measured)
        .filter(|(_, m)| !m.sources.is_empty())
        .map(|(image, m)| m.sigma * FWHM * image.pixel_arcsec())
        .fold(0.0, f64::max);
    for (
        image,
        Measured {
            clean,
            sources,
            correlation,
            ..
        },
    ) in images.iter().zip(measured)
    {
        let radius = (APERTURE * widest / image.pixel_arcsec()).clamp(2.0, 40.0);
        for source in sources {
            photometry(clean, source, radius, *correlation);
        }
    }
}

fn shift(offsets: &mut [[f64; 2]], reference: usize) {
    let zero = offsets[reference];
    for offset in offsets {
        *offset = [offset[0] - zero[0], offset[1] - zero[1]];
    }
}

/// Solves with the sources, and with the correlations of those exposures that no source ties to the reference.
fn solve_with(
    n: usize,
    reference: usize,
    tracks: &mut Vec<Vec<Sighting>>,
    tree: &Tree,
    offsets: &[[f64; 2]],
    light: f64,
) -> Option<Solution> {
    let mut solution = solve(n, reference, &mut tracks.clone(), &[], light)?;
    let loose: Vec<bool> = solution.is_tied.iter().map(|tied| !tied).collect();
    let links: Vec<Link> = tree
        .used
        .iter()
        .filter(|link| link.variance[0].is_finite() && (loose[link.from] || loose[link.to]))
        .map(|link| {
            let (from, to) = (offsets[link.from], offsets[link.to]);
            Link {
                step: [0, 1].map(|k| link.step[k] - (to[k] - from[k])),
                ..*link
            }
        })
        .collect();
    solution = solve(n, reference, tracks, &links, light).unwrap_or(solution);
    Some(solution)
}

/// Number of sources that an exposure shares with each other one.
fn shared(n: usize, exposure: usize, tracks: &[Vec<Sighting>]) -> Vec<usize> {
    let mut counts = vec![0; n];
    for track in tracks
        .iter()
        .filter(|track| track.iter().any(|s| s.exposure == exposure))
    {
        for other in track.iter().filter(|s| s.exposure != exposure) {
            counts[other.exposure] += 1;
        }
    }
    counts
}
