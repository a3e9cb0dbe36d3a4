//! Fields of targets, and the two tables in which a raw frame says which fibre looks where.

use phoenix_core::product::{ColumnData, Hdu};

use super::super::frame::{column, table};
use super::super::target::Star;
use super::FibreTarget;
use crate::fibre::slit::{FibreOnSlit, N_FIBRES};
use crate::projection::SkyPoint;
use crate::random::{Purpose, Stream};

/// Buttons on the plate, one for each fibre that is not the calibration lamp's.
const N_BUTTONS: usize = N_FIBRES - 5;

/// Every so many buttons one is left on empty sky.
const SKY_EVERY: usize = 8;

/// A field of view with a target for each button.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) centre: SkyPoint,
    pub(crate) hour: f64,
    pub(crate) n_exposures: usize,
    pub(crate) exptime_s: f64,
    pub(crate) targets: Vec<FibreTarget>,
}

/// Makes the fields of a night.
pub(crate) fn fields(seed: u64) -> Vec<Field> {
    [
        ("SIM-CLUSTER-1", 201.70, -47.48, 1.0, 2, 1800.0),
        ("SIM-CLUSTER-2", 245.90, -26.53, 4.6, 1, 2400.0),
    ]
    .into_iter()
    .zip(0_u64..)
    .map(|((name, ra_deg, dec_deg, hour, n_exposures, exptime_s), index)| {
        let centre = SkyPoint { ra_deg, dec_deg };
        Field {
            name: name.to_owned(),
            centre,
            hour,
            n_exposures,
            exptime_s,
            targets: targets(centre, seed, 1000 * (index + 1)),
        }
    })
    .collect()
}

fn targets(centre: SkyPoint, seed: u64, first: u64) -> Vec<FibreTarget> {
    let mut random = Stream::new(seed, Purpose::Targets, first);
    (1..=N_BUTTONS)
        .map(|button| {
            let place = centre.offset(random.uniform(-600.0, 600.0), random.uniform(-600.0, 600.0));
            let flux_550 = 6.0e-15 * libm::pow(10.0, -0.4 * random.uniform(0.0, 2.0));
            let name = format!("STAR{button:03}");
            let star = Star::with_forest(&name, place, flux_550, (555.0, 592.0), (seed, first + button as u64));
            FibreTarget {
                button,
                star: (button % SKY_EVERY != 0).then_some(star),
            }
        })
        .collect()
}

/// Makes the tables of a frame; without a field the plate is set for calibration.
pub(crate) fn tables(field: Option<&Field>, seed: u64) -> Vec<Hdu> {
    vec![plate(field, seed), slit()]
}

/// The table of the positioner: a row for each button.
fn plate(field: Option<&Field>, seed: u64) -> Hdu {
    let mut random = Stream::new(seed, Purpose::Schedule, 7);
    let buttons: Vec<usize> = (1..=N_BUTTONS).collect();
    let target = |button: usize| field.and_then(|field| field.targets.get(button - 1));
    let star = |button: usize| target(button).and_then(|target| target.star.as_ref());
    let is_sky = |button: usize| target(button).is_some_and(|target| target.star.is_none());
    let centre = field.map_or(
        SkyPoint {
            ra_deg: 0.0,
            dec_deg: -24.6,
        },
        |field| field.centre,
    );
    let place = |button: usize| star(button).map_or(centre, |star| star.place);
    let real = |of: &dyn Fn(usize) -> f64| ColumnData::F64(buttons.iter().map(|button| of(*button)).collect());
    let name = |button: usize| match star(button) {
        Some(star) => star.name.clone(),
        None if is_sky(button) => format!("SKY{button:03}"),
        None => "Calibration".to_owned(),
    };
    let magnitude = |button: usize| star(button).map_or(0.0, |star| -2.5 * libm::log10(star.flux_550 / 3.63e-9));
    let zeros = || ColumnData::F64(vec![0.0; N_BUTTONS]);
    let radius: Vec<f64> = buttons.iter().map(|_| random.uniform(5.0, 200.0)).collect();
    let angle: Vec<f64> = buttons
        .iter()
        .map(|_| random.uniform(0.0, std::f64::consts::TAU))
        .collect();
    let texts = |of: &dyn Fn(usize) -> String| ColumnData::Text(buttons.iter().map(|button| of(*button)).collect());
    table(
        "OzPoz_table",
        vec![
            column("OBJECT", None, texts(&name)),
            column("RA", Some("deg"), real(&|button| place(button).ra_deg)),
            column("DEC", Some("deg"), real(&|button| place(button).dec_deg)),
            column("R", None, ColumnData::F64(radius)),
            column("R_ERROR", None, zeros()),
            column("THETA", None, ColumnData::F64(angle)),
            column("THETA_ERROR", None, zeros()),
            column(
                "TYPE",
                None,
                texts(&|button| if is_sky(button) { "S" } else { "M" }.to_owned()),
            ),
            column(
                "BUTTON",
                None,
                ColumnData::I32(buttons.iter().map(|button| *button as i32).collect()),
            ),
            column("PRIORITY", None, ColumnData::I16(vec![1; N_BUTTONS])),
            column("ORIENT", None, zeros()),
            column("IN_TOL", None, ColumnData::Bool(vec![true; N_BUTTONS])),
            column("MAGNITUDE", None, real(&magnitude)),
            column("COMMENTS", None, texts(&|_| "simulated".to_owned())),
        ],
    )
}

/// Names of the retractors in the order of the slit.
pub(crate) fn retractors() -> Vec<String> {
    let mut n_calibration = 0;
    (1..=N_FIBRES)
        .map(|fps| {
            FibreOnSlit::at(fps, 1.0).button().map_or_else(
                || {
                    n_calibration += 1;
                    format!("Calibration {n_calibration}")
                },
                |button| button.to_string(),
            )
        })
        .collect()
}

/// The table of the slit: which fibre ends where. Its numbers are texts, as the recipes insist.
fn slit() -> Hdu {
    let texts = |of: &dyn Fn(usize) -> String| ColumnData::Text((1..=N_FIBRES).map(of).collect());
    let button = |fps: usize| {
        FibreOnSlit::at(fps, 1.0)
            .button()
            .map_or_else(|| "-1".to_owned(), |button| button.to_string())
    };
    table(
        "FLAMES FIBRE Table",
        vec![
            column("Slit", None, texts(&|_| "Medusa1".to_owned())),
            column("FPS", None, texts(&|fps| fps.to_string())),
            column("SSN", None, texts(&|fps| ((fps - 1) / 9 + 1).to_string())),
            column("PSSN", None, texts(&|fps| ((fps - 1) % 9 + 1).to_string())),
            column("Retractor", None, ColumnData::Text(retractors())),
            column("BN", None, texts(&button)),
            column("FBN", None, texts(&button)),
            column("FPD", None, ColumnData::I32((1..=N_FIBRES as i32).collect())),
            column("RP", None, texts(&button)),
        ],
    )
}
