//! Nights as an archive holds them: the small MUSE night of the demonstration, with blocks worth reducing, frames that are
//! not, and the truth; and the way to the nights of raw frames that `nights` makes.

use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::product::Product;
use phoenix_core::unit::Mjd;
use serde_json::json;

use crate::conditions::Conditions;
use crate::exposure::Exposure;
use crate::geometry::{Instrument, Size};
pub use crate::nights::headers::catalogue::{Catalogue, CatalogueEntry, catalogue};
pub use crate::nights::{FibreTruth, FrameSize, SlitTruth};
use crate::nights::{giraffe as fibres, headers, uves};
use crate::observation::{Block, Observation};
use crate::offsets;
use crate::pixtable::{CoordinateState, Form};
use crate::projection::SkyPoint;
use crate::random::{Purpose, Stream};
use crate::scene::Scene;
use crate::truth::{BlockTruth, ExposureTruth, Truth};

/// The civil date of the evening of every simulated night.
pub const NIGHT: &str = "2016-05-01";

/// `OBS ID` of the block with four exposures.
pub const COMBINED_OBS_ID: i64 = 1_384_001;

/// `OBS ID` of the block with one exposure.
pub const SINGLE_OBS_ID: i64 = 1_384_007;

/// `OBS ID` of the technical block, graded C.
const TECHNICAL_OBS_ID: i64 = 1_384_022;

/// Midnight UTC within the night, 2016-05-02.
pub(crate) const MIDNIGHT: f64 = 57_510.0;

/// What a file of the archive holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Content {
    /// A FITS file.
    Product(Product),
    /// A text document.
    Text(String),
}

/// A file of the archive.
#[derive(Debug, Clone)]
pub struct ArchiveFile {
    /// Its place relative to the store, e.g. `raw/MUSE/2016-05-01/<ARCFILE>`.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// A night: the files of its archive and what is true of them.
#[derive(Debug, Clone)]
pub struct SimulatedNight<T = Truth> {
    /// The files; none stands in for another.
    pub files: Vec<ArchiveFile>,
    /// What is true of them.
    pub truth: T,
}

/// Makes a night of raw frames of UVES' blue arm at 437 nm, with its static calibrations.
///
/// # Contract
/// * The frames are what ESO's recipes take: bias, dark, format check, order definition, flats, arc, standard star and
///   three targets, one of them exposed twice.
/// * The same seed gives the same files, whatever the number of threads.
///
/// # References
/// docs/algorithms/sim-echelle.md
pub fn uves_blue(seed: u64, size: FrameSize) -> SimulatedNight<SlitTruth> {
    uves::night(uves::Arm::Blue, seed, size)
}

/// Makes a night of raw frames of UVES' red arm at 580 nm, both chips; otherwise like the blue one.
pub fn uves_red(seed: u64, size: FrameSize) -> SimulatedNight<SlitTruth> {
    uves::night(uves::Arm::Red, seed, size)
}

/// Makes the night of `phoenix demo`: about 3e5 pixels in each of five exposures.
///
/// The block of four is rotated by 0, 90, 180 and 270 degrees, dithered, and has pointing errors, flux errors, unequal
/// seeing and times; its `OFFSET_LIST` holds the truth with an error of 0.01 arcsec. Beside them lie frames that a
/// selector must leave out: an engineering mode, a standard star, a technical test and an acquisition image.
pub fn demo(seed: u64) -> SimulatedNight {
    let instrument = Instrument::demo(seed);
    let combined = combined_block(instrument, seed);
    let single = single_block(instrument, seed);
    let mut night = SimulatedNight {
        files: Vec::new(),
        truth: Truth {
            night: NIGHT.to_owned(),
            seed,
            blocks: Vec::new(),
        },
    };
    for observations in [&combined, &single] {
        night.add_block(observations);
    }
    let list = offsets::list(&combined, 0.01, seed);
    night.files.push(ArchiveFile {
        path: format!("calib/MUSE/OFFSET_LIST_{COMBINED_OBS_ID}.fits"),
        content: Content::Product(list),
    });
    for unwanted in unwanted(seed) {
        night.add_raw(
            &unwanted.arcfile(),
            unwanted.product(Form::Images, CoordinateState::Native),
        );
    }
    night.add_acquisition();
    night.files.push(ArchiveFile {
        path: format!("info/{NIGHT}.json"),
        content: Content::Text(info()),
    });
    night
}

/// Makes a night of raw frames of GIRAFFE with the Medusa fibres in setup H572.8, with its static calibrations.
///
/// # Contract
/// * The frames are what ESO's recipes take: bias, dark, fibre flats, arc, a twilight and two fields, one of them exposed
///   twice. Those through fibres carry the two tables of the positioner and the slit.
/// * The same seed gives the same files, whatever the number of threads.
///
/// # References
/// docs/algorithms/sim-fibre.md
pub fn giraffe(seed: u64, size: FrameSize) -> SimulatedNight<FibreTruth> {
    fibres::night(seed, size)
}

/// Returns the primary headers of a night of XSHOOTER, by time: three arms; stare, nod and offset, with the calibrations
/// of their cascades.
pub fn xshooter_headers(seed: u64) -> Vec<Header> {
    headers::xshooter::headers(seed)
}

/// Returns the primary headers of a night of raw MUSE frames, by time: wide field with and without adaptive optics and
/// narrow field, with the calibrations of each mode.
pub fn muse_raw_headers(seed: u64) -> Vec<Header> {
    headers::muse::headers(seed)
}

impl SimulatedNight {
    fn add_raw(&mut self, arcfile: &str, product: Product) {
        self.files.push(ArchiveFile {
            path: format!("raw/MUSE/{NIGHT}/{arcfile}"),
            content: Content::Product(product),
        });
    }

