//! Seeded star fields as an integral-field spectrograph's white-light images show them.

use ndarray::Array2;
use phoenix_kernels::align::SkyImage;
use phoenix_kernels::ifu::celestial::Gnomonic;
use phoenix_kernels::math::Portable;

const ARCSEC: f64 = 1.0 / 3600.0;
/// Standard deviation of the background; stars have as much photon noise as a gain of 1 gives.
const NOISE: f64 = 3.0;
/// Pixels of a side of an upright image.
const SIDE: usize = 300;
const CENTRE: [f64; 2] = [150.1, -27.5];

/// Steele, Lea and Flood's mixing of a counter.
struct Stream(u64);

impl Stream {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }
}

/// Exposures and the truth about them.
pub(crate) struct Field {
    pub(crate) images: Vec<SkyImage>,
    /// Header minus truth, arcsec on the sky.
    pub(crate) offsets: Vec<[f64; 2]>,
    pub(crate) transparency: Vec<f64>,
    /// Right ascension and declination in degrees, flux.
    pub(crate) stars: Vec<[f64; 3]>,
}

struct Shape {
    size: [usize; 2],
    turn_deg: f64,
    is_rough: bool,
}

fn expose(stars: &[[f64; 3]], truth: &Gnomonic, shape: &Shape, transparency: f64, stream: &mut Stream) -> Array2<f32> {
    let [nx, ny] = shape.size;
    let mut pixels = Array2::from_elem((ny, nx), 20.0);
    // Moffat profiles of seeing between 0.6 and 1.1 arcsec.
    let fwhm = stream.between(3.0, 5.5);
    let beta = 2.8;
    let core = fwhm / (2.0 * (2.0_f64.powf(1.0 / beta) - 1.0).sqrt());
    for [ra, dec, flux] in stars {
        let [x, y] = truth.pixel::<Portable>(*ra, *dec);
        let height = flux * transparency * (beta - 1.0) / (std::f64::consts::PI * core * core);
        let near = |centre: f64, n: usize| (centre as usize).saturating_sub(30).min(n)..(centre as usize + 30).min(n);
        for row in near(y, ny) {
            for column in near(x, nx) {
                let r2 = (column as f64 + 1.0 - x).powi(2) + (row as f64 + 1.0 - y).powi(2);
                pixels[(row, column)] += height * (1.0 + r2 / (core * core)).powf(-beta);
            }
        }
    }
    let mut image = pixels.mapv(|level| {
        let sigma = (NOISE * NOISE + (level - 20.0)).sqrt();
        (level + sigma * stream.normal()) as f32
    });
    if shape.is_rough {
        for ((y, x), pixel) in image.indexed_iter_mut() {
            if x < 7 || y < 4 || x + 5 > nx || (x > 150 && x < 154) {
                *pixel = f32::NAN;
            }
        }
        for _ in 0..30 {
            let at = [ny, nx].map(|n| (stream.uniform() * n as f64) as usize);
            image[at] = 5e4;
        }
    }
    image
}

impl Field {
    /// Upright exposures with dithers of some arcsec and pointing errors of about 1 arcsec.
    pub(crate) fn new(seed: u64, n_exposures: usize, n_stars: usize) -> Self {
        Self::build(seed, n_exposures, n_stars, false, [3.2, 5.0])
    }

    /// Stars of 5 to 20 sigma of the filtered image in the clearest exposure at 0.85 arcsec seeing.
    pub(crate) fn faint(seed: u64, n_exposures: usize, n_stars: usize) -> Self {
        Self::build(seed, n_exposures, n_stars, false, [2.05, 2.65])
    }

    /// Exposures that are turned, of unlike size, with missing borders and columns and hot pixels.
    pub(crate) fn rough(seed: u64, n_exposures: usize, n_stars: usize) -> Self {
        Self::build(seed, n_exposures, n_stars, true, [3.2, 5.0])
    }

