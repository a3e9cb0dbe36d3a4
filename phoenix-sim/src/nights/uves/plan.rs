//! What is exposed in a night of UVES, and when.

use phoenix_core::unit::Mjd;

use super::super::shot::{Block, Dpr, Shot, Template};
use super::super::target::Star;
use super::super::{MIDNIGHT, target::Absorption};
use super::Arm;
use super::light::Light;
use crate::projection::SkyPoint;

/// Width of the slit in all exposures.
pub(crate) const SLIT_WIDTH_ARCSEC: f64 = 1.0;
/// Length of the slit of flats, arcs and stars.
pub(crate) const SLIT_LENGTH_ARCSEC: f64 = 8.0;
/// Length of the slit that marks the orders.
pub(crate) const PINHOLE_ARCSEC: f64 = 0.5;

/// Time between the ends and starts of exposures: the readout.
const READOUT_S: f64 = 45.0;

/// Position of the standard star, J2000.
pub(crate) const STANDARD: (&str, SkyPoint) = (
    "LTT3864",
    SkyPoint {
        ra_deg: 158.056_7,
        dec_deg: -35.628_3,
    },
);

/// An exposure with what is on the slit.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) shot: Shot,
    pub(crate) light: Light,
    pub(crate) star: Option<Star>,
    pub(crate) slit_length_arcsec: f64,
}

/// A run of like exposures.
struct Run {
    hour: f64,
    n: usize,
    exptime_s: f64,
    dpr: Dpr,
    template: &'static str,
    light: Light,
    slit_length_arcsec: f64,
    star: Option<Star>,
    block: Block,
}

const fn calib(kind: &'static str, tech: &'static str) -> Dpr {
    Dpr {
        catg: "CALIB",
        kind,
        tech,
    }
}

impl Planned {
    /// The tag of ESO's recipes.
    pub(crate) fn tag(&self, arm: Arm) -> &'static str {
        let is_blue = arm == Arm::Blue;
        match (self.shot.dpr.kind, is_blue) {
            ("BIAS", true) => "BIAS_BLUE",
            ("BIAS", false) => "BIAS_RED",
            ("DARK", true) => "DARK_BLUE",
            ("DARK", false) => "DARK_RED",
            ("LAMP,FMTCHK", true) => "ARC_LAMP_FORM_BLUE",
            ("LAMP,FMTCHK", false) => "ARC_LAMP_FORM_RED",
            ("LAMP,ORDERDEF", true) => "ORDER_FLAT_BLUE",
            ("LAMP,ORDERDEF", false) => "ORDER_FLAT_RED",
            ("LAMP,FLAT", true) => "FLAT_BLUE",
            ("LAMP,FLAT", false) => "FLAT_RED",
            ("LAMP,WAVE", true) => "ARC_LAMP_BLUE",
            ("LAMP,WAVE", false) => "ARC_LAMP_RED",
            ("STD", true) => "STANDARD_BLUE",
            ("STD", false) => "STANDARD_RED",
            (_, true) => "SCI_POINT_BLUE",
            (_, false) => "SCI_POINT_RED",
        }
    }
}

/// Plans the night, by time.
pub(crate) fn plan(arm: Arm, seed: u64) -> Vec<Planned> {
    let mut planned: Vec<Planned> = runs(arm, seed)
        .into_iter()
        .flat_map(|run| exposures(arm, &run))
        .collect();
    planned.sort_by(|a, b| a.shot.start.0.total_cmp(&b.shot.start.0));
    planned
}

