//! Catalogues of raw frames of many nights: compact headers, made as they are asked for.

use std::collections::VecDeque;

use phoenix_core::header::{Header, Key, Value};
use phoenix_core::unit::{Mjd, Night};

use super::super::{MIDNIGHT, giraffe, uves};
use super::{muse, xshooter};
use crate::random::{Purpose, Stream};

/// First night of every catalogue, 2004-04-01.
const FIRST_EVENING: f64 = 53_096.0;

/// Keys that the rule books of the four instruments name, beside those of every frame; the rest is left out.
const KEPT: [&str; 12] = [
    "ESO.DPR.",
    "ESO.TPL.",
    "ESO.OBS.",
    "ESO.SEQ.",
    "ESO.INS.MODE",
    "ESO.INS.PATH",
    "ESO.INS.GRAT",
    "ESO.INS.SLIT",
    "ESO.INS.OPTI",
    "ESO.INS.LAMP",
    "ESO.INS.EXP",
    "ESO.DET.",
];
/// What begins like a kept key and no rule asks for.
const DROPPED: [&str; 14] = [
    ".OUT1.", ".ENC", ".GRV", ".ROT", ".PSZ", ".ID.", ".GROOV", ".UIT1", ".DIT1", ".NDIT1", ".STRX", ".STRY",
    ".OUTPUTS", ".WINDOWS",
];
/// Plain keys that are kept.
const PLAIN: [&str; 8] = [
    "INSTRUME", "OBJECT", "RA", "DEC", "EXPTIME", "MJD-OBS", "DATE-OBS", "ARCFILE",
];

/// How often an instrument works in a night, and how often a setup's science goes without its calibrations.
const WORKING: f64 = 0.66;
const FORGOTTEN: f64 = 0.04;

/// A raw frame of a catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueEntry {
    /// Where a store keeps it: `raw/<INSTRUMENT>/<night>/<ARCFILE>`.
    pub path: String,
    /// The cards that rules name.
    pub header: Header,
}

/// A frame of a setup at its time within the prototype night.
struct Prototype {
    start: Mjd,
    template_start: Mjd,
    is_calib: bool,
    header: Header,
}

/// An instrument's setup with the frames of a night in it.
struct Setup {
    frames: Vec<Prototype>,
}

/// An instrument with its setups.
struct Usage {
    instrument: &'static str,
    archive: &'static str,
    /// How many setups are used in a night.
    at_once: usize,
    setups: Vec<Setup>,
}

/// The keys that change from night to night.
struct Changing {
    mjd_obs: Key,
    date_obs: Key,
    arcfile: Key,
    template_start: Key,
    obs_id: Key,
}

/// Frames of many nights, one after the other.
///
/// # Contract
/// * In order of time within a night and night after night; memory holds one night.
/// * The same seed gives the same frames.
pub struct Catalogue {
    usages: Vec<Usage>,
    keys: Changing,
    seed: u64,
    night: usize,
    n_nights: usize,
    waiting: VecDeque<CatalogueEntry>,
}

/// Returns the frames of `n_nights` nights of UVES, GIRAFFE, XSHOOTER and MUSE, about 178 a night.
pub fn catalogue(n_nights: usize, seed: u64) -> Catalogue {
    Catalogue {
        usages: usages(seed),
        keys: Changing {
            mjd_obs: Key::new("MJD-OBS"),
            date_obs: Key::new("DATE-OBS"),
            arcfile: Key::new("ARCFILE"),
            template_start: Key::new("TPL.START"),
            obs_id: Key::new("OBS.ID"),
        },
        seed,
        night: 0,
        n_nights,
        waiting: VecDeque::new(),
    }
}

impl Iterator for Catalogue {
    type Item = CatalogueEntry;

    fn next(&mut self) -> Option<CatalogueEntry> {
        while self.waiting.is_empty() && self.night < self.n_nights {
            self.fill();
            self.night += 1;
        }
        self.waiting.pop_front()
    }
}