    fn add_block(&mut self, observations: &[Observation]) {
        let Some(first) = observations.first() else { return };
        let mut truth = BlockTruth {
            obs_id: first.block.obs_id,
            obs_name: first.block.obs_name.clone(),
            scene: Scene::clone(&first.exposure.scene),
            exposures: Vec::new(),
        };
        for observation in observations {
            let table = observation.exposure.table();
            truth.exposures.push(ExposureTruth::of(observation, &table));
            // Both file forms occur in archives; the odd one out is read like the others.
            let form = if observation.number == 2 {
                Form::Table
            } else {
                Form::Images
            };
            self.add_raw(
                &observation.arcfile(),
                observation.product_of(table, form, CoordinateState::Native),
            );
        }
        self.truth.blocks.push(truth);
    }

    /// Adds a header of an acquisition image; its pixels are of no interest to anyone.
    fn add_acquisition(&mut self) {
        let start = Mjd(MIDNIGHT + 1.95 / 24.0);
        let arcfile = format!("MUSE.{}.fits", start.to_iso());
        let mut header = Header::new();
        for (key, value) in [
            ("ORIGIN", "ESO-PARANAL"),
            ("TELESCOP", "ESO-VLT-U4"),
            ("INSTRUME", "MUSE"),
            ("OBJECT", "SIM-CLUSTER"),
            ("DATE-OBS", &start.to_iso()),
            ("ARCFILE", &arcfile),
            ("DPR.CATG", "ACQUISITION"),
            ("DPR.TECH", "IMAGE"),
            ("DPR.TYPE", "OBJECT"),
            ("INS.MODE", "WFM-NOAO-N"),
            ("TPL.ID", "MUSE_wfm-noao_acq_preset"),
        ] {
            header.set(key, value, "");
        }
        header.set("MJD-OBS", (start.0 * 1e8).round() / 1e8, "Obs start");
        header.set("EXPTIME", 5.0, "Integration time");
        header.set("OBS.ID", COMBINED_OBS_ID, "Observation block ID");
        let product = Product {
            tag: "OTHER".into(),
            name: arcfile.clone(),
            header,
            hdus: Vec::new(),
        };
        self.add_raw(&arcfile, product);
    }
}

fn combined_block(instrument: Instrument, seed: u64) -> Vec<Observation> {
    let centre = SkyPoint {
        ra_deg: 201.3663,
        dec_deg: -29.4411,
    };
    let scene = Arc::new(Scene::field(&instrument, centre, seed));
    let start = MIDNIGHT + 2.0 / 24.0;
    let block = Arc::new(Block::science(COMBINED_OBS_ID, "SIM-CLUSTER", Mjd(start), 4));
    let exposure = |number: usize| {
        let i = number - 1;
        let mut random = Stream::new(seed, Purpose::Pointing, i as u64);
        let mut error = || 0.35 * random.normal().clamp(-2.0, 2.0);
        Conditions {
            // Start of the template, then 18 minutes from exposure to exposure.
            start: Mjd(start + (23.417 + 1080.211 * i as f64) / 86_400.0),
            exptime_s: [900.0, 900.0, 900.0, 600.0][i],
            posang_deg: 90.0 * i as f64,
            dither_arcsec: [[0.0, 0.0], [0.53, -0.37], [-0.61, 0.29], [0.22, 0.68]][i],
            pointing_error_arcsec: [error(), error()],
            fwhm_arcsec: [0.72, 0.80, 0.68, 0.86][i],
            flux_scale: [1.0, 0.965, 1.02, 0.94][i],
            refraction_residual: 0.02,
            seed,
            noise_seed: seed,
            ..Conditions::default()
        }
    };
    (1..=4)
        .map(|number| Observation {
            block: Arc::clone(&block),
            number,
            exposure: Exposure::new(instrument, Arc::clone(&scene), exposure(number)),
        })
        .collect()
}

fn single_block(instrument: Instrument, seed: u64) -> Vec<Observation> {
    let centre = SkyPoint {
        ra_deg: 218.0472,
        dec_deg: -18.0155,
    };
    let scene = Arc::new(Scene::field(&instrument, centre, seed.wrapping_add(1)));
    let start = MIDNIGHT + 4.5 / 24.0;
    let conditions = Conditions {
        start: Mjd(start + 19.803 / 86_400.0),
        exptime_s: 1200.0,
        posang_deg: 30.0,
        fwhm_arcsec: 0.75,
        refraction_residual: 0.02,
        seed,
        noise_seed: seed,
        ..Conditions::default()
    };
    vec![Observation {
        block: Arc::new(Block::science(SINGLE_OBS_ID, "SIM-GALAXY", Mjd(start), 1)),
        number: 1,
        exposure: Exposure::new(instrument, scene, conditions),
    }]
}

/// Reduced tables that are no science exposures of a known mode, small because nothing is made of them.
fn unwanted(seed: u64) -> Vec<Observation> {
    let size = Size {
        n_ifu: 1,
        n_slices: 12,
        width: 8,
        n_lambda: 20,
    };
    let instrument = Instrument::new(size, 6280.0, seed);
    let centre = SkyPoint {
        ra_deg: 190.0,
        dec_deg: -25.0,
    };
    let scene = Arc::new(Scene::empty(centre));
    let observe = |hour: f64, change: &dyn Fn(Block) -> Block| {
        let start = Mjd(MIDNIGHT + hour / 24.0);
        let conditions = Conditions {
            start: Mjd(start.0 + 11.5 / 86_400.0),
            exptime_s: 60.0,
            seed,
            noise_seed: seed,
            ..Conditions::default()
        };
        Observation {
            block: Arc::new(change(Block::science(0, "SIM", start, 1))),
            number: 1,
            exposure: Exposure::new(instrument, Arc::clone(&scene), conditions),
        }
    };
    let engineering = |block| Block {
        obs_id: 1_384_020,
        obs_name: "WFM-SIM-ENGINEERING".to_owned(),
        // So the mode reads in headers of commissioning.
        ins_mode: "ENGINEERING".to_owned(),
        ..block
    };
    let standard = |block| Block {
        obs_id: 1_384_021,
        obs_name: "WFM-SIM-STANDARD".to_owned(),
        template_id: "MUSE_wfm-noao_cal_specphot".to_owned(),
        template_name: "Spectrophotometric standard".to_owned(),
        dpr_catg: "CALIB".to_owned(),
        dpr_type: "STD".to_owned(),
        ..block
    };
    let technical = |block| Block {
        obs_id: TECHNICAL_OBS_ID,
        obs_name: "WFM-SIM-FOCUS-TEST".to_owned(),
        template_id: "MUSE_wfm-noao_tec_focus".to_owned(),
        template_name: "Focus test".to_owned(),
        dpr_catg: "TECHNICAL".to_owned(),
        ..block
    };
    vec![
        observe(0.8, &engineering),
        observe(1.2, &standard),
        observe(6.0, &technical),
    ]
}

/// The night log's comments and grades.
fn info() -> String {
    let block = |ob_id: i64, target: &str, grade: &str, comments: &[(&str, &str)]| {
        let comments: Vec<_> = comments.iter().map(|(time, text)| format!("{time} {text}")).collect();
        json!({
            "obs_id": ob_id,
            "name": format!("WFM-{target}"),
            "prog_id": "097.B-0001(A)",
            "grade": grade,
            "comments": comments,
        })
    };
    let log = json!({
        "night": NIGHT,
        "blocks": [
            block(COMBINED_OBS_ID, "SIM-CLUSTER", "A", &[
                ("2016-05-02T01:58:12", "photometric, seeing 0.7 to 0.9"),
                ("2016-05-02T03:10:40", "last exposure shortened for a target of opportunity"),
            ]),
            block(SINGLE_OBS_ID, "SIM-GALAXY", "B", &[
                ("2016-05-02T04:55:03", "thin cirrus in the north, OB within constraints"),
            ]),
            block(TECHNICAL_OBS_ID, "SIM-FOCUS-TEST", "C", &[
                ("2016-05-02T06:03:30", "technical time, not for science"),
            ]),
        ],
    });
    format!("{log:#}\n")
}

#[cfg(test)]
mod tests {
    use super::{Content, NIGHT, demo};
    use crate::truth::Truth;
    use phoenix_core::unit::{Mjd, Night};
    use std::collections::BTreeSet;

