use super::paint::{Canvas, LineImage};
use super::setup::{blue_437, lower_580, upper_580};
use super::slit::SlitProfile;
use super::trace::Trace;
use crate::thar::ArcLine;

#[test]
fn light_of_the_blaze_leaves_the_echelle_on_its_axis() {
    for format in [blue_437(), lower_580(), upper_580()] {
        for order in format.orders() {
            let [along, _] = format.direction(order, format.blaze_lambda_nm(order)).unwrap();
            assert!(along.abs() < 1e-12, "{order}: {along}");
        }
    }
}

#[test]
fn the_grating_equation_holds_along_an_order() {
    // In Littrow along the blaze: m lambda g = cos(off) (sin(blaze) + sin(blaze + x)), x the angle along the dispersion
    // about the grooves; solved here by hand from the tangents, with the direction taken apart the other way round.
    let format = blue_437();
    let (sin_blaze, cos_off) = (76.0_f64.to_radians().sin(), 0.8_f64.to_radians().cos());
    let order = 110;
    let central = format.blaze_lambda_nm(order);
    for part in [-0.004, -0.001, 0.002, 0.004] {
        let lambda_nm = central * (1.0 + part);
        let sine = f64::from(order) * lambda_nm * 1e-6 * 41.59 / cos_off - sin_blaze;
        let angle = sine.asin() - 76.0_f64.to_radians();
        let [u, v] = format.direction(order, lambda_nm).unwrap();
        // The cross disperser keeps the component along its grooves: sin(x) cos(off) = u / |(u, v, 1)|.
        let kept = u / (u * u + v * v + 1.0).sqrt();
        assert!((kept - angle.sin() * cos_off).abs() < 1e-12, "{part}: {kept} {angle}");
    }
}

#[test]
fn a_pixel_is_about_the_size_that_the_manual_states() {
    // UVES user manual: 437 nm setting, 373 to 499 nm; about 0.0019 to 0.0026 nm per pixel.
    let format = blue_437();
    let trace = |order| Trace::of(&format, order, 1).unwrap();
    assert!((trace(124).range_nm().0 - 373.0).abs() < 1.0);
    assert!((trace(94).range_nm().1 - 499.0).abs() < 2.0);
    for order in format.orders() {
        let edges = trace(order).edges_nm;
        let pixel_nm = edges[1500] - edges[1499];
        assert!((0.0018..0.0028).contains(&pixel_nm), "{order}: {pixel_nm}");
    }
}

#[test]
fn a_trace_is_where_the_geometry_puts_its_wavelengths() {
    let format = lower_580();
    let trace = Trace::of(&format, 117, 2).unwrap();
    assert_eq!(trace.y.len(), 2048);
    for column in [0, 700, 2047] {
        let lambda_nm = 0.5 * (trace.edges_nm[column] + trace.edges_nm[column + 1]);
        let [x, y] = format.position(117, lambda_nm).unwrap();
        assert!(((x - 0.5) / 2.0 + 0.5 - (column + 1) as f64).abs() < 1e-3);
        assert!(((y - 0.5) / 2.0 + 0.5 - trace.y[column]).abs() < 1e-3);
    }
}

#[test]
fn a_painted_line_has_its_flux_and_place() {
    let format = blue_437();
    let traces = [Trace::of(&format, 110, 1).unwrap()];
    let mut canvas = Canvas::new(&format, &traces, 1);
    let line = ArcLine {
        lambda_nm: format.blaze_lambda_nm(110),
        intensity: 2.0,
    };
    let point = SlitProfile::Point {
        centre_px: 0.0,
        sigma_px: 1.5,
    };
    let image = LineImage {
        electrons: 500.0,
        resolution: 50_000.0,
        tilt: 0.0,
    };
    canvas.add_lines(&point, &image, &[line]);
    let [x, y] = format.position(110, line.lambda_nm).unwrap();
    let (mut sum, mut mx, mut my) = (0.0, 0.0, 0.0);
    for ((iy, ix), value) in canvas.expected_e.indexed_iter() {
        let value = f64::from(*value);
        sum += value;
        mx += value * (ix as f64 + 1.0);
        my += value * (iy as f64 + 1.0);
    }
    assert!((sum - 1000.0).abs() < 0.01, "{sum}");
    assert!((mx / sum - x).abs() < 1e-4 && (my / sum - y).abs() < 1e-4);
}

#[test]
fn a_continuum_keeps_its_photons_whatever_the_binning() {
    let format = blue_437();
    let sum = |binning| {
        let traces = [Trace::of(&format, 105, binning).unwrap()];
        let mut canvas = Canvas::new(&format, &traces, binning);
        let point = SlitProfile::Point {
            centre_px: 0.0,
            sigma_px: 2.0 / binning as f64,
        };
        canvas.add_spectrum(&point, |lambda_nm| 1e5 * lambda_nm / 440.0);
        canvas.expected_e.iter().map(|value| f64::from(*value)).sum::<f64>()
    };
    assert!((sum(1) / sum(2) - 1.0).abs() < 1e-4);
}
