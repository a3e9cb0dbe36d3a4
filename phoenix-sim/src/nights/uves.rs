//! Nights of UVES: raw frames of one arm, static calibrations and what is true of them.

mod header;
mod light;
mod plan;
mod statics;

use ndarray::Array2;
use phoenix_core::header::Header;
use phoenix_core::product::Product;
use serde::{Deserialize, Serialize};

use super::frame;
use super::{FrameSize, NIGHT, Star};
use crate::ccd::{Ccd, Readout};
use crate::echelle::trace::Trace;
use crate::echelle::{Format, setup};
use crate::night::{ArchiveFile, Content, SimulatedNight};
use crate::random::{Purpose, Stream};
use header::Chip;
use light::Light;
use plan::Planned;

/// Which arm a night is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    Blue,
    Red,
}

/// What is true of a chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChipTruth {
    /// `BLUE`, `REDL` or `REDU`, as product tags end.
    pub name: String,
    /// The detector.
    pub ccd: Ccd,
    /// The spectral format.
    pub format: Format,
    /// Pixels summed along both axes.
    pub binning: usize,
}

impl ChipTruth {
    /// Returns where light falls, in binned pixels of the image with the dispersion along x, counted from 1.
    pub fn position(&self, order: u32, lambda_nm: f64) -> Option<[f64; 2]> {
        let binning = self.binning as f64;
        let unbinned = self.format.position(order, lambda_nm)?;
        Some(unbinned.map(|pixel| (pixel - 0.5) / binning + 0.5))
    }
}

/// What is true of an exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlitExposure {
    /// Its name in the archive.
    pub arcfile: String,
    /// `DPR TYPE`.
    pub dpr_type: String,
    /// `EXPTIME`.
    pub exptime_s: f64,
    /// Mean airmass.
    pub airmass: f64,
    /// The star on the slit.
    pub star: Option<Star>,
}

/// What is true of a night of a slit spectrograph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlitTruth {
    /// Civil date of the evening.
    pub night: String,
    /// Seed of the night.
    pub seed: u64,
    /// Wavelength over full width at half maximum.
    pub resolution: f64,
    /// The chips.
    pub chips: Vec<ChipTruth>,
    /// The exposures, by time.
    pub exposures: Vec<SlitExposure>,
}

/// Resolution times slit width in arcsec (Dekker et al. 2000: 41,400 and 38,700).
const RESOLUTION_SLIT: [f64; 2] = [41_400.0, 38_700.0];

impl Arm {
    fn resolution(self, slit_width_arcsec: f64) -> f64 {
        RESOLUTION_SLIT[usize::from(self == Self::Red)] / slit_width_arcsec
    }

    /// The chips in the order of the extensions, displaced as gratings are from night to night.
    fn chips(self, binning: usize, seed: u64) -> Vec<ChipTruth> {
        let mut random = Stream::new(seed, Purpose::Shape, 0);
        // Both chips of the red arm see the same gratings.
        let shift = [random.uniform(-1.5, 1.5), random.uniform(-1.5, 1.5)];
        let chip = |name: &str, ccd, format: Format| ChipTruth {
            name: name.to_owned(),
            ccd,
            format: Format { shift, ..format },
            binning,
        };
        match self {
            Self::Blue => vec![chip("BLUE", header::EEV_BLUE, setup::blue_437())],
            Self::Red => vec![
                chip("REDU", header::MIT_RED, setup::upper_580()),
                chip("REDL", header::EEV_RED, setup::lower_580()),
            ],
        }
    }
}

