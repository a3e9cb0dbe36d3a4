//! Fast paths give the numbers of the slow ones.

use phoenix_kernels::Numerics;
use phoenix_kernels::ifu::position::{Locator, Placer};
use phoenix_kernels::ifu::{CoordinateState, CubeGrid, Exposure, PixelTable, SpectralAxis, spectral::SpectralWcs};
use phoenix_kernels::math::System;
use phoenix_kernels::stat;
use proptest::prelude::*;

proptest! {
    #[test]
    fn series_and_textbook_agree_to_the_last_bit_after_rounding(
        dec in -89.0_f64..89.0, phi in 0.0_f32..6.25, rho in 0.0_f32..1e-3, tiny in 0.0_f32..1e-7,
    ) {
        let table = PixelTable::default();
        let exposures = [Exposure::new(&table, CoordinateState::NativeSpherical, 10.0, dec)];
        let placer = Placer::<System>::new(&exposures, 0, Numerics::Eso);
        for rho in [rho, tiny] {
            let (mut x, mut y) = ([phi], [-rho]);
            placer.place(&mut x, &mut y);
            let [tx, ty] = placer.textbook(phi, -rho);
            prop_assert_eq!((x[0].to_bits(), y[0].to_bits()), (tx.to_bits(), ty.to_bits()));
        }
    }

    #[test]
    fn fast_and_textbook_cells_agree(dec in -85.0_f64..85.0, x in -0.01_f32..0.01, y in -0.01_f32..0.01) {
        let s = 0.2 / 3600.0;
        let grid = CubeGrid {
            naxis: [300, 300, 10], crval: [10.0, dec], crpix: [150.3, 149.8], cd: [[-s, 0.0], [0.0, s]],
            celestial: true,
            spectral: SpectralWcs { axis: SpectralAxis::Awav, crval: 5000.0, crpix: 1.0, step: 1.25 },
        };
        let locator = Locator::<System>::new(&grid, [10.0, dec], Numerics::Eso);
        let (mut i, mut j) = (Vec::new(), Vec::new());
        locator.cells(&[x], &[y], &mut i, &mut j);
        prop_assert_eq!([i[0], j[0]], locator.textbook(x, y).map(|p| p.round() as i32 - 1));
    }

    #[test]
    fn the_median_splits_the_sample(mut sample in prop::collection::vec(-1e3_f64..1e3, 1..60)) {
        let n = sample.len();
        let (level, deviation) = stat::median_and_deviation(&mut sample.clone()).unwrap();
        sample.sort_by(f64::total_cmp);
        prop_assert!((level - 0.5 * (sample[(n - 1) / 2] + sample[n / 2])).abs() < 1e-12);
        let mut deviations: Vec<f64> = sample.iter().map(|v| (v - level).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        prop_assert!((deviation - 0.5 * (deviations[(n - 1) / 2] + deviations[n / 2])).abs() < 1e-12);
    }
}
