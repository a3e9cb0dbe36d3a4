//! What follows from the accepted science exposures together: times, lists, provenance.

use std::collections::BTreeSet;

use phoenix_core::header::{Header, Value};
use phoenix_core::unit::Mjd;

use super::{ConvertInput, Faults, InputHeader};
use crate::frames::{frame_id, time_of};

/// The science exposures of one product.
#[derive(Debug, Default)]
pub(super) struct Exposures {
    /// Start of the earliest.
    pub mjd_start: f64,
    /// End of the latest, overheads included where the header knows them.
    pub mjd_end: f64,
    /// Sum of all exposure times in seconds.
    pub total_s: f64,
    /// How many raw science frames.
    pub count: i64,
    /// Start of the earliest as text.
    stamp: String,
    /// Observing programmes, telescopes, techniques, without repetition, in order of time.
    pub programmes: Vec<String>,
    pub telescopes: Vec<String>,
    pub techniques: Vec<String>,
    /// Observing blocks, without repetition, in order of time.
    pub ob_ids: Vec<i64>,
    /// Names of the raw frames, without suffix, in order of time.
    pub provenance: Vec<String>,
}

/// One exposure or, where the inputs are not at hand, the product itself.
struct Exposure<'a> {
    header: &'a Header,
    mjd: f64,
    exptime_s: f64,
    n_raw: i64,
    raws: Vec<String>,
}

/// The exposures of the target: frames of the sky beside it are not counted, frames of nothing but sky are the target.
fn on_target(inputs: &[InputHeader]) -> impl Iterator<Item = &InputHeader> {
    let is_sky = |input: &InputHeader| {
        let says_sky = |key: &str| {
            let text = input.header.str(key).unwrap_or_default();
            text.split(',').any(|part| part.trim() == "SKY")
        };
        says_sky("DPR.TYPE") || says_sky("DPR.TECH")
    };
    let is_mixed = inputs.iter().any(|input| !is_sky(input));
    inputs.iter().filter(move |input| !(is_mixed && is_sky(input)))
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}

/// Tells whether a name is that of a raw frame, and returns it without suffix.
fn raw_name(name: &str) -> Option<String> {
    let stem = frame_id(name).map_or_else(|| name.to_owned(), |id| id.to_string());
    let (_, time) = stem.split_once('.')?;
    (time.contains('T') && Mjd::from_iso(time).is_ok()).then_some(stem)
}

/// Returns the raw science frames that a product's own records name.
fn recorded_raws(header: &Header) -> Vec<String> {
    let mut raws = Vec::new();
    for card in header.cards() {
        let key = card.key.as_str();
        let is_name = key.starts_with("ESO.PRO.REC") && key.contains(".RAW") && key.strip_suffix(".NAME").is_some();
        if !is_name {
            continue;
        }
        let category = header.str(key.replace(".NAME", ".CATG").as_str());
        if let (Some(raw), Ok("OBJECT")) = (card.value.as_str().and_then(raw_name), category) {
            push_new(&mut raws, raw);
        }
    }
    raws
}

impl<'a> Exposure<'a> {
    fn of_input(input: &'a InputHeader, faults: &mut Faults) -> Option<Self> {
        let header = &input.header;
        let mut need = |key: &str| match header.f64(key) {
            Ok(value) if value.is_finite() => Some(value),
            Ok(value) => {
                faults.add(format!("frame {}: key {key} is {value}", input.id));
                None
            }
            Err(error) => {
                faults.add(format!("frame {}: {error}", input.id));
                None
            }
        };
        // Sub-integrations count all; detectors in the infrared state the time of one as EXPTIME.
        let sub = header.f64("DET.DIT").ok().zip(header.f64("DET.NDIT").ok());
        let exptime_s = match sub.map(|(dit_s, n)| dit_s * n).filter(|time_s| *time_s > 0.0) {
            Some(time_s) => Some(time_s),
            None => need("EXPTIME"),
        };
        let mjd = time_of(header).map(|mjd| mjd.0);
        if mjd.is_none() {
            need("MJD-OBS");
        }
        let arcfile = header.str("ARCFILE").ok().and_then(raw_name);
        Some(Self {
            header,
            mjd: mjd?,
            exptime_s: exptime_s?,
            n_raw: 1,
            raws: vec![arcfile.unwrap_or_else(|| input.id.to_string())],
        })
    }

