//! ESO's recipes take the simulated tables and find the sky that was put in.

use std::sync::Arc;

use phoenix_core::unit::Mjd;
use phoenix_sim::SkyPoint;
use phoenix_sim::conditions::Conditions;
use phoenix_sim::exposure::Exposure;
use phoenix_sim::geometry::Instrument;
use phoenix_sim::observation::{Block, Observation};
use phoenix_sim::offsets;
use phoenix_sim::pixtable::{CoordinateState, Form};
use phoenix_sim::psf::Moffat;
use phoenix_sim::scene::Scene;
use phoenix_sim::truth::{Contribution, Expectation};
use phoenix_testkit::peers;

use crate::support;

const CENTRE: SkyPoint = SkyPoint {
    ra_deg: 201.3663,
    dec_deg: -29.4411,
};

/// No rejection, because every rejected pixel would be a source's; and drops as large as the pixels: smaller ones move
/// a star by up to 0.13 pixels, depending on where the few input pixels lie.
const OPTIONS: [&str; 2] = ["--crsigma=0", "--pixfrac=1"];

/// Two exposures at right angles with pointing errors, without cosmic rays: what is rejected then is a source.
fn pair() -> Vec<Observation> {
    let instrument = Instrument::demo(21);
    let scene = Arc::new(Scene::field(&instrument, CENTRE, 21));
    let start = Mjd(57_510.1);
    let block = Arc::new(Block::science(1, "SIM", start, 2));
    (0..2)
        .map(|i| {
            let conditions = Conditions {
                start: Mjd(start.0 + 0.001 + 0.012 * i as f64),
                posang_deg: 90.0 * i as f64,
                dither_arcsec: [[0.0, 0.0], [0.43, -0.31]][i],
                pointing_error_arcsec: [[0.3, -0.2], [-0.25, 0.4]][i],
                flux_scale: [1.0, 0.9][i],
                fwhm_arcsec: [0.75, 0.85][i],
                cosmic_rate: 0.0,
                ..Conditions::default()
            };
            Observation {
                block: Arc::clone(&block),
                number: i + 1,
                exposure: Exposure::new(instrument, Arc::clone(&scene), conditions),
            }
        })
        .collect()
}

fn contribution(observation: &Observation) -> Contribution {
    let conditions = &observation.exposure.conditions;
    Contribution {
        psf: Moffat {
            fwhm_arcsec: conditions.fwhm_arcsec,
        },
        weight: conditions.exptime_s,
        flux_scale: 1.0,
    }
}

/// Compares the photometric stars of a cube with the truth.
///
/// # Panics
/// If a star lies elsewhere by 0.1 pixel or has another flux than within a percent.
fn assert_stars(what: &str, cube: &support::Cube, scene: &Scene, contributions: &[Contribution]) {
    let (n_wave, n_y, n_x) = cube.data.dim();
    let truth = Expectation::on_header(scene, contributions, &cube.header, [n_wave, n_y, n_x]).unwrap();
    let stars = truth.photometry(&cube.data, Some(&cube.stat), 1.2).unwrap();
    assert!(stars.len() >= 3, "{what}: only {} stars are in the cube", stars.len());
    for star in stars {
        assert!(star.n_planes > n_wave / 2, "{what}: {star:?}");
        assert!(star.dx.hypot(star.dy) < 0.1, "{what}: {star:?}");
        assert!((star.measured / star.expected - 1.0).abs() < 0.01, "{what}: {star:?}");
    }
}

#[test]
fn exp_combine_finds_the_stars_where_the_truth_has_them() {
    let Some(esorex) = peers::esorex("muse_exp_combine") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let observations = pair();
    let forms = [Form::Images, Form::Table];
    let tables: Vec<_> = observations
        .iter()
        .zip(forms)
        .map(|(one, form)| support::write(folder.path(), one.product(form, CoordinateState::Native)).unwrap())
        .collect();
    let list = support::write(folder.path(), offsets::list(&observations, 0.0, 1)).unwrap();
    let inputs = [
        (tables[0].as_path(), "PIXTABLE_REDUCED"),
        (tables[1].as_path(), "PIXTABLE_REDUCED"),
        (list.as_path(), "OFFSET_LIST"),
    ];
    let out = support::run(&esorex, folder.path(), "muse_exp_combine", &OPTIONS, &inputs);
    let cube = support::cube(&out.join("DATACUBE_FINAL.fits")).unwrap();
    let parts: Vec<_> = observations.iter().map(contribution).collect();
    assert_stars("combine", &cube, &observations[0].exposure.scene, &parts);
}

#[test]
fn make_cube_takes_tables_in_every_state_and_form() {
    let Some(esorex) = peers::esorex("muse_scipost_make_cube") else {
        return;
    };
    let mut observation = pair().remove(0);
    observation.exposure.conditions.pointing_error_arcsec = [0.0, 0.0];
    for (state, form) in [
        (CoordinateState::Native, Form::Table),
        (CoordinateState::Positioned, Form::Images),
        (CoordinateState::Pixel, Form::Images),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let table = support::write(folder.path(), observation.product(form, state)).unwrap();
        // The recipe looks for this tag alone; the state is in the file.
        let inputs = [(table.as_path(), "PIXTABLE_OBJECT")];
        let out = support::run(&esorex, folder.path(), "muse_scipost_make_cube", &OPTIONS, &inputs);
        let cube = support::cube(&out.join("DATACUBE_FINAL.fits")).unwrap();
        if state == CoordinateState::Pixel {
            // Such a cube has no celestial coordinates; its size is the field's.
            let (_, n_y, n_x) = cube.data.dim();
            assert!((48..=50).contains(&n_y) && (48..=51).contains(&n_x), "{n_y} {n_x}");
        } else {
            let parts = [contribution(&observation)];
            assert_stars(&format!("{state:?}"), &cube, &observation.exposure.scene, &parts);
        }
    }
}

#[test]
fn files_are_clean_for_fitsverify_and_readable_for_mpdaf() {
    let folder = tempfile::tempdir().unwrap();
    let observations = pair();
    let products = [
        observations[0].product(Form::Images, CoordinateState::Native),
        observations[1].product(Form::Table, CoordinateState::Native),
        offsets::list(&observations, 0.0, 1),
    ];
    let paths = products.map(|product| support::write(folder.path(), product).unwrap());
    if let Some(complaints) = peers::fitsverify(&[&paths[0], &paths[1], &paths[2]]) {
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
    let Some(python) = peers::python(&["mpdaf.drs", "numpy"]) else {
        return;
    };
    let script = "import sys\nfrom mpdaf.drs import PixTable\n\
        for name in sys.argv[1:]:\n t = PixTable(name)\n \
        print(t.nrows, *(int(v) for v in (t.origin2slice(t.get_origin()).max(), t.origin2ifu(t.get_origin()).max())))\n";
    let output = std::process::Command::new(python)
        .args(["-c", script])
        .args(&paths[..2])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let n = observations[0].exposure.instrument.n_pixels();
    assert_eq!(
        text,
        format!("{n} 48 4\n{n} 48 4\n"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