    /// One exposure of a field ten arcminutes away.
    pub(crate) fn away(seed: u64) -> SkyImage {
        let field = Self::build(seed, 1, 12, false, [3.2, 5.0]);
        let image = &field.images[0];
        let mut wcs = *image.wcs();
        wcs.crval[1] += 0.17;
        SkyImage::new(image.pixels().clone(), wcs).unwrap()
    }

    /// An exposure of the same stars whose header is right, of another size, turned, and of other seeing and depth.
    pub(crate) fn true_image(&self, seed: u64) -> SkyImage {
        let mut stream = Stream(seed ^ 0x1234_5678_9abc_def0);
        let shape = Shape {
            size: [340, 320],
            turn_deg: 30.0,
            is_rough: false,
        };
        let (sin, cosine) = shape.turn_deg.to_radians().sin_cos();
        let scale = 0.2 * ARCSEC;
        let wcs = Gnomonic {
            crval: CENTRE,
            crpix: shape.size.map(|n| n as f64 * 0.5),
            cd: [[-scale * cosine, scale * sin], [scale * sin, scale * cosine]],
        };
        let pixels = expose(&self.stars, &wcs, &shape, 2.0, &mut stream);
        SkyImage::new(pixels, wcs).unwrap()
    }

    /// Places of the stars, degrees, as a catalogue with errors of some arcsec along each axis has them.
    pub(crate) fn places(&self, seed: u64, error_arcsec: f64) -> Vec<[f64; 2]> {
        let mut stream = Stream(seed ^ 0x0f1e_2d3c_4b5a_6978);
        let cos = CENTRE[1].to_radians().cos();
        let mut miss = || error_arcsec * ARCSEC * stream.normal();
        self.stars
            .iter()
            .map(|[ra, dec, _]| [ra + miss() / cos, dec + miss()])
            .collect()
    }

    fn build(seed: u64, n_exposures: usize, n_stars: usize, is_rough: bool, fluxes: [f64; 2]) -> Self {
        let mut stream = Stream(seed.wrapping_mul(0x0001_0000_01b3) ^ 0xcbf2_9ce4_8422_2325);
        let cos = CENTRE[1].to_radians().cos();
        let side = SIDE;
        let half = side as f64 * 0.1 - 6.0;
        let stars: Vec<[f64; 3]> = (0..n_stars)
            .map(|_| {
                [
                    CENTRE[0] + stream.between(-half, half) * ARCSEC / cos,
                    CENTRE[1] + stream.between(-half, half) * ARCSEC,
                    10.0_f64.powf(stream.between(fluxes[0], fluxes[1])),
                ]
            })
            .collect();
        let mut field = Self {
            images: Vec::new(),
            offsets: Vec::new(),
            transparency: Vec::new(),
            stars,
        };
        for _ in 0..n_exposures {
            let shape = Shape {
                size: if is_rough {
                    [0, 1].map(|_| stream.between(260.0, 330.0) as usize)
                } else {
                    [side; 2]
                },
                turn_deg: if is_rough { stream.between(0.0, 360.0) } else { 0.0 },
                is_rough,
            };
            let dither = [0, 1].map(|_| stream.between(-3.0, 3.0));
            let offset = [0, 1].map(|_| stream.normal());
            let transparency = stream.between(0.7, 1.0);
            let (sin, cosine) = shape.turn_deg.to_radians().sin_cos();
            let scale = 0.2 * ARCSEC;
            let truth = Gnomonic {
                crval: [CENTRE[0] + dither[0] * ARCSEC / cos, CENTRE[1] + dither[1] * ARCSEC],
                crpix: [shape.size[0] as f64 * 0.5, shape.size[1] as f64 * 0.5],
                cd: [[-scale * cosine, scale * sin], [scale * sin, scale * cosine]],
            };
            let pixels = expose(&field.stars, &truth, &shape, transparency, &mut stream);
            let header = Gnomonic {
                crval: [
                    truth.crval[0] + offset[0] * ARCSEC / cos,
                    truth.crval[1] + offset[1] * ARCSEC,
                ],
                ..truth
            };
            field.images.push(SkyImage::new(pixels, header).unwrap());
            field.offsets.push(offset);
            field.transparency.push(transparency);
        }
        field
    }
}
