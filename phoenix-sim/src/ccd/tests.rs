use ndarray::{Array2, s};

use super::{Ccd, Readout};

const CHIP: Ccd = Ccd {
    conad_e_per_adu: 1.9,
    ron_e: 3.9,
    bias_adu: 150.0,
    prescan: 50,
    overscan: 50,
    dark_e_per_h: 0.0,
    response_scatter: 0.0,
    cosmics_per_h: 0.0,
};

fn readout(noise_seed: u64) -> Readout {
    Readout {
        exptime_s: 600.0,
        binning: 1,
        chip_seed: 5,
        noise_seed,
    }
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (
        mean,
        values.map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0),
    )
}

#[test]
fn variance_is_that_of_photons_and_read_noise() {
    for expected_e in [0.0_f32, 20.0, 400.0, 20_000.0] {
        let counts = CHIP.read(&Array2::from_elem((200, 500), expected_e), &readout(3));
        let light = counts.slice(s![.., 50..550]);
        let tilt = |column: usize| super::BIAS_GRADIENT_ADU * ((column + 50) as f64 / 600.0 - 0.5);
        let (mean, variance) = moments(light.indexed_iter().map(|((_, x), v)| f64::from(*v) - tilt(x)));
        let gain = CHIP.conad_e_per_adu;
        let model = (f64::from(expected_e) + CHIP.ron_e.powi(2)) / gain.powi(2) + 1.0 / 12.0;
        // 1e5 pixels: the variance is known to 0.45 %, the mean to a hundredth of the noise and a half.
        assert!(
            (variance / model - 1.0).abs() < 0.02,
            "{expected_e}: {variance} {model}"
        );
        let level = 150.0 + f64::from(expected_e) / gain;
        assert!(
            (mean - level).abs() < 0.02 * model.sqrt(),
            "{expected_e}: {mean} {level}"
        );
    }
}

#[test]
fn prescan_and_overscan_hold_bias_alone() {
    let counts = CHIP.read(&Array2::from_elem((100, 300), 5000.0), &readout(4));
    assert_eq!(counts.dim(), (100, 400));
    for scan in [s![.., ..50], s![.., 350..]] {
        let (mean, variance) = moments(counts.slice(scan).iter().map(|v| f64::from(*v)));
        assert!((mean - 150.0).abs() < 1.0, "{mean}");
        assert!((variance.sqrt() * CHIP.conad_e_per_adu / CHIP.ron_e - 1.0).abs() < 0.05);
    }
}

#[test]
fn the_same_seed_reads_the_same_counts() {
    let light = Array2::from_elem((40, 60), 100.0);
    assert_eq!(CHIP.read(&light, &readout(1)), CHIP.read(&light, &readout(1)));
    assert_ne!(CHIP.read(&light, &readout(1)), CHIP.read(&light, &readout(2)));
}

#[test]
fn pixels_keep_their_response_from_readout_to_readout() {
    let chip = Ccd {
        response_scatter: 0.1,
        ..CHIP
    };
    let light = Array2::from_elem((50, 50), 40_000.0);
    let flat = |seed| chip.read(&light, &readout(seed)).mapv(f64::from);
    let (a, b) = (flat(1), flat(2));
    let (_, alone) = moments(a.slice(s![.., 50..100]).iter().copied());
    let ratio = &a / &b;
    let (_, divided) = moments(ratio.slice(s![.., 50..100]).iter().copied());
    assert!(alone.sqrt() > 1500.0, "{alone}");
    assert!(divided.sqrt() < 0.01, "{divided}");
}

#[test]
fn cosmic_rays_grow_with_time() {
    let chip = Ccd {
        cosmics_per_h: 1e-3,
        ..CHIP
    };
    let dark = Array2::zeros((300, 300));
    let hit = |exptime_s| {
        let counts = chip.read(
            &dark,
            &Readout {
                exptime_s,
                ..readout(9)
            },
        );
        counts.iter().filter(|value| **value > 200).count()
    };
    let (short, long) = (hit(360.0), hit(7200.0));
    assert!(long > 200 && short < long / 8, "{short} {long}");
}