impl Catalogue {
    /// Makes the frames of a night.
    fn fill(&mut self) {
        let mut random = Stream::new(self.seed, Purpose::Schedule, self.night as u64);
        let later = FIRST_EVENING + self.night as f64 + 1.0 - MIDNIGHT;
        let evening = Night::of(Mjd(MIDNIGHT + later)).to_string();
        let mut frames = Vec::new();
        for usage in &self.usages {
            if random.uniform(0.0, 1.0) > WORKING {
                continue;
            }
            let first = random.below(usage.setups.len());
            for (place, setup) in usage.setups.iter().cycle().skip(first).take(usage.at_once).enumerate() {
                let is_forgotten = random.uniform(0.0, 1.0) < FORGOTTEN;
                for frame in &setup.frames {
                    if is_forgotten && frame.is_calib {
                        continue;
                    }
                    // Setups of one night follow each other by some minutes; no two frames start together.
                    let start =
                        Mjd(frame.start.0 + later + (place as f64 * 97.31 + random.uniform(0.0, 3.0)) / 86_400.0);
                    frames.push((start, usage, frame, place));
                }
            }
        }
        frames.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
        let entries = frames.into_iter().map(|(start, usage, frame, place)| {
            let (instrument, archive) = (usage.instrument, usage.archive);
            let date_obs = start.to_iso();
            let arcfile = format!("{archive}.{date_obs}.fits");
            let mut header = frame.header.clone();
            let template_start = Mjd(frame.template_start.0 + later + place as f64 * 97.0 / 86_400.0);
            header.set(self.keys.mjd_obs.clone(), (start.0 * 1e8).round() / 1e8, "");
            header.set(self.keys.date_obs.clone(), date_obs, "");
            header.set(
                self.keys.template_start.clone(),
                super::super::shot::seconds(template_start),
                "",
            );
            if let Some(block) = header.get(self.keys.obs_id.clone()).and_then(Value::as_i64) {
                header.set(
                    self.keys.obs_id.clone(),
                    block + 1000 * (8 * self.night + place) as i64,
                    "",
                );
            }
            let path = format!("raw/{instrument}/{evening}/{arcfile}");
            header.set(self.keys.arcfile.clone(), arcfile, "");
            CatalogueEntry { path, header }
        });
        self.waiting.extend(entries);
    }
}

/// Makes the prototypes of all instruments.
fn usages(seed: u64) -> Vec<Usage> {
    let blue = setups(
        uves::headers(uves::Arm::Blue, seed),
        "INS.GRAT1.WLEN",
        &[346.0, 390.0, 437.0].map(Value::from),
    );
    let red = setups(
        uves::headers(uves::Arm::Red, seed),
        "INS.GRAT2.WLEN",
        &[520.0, 564.0, 580.0, 760.0, 860.0].map(Value::from),
    );
    let fibre = setups(
        giraffe::headers(seed),
        "INS.EXP.MODE",
        &["H379.0", "H447.1A", "H484.5A", "H572.8", "H665.0", "L682.2"].map(Value::from),
    );
    let usage = |instrument, archive, at_once, setups| Usage {
        instrument,
        archive,
        at_once,
        setups,
    };
    vec![
        usage("UVES", "UVES", 1, blue),
        usage("UVES", "UVES", 1, red),
        usage("GIRAFFE", "GIRAF", 1, fibre),
        usage(
            "XSHOOTER",
            "XSHOO",
            1,
            setups(xshooter::headers(seed), "INSTRUME", &["XSHOOTER".into()]),
        ),
        usage(
            "MUSE",
            "MUSE",
            1,
            setups(muse::headers(seed), "INSTRUME", &["MUSE".into()]),
        ),
    ]
}

/// Makes the frames of each setup from those of one, which differ in one key.
fn setups(headers: Vec<Header>, key: &str, values: &[Value]) -> Vec<Setup> {
    let compact: Vec<Prototype> = headers.into_iter().filter_map(prototype).collect();
    values
        .iter()
        .map(|value| Setup {
            frames: compact
                .iter()
                .map(|frame| {
                    let mut header = frame.header.clone();
                    if header.contains(key) {
                        header.set(key, value.clone(), "");
                    }
                    Prototype { header, ..*frame }
                })
                .collect(),
        })
        .collect()
}

fn prototype(mut header: Header) -> Option<Prototype> {
    let is_kept = |key: &str| {
        PLAIN.contains(&key)
            || (KEPT.iter().any(|start| key.starts_with(start)) && !DROPPED.iter().any(|part| key.contains(part)))
    };
    header.retain(|card| is_kept(card.key.as_str()));
    let mut bare = Header::new();
    for card in header.cards() {
        // Comments are of no use in a catalogue.
        bare.push(phoenix_core::header::Card {
            comment: "".into(),
            ..card.clone()
        });
    }
    let start = Mjd(bare.f64("MJD-OBS").ok()?);
    let template_start = Mjd::from_iso(bare.str("TPL.START").ok()?).ok()?;
    let is_calib = bare.str("DPR.CATG").ok()? == "CALIB";
    Some(Prototype {
        start,
        template_start,
        is_calib,
        header: bare,
    })
}
