use ndarray::Array2;

use super::{NO_DATA, PlotError, PreviewSpec, render};
use crate::celestial::SkyWcs;
use crate::plot::{ColourMap, Stretch};
use phoenix_core::header::Header;

fn image() -> Array2<f32> {
    let mut image = Array2::from_shape_fn((30, 40), |(y, x)| {
        let r_squared = (x as f32 - 20.0).powi(2) + (y as f32 - 15.0).powi(2);
        100.0 * (-r_squared / 40.0).exp() + ((7 * x + 3 * y) % 5) as f32
    });
    image[[0, 0]] = f32::NAN;
    image
}

fn wcs() -> SkyWcs {
    let mut header = Header::new();
    header.set("CTYPE1", "RA---TAN", "");
    header.set("CTYPE2", "DEC--TAN", "");
    for (key, number) in [
        ("CRVAL1", 150.0),
        ("CRVAL2", 2.0),
        ("CRPIX1", 20.0),
        ("CRPIX2", 15.0),
        ("CD1_1", -0.2 / 3600.0),
        ("CD1_2", 0.0),
        ("CD2_1", 0.0),
        ("CD2_2", 0.2 / 3600.0),
    ] {
        header.set(key, number, "");
    }
    SkyWcs::from_header(&header, 40, 30).unwrap()
}

fn decoded(bytes: &[u8]) -> (Vec<u8>, u32, u32) {
    let decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (pixels, info.width, info.height)
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let spec = PreviewSpec::new("MUSE.2014-12-08")
        .with_subtitle("white light")
        .with_unit("count");
    let first = render(&spec, &image(), Some(&wcs())).unwrap();
    assert_eq!(first, render(&spec, &image(), Some(&wcs())).unwrap());
}

#[test]
fn a_small_field_grows_by_a_whole_factor_and_missing_pixels_are_grey() {
    let spec = PreviewSpec::new("t").with_side_px(400);
    let (pixels, width, height) = decoded(&render(&spec, &image(), None).unwrap());
    // 40 x 30 pixels grow tenfold; the margins are 256 and 138.
    assert_eq!((width, height), (400 + 256, 300 + 138));
    // The first FITS pixel is the lower left block of ten by ten.
    let at = |x: u32, y: u32| {
        let start = 3 * (y * width + x) as usize;
        [pixels[start], pixels[start + 1], pixels[start + 2]]
    };
    for (x, y) in [(128, 72 + 299), (137, 72 + 290)] {
        assert_eq!(at(x, y), [NO_DATA[0], NO_DATA[1], NO_DATA[2]]);
    }
    assert_ne!(at(138, 72 + 299), at(137, 72 + 299));
}

#[test]
fn every_stretch_and_map_draws_images_of_any_shape() {
    for stretch in [Stretch::Asinh, Stretch::ZScale] {
        for map in [
            ColourMap::Inferno,
            ColourMap::Viridis,
            ColourMap::Cividis,
            ColourMap::Grey,
        ] {
            for shape in [(1, 1), (1, 300), (500, 3), (64, 64)] {
                let spec = PreviewSpec::new("t")
                    .with_stretch(stretch)
                    .with_colour_map(map)
                    .with_side_px(128);
                let image = Array2::from_shape_fn(shape, |(y, x)| (x + y) as f32);
                assert!(render(&spec, &image, Some(&wcs())).is_ok(), "{shape:?}");
            }
        }
    }
    let empty = Array2::from_elem((5, 5), f32::NAN);
    assert!(render(&PreviewSpec::new("t"), &empty, None).is_ok());
    let nothing = Array2::zeros((0, 3));
    assert!(matches!(
        render(&PreviewSpec::new("t"), &nothing, None),
        Err(PlotError::Empty { .. })
    ));
}

#[test]
fn a_preview_can_be_stored_and_drawn_again() {
    let spec = PreviewSpec::new("t")
        .with_stretch(Stretch::ZScale)
        .with_colour_map(ColourMap::Cividis);
    let stored: PreviewSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(spec, stored);
}
