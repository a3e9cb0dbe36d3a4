//! What is exposed in a night of GIRAFFE, and when.

use phoenix_core::unit::Mjd;

use super::super::shot::{Block, Dpr, Shot, Template};
use super::super::{FrameSize, MIDNIGHT};
use super::fibres::Field;
use super::light::Light;

/// Time between the end of an exposure and the start of the next: the readout.
const READOUT_S: f64 = 50.0;

/// An exposure with what lights the fibres.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) shot: Shot,
    pub(crate) light: Light,
    /// Index of the field that the fibres are set to.
    pub(crate) field: Option<usize>,
}

impl Planned {
    /// The tag of ESO's recipes.
    pub(crate) fn tag(&self) -> &'static str {
        match self.shot.dpr.kind {
            "BIAS" => "BIAS",
            "DARK" => "DARK",
            "LAMP,FLAT" => "FIBER_FLAT",
            "LAMP,WAVE" => "ARC_SPECTRUM",
            "SKY" => "SKY_FLAT",
            _ => "SCIENCE",
        }
    }

    /// Tells whether the frame comes with the tables of the fibres.
    pub(crate) fn has_fibres(&self) -> bool {
        self.shot.dpr.tech == "MOS"
    }
}

/// A run of like exposures.
struct Run {
    hour: f64,
    n: usize,
    exptime_s: f64,
    dpr: Dpr,
    template: &'static str,
    light: Light,
    field: Option<usize>,
}

/// Plans the night, by time.
pub(crate) fn plan(fields: &[Field], size: FrameSize) -> Vec<Planned> {
    let mut planned: Vec<Planned> = runs(fields, size)
        .into_iter()
        .flat_map(|run| exposures(&run, fields))
        .collect();
    planned.sort_by(|a, b| a.shot.start.0.total_cmp(&b.shot.start.0));
    planned
}

fn runs(fields: &[Field], size: FrameSize) -> Vec<Run> {
    let is_small = size == FrameSize::Small;
    let run = |hour, n, exptime_s, (kind, tech), template, light| Run {
        hour,
        n,
        exptime_s,
        dpr: Dpr {
            catg: "CALIB",
            kind,
            tech,
        },
        template,
        light,
        field: None,
    };
    let mut runs = vec![
        run(-4.0, 3, 1800.0, ("DARK", "IMAGE"), "FLAMES_giraf_cal_dark", Light::None),
        run(-1.1, 1, 30.0, ("SKY", "MOS"), "FLAMES_giraf_cal_sky", Light::Twilight),
        run(
            10.1,
            3,
            30.0,
            ("LAMP,FLAT", "MOS"),
            "FLAMES_giraf_cal_flat",
            Light::Flat,
        ),
        run(
            10.4,
            1,
            120.0,
            ("LAMP,WAVE", "MOS"),
            "FLAMES_giraf_cal_wave",
            Light::Arc,
        ),
        run(
            10.7,
            if is_small { 3 } else { 5 },
            0.0,
            ("BIAS", "IMAGE"),
            "FLAMES_giraf_cal_bias",
            Light::None,
        ),
    ];
    for (index, field) in fields.iter().enumerate() {
        runs.push(Run {
            hour: field.hour,
            n: if is_small { 1 } else { field.n_exposures },
            exptime_s: field.exptime_s,
            dpr: Dpr {
                catg: "SCIENCE",
                kind: "OBJECT",
                tech: "MOS",
            },
            template: "FLAMES_giraf_obs_exp",
            light: Light::Field(field.name.clone()),
            field: Some(index),
        });
    }
    runs
}

fn exposures(run: &Run, fields: &[Field]) -> Vec<Planned> {
    let start = Mjd(MIDNIGHT + run.hour / 24.0);
    let field = run.field.and_then(|index| fields.get(index));
    let block = match (field, run.field) {
        (Some(field), Some(index)) => Block {
            id: 1_384_200 + index as i64,
            name: format!("GIR-{}", field.name),
            prog_id: "097.D-0003(A)",
        },
        _ => Block {
            id: 200_160_601,
            name: "Calibration".to_owned(),
            prog_id: "60.A-9022(B)",
        },
    };
    (0..run.n)
        .map(|index| {
            let after_s = 9.871 + index as f64 * (run.exptime_s + READOUT_S + 0.171);
            Planned {
                shot: Shot {
                    start: Mjd(start.0 + after_s / 86_400.0),
                    exptime_s: run.exptime_s,
                    dpr: run.dpr,
                    object: field.map_or_else(|| run.dpr.kind.to_owned(), |field| field.name.clone()),
                    place: field.map(|field| field.centre),
                    template: Template {
                        id: run.template.to_owned(),
                        start,
                        number: index + 1,
                        n_exposures: run.n,
                    },
                    block: block.clone(),
                },
                light: run.light.clone(),
                field: run.field,
            }
        })
        .collect()
}
