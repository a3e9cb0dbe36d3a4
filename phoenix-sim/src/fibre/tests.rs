use ndarray::Array2;

use super::Optics;
use super::paint::{FibreProfile, FibreTrace};
use super::slit::{FibreOnSlit, N_FIBRES};

#[test]
fn the_middle_of_the_slit_obeys_the_plane_grating_equation() {
    let optics = Optics::h572_8();
    let fibre = FibreOnSlit {
        fps: 68,
        x_mm: 0.0,
        y_mm: 0.0,
        transmission: 1.0,
    };
    for lambda_nm in [562.0, 572.8, 584.0] {
        // m lambda g = sin(in) + sin(out); the camera looks along the incoming beam.
        let sine = 9.0 * lambda_nm * 1e-6 * 316.0 - optics.grating_rad.sin();
        let angle = sine.asin() - optics.grating_rad;
        let row = angle.tan() * optics.collimator_mm * optics.magnification / optics.pixel_mm + 2048.5;
        let [_, y] = optics.position(&fibre, lambda_nm).unwrap();
        assert!((y - row).abs() < 1e-6, "{lambda_nm}: {y} {row}");
    }
}

#[test]
fn the_setup_shows_its_range_on_the_detector() {
    let optics = Optics::h572_8();
    for fps in [1, 68, N_FIBRES] {
        let trace = FibreTrace::of(&optics, &FibreOnSlit::at(fps, 1.0)).unwrap();
        let ends = (trace.edges_nm[0], trace.edges_nm[4096]);
        assert!(ends.0 < 561.6 && ends.1 > 583.4, "{fps}: {ends:?}");
        assert!(trace.x.iter().all(|x| (10.0..2040.0).contains(x)), "{fps}");
    }
}

#[test]
fn the_bent_slit_makes_lines_nearly_straight() {
    let optics = Optics::h572_8();
    let row = |fps| optics.position(&FibreOnSlit::at(fps, 1.0), 572.8).unwrap()[1];
    let spread = (1..=N_FIBRES)
        .map(row)
        .fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
    assert!(spread.1 - spread.0 < 12.0, "{spread:?}");
}

#[test]
fn painted_light_is_kept_and_lies_on_the_trace() {
    let optics = Optics::h572_8().with_rows(64);
    let fibre = FibreOnSlit::at(40, 1.0);
    let trace = FibreTrace::of(&optics, &fibre).unwrap();
    let rows = trace.spectrum(|_| 1000.0);
    let mut image = Array2::zeros((64, 2048));
    trace.paint(&mut image, &FibreProfile::new(), &rows);
    for (row, electrons) in rows.iter().enumerate() {
        let line = image.row(row);
        let sum: f64 = line.iter().map(|value| f64::from(*value)).sum();
        let moment: f64 = line
            .iter()
            .enumerate()
            .map(|(x, value)| (x as f64 + 1.0) * f64::from(*value))
            .sum();
        assert!((sum / electrons - 1.0).abs() < 1e-5);
        assert!((moment / sum - trace.x[row]).abs() < 1e-3);
    }
}
