//! Nights of GIRAFFE with the Medusa fibres: raw frames, static calibrations and what is true of them.

mod fibres;
mod header;
mod light;
mod plan;
mod statics;

use ndarray::Array2;
use phoenix_core::header::Header;
use serde::{Deserialize, Serialize};

use super::{FrameSize, NIGHT, Star, frame};
use crate::ccd::{Ccd, Readout};
use crate::fibre::Optics;
use crate::fibre::paint::{FibreProfile, FibreTrace};
use crate::fibre::slit::{FibreOnSlit, N_FIBRES};
use crate::night::{ArchiveFile, Content, SimulatedNight};
use crate::random::{Purpose, Stream};
use light::Light;

/// Wavelength over full width at half maximum in the high-resolution mode with Medusa fibres at 572.8 nm.
const RESOLUTION: f64 = 22_000.0;

/// What a fibre looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FibreTarget {
    /// Number of the fibre's retractor and button (`RP`).
    pub button: usize,
    /// The star; none on sky.
    pub star: Option<Star>,
}

/// What is true of an exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FibreExposure {
    /// Its name in the archive.
    pub arcfile: String,
    /// `DPR TYPE`.
    pub dpr_type: String,
    /// `EXPTIME`.
    pub exptime_s: f64,
    /// Mean airmass.
    pub airmass: f64,
    /// Name of the field, as `OBS TARG NAME`; none for lamps.
    pub field: Option<String>,
}

/// What is true of a night of a fibre spectrograph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FibreTruth {
    /// Civil date of the evening.
    pub night: String,
    /// Seed of the night.
    pub seed: u64,
    /// Wavelength over full width at half maximum.
    pub resolution: f64,
    /// The optics.
    pub optics: Optics,
    /// The detector.
    pub ccd: Ccd,
    /// The fibres, by their place on the slit.
    pub fibres: Vec<FibreOnSlit>,
    /// What the fibres looked at in each field, by name of the field.
    pub fields: Vec<(String, Vec<FibreTarget>)>,
    /// Sky lines: wavelength in nm and photons per second into a fibre of transmission 1.
    pub sky_lines: Vec<(f64, f64)>,
    /// The exposures, by time.
    pub exposures: Vec<FibreExposure>,
}

impl FibreTruth {
    /// Returns the electrons per second and nanometre that a fibre's target alone gives, the atmosphere and the fibre's
    /// transmission included.
    pub fn star_electrons(&self, fibre: &FibreOnSlit, star: &Star, lambda_nm: f64, airmass: f64) -> f64 {
        star.photons(lambda_nm, self.resolution)
            * light::EFFICIENCY
            * super::extinction::transmission(lambda_nm, airmass)
            * fibre.transmission
    }
}

/// Makes a night: bias, dark, fibre flats, arc, a twilight and two fields.
///
/// The small night has fewer frames, not smaller ones: the recipe for the master bias fails on any window of the chip.
pub(crate) fn night(seed: u64, size: FrameSize) -> SimulatedNight<FibreTruth> {
    let mut random = Stream::new(seed, Purpose::Shape, 0);
    let optics = Optics {
        shift_px: [random.uniform(-2.0, 2.0), random.uniform(-1.5, 1.5)],
        ..Optics::h572_8()
    };
    let fibres: Vec<FibreOnSlit> = (1..=N_FIBRES)
        .map(|fps| FibreOnSlit::at(fps, random.uniform(0.75, 1.0)))
        .collect();
    let traces: Vec<FibreTrace> = fibres
        .iter()
        .filter_map(|fibre| FibreTrace::of(&optics, fibre))
        .collect();
    let fields = fibres::fields(seed);
    let planned = plan::plan(&fields, size);
    let mut night = SimulatedNight {
        files: statics::files(&optics, &fibres),
        truth: FibreTruth {
            night: NIGHT.to_owned(),
            seed,
            resolution: RESOLUTION,
            optics,
            ccd: header::CHIP,
            fibres,
            fields: fields
                .iter()
                .map(|field| (field.name.clone(), field.targets.clone()))
                .collect(),
            sky_lines: light::SKY_LINES.to_vec(),
            exposures: Vec::new(),
        },
    };
    let profile = FibreProfile::new();
    let mut painted: Option<(Light, Array2<f32>)> = None;
    for (number, one) in (0_u64..).zip(&planned) {
        let image = match painted.take() {
            Some((light, image)) if light == one.light => image,
            _ => light::paint(&night.truth, &traces, &profile, one),
        };
        let readout = Readout {
            exptime_s: one.shot.exptime_s,
            binning: 1,
            chip_seed: 200,
            noise_seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number + 1),
        };
        let counts = header::CHIP.read(&image, &readout);
        let arcfile = one.shot.arcfile(&header::SITE);
        let primary = header::primary(one, &arcfile, &optics);
        let mut hdus = vec![frame::counts("PRIMARY", Header::new(), counts)];
        if one.has_fibres() {
            hdus.extend(fibres::tables(one.field.and_then(|index| fields.get(index)), seed));
        }
        night.truth.exposures.push(FibreExposure {
            arcfile: arcfile.clone(),
            dpr_type: one.shot.dpr.kind.to_owned(),
            exptime_s: one.shot.exptime_s,
            airmass: one.shot.airmass(),
            field: one
                .field
                .and_then(|index| fields.get(index))
                .map(|field| field.name.clone()),
        });
        night.files.push(ArchiveFile {
            path: format!("raw/GIRAFFE/{NIGHT}/{arcfile}"),
            content: Content::Product(frame::file(&arcfile, one.tag(), primary, hdus)),
        });
        painted = Some((one.light.clone(), image));
    }
    night
}

/// Makes the headers of the night's frames.
pub(crate) fn headers(seed: u64) -> Vec<Header> {
    let optics = Optics::h572_8();
    plan::plan(&fibres::fields(seed), FrameSize::Full)
        .iter()
        .map(|one| header::primary(one, &one.shot.arcfile(&header::SITE), &optics))
        .collect()
}