/// Makes a night: bias, dark, format check, order definition, flats, arc, a standard star and three targets.
pub(crate) fn night(arm: Arm, seed: u64, size: FrameSize) -> SimulatedNight<SlitTruth> {
    let binning = match size {
        FrameSize::Small => 2,
        FrameSize::Full => 1,
    };
    let chips = arm.chips(binning, seed);
    let resolution = arm.resolution(plan::SLIT_WIDTH_ARCSEC);
    let traces: Vec<Vec<Trace>> = chips.iter().map(traces).collect();
    let planned = plan::plan(arm, seed);
    let mut night = SimulatedNight {
        files: statics::files(),
        truth: SlitTruth {
            night: NIGHT.to_owned(),
            seed,
            resolution,
            chips: chips.clone(),
            exposures: Vec::new(),
        },
    };
    // Frames of one lamp and slit differ in noise alone.
    let mut painted: Option<(Light, Vec<Array2<f32>>)> = None;
    for (number, one) in planned.iter().enumerate() {
        let images = match painted.take() {
            Some((light, images)) if light == one.light => images,
            _ => chips
                .iter()
                .zip(&traces)
                .map(|(chip, traces)| light::paint(arm, chip, traces, one, resolution))
                .collect(),
        };
        let product = expose(arm, &chips, one, &images, frame_seed(seed, number));
        night.truth.exposures.push(SlitExposure {
            arcfile: product.name.clone(),
            dpr_type: one.shot.dpr.kind.to_owned(),
            exptime_s: one.shot.exptime_s,
            airmass: one.shot.airmass(),
            star: one.star.clone(),
        });
        night.files.push(ArchiveFile {
            path: format!("raw/UVES/{NIGHT}/{}", product.name),
            content: Content::Product(product),
        });
        painted = Some((one.light.clone(), images));
    }
    night
}

/// Makes the headers of the night's frames, full size, as planning reads them: primary cards with those of the chip.
pub(crate) fn headers(arm: Arm, seed: u64) -> Vec<Header> {
    let chips = arm.chips(1, seed);
    plan::plan(arm, seed)
        .iter()
        .map(|one| {
            let mut primary = header::primary(arm, one, &one.shot.arcfile(&header::SITE));
            header::window(arm, &mut primary, &chips);
            primary
        })
        .collect()
}

fn traces(chip: &ChipTruth) -> Vec<Trace> {
    let format = &chip.format;
    format
        .orders()
        .filter_map(|order| Trace::of(format, order, chip.binning))
        .collect()
}

/// Seeds of the frames of a night share nothing with each other nor with those of the next night's.
fn frame_seed(seed: u64, number: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number as u64 + 1)
}

fn expose(arm: Arm, chips: &[ChipTruth], one: &Planned, images: &[Array2<f32>], seed: u64) -> Product {
    let arcfile = one.shot.arcfile(&header::SITE);
    let mut primary = header::primary(arm, one, &arcfile);
    let mut hdus = Vec::new();
    for (index, (chip, image)) in (0_u64..).zip(chips.iter().zip(images)) {
        let readout = Readout {
            exptime_s: one.shot.exptime_s,
            binning: chip.binning,
            chip_seed: 100 + index + if arm == Arm::Red { 10 } else { 0 },
            noise_seed: seed.wrapping_add(index << 40),
        };
        let counts = chip.ccd.read(&as_read_out(arm, image), &readout);
        let cards = header::chip(Chip::of(&chip.name), chip, counts.dim());
        match arm {
            Arm::Blue => {
                primary.merge(&cards);
                hdus.push(frame::counts("PRIMARY", Header::new(), counts));
            }
            Arm::Red => hdus.push(frame::counts(&chip.name, cards, counts)),
        }
    }
    header::window(arm, &mut primary, chips);
    frame::file(&arcfile, one.tag(arm), primary, hdus)
}

/// Turns an image with the dispersion along x into the orientation of the readout.
///
/// The blue chip is read along the columns of the spectrum, beginning at its red end; the red ones are mirrored about
/// the second diagonal (observed from the frames that ESO's recipes take).
fn as_read_out(arm: Arm, image: &Array2<f32>) -> Array2<f32> {
    let mut turned = image.t().to_owned();
    turned.invert_axis(ndarray::Axis(0));
    if arm == Arm::Red {
        turned.invert_axis(ndarray::Axis(1));
    }
    turned.as_standard_layout().into_owned()
}
