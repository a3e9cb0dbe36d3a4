//! The settings of UVES that are simulated: blue arm at 437 nm, red arm at 580 nm with its two chips.

use super::{Camera, CrossDisperser, Echelle, Format};

/// Dekker et al. 2000, Proc. SPIE 4008, 534, table 2: R4 echelles of 41.59 and 31.6 grooves per millimetre.
const BLUE: Echelle = Echelle {
    grooves_per_mm: 41.59,
    blaze_deg: 76.0,
    off_plane_deg: 0.8,
};
const RED: Echelle = Echelle {
    grooves_per_mm: 31.6,
    blaze_deg: 75.04,
    off_plane_deg: 0.8,
};

/// Cross disperser 2 (660 grooves per millimetre, header keys `INS GRAT1 GRV`, `ROT`) turned to 437 nm.
const CD2_437: CrossDisperser = CrossDisperser {
    grooves_per_mm: 660.0,
    incidence_deg: 32.011_481,
    camera_deg: -13.988_519,
};
/// Cross disperser 3 (600 grooves per millimetre, `INS GRAT2 GRV`, `ROT`) turned to 580 nm.
const CD3_580: CrossDisperser = CrossDisperser {
    grooves_per_mm: 600.0,
    incidence_deg: 33.534_891,
    camera_deg: -11.801_109,
};

/// Returns the blue chip at 437 nm.
///
/// The camera's terms are a fit to the positions that ESO's predictor gives for 1,706 lines, 0.004 pixels rms.
pub fn blue_437() -> Format {
    Format {
        echelle: BLUE,
        cross_disperser: CD2_437,
        camera: Camera {
            x: [
                1410.813, -23.652, 11.582, 0.420, -0.078, 2387.646, 23.197, -40.393, 10.939, 0.162, 11.418, -42.426,
                -1.461, -0.225, -0.663,
            ],
            y: [
                1024.968, 2413.566, 20.295, -12.366, 10.899, 23.212, 1.828, -11.967, 0.122, -31.806, -86.709, -26.829,
                -0.703, -0.031, 0.837,
            ],
        },
        first_order: 94,
        last_order: 124,
        n_x: 3000,
        n_y: 2048,
        shift: [0.0, 0.0],
    }
}

/// Returns the lower red chip (REDL) at 580 nm; fit to 962 lines, 0.012 pixels rms.
pub fn lower_580() -> Format {
    Format {
        echelle: RED,
        cross_disperser: CD3_580,
        camera: Camera {
            x: [
                2331.249, -2.636, -22.373, 1.983, -0.991, 3401.667, 61.207, 5.894, 17.312, 38.492, 66.688, 160.232,
                13.322, 1.136, 5.231,
            ],
            y: [
                2094.240, 3300.910, -18.645, -23.086, 18.802, -8.084, -64.540, -79.017, -4.975, -64.446, -58.416,
                -8.250, 0.533, 0.791, 0.843,
            ],
        },
        first_order: 106,
        last_order: 128,
        n_x: 4096,
        n_y: 2048,
        shift: [0.0, 0.0],
    }
}

/// Returns the upper red chip (REDU) at 580 nm; fit to 577 lines, 0.021 pixels rms.
pub fn upper_580() -> Format {
    Format {
        echelle: RED,
        cross_disperser: CD3_580,
        camera: Camera {
            x: [
                2333.785, 1.931, 28.080, 2.915, -0.857, 3392.656, 103.837, -108.407, 6.279, 50.444, -97.035, 174.777,
                12.027, 3.717, 4.654,
            ],
            y: [
                -53.422, 3388.931, -33.320, -22.076, 6.590, -17.177, 48.145, -41.330, -1.718, -12.095, -273.349,
                417.622, -0.947, 3.637, 0.792,
            ],
        },
        first_order: 90,
        last_order: 104,
        n_x: 4096,
        n_y: 2048,
        shift: [0.0, 0.0],
    }
}