fn runs(arm: Arm, seed: u64) -> Vec<Run> {
    // The red side of a halogen lamp is brighter and its pixels are wider in wavelength.
    let flat_s = if arm == Arm::Red { 10.0 } else { 20.0 };
    let daily = |id: i64, name: &str| Block {
        id: 200_160_500 + id,
        name: name.to_owned(),
        prog_id: "60.A-9022(A)",
    };
    let lamp = |hour, n, exptime_s, kind, template, light, slit_length_arcsec| Run {
        hour,
        n,
        exptime_s,
        dpr: calib(kind, "ECHELLE"),
        template,
        light,
        slit_length_arcsec,
        star: None,
        block: daily(1, "Calibration"),
    };
    let closed = |hour, n, exptime_s, kind, template| Run {
        hour,
        n,
        exptime_s,
        dpr: calib(kind, "IMAGE"),
        template,
        light: Light::None,
        slit_length_arcsec: SLIT_LENGTH_ARCSEC,
        star: None,
        block: daily(2, "Calibration"),
    };
    let standard = Run {
        hour: -0.7,
        n: 1,
        exptime_s: 600.0,
        dpr: calib("STD", "ECHELLE"),
        template: "cal_stdstar",
        light: Light::Star(STANDARD.0.to_owned()),
        slit_length_arcsec: SLIT_LENGTH_ARCSEC,
        star: Some(standard_star()),
        block: daily(3, "Standard"),
    };
    let mut runs = vec![
        lamp(-4.0, 1, 30.0, "LAMP,FMTCHK", "cal_fmtchk", Light::Arc, PINHOLE_ARCSEC),
        lamp(
            -3.8,
            1,
            flat_s,
            "LAMP,ORDERDEF",
            "cal_orderdef",
            Light::Flat,
            PINHOLE_ARCSEC,
        ),
        lamp(-3.6, 1, 45.0, "LAMP,WAVE", "cal_wave", Light::Arc, SLIT_LENGTH_ARCSEC),
        lamp(
            10.2,
            5,
            flat_s,
            "LAMP,FLAT",
            "cal_flatfree",
            Light::Flat,
            SLIT_LENGTH_ARCSEC,
        ),
        closed(10.6, 5, 0.0, "BIAS", "cal_bias"),
        closed(9.0, 3, 900.0, "DARK", "cal_dark"),
        standard,
    ];
    let targets = [
        ("SIM-STAR-A", 186.42, -18.31, 6.0e-14, 0.3, 2, 1200.0),
        ("SIM-STAR-B", 215.87, -41.06, 2.5e-14, 2.1, 1, 1800.0),
        ("SIM-STAR-C", 262.10, -25.53, 1.2e-14, 5.4, 1, 2400.0),
    ];
    for (index, (name, ra_deg, dec_deg, flux_550, hour, n, exptime_s)) in (1_u32..).zip(targets) {
        let place = SkyPoint { ra_deg, dec_deg };
        runs.push(Run {
            hour,
            n,
            exptime_s,
            dpr: Dpr {
                catg: "SCIENCE",
                kind: "OBJECT,POINT",
                tech: "ECHELLE",
            },
            template: "obs_exp",
            light: Light::Star(name.to_owned()),
            slit_length_arcsec: SLIT_LENGTH_ARCSEC,
            star: Some(Star::with_forest(
                name,
                place,
                flux_550,
                (300.0, 1000.0),
                (seed, index.into()),
            )),
            block: Block {
                id: 1_384_100 + i64::from(index),
                name: format!("UVES-{name}"),
                prog_id: "097.D-0002(A)",
            },
        });
    }
    runs
}

/// The standard star: smooth but for its Balmer lines; the spectrum is invented, only the place is a real star's.
pub(crate) fn standard_star() -> Star {
    let balmer = [(410.17, 0.35), (434.05, 0.35), (486.13, 0.35), (656.28, 0.3)];
    Star {
        name: STANDARD.0.to_owned(),
        place: STANDARD.1,
        flux_550: 4.9e-14,
        slope: -1.2,
        lines: balmer
            .map(|(lambda_nm, depth)| Absorption {
                lambda_nm,
                depth,
                sigma_nm: 0.6,
            })
            .to_vec(),
    }
}

fn exposures(arm: Arm, run: &Run) -> Vec<Planned> {
    let (mode, open_s) = match arm {
        Arm::Blue => ("blue", 12.347),
        Arm::Red => ("red", 14.258),
    };
    let start = Mjd(MIDNIGHT + run.hour / 24.0);
    (0..run.n)
        .map(|index| {
            // Shutters open some seconds after the template starts, never on a whole second, the red arm's last.
            let after_s = open_s + index as f64 * (run.exptime_s + READOUT_S + 0.113);
            let shot = Shot {
                start: Mjd(start.0 + after_s / 86_400.0),
                exptime_s: run.exptime_s,
                dpr: run.dpr,
                object: run
                    .star
                    .as_ref()
                    .map_or_else(|| run.dpr.kind.to_owned(), |star| star.name.clone()),
                place: run.star.as_ref().map(|star| star.place),
                template: Template {
                    id: format!("UVES_{mode}_{}", run.template),
                    start,
                    number: index + 1,
                    n_exposures: run.n,
                },
                block: run.block.clone(),
            };
            Planned {
                shot,
                light: run.light.clone(),
                star: run.star.clone(),
                slit_length_arcsec: run.slit_length_arcsec,
            }
        })
        .collect()
}