    /// Takes a combined product for its exposures, all alike: only its own header is at hand.
    fn of_product(header: &'a Header, faults: &mut Faults) -> Option<Self> {
        let whole = InputHeader {
            id: "the product".into(),
            header: header.clone(),
        };
        let one = Exposure::of_input(&whole, faults)?;
        let n_raw = header.i64("PRO.DATANCOM").unwrap_or(1).max(1);
        let mut raws = recorded_raws(header);
        if raws.is_empty() {
            raws.clone_from(&one.raws);
        }
        Some(Self {
            header,
            mjd: one.mjd,
            exptime_s: one.exptime_s * n_raw as f64,
            n_raw,
            raws,
        })
    }

    /// The end: what the header says, and never before start and exposure time say.
    fn mjd_end(&self) -> f64 {
        let shortest = self.mjd + self.exptime_s / 86_400.0;
        let stated = self.header.f64("MJD-END").unwrap_or(shortest);
        if stated.is_finite() {
            stated.max(shortest)
        } else {
            shortest
        }
    }
}

impl Exposures {
    pub(super) fn gather(input: &ConvertInput<'_>, faults: &mut Faults) -> Self {
        let mut exposures: Vec<Exposure<'_>> = if input.inputs.is_empty() {
            Exposure::of_product(&input.product.header, faults)
                .into_iter()
                .collect()
        } else {
            on_target(input.inputs)
                .filter_map(|frame| Exposure::of_input(frame, faults))
                .collect()
        };
        exposures.sort_by(|a, b| a.mjd.total_cmp(&b.mjd).then_with(|| a.raws.cmp(&b.raws)));
        let mut all = Self {
            mjd_start: f64::INFINITY,
            mjd_end: f64::NEG_INFINITY,
            ..Self::default()
        };
        let mut seen = BTreeSet::new();
        for exposure in &exposures {
            all.mjd_start = all.mjd_start.min(exposure.mjd);
            all.mjd_end = all.mjd_end.max(exposure.mjd_end());
            all.total_s += exposure.exptime_s;
            all.count += exposure.n_raw;
            for raw in &exposure.raws {
                if seen.insert(raw.clone()) {
                    all.provenance.push(raw.clone());
                }
            }
            all.collect(exposure.header, input);
        }
        if let Some(first) = exposures.first() {
            let stated = first
                .header
                .str("DATE-OBS")
                .ok()
                .filter(|text| Mjd::from_iso(text).is_ok());
            all.stamp = stated.map_or_else(|| Mjd(first.mjd).to_iso(), |text| text.trim().to_owned());
        }
        all.complain(faults);
        all
    }

    fn collect(&mut self, header: &Header, input: &ConvertInput<'_>) {
        let text = |key: &str| {
            header
                .str(key)
                .ok()
                .or_else(|| input.product.header.str(key).ok())
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let noted = input
            .block
            .map(|block| block.prog_id.clone())
            .filter(|id| !id.is_empty());
        if let Some(programme) = text("OBS.PROG.ID").or(noted) {
            push_new(&mut self.programmes, programme);
        }
        if let Some(telescope) = text("TELESCOP") {
            push_new(&mut self.telescopes, telescope);
        }
        if let Some(technique) = text("DPR.TECH").or_else(|| text("PRO.TECH")) {
            push_new(&mut self.techniques, technique);
        }
        let ob_id = header
            .i64("OBS.ID")
            .or_else(|_| input.product.header.i64("OBS.ID"))
            .ok()
            .or_else(|| input.block.map(|block| block.ob_id));
        if let Some(ob_id) = ob_id {
            push_new(&mut self.ob_ids, ob_id);
        }
    }

    fn complain(&self, faults: &mut Faults) {
        if self.count == 0 {
            faults.add("no science exposure has both a start and an exposure time");
        }
        for (list, what) in [
            (&self.programmes, "key ESO.OBS.PROG.ID"),
            (&self.telescopes, "key TELESCOP"),
        ] {
            if list.is_empty() {
                faults.add(format!("{what} is missing in every science exposure"));
            }
        }
        if self.ob_ids.is_empty() {
            faults.add("key ESO.OBS.ID is missing in every science exposure");
        }
    }

    /// Returns the start of the earliest exposure as it stands in names.
    pub(super) fn first_stamp(&self) -> String {
        self.stamp.clone()
    }
}

/// Spells a modified Julian date with eight decimals, as the standard asks.
pub(super) fn mjd_value(mjd: f64) -> Value {
    Value::Real(mjd, Some(format!("{mjd:.8}").into()))
}