    #[test]
    fn every_frame_lies_in_the_folder_of_its_night_under_its_own_name() -> Result<(), Box<dyn std::error::Error>> {
        let night = demo(1);
        let paths: BTreeSet<&str> = night.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), night.files.len());
        let evening: Night = NIGHT.parse()?;
        for file in &night.files {
            let Content::Product(product) = &file.content else {
                continue;
            };
            assert!(evening.contains(Mjd::from_iso(product.header.str("DATE-OBS")?)?));
            if file.path.starts_with("raw/") {
                let arcfile = product.header.str("ARCFILE")?;
                assert_eq!(file.path, format!("raw/MUSE/{NIGHT}/{arcfile}"));
            }
        }
        Ok(())
    }

    #[test]
    fn the_truth_reads_back_from_json_and_names_both_blocks() -> Result<(), Box<dyn std::error::Error>> {
        let truth = demo(1).truth;
        assert_eq!(
            truth.blocks.iter().map(|b| b.exposures.len()).collect::<Vec<_>>(),
            [4, 1]
        );
        assert_eq!(Truth::from_json(&truth.to_json()?)?, truth);
        let hits: usize = truth.blocks[0].exposures.iter().map(|e| e.hits.len()).sum();
        assert!(hits > 200, "{hits}");
        Ok(())
    }

    #[test]
    fn the_same_seed_makes_the_same_night() {
        assert_eq!(demo(4).truth, demo(4).truth);
        assert_ne!(demo(4).truth, demo(5).truth);
    }
}
